"""Field lines: names, colons, control bytes, bare line ends and folding."""

from .case import (
    ACCEPT, MUST, NORMALISE, REFUSE, SHOULD, Request, both, each, get, head, never, slug, value_is, without,
)  # fmt: skip

NAME_RULE = "RFC 9110 5.1: a field name is a token"
CONTROL = "RFC 9110 5.5: CR, LF and NUL in a value are a 400"
FOLD = "RFC 9112 5.2: obs-fold is a 400"
COLON = "RFC 9112 5.1: space before the colon is a 400"
END = "RFC 9112 2.2: a bare CR is no line end"


def refuse(name, raw, rule, level=MUST):
    return Request("field-" + name, raw, REFUSE, rule, level)


def doubtful(name, raw, rule, check=None, level=SHOULD):
    return Request("field-" + name, raw, NORMALISE, rule, level, check)


BAD_IN_NAME = b'()<>@,;\\"/[]?={} \x7f\x01\x0b\x80\xff'
OTHER_CONTROLS = (1, 2, 7, 8, 11, 12, 14, 27, 31, 127)

CASES = (
    [
        doubtful("name-with-" + slug(bytes([c])), get(b"X" + bytes([c]) + b"A: 1"), NAME_RULE)
        for c in BAD_IN_NAME
    ]
    + [
        # A proxy may keep other controls; it may not let them end a line or a value.
        doubtful(
            "value-control-%02x" % c, get(b"X-A: a" + bytes([c]) + b"b", b"X-B: 2"),
            "RFC 9110 5.5: other controls are kept whole or refused", value_is(b"x-b", b"2"),
        )
        for c in OTHER_CONTROLS
    ]
    + [
        refuse("name-nul", get(b"X\x00A: 1"), CONTROL),
        refuse("name-nul-first", get(b"\x00X-A: 1"), CONTROL),
        refuse("value-nul", get(b"X-A: a\x00b"), CONTROL),
        refuse("value-nul-only", get(b"X-A: \x00"), CONTROL),
        refuse("value-nul-last", get(b"X-A: a\x00"), CONTROL),
        refuse("value-nul-hides-a-line", get(b"X-A: a\x00\r\nX-B: b"), CONTROL),
        refuse("host-nul", get(host=b"Host: local\x00host"), CONTROL),
        refuse("value-bare-cr", get(b"X-A: a\rb"), CONTROL),
        refuse("value-bare-cr-last", get(b"X-A: a\r"), CONTROL),
        refuse("value-cr-cr-lf", get(b"X-A: a\r\r\nX-B: 1"), CONTROL),
        refuse("value-cr-smuggled-field", get(b"X-A: a\rX-Smuggled: 1"), END),
        refuse("value-bare-lf", get(b"X-A: a\nX-B: b"), "RFC 9112 2.2: a bare LF is ambiguous; refused"),
        refuse("lf-line-ends", b"GET /svc/x HTTP/1.1\nHost: localhost\n\n", "RFC 9112 2.2: a bare LF is ambiguous; refused"),
        refuse("lf-after-line-only", b"GET /svc/x HTTP/1.1\nHost: localhost\r\n\r\n", "RFC 9112 2.2: a bare LF is ambiguous; refused"),
        refuse("lf-at-end-only", b"GET /svc/x HTTP/1.1\r\nHost: localhost\r\n\n", "RFC 9112 2.2: a bare LF is ambiguous; refused"),
        refuse("lf-lf-inside", get(b"X-A: a\n\nGET /svc/smuggled HTTP/1.1\r\nX: y"), "RFC 9112 2.2: a bare LF is ambiguous; refused"),
        refuse("cr-line-ends", b"GET /svc/x HTTP/1.1\rHost: localhost\r\r\n\r\n", END),
        refuse("cr-at-end-only", b"GET /svc/x HTTP/1.1\r\nHost: localhost\r\n\r\r\n\r\n", END),
        refuse("cr-cr-between", get(b"X-A: 1\r", b"\rX-B: 2"), END),
        refuse("space-before-colon", get(b"X-A : 1"), COLON),
        refuse("spaces-before-colon", get(b"X-A   : 1"), COLON),
        refuse("tab-before-colon", get(b"X-A\t: 1"), COLON),
        refuse("host-space-before-colon", get(host=b"Host : localhost"), COLON),
        refuse("connection-space-before-colon", get(b"Connection : close"), COLON),
        refuse("fold-space", get(b"X-A: 1", b" 2"), FOLD),
        refuse("fold-tab", get(b"X-A: 1", b"\t2"), FOLD),
        refuse("fold-twice", get(b"X-A: 1", b" 2", b" 3"), FOLD),
        refuse("fold-empty-first", get(b"X-A:", b" 1"), FOLD),
        refuse("fold-blank-line", get(b"X-A: 1", b" "), FOLD),
        refuse("fold-host", head(b"GET /svc/x HTTP/1.1", b"Host:", b" localhost"), FOLD),
        refuse("fold-looks-like-field", get(b"X-A: 1", b" X-B: 2"), FOLD),
        refuse("fold-hides-length", get(b"X-A: 1", b" Content-Length: 5"), FOLD),
        refuse("first-line-space", head(b"GET /svc/x HTTP/1.1", b" Host: localhost", b"X-A: 1"), "RFC 9112 2.2: space before the first field"),
        refuse("first-line-tab", head(b"GET /svc/x HTTP/1.1", b"\tX-A: 1", b"Host: localhost"), "RFC 9112 2.2: space before the first field"),
        refuse("first-line-fold-of-line", head(b"GET /svc/x HTTP/1.1", b" HTTP/1.1", b"Host: localhost"), "RFC 9112 2.2: space before the first field"),
        doubtful("no-colon", get(b"X-A 1"), "RFC 9112 5: a field line has a colon"),
        doubtful("no-colon-no-space", get(b"XA"), "RFC 9112 5: a field line has a colon"),
        doubtful("no-colon-first", head(b"GET /svc/x HTTP/1.1", b"XA", b"Host: localhost"), "RFC 9112 5: a field line has a colon"),
        doubtful("no-name", get(b": 1"), NAME_RULE),
        doubtful("only-colon", get(b":"), NAME_RULE),
        doubtful("only-colons", get(b"::::"), NAME_RULE),
        doubtful("pseudo-field", get(b":path: /other"), NAME_RULE),
        doubtful("utf8-name", get("Ünïcode: 1".encode()), NAME_RULE),
        doubtful("status-line-inside", get(b"HTTP/1.1 200 OK"), NAME_RULE),
        doubtful("request-line-inside", get(b"GET /svc/smuggled HTTP/1.1"), NAME_RULE),
        doubtful("underscore-twin", get(b"X_Forwarded_For: 6.6.6.6"), "RFC 9110 5.1: kept as it is, or refused"),
        doubtful("bom-before-line", b"\xef\xbb\xbf" + get(), "RFC 9112 3: a method is a token"),
        Request("field-obs-text", get(b"X-A: caf\xc3\xa9 \xff"), ACCEPT, "RFC 9110 5.5: obs-text is opaque", check=value_is(b"x-a", b"caf\xc3\xa9 \xff")),
        Request("field-empty-value", get(b"X-A:"), ACCEPT, "RFC 9110 5.5", check=value_is(b"x-a", b"")),
        Request("field-blank-value", get(b"X-A: \t "), ACCEPT, "RFC 9110 5.5", check=value_is(b"x-a", b"")),
        Request("field-inner-tab", get(b"X-A: a\tb"), ACCEPT, "RFC 9110 5.5", check=value_is(b"x-a", b"a\tb")),
        Request("field-inner-spaces", get(b"X-A: a   b"), ACCEPT, "RFC 9110 5.5", check=value_is(b"x-a", b"a   b")),
        Request("field-outer-spaces", get(b"X-A:   a  "), ACCEPT, "RFC 9112 5.1", check=value_is(b"x-a", b"a")),
        Request("field-colons-in-value", get(b"X-A: a:b::c"), ACCEPT, "RFC 9110 5.5", check=value_is(b"x-a", b"a:b::c")),
        Request("field-all-token-characters", get(b"!#$%&'*+-.^_`|~09azAZ: 1"), ACCEPT, NAME_RULE, check=value_is(b"!#$%&'*+-.^_`|~09azAZ", b"1")),
        Request("field-long-value", get(b"X-A: " + b"v" * 4000), ACCEPT, "RFC 9110 5.4", check=value_is(b"x-a", b"v" * 4000)),
        Request("field-many", get(*(b"X-%d: %d" % (i, i) for i in range(60))), ACCEPT, "RFC 9110 5.4", check=value_is(b"x-59", b"59")),
        Request("field-repeated", get(b"X-A: 1", b"x-a: 2", b"X-A: 3"), ACCEPT, "RFC 9110 5.3: order kept", check=value_is(b"x-a", b"1", b"2", b"3")),
        Request("field-cookies-apart", get(b"Cookie: a=1", b"Cookie: b=2"), ACCEPT, "RFC 9110 5.3", check=value_is(b"cookie", b"a=1", b"b=2")),
        Request("field-quoted", get(b'X-A: "a\\"b", c'), ACCEPT, "RFC 9110 5.6.4", check=value_is(b"x-a", b'"a\\"b", c')),
        Request("field-script-in-value", get(b"X-A: ${jndi:ldap://x}<script>"), ACCEPT, "RFC 9110 5.5: opaque", check=value_is(b"x-a", b"${jndi:ldap://x}<script>")),
        Request(
            "field-order-kept", get(b"B-B: 1", b"A-A: 2", b"C-C: 3"), ACCEPT, "RFC 9110 5.3",
            check=each(lambda r: [n.lower() for n, _ in r.fields if n[1:2] == b"-" and len(n) == 3] == [b"b-b", b"a-a", b"c-c"], "order changed"),
        ),
        Request(
            "field-case-kept", get(b"x-MiXeD: 1"), ACCEPT, "RFC 9110 5.1", SHOULD,
            check=each(lambda r: b"x-MiXeD" in [n for n, _ in r.fields], "case changed"),
        ),
        Request(
            "field-own-headers-not-passed", get(b"csidecar-timeout: 900ms"), NORMALISE, "docs/calling.md: the proxy's own fields end with it",
            SHOULD, check=both(without(b"csidecar-timeout"), never(b"csidecar-timeout")),
        ),
    ]
)  # fmt: skip
