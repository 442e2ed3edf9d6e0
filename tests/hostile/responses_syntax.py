"""Upstream answers whose head is malformed: status line, fields, size; and what isn't HTTP at all."""

from .case import ACCEPT, NORMALISE, REFUSE, SHOULD, Response, slug
from .responses_framing import FIVE, answer, hello

LINE = "RFC 9112 4: a malformed status line is a 502"
CONTROL = "RFC 9110 5.5: CR, LF and NUL in a value are a 502"
NAME = "RFC 9110 5.1: a field name is a token"


def bad(name, *steps, expect=REFUSE, rule=LINE, **more):
    return Response("answer-" + name, steps, expect, rule, **more)


def doubtful(name, *steps, **more):
    return bad(name, *steps, expect=NORMALISE, check=hello, reuse=True, **more)


BAD_LINES = (
    b"HTTP/1.1", b"HTTP/1.1 ", b"HTTP/1.1 2", b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK", b"HTTP/1.1 099 X", b"HTTP/1.1 000 X", b"HTTP/1.1 -200 OK",
    b"HTTP/1.1 +200 OK", b"HTTP/1.1 0x200 OK", b"HTTP/1.1 2 0 OK", b"HTTP/1.1 abc OK", b"HTTP/1.1 200OK", b"HTTP/1.1 200\x00 OK", b"HTTP/1.1\x00 200 OK",
    b"HTTP/1.1 20\xb2 OK", b"HTTP/2.0 200 OK", b"HTTP/2 200", b"HTTP/3.0 200 OK", b"HTTP/9.9 200 OK", b"HTTP/0.9 200 OK", b"HTTP/1.1x 200 OK", b"HTTP/1.10 200 OK",
    b"HTTP/11.1 200 OK", b"HTTP/1 200 OK", b"HTTP/a.b 200 OK", b"http/1.1 200 OK", b"Http/1.1 200 OK", b"HTTPS/1.1 200 OK", b"XHTTP/1.1 200 OK", b" HTTP/1.1 200 OK", b"ICY 200 OK",
    b"RTSP/1.0 200 OK", b"RTSP/1.1 200 OK", b"SIP/2.0 200 OK", b"ICE/1.0 200 OK", b"200 OK", b"OK", b"GET / HTTP/1.1", b"HTTP/1.1 200 O\x00K", b"HTTP/1.1 200 O\rK",
)  # fmt: skip

NOT_HTTP = {
    "html": b"<html><body>HTTP/0.9</body></html>\r\n",
    "text": b"hello\r\n\r\n",
    "tls-alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "ssh-banner": b"SSH-2.0-OpenSSH_9.2\r\n",
    "smtp-banner": b"220 mail.example ESMTP\r\n",
    "redis-error": b"-ERR unknown command 'GET'\r\n",
    "binary": bytes(range(256)),
    "nul": bytes(64),
    "http2-settings": bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)),
}

BEFORE = {
    "text": b"garbage\r\n", "word": b"garbage", "nul": b"\x00", "space": b" ", "tab": b"\t", "binary": b"\xff\xfe\x00\x01", "bom": b"\xef\xbb\xbf",
    "html": b"<!-- -->", "field": b"X-A: 1\r\n", "chunk-end": b"0\r\n\r\n", "blank-and-text": b"\r\n\r\njunk\r\n",
}  # fmt: skip

BAD_FIELDS = {
    "value-nul": b"X-A: a\x00b", "name-nul": b"X\x00A: 1", "value-bare-cr": b"X-A: a\rb", "bare-cr-field": b"X-A: a\rSet-Cookie: evil=1", "cr-cr-lf": b"X-A: a\r",
    "value-nul-only": b"X-A: \x00", "location-nul": b"Location: /a\x00b", "set-cookie-cr": b"Set-Cookie: a=b\rX: y", "content-type-nul": b"Content-Type: text/\x00html",
}  # fmt: skip

DOUBTFUL_FIELDS = {
    "no-colon": b"X-A 1", "empty-name": b": 1", "space-before-colon": b"X-A : 1", "tab-before-colon": b"X-A\t: 1", "space-in-name": b"X A: 1", "paren-in-name": b"X(A): 1",
    "high-name": b"X\xff: 1", "control-in-value": b"X-A: a\x01b", "del-in-value": b"X-A: a\x7fb", "bare-lf": b"X-A: a\nX-B: b", "fold": b"X-A: a\r\n b", "fold-tab": b"X-A: a\r\n\tb",
    "fold-empty": b"X-A: a\r\n ", "fold-cookie": b"Set-Cookie: a=b;\r\n Path=/", "first-space": b" X-A: 1", "status-line": b"HTTP/1.1 200 OK", "pseudo": b":status: 200",
}  # fmt: skip

