"""What belongs to one hop, or counts them: Connection, Upgrade, TE, Expect, Via, Max-Forwards."""

from .case import (
    ACCEPT, NORMALISE, REFUSE, SHOULD, Request, at_most, body_is, both, each, get, method_is, never, no_interim, not_forwarded,
    post, value_is, without,
)  # fmt: skip

NAMED = "RFC 9110 7.6.1: fields named by Connection end at the hop"
HOP = "RFC 9110 7.6.1: a hop-by-hop field ends at the hop"
TUNNEL = "RFC 9110 7.8: no tunnel before a 101, and only for what is allowed"
EXPECT = "RFC 9110 10.1.1: an expectation doesn't change the framing"
LOOP = "RFC 9110 7.6.3: a message that passed here before is a loop"
MF = "RFC 9110 7.6.2: Max-Forwards 0 is answered, not passed on"

WS = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
RAW = b"\x81\x85RAWBYTES-no-http\r\n\r\n"


def gone(name, *fields, dropped=b"x-secret", raw=None, rule=NAMED, check=None):
    wanted = without(dropped) if check is None else both(without(dropped), check)
    return Request("hop-" + name, raw or get(*fields), NORMALISE, rule, check=wanted)


def refuse(name, raw, rule, **more):
    return Request("hop-" + name, raw, REFUSE, rule, **more)


def unmoved(seen):
    """Connection can't take away what the proxy itself must send."""
    return each(lambda r: len(r.values(b"host")) == 1 and r.values(b"via"), "a field of the proxy's own is gone")(seen)


def forwards(value):
    return value_is(b"max-forwards", value)


def no_upgrade(name, *fields, method=b"GET", **more):
    return Request(
        "upgrade-" + name, get(*fields, method=method, **more), NORMALISE, TUNNEL,
        check=both(without(b"upgrade"), without(b"http2-settings")), answers=1,
    )  # fmt: skip


