"""More than one request on a connection: order, closing, and what follows a bad one."""

from .case import (
    ACCEPT, NORMALISE, REFUSE, SHOULD, Request, at_most, body_is, both, chunked, get, never, post,
)  # fmt: skip

CLOSE = "RFC 9112 9.6: nothing after `close` is processed"
NEXT = get(target=b"/svc/smuggled")
INNER = get(target=b"/inner")
REFUSED = "RFC 9112 9.3: a bad request ends the connection"


def after_close(name, first):
    return Request("pipeline-" + name, first + NEXT, NORMALISE, CLOSE, check=both(at_most(1), never(b"smuggled"), one_answer))


def one_answer(seen):
    return "%d answers" % len(seen.answers) if len(seen.answers) > 1 else None


def bad_after(name, bad, reaches=1):
    return Request("pipeline-good-then-" + name, get() * reaches + bad, REFUSE, REFUSED, reaches=reaches)


def echoes(*targets):
    """The answers came in the order of the requests."""

    def check(seen):
        got = [a.body.split(b" ")[2] for a in seen.answers if a.body.count(b" ") >= 2]
        return None if got == list(targets) else "answers out of order: %r" % got

    return check


CASES = [
    after_close("after-close", get(b"Connection: close")),
    after_close("after-close-any-case", get(b"connection: CLOSE")),
    after_close("after-close-in-list", get(b"Connection: X-A, close")),
    after_close("after-close-and-keep-alive", get(b"Connection: keep-alive, close")),
    after_close("after-close-two-fields", get(b"Connection: keep-alive", b"Connection: close")),
    after_close("after-close-post", post(b"Connection: close", b"Content-Length: 5", body=b"hello")),
    after_close("after-close-chunked", chunked(b"Connection: close")),
    after_close("after-1.0", get(version=b"HTTP/1.0")),
    after_close("after-1.0-close", get(b"Connection: close", version=b"HTTP/1.0")),
    bad_after("bad-line", b"GET\x00/ HTTP/1.1\r\n\r\n"),
    bad_after("bad-length", post(b"Content-Length: +5", body=b"hello")),
    bad_after("both-framings", post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    bad_after("no-host", get(host=None)),
    bad_after("two-hosts", get(b"Host: other.test")),
    bad_after("fold", get(b"X-A: 1", b" 2")),
    bad_after("nul", get(b"X-A: \x00")),
    bad_after("large-head", get(b"X-A: " + b"v" * 100000)),
    bad_after("http-0.9", b"GET /svc/x\r\n\r\n"),
    bad_after("junk", b"\x00\x01\x02\x03\r\n\r\n"),
    bad_after("bad-line-after-three", b"GET /svc/x HTTP/9.9\r\nHost: localhost\r\n\r\n", reaches=3),
    Request("pipeline-bad-then-good", get(b"X-A : 1") + NEXT, REFUSE, REFUSED),
    Request("pipeline-bad-length-then-good", post(b"Content-Length: x") + NEXT, REFUSE, REFUSED),
    Request("pipeline-no-host-then-good", get(host=None) + NEXT, REFUSE, REFUSED),
    Request("pipeline-two", get(target=b"/svc/1") + get(target=b"/svc/2"), ACCEPT, "RFC 9112 9.3.2", answers=2, check=echoes(b"/1", b"/2")),
    Request("pipeline-ten", b"".join(get(target=b"/svc/%d" % i) for i in range(10)), ACCEPT, "RFC 9112 9.3.2", answers=10, check=echoes(*(b"/%d" % i for i in range(10)))),
    Request("pipeline-crlf-between", get(target=b"/svc/1") + b"\r\n" + get(target=b"/svc/2"), ACCEPT, "RFC 9112 2.2", SHOULD, answers=2, check=echoes(b"/1", b"/2")),
    Request("pipeline-posts", post(b"Content-Length: 5", body=b"hello") * 3, ACCEPT, "RFC 9112 9.3.2", answers=3, check=body_is(b"hello")),
    Request("pipeline-chunked-then-get", chunked() + get(target=b"/svc/2"), ACCEPT, "RFC 9112 9.3.2", answers=2, check=echoes(b"/x", b"/2")),
    Request("pipeline-1.0-keep-alive", get(b"Connection: keep-alive", version=b"HTTP/1.0") * 2, NORMALISE, "RFC 9112 9.3", check=at_most(2), answers=2),
    Request("pipeline-half-close", get(), ACCEPT, "RFC 9112 9.6: a half-closed client still reads", SHOULD, half_close=True),
    Request("pipeline-body-is-a-request", post(b"Content-Length: %d" % len(INNER), body=INNER), ACCEPT, "RFC 9112 6", check=both(at_most(1), body_is(INNER))),
]  # fmt: skip
