"""Upstream answers at the wrong time or of the wrong kind: too much, too early, too late, unasked."""

from .case import ACCEPT, NORMALISE, REFUSE, SHOULD, Response
from .responses_framing import CHUNKED, FIVE, answer, bad, hello

POISON = answer(b"Content-Length: 6", body=b"poison")
EXTRA = "RFC 9112 9.2: bytes past the answer are no answer"
NOBODY = "RFC 9112 6.3: HEAD, 1xx, 204 and 304 have no body"
UNASKED = "RFC 9110 15.2.2: a 101 nobody asked for is a 502"
HOP = "RFC 9110 7.6.1: hop-by-hop fields end at the hop"


def extra(name, *steps, **more):
    """The answer may pass; what is past it may not, and the connection is done for."""
    return bad(name, *steps, expect=NORMALISE, rule=EXTRA, check=more.pop("check", hello), **more)


def no_body(name, *steps, status, **more):
    def check(seen):
        good = [a.status for a in seen.answers] == [status] and not seen.answers[0].body and not seen.stray
        return None if good else "not a bodiless %d: %r %r" % (status, seen.answers, seen.stray)

    return bad(name, *steps, expect=more.pop("expect", NORMALISE), rule=NOBODY, check=check, **more)


def without(*names):
    def check(seen):
        for name in names:
            if any(a.values(name) for a in seen.answers):
                return "%s reached the client" % name.decode()
        return hello(seen)

    return check


def hop(name, *fields, dropped):
    return bad("hop-" + name, answer(*fields, FIVE), expect=NORMALISE, rule=HOP, check=without(*dropped), reuse=True)


def interim(status):
    return b"HTTP/1.1 %d X\r\n\r\n" % status


def passed(*statuses):
    def check(seen):
        got = [i.status for i in seen.interim]
        return hello(seen) or (None if all(s in statuses for s in got) else "interim %r" % got)

    return check


WS = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