CASES = [
    gone("connection-names-one", b"Connection: X-Secret", b"X-Secret: 1"),
    gone("connection-names-it-after", b"X-Secret: 1", b"Connection: X-Secret"),
    gone("connection-any-case", b"connection: x-sECRET", b"X-Secret: 1"),
    gone("connection-close-and-one", b"Connection: close, X-Secret", b"X-Secret: 1"),
    gone("connection-one-and-keep-alive", b"Connection: X-Secret, keep-alive", b"X-Secret: 1"),
    gone("connection-no-space", b"Connection: keep-alive,X-Secret", b"X-Secret: 1"),
    gone("connection-empty-elements", b"Connection: ,, X-Secret ,", b"X-Secret: 1"),
    gone("connection-tabs", b"Connection: \tkeep-alive\t,\tX-Secret\t", b"X-Secret: 1"),
    gone("connection-two-fields", b"Connection: keep-alive", b"Connection: X-Secret", b"X-Secret: 1"),
    gone("connection-repeated-field", b"Connection: X-Secret", b"X-Secret: 1", b"X-Secret: 2"),
    gone("connection-in-1.0", raw=get(b"Connection: keep-alive, X-Secret", b"X-Secret: 1", version=b"HTTP/1.0")),
    gone("connection-many-names", b"Connection: " + b", ".join(b"X-%d" % i for i in range(50)) + b", X-Secret", b"X-Secret: 1"),
    gone("connection-on-post", raw=post(b"Connection: X-Secret", b"X-Secret: 1", b"Content-Length: 5", body=b"hello"), check=body_is(b"hello")),
    gone("connection-names-authorization", b"Connection: Authorization", b"Authorization: Basic eA==", dropped=b"authorization"),
    gone("connection-names-cookie", b"Connection: Cookie", b"Cookie: a=1", dropped=b"cookie"),
    Request("hop-connection-names-host", get(b"Connection: Host"), NORMALISE, NAMED, check=unmoved),
    Request("hop-connection-names-via", get(b"Connection: Via"), NORMALISE, NAMED, check=unmoved),
    Request("hop-connection-names-all", get(b"Connection: Host, Via, X-Forwarded-For, Connection, Content-Length"), NORMALISE, NAMED, check=unmoved),
    Request("hop-connection-names-expect", post(b"Connection: Expect", b"Expect: 100-continue", b"Content-Length: 5", body=b"hello"), NORMALISE, NAMED, check=body_is(b"hello")),
    Request("hop-connection-junk", get(b"Connection: a b, (c), \"d\", e=f"), NORMALISE, HOP),
    Request("hop-connection-long", get(b"Connection: " + b"x," * 3000), NORMALISE, HOP),
    gone("keep-alive", b"Connection: keep-alive", b"Keep-Alive: timeout=5", dropped=b"keep-alive", rule=HOP),
    gone("keep-alive-unnamed", b"Keep-Alive: timeout=5, max=100", dropped=b"keep-alive", rule=HOP),
    gone("proxy-connection", b"Proxy-Connection: keep-alive", dropped=b"proxy-connection", rule=HOP),
    gone("te-gzip", b"Connection: TE", b"TE: gzip, trailers;q=0.5", rule=HOP, check=never(b"gzip")),
    gone("te-unnamed", b"TE: gzip", rule=HOP, check=never(b"gzip")),
    no_upgrade("h2c", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"),
    no_upgrade("h2c-unnamed", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"),
    no_upgrade("h2c-upper-case", b"Connection: upgrade", b"Upgrade: H2C", b"HTTP2-Settings: AAMAAABkAAQAAP__"),
    no_upgrade("h2c-no-settings", b"Connection: Upgrade", b"Upgrade: h2c"),
    no_upgrade("h2", b"Connection: Upgrade", b"Upgrade: h2"),
    no_upgrade("tls", b"Connection: Upgrade", b"Upgrade: TLS/1.0, HTTP/1.1"),
    no_upgrade("made-up", b"Connection: Upgrade", b"Upgrade: foo/2"),
    no_upgrade("empty", b"Connection: Upgrade", b"Upgrade:"),
    no_upgrade("websocket-not-named", *WS[1:]),
    no_upgrade("websocket-in-1.0", *WS, version=b"HTTP/1.0"),
    Request("upgrade-websocket-or-h2c", get(WS[0], b"Upgrade: websocket, h2c", *WS[2:]), NORMALISE, TUNNEL, check=never(b"h2c")),
    Request("upgrade-h2c-or-websocket", get(WS[0], b"Upgrade: h2c, websocket", *WS[2:]), NORMALISE, TUNNEL, check=never(b"h2c")),
    Request("upgrade-websocket-and-h2c-lines", get(*WS, b"Upgrade: h2c"), NORMALISE, TUNNEL, check=never(b"h2c")),
    Request("upgrade-h2c-post", post(b"Connection: Upgrade", b"Upgrade: h2c", b"Content-Length: 5", body=b"hello"), NORMALISE, TUNNEL, check=both(body_is(b"hello"), without(b"upgrade"))),
    Request(
        "upgrade-refused-then-raw", get(*WS) + RAW, NORMALISE, TUNNEL, check=both(never(b"RAWBYTES"), at_most(1)),
        upstream=(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno",),
    ),
    Request(
        "upgrade-refused-with-200-then-raw", get(*WS) + RAW, NORMALISE, TUNNEL, check=both(never(b"RAWBYTES"), at_most(1)),
    ),
    Request(
        "upgrade-refused-then-smuggled", get(*WS) + b"GET /svc/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n", NORMALISE, TUNNEL,
        check=never(b"/svc/"), answers=2,
    ),
    Request(
        "upgrade-bad-version-then-smuggled", get(*WS[:2], b"Sec-WebSocket-Version: 777", WS[3]) + b"GET /svc/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n",
        NORMALISE, TUNNEL, check=never(b"/svc/"), answers=2, upstream=(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n",),
    ),
    Request(
        "upgrade-websocket-with-body", post(*WS, b"Content-Length: 5", body=b"hello") + RAW, NORMALISE, TUNNEL,
        check=both(body_is(b"hello", b""), never(b"RAWBYTES")),
    ),
    Request("maxforwards-trace-0", get(b"Max-Forwards: 0", method=b"TRACE"), NORMALISE, MF, check=not_forwarded),
    Request("maxforwards-options-0", get(b"Max-Forwards: 0", method=b"OPTIONS"), NORMALISE, MF, check=not_forwarded),
    Request("maxforwards-options-00", get(b"Max-Forwards: 000", method=b"OPTIONS"), NORMALISE, MF, check=not_forwarded),
    Request("maxforwards-options-1", get(b"Max-Forwards: 1", method=b"OPTIONS"), NORMALISE, MF, check=forwards(b"0")),
    Request("maxforwards-options-10", get(b"Max-Forwards: 10", method=b"OPTIONS"), NORMALISE, MF, check=forwards(b"9")),
    Request("maxforwards-options-junk", get(b"Max-Forwards: x", method=b"OPTIONS"), NORMALISE, MF),
    Request("maxforwards-options-minus", get(b"Max-Forwards: -1", method=b"OPTIONS"), NORMALISE, MF),
    Request("maxforwards-options-huge", get(b"Max-Forwards: 99999999999999999999999", method=b"OPTIONS"), NORMALISE, MF, check=never(b"Max-Forwards: -")),
    Request("maxforwards-options-twice", get(b"Max-Forwards: 5", b"Max-Forwards: 0", method=b"OPTIONS"), NORMALISE, MF),
    Request("maxforwards-get-0", get(b"Max-Forwards: 0"), ACCEPT, "RFC 9110 7.6.2: it means nothing to GET", SHOULD, method_is(b"GET")),
    Request("trace-with-cookie", get(b"Cookie: secret", method=b"TRACE"), NORMALISE, "RFC 9110 9.3.8: passed on as a plain method, or refused", method_is(b"TRACE")),
    Request("trace-with-body", get(b"Content-Length: 5", method=b"TRACE") + b"hello", NORMALISE, "RFC 9110 9.3.8: no body; framing holds anyway", SHOULD, body_is(b"hello")),
    refuse("via-own", get(b"Via: VIA"), LOOP, status=(508,), closes=False),
    refuse("via-own-in-list", get(b"Via: 1.0 other, VIA, 1.1 third"), LOOP, status=(508,), closes=False),
    refuse("via-own-second-field", get(b"Via: 1.0 other", b"Via: VIA"), LOOP, status=(508,), closes=False),
    refuse("via-own-with-comment", get(b"Via: VIA (a comment, with commas)"), LOOP, status=(508,), closes=False),
    Request("hop-via-flood", get(b"Via: " + b", ".join([b"1.1 x"] * 500)), NORMALISE, "RFC 9110 7.6.3: hops have a limit, or all are kept"),
    Request("hop-via-broken", get(b"Via: ((((, ,,, 1.1"), NORMALISE, "RFC 9110 7.6.3"),
    Request("hop-via-other", get(b"Via: 1.1 other"), ACCEPT, "RFC 9110 7.6.3: others are kept", check=each(lambda r: r.values(b"via")[0].startswith(b"1.1 other"), "Via lost")),
    refuse("loop-to-itself", get(target=b"/loo/svc/x"), LOOP, status=(508,), closes=False),
    refuse("loop-to-itself-deep", get(target=b"/loo/loo/loo/loo/svc/x"), LOOP, status=(508,), closes=False),
    refuse("loop-for-ever", get(target=b"/loo" * 500 + b"/svc/x"), LOOP, status=(508,), closes=False),
    Request("expect-plain", post(b"Expect: 100-continue", b"Content-Length: 5", body=b"hello"), ACCEPT, EXPECT, check=body_is(b"hello")),
    Request("expect-chunked", post(b"Expect: 100-continue", b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"), ACCEPT, EXPECT, check=body_is(b"hello")),
    Request("expect-any-case", post(b"expect: 100-Continue", b"Content-Length: 5", body=b"hello"), NORMALISE, EXPECT, check=body_is(b"hello")),
    Request("expect-no-body", get(b"Expect: 100-continue"), NORMALISE, EXPECT, check=body_is(b"")),
    Request("expect-length-0", post(b"Expect: 100-continue", b"Content-Length: 0"), NORMALISE, EXPECT, check=body_is(b"")),
    Request("expect-length-0-then-smuggled", post(b"Expect: 100-continue", b"Content-Length: 0") + get(target=b"/svc/next"), NORMALISE, EXPECT, check=both(body_is(b""), never(b"/svc/")), answers=2),
    *(
        Request("expect-obfuscated-%d" % i, post(field, b"Content-Length: 5", body=b"hello") + get(target=b"/svc/next"), NORMALISE, EXPECT, check=both(body_is(b"hello", b""), never(b"/svc/")), answers=2)
        for i, field in enumerate((
            b"Expect: 100-continue, foo", b"Expect: foo", b"Expect: y 100-continue", b"Expect: 100-continue;q=1", b"Expect: 100", b"Expect:",
            b"Expect: \"100-continue\"", b"Expect: 100-continue\x0b", b"Expect: 100-continue\r\nExpect: foo", b"Expect: 100-continue\r\nExpect: 100-continue",
        ))
    ),
    Request("expect-nul", post(b"Expect: 100-continue\x00", b"Content-Length: 5", body=b"hello"), REFUSE, "RFC 9110 5.5: NUL is a 400"),
    Request("expect-folded", post(b"Expect:\r\n 100-continue", b"Content-Length: 5", body=b"hello"), REFUSE, "RFC 9112 5.2: obs-fold is a 400"),
    Request("expect-in-1.0", post(b"Expect: 100-continue", b"Content-Length: 5", body=b"hello", version=b"HTTP/1.0"), NORMALISE, "RFC 9110 10.1.1: ignored in 1.0", check=both(no_interim, body_is(b"hello"))),
]  # fmt: skip
