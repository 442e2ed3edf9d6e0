"""Peers that never quite stop: each must be ended within the (here short) limits."""

from .case import Slow, get, post

RULE = "docs/security.md: slow peers are bounded"
GET = b"GET /svc/x HTTP/1.1\r\nHost: localhost\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"

CASES = [
    Slow("slow-says-nothing", b"", b"", RULE),
    Slow("slow-line", b"GET /svc/", b"a", RULE),
    Slow("slow-head-name", GET + b"X", b"x", RULE),
    Slow("slow-head-fields", GET, b"X-A: 1\r\n", RULE),
    Slow("slow-crlf-drip", b"", b"\r\n", RULE),
    Slow("slow-idle-after-answer", get(), b"", RULE),
    Slow("slow-body-drip", post(b"Content-Length: 100000"), b"a", RULE),
    Slow("slow-body-stops", post(b"Content-Length: 100000", body=b"abc"), b"", RULE),
    Slow("slow-chunk-size-drip", post(b"Transfer-Encoding: chunked"), b"0", RULE),
    Slow("slow-chunk-drip", post(b"Transfer-Encoding: chunked"), b"1\r\na\r\n", RULE),
    Slow("slow-chunk-extension-drip", post(b"Transfer-Encoding: chunked", body=b"5;a="), b"a", RULE),
    Slow("slow-trailer-drip", post(b"Transfer-Encoding: chunked", body=b"0\r\n"), b"X-T: 1\r\n", RULE),
    Slow("slow-upstream-says-nothing", b"", b"", RULE, side="upstream"),
    Slow("slow-upstream-head-drip", b"HTTP/1.1 200 OK\r\nX-A: ", b"a", RULE, side="upstream"),
    Slow("slow-upstream-fields", b"HTTP/1.1 200 OK\r\n", b"X-A: 1\r\n", RULE, side="upstream"),
    Slow("slow-upstream-interim-drip", b"", b"HTTP/1.1 102 Processing\r\n\r\n", RULE, side="upstream"),
    Slow("slow-upstream-body-stops", ENDLESS + b"abc", b"", RULE, side="upstream"),
    Slow("slow-reader", get(), b"", RULE, reads=False, upstream=(ENDLESS + b"z" * 50_000_000,)),
]