CASES = [
    extra("extra-bytes", answer(FIVE, body=b"hello!")),
    extra("extra-crlf", answer(FIVE, body=b"hello\r\n")),
    extra("extra-many", answer(FIVE, body=b"hello" + b"x" * 100000)),
    extra("extra-second-answer", answer(FIVE) + POISON),
    extra("extra-second-answer-close", answer(FIVE) + POISON, "close"),
    extra("extra-after-length-0", answer(b"Content-Length: 0", body=POISON), check=None),
    extra("extra-after-chunked", answer(CHUNKED, body=b"5\r\nhello\r\n0\r\n\r\n") + POISON),
    extra("extra-after-chunked-junk", answer(CHUNKED, body=b"5\r\nhello\r\n0\r\n\r\n") + b"junk"),
    extra("extra-late-answer", answer(FIVE), 0.05, POISON),
    extra("extra-late-junk", answer(FIVE), 0.05, b"junk"),
    extra("extra-late-crlf", answer(FIVE), 0.05, b"\r\n"),
    extra("extra-late-408", answer(FIVE), 0.05, answer(b"Content-Length: 0", b"Connection: close", body=b"", line=b"HTTP/1.1 408 Request Timeout"), "close"),
    extra("extra-late-interim", answer(FIVE), 0.05, interim(100)),
    extra("late-close", answer(FIVE), 0.05, "close"),
    extra("late-reset", answer(FIVE), 0.05, "reset"),
    extra("says-close-then-more", answer(b"Connection: close", FIVE) + POISON),
    extra("says-close-stays-open", answer(b"Connection: close", FIVE)),
    extra("says-close-any-case", answer(b"connection: X-A, CLOSE", FIVE)),
    extra("1.0-stays-open", answer(FIVE, line=b"HTTP/1.0 200 OK")),
    extra("two-interim-then-two-answers", interim(103) * 2 + answer(FIVE) + POISON),
    no_body("204-with-body", answer(FIVE, line=b"HTTP/1.1 204 No Content"), status=204),
    no_body("204-with-length-0", answer(b"Content-Length: 0", body=b"", line=b"HTTP/1.1 204 No Content"), status=204, reuse=True),
    no_body("204-chunked", answer(CHUNKED, body=b"5\r\nhello\r\n0\r\n\r\n", line=b"HTTP/1.1 204 No Content"), status=204),
    no_body("204-with-answer", answer(body=POISON, line=b"HTTP/1.1 204 No Content"), status=204),
    no_body("304-with-body", answer(FIVE, line=b"HTTP/1.1 304 Not Modified"), status=304),
    no_body("304-chunked", answer(CHUNKED, body=b"5\r\nhello\r\n0\r\n\r\n", line=b"HTTP/1.1 304 Not Modified"), status=304),
    no_body("304-with-answer", answer(body=POISON, line=b"HTTP/1.1 304 Not Modified"), status=304),
    no_body("head-with-body", answer(FIVE), status=200, method=b"HEAD"),
    no_body("head-chunked-body", answer(CHUNKED, body=b"5\r\nhello\r\n0\r\n\r\n"), status=200, method=b"HEAD"),
    no_body("head-with-answer", answer(b"Content-Length: 0", body=POISON), status=200, method=b"HEAD"),
    no_body("head-body-late", answer(FIVE, body=b""), 0.05, b"hello", status=200, method=b"HEAD"),
    no_body("good-204", answer(body=b"", line=b"HTTP/1.1 204 No Content"), status=204, expect=ACCEPT, reuse=True),
    no_body("good-304", answer(b'ETag: "a"', body=b"", line=b"HTTP/1.1 304 Not Modified"), status=304, expect=ACCEPT, reuse=True),
    no_body("good-304-length", answer(FIVE, body=b"", line=b"HTTP/1.1 304 Not Modified"), status=304, expect=ACCEPT, reuse=True),
    no_body("good-head", answer(b"Content-Length: 500", body=b""), status=200, method=b"HEAD", expect=ACCEPT, reuse=True),
    no_body("good-head-chunked", answer(CHUNKED, body=b""), status=200, method=b"HEAD", expect=ACCEPT, reuse=True),
    bad("205-with-body", answer(FIVE, line=b"HTTP/1.1 205 Reset Content"), expect=NORMALISE, rule="RFC 9110 15.3.6", reuse=True),
    bad("101-unasked", SWITCH, rule=UNASKED),
    bad("101-unasked-h2c", SWITCH.replace(b"websocket", b"h2c"), rule=UNASKED),
    bad("101-unasked-bare", interim(101), rule=UNASKED),
    bad("101-unasked-then-answer", SWITCH + answer(FIVE), rule=UNASKED),
    bad("101-unasked-then-close", SWITCH, "close", rule=UNASKED),
    bad("101-unasked-head", SWITCH, rule=UNASKED, method=b"HEAD"),
    bad("101-unasked-post", SWITCH, rule=UNASKED, method=b"POST", body=b"hello"),
    bad("101-after-100", interim(100) + SWITCH, rule=UNASKED),
    bad("101-for-h2c", SWITCH.replace(b"websocket", b"h2c"), rule=UNASKED, fields=(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__")),
    bad("101-of-another-protocol", SWITCH.replace(b"websocket", b"h2c"), rule=UNASKED, fields=WS),
    bad("interim-flood", interim(102) * 20000 + answer(FIVE), rule="docs/security.md: heads are bounded, in number too"),
    bad("interim-large", b"HTTP/1.1 103 Early Hints\r\n" + b"Link: </a>\r\n" * 20000 + b"\r\n" + answer(FIVE), rule="docs/security.md: a head past 64 KiB"),
    bad("interim-only-then-close", interim(100), "close", rule="RFC 9110 15.2: a final answer follows"),
    bad("interim-only-reset", interim(103), 0.05, "reset", rule="RFC 9110 15.2: a final answer follows"),
    bad("interim-then-garbage", interim(103) + b"garbage\r\n\r\n", rule="RFC 9112 2.1"),
    bad("interim-with-body", b"HTTP/1.1 103 X\r\nContent-Length: 5\r\n\r\nhello" + answer(FIVE), rule="RFC 9110 15.2: no body"),
    bad("interim-with-length", b"HTTP/1.1 103 X\r\nContent-Length: 0\r\n\r\n" + answer(FIVE), expect=NORMALISE, rule="RFC 9110 8.6: no Content-Length in 1xx", check=hello, reuse=True),
    bad("interim-unasked-100", interim(100) + answer(FIVE), expect=NORMALISE, rule="RFC 9110 15.2", check=passed(100), reuse=True),
    bad("interim-unknown-199", interim(199) + answer(FIVE), expect=NORMALISE, rule="RFC 9110 15.2: passed on", check=passed(199), reuse=True),
    bad("interim-nul", b"HTTP/1.1 103 X\r\nX-A: \x00\r\n\r\n" + answer(FIVE), rule="RFC 9110 5.5"),
    bad("close-at-once", "close", rule="RFC 9110 15.6.3"),
    bad("reset-at-once", "reset", rule="RFC 9110 15.6.3"),
    bad("close-after-post", "close", rule="RFC 9110 9.2.2: no blind retry of POST", method=b"POST", body=b"hello"),
    bad("one-byte-then-close", b"H", "close", rule="RFC 9112 8"),
    hop("connection-names", b"Connection: X-Secret", b"X-Secret: 1", dropped=(b"x-secret",)),
    hop("connection-names-after", b"X-Secret: 1", b"Connection: keep-alive, x-SECRET", dropped=(b"x-secret",)),
    hop("connection-two-fields", b"Connection: keep-alive", b"Connection: X-Secret", b"X-Secret: 1", dropped=(b"x-secret",)),
    hop("keep-alive", b"Connection: keep-alive", b"Keep-Alive: timeout=5", dropped=(b"keep-alive",)),
    hop("proxy-connection", b"Proxy-Connection: keep-alive", dropped=(b"proxy-connection",)),
    hop("upgrade", b"Connection: Upgrade", b"Upgrade: h2c", dropped=(b"upgrade",)),
    hop("connection-names-length", b"Connection: Content-Length", dropped=(b"x-none",)),
    hop("te", b"TE: trailers", dropped=(b"te",)),
    bad("good-103", interim(103) + answer(FIVE), expect=ACCEPT, rule="RFC 8297", check=passed(103), reuse=True),
    bad("good-102-twice", interim(102) * 2 + answer(FIVE), expect=ACCEPT, rule="RFC 9110 15.2", check=passed(102), reuse=True),
    bad("good-close", answer(b"Connection: close", FIVE), "close", expect=ACCEPT, rule="RFC 9112 9.6", check=hello),
    bad("good-early-answer-to-post", answer(FIVE), expect=ACCEPT, rule="RFC 9110 9.3.3", check=hello, method=b"POST", body=b"hello", reuse=True),
    bad("good-large", answer(b"Content-Length: 500000", body=b"z" * 500000), expect=ACCEPT, rule="RFC 9110 8.6", reuse=True),
    Response("answer-good-slow", (b"HTTP/1.1 200 OK\r\n", 0.1, b"Content-Length: 5\r\n\r\n", 0.1, b"he", 0.1, b"llo"), ACCEPT, "RFC 9112 2", check=hello, reuse=True),
    Response("answer-plain-echo", (answer(FIVE),), ACCEPT, "RFC 9112 9.3: kept alive", SHOULD, hello, reuse=True),
]  # fmt: skip