OK = answer(FIVE)

CASES = (
    [bad("line-" + slug(line), answer(FIVE, line=line)) for line in BAD_LINES]
    + [bad("not-http-" + n, raw, "close", rule="RFC 9112 2.1: not a message is a 502") for n, raw in NOT_HTTP.items()]
    + [bad("garbage-before-" + n, raw + OK, rule="RFC 9112 2.1: not a message is a 502") for n, raw in BEFORE.items()]
    + [bad("field-" + n, answer(field, FIVE), rule=CONTROL) for n, field in BAD_FIELDS.items()]
    + [doubtful("field-" + n, answer(field, FIVE), rule=NAME, level=SHOULD) for n, field in DOUBTFUL_FIELDS.items()]
    + [
        doubtful("crlf-before", b"\r\n" + OK, level=SHOULD),
        doubtful("two-spaces", answer(FIVE, line=b"HTTP/1.1  200 OK"), level=SHOULD),
        doubtful("tab-for-space", answer(FIVE, line=b"HTTP/1.1\t200 OK"), level=SHOULD),
        doubtful("no-reason-no-space", answer(FIVE, line=b"HTTP/1.1 200"), level=SHOULD),
        doubtful("reason-control", answer(FIVE, line=b"HTTP/1.1 200 O\x01K"), level=SHOULD),
        doubtful("version-1.2", answer(FIVE, line=b"HTTP/1.2 200 OK"), level=SHOULD),
        doubtful("lf-line-ends", OK.replace(b"\r\n", b"\n"), level=SHOULD),
        doubtful("lf-at-end-only", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\nhello", level=SHOULD),
        bad("head-70k-value", answer(b"X-A: " + b"v" * 70000, FIVE), rule="docs/security.md: a head past 64 KiB"),
        bad("head-1m-value", answer(b"X-A: " + b"v" * 1000000, FIVE), rule="docs/security.md: a head past 64 KiB"),
        bad("head-1m-name", answer(b"X" * 1000000 + b": 1", FIVE), rule="docs/security.md: a head past 64 KiB"),
        bad("head-10000-fields", answer(*[b"X-A: 1"] * 10000, FIVE), rule="docs/security.md: past 100 fields"),
        bad("head-200-fields", answer(*[b"X-A: 1"] * 200, FIVE), rule="docs/security.md: past 100 fields"),
        bad("head-endless-reason", b"HTTP/1.1 200 " + b"r" * 1000000, rule="docs/security.md: a head past 64 KiB"),
        bad("head-endless", b"HTTP/1.1 200 OK\r\n" + b"X-A: 1234567890\r\n" * 100000, rule="docs/security.md: a head past 64 KiB"),
        bad("head-cut", b"HTTP/1.1 200 OK\r\nX-A: 1\r\n", "close"),
        bad("head-cut-in-line", b"HTTP/1.1 20", "close"),
        bad("head-cut-reset", b"HTTP/1.1 200 OK\r\n", 0.05, "reset"),
        bad("head-lone-cr-end", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\rhello", "close"),
        bad("good-empty-reason", answer(FIVE, line=b"HTTP/1.1 200 "), expect=ACCEPT, check=hello, reuse=True),
        bad("good-odd-status", answer(FIVE, line=b"HTTP/1.1 299 Odd"), expect=ACCEPT, check=hello, reuse=True),
        bad("good-599", answer(FIVE, line=b"HTTP/1.1 599 Odd"), expect=ACCEPT, check=hello, reuse=True),
        bad("good-404", answer(FIVE, line=b"HTTP/1.1 404 Not Found"), expect=ACCEPT, check=hello, reuse=True),
        bad("good-obs-text-reason", answer(FIVE, line=b"HTTP/1.1 200 d\xe9j\xe0"), expect=ACCEPT, check=hello, reuse=True),
        bad("good-obs-text-value", answer(b"X-A: caf\xc3\xa9", FIVE), expect=ACCEPT, check=hello, reuse=True),
        bad("good-two-cookies", answer(b"Set-Cookie: a=1", b"Set-Cookie: b=2", FIVE), expect=ACCEPT, check=hello, reuse=True),
        bad("good-90-fields", answer(*[b"X-A: 1"] * 90, FIVE), expect=ACCEPT, check=hello, reuse=True),
        bad("good-1.0", answer(FIVE, line=b"HTTP/1.0 200 OK"), "close", expect=ACCEPT, check=hello),
    ]
)  # fmt: skip
