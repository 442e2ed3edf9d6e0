"""The request line: white space, methods, versions, targets; and what isn't HTTP/1 at all."""

from .case import (
    ACCEPT, NORMALISE, REFUSE, SHOULD, Request, at_most, both, get, head, method_is, never, not_forwarded, slug, target_is,
)  # fmt: skip

LINE = "RFC 9112 3: a malformed request line is a 400"
VERSION = "RFC 9112 2.3: HTTP-version is HTTP/DIGIT.DIGIT"
TARGET = "RFC 9112 3.2: an invalid target is a 400"


def refuse(name, raw, rule=LINE, **more):
    return Request("line-" + name, raw, REFUSE, rule, **more)


def line(text):
    return head(text, b"Host: localhost")


BAD_VERSIONS = (
    b"HTTP/2.0", b"HTTP/2", b"HTTP/3.0", b"HTTP/9.9", b"HTTP/0.9", b"HTTP/1.", b"HTTP/.1", b"HTTP/1", b"HTTP/01.1", b"HTTP/1.01",
    b"HTTP/1.10", b"HTTP/11.1", b"HTTP/1.1x", b"HTTP/1.1.1", b"HTTP/1,1", b"HTTP/+1.1", b"HTTP/-1.1", b"HTTP/1.-1", b"HTTP/a.b", b"HTTP/",
    b"HTTP", b"HTTP1.1", b"HTTP //1.1", b"HTTP / 1.1", b"http/1.1", b"Http/1.1", b"HTTPS/1.1", b"HTTP\\1.1", b"XHTTP/1.1", b"ICE/1.0", b"RTSP/1.0",
    b"RTSP/1.1", b"SIP/2.0", b"HTTP/1.1\x00", b"HTTP/1.1\x0b", b"HTTP/\xd9\xa1.1", b"HTTP/0x1.1", b"HTTP/1.1;q=1", b"HTTP/4294967297.1",
)  # fmt: skip

BAD_METHODS = (b"G@T", b"GE(T)", b"GET:", b"GET,", b"GET/", b"G\x00ET", b"G\x01ET", b"G\x7fET", b'"GET"', b"GE[T]", b"G\xc3\x89T", b"")

BAD_IN_TARGET = (0, 1, 8, 9, 10, 11, 12, 13, 27, 31, 127)

# Sent on byte for byte, or refused: never tidied up.
ODD_PATHS = (
    b"/%zz", b"/%", b"/%2", b"/%00", b"/%0d%0aX-A:%201", b"/%2e%2e/y", b"/../y", b"/./y", b"/a/../../y", b"/..%2fy", b"/%2e%2e%2fy", b"/a%2Fb",
    b"/a%5Cb", b"/a;b=c", b"//y", b"/y//z/", b"/y?", b"/y??a", b"/y?a=/../b", b"/y?a%26b=%2f", b"/%C3%A9", b"/%c0%ae%c0%ae/", b"/%u002e", b"/a+b",
    b"/a'b", b"/(a)", b"/*", b"/a:b@c", b"/!$&,=~", b"/y?a=[1]", b'/y?a="1"', b"/<y>", b"/y|z", b"/{y}", b"/y^z", b"/y`z", b"/y\\z", b"/\\..\\z",
)  # fmt: skip

# Each names no service, or the same one; none may reach past it.
ODD_SEGMENTS = (
    b"/%73vc", b"/s%76c", b"/svc%2fx", b"/svc%2f..%2fother", b"/svc%00", b"/svc%20", b"/svc%3f", b"/svc%23", b"/svc%0d%0a", b"/..", b"/../svc",
    b"/./svc", b"/%2e%2e/svc", b"/%2e/svc", b"/.%2e/svc", b"//svc", b"///svc", b"/\\svc", b"/svc\\", b"/svc;a=b", b"/SVC", b"/svc.", b"/.svc", b"/svc%",
    b"/svc%zz", b"/_csidecar", b"/_csidecar/../svc", b"/%5fcsidecar/x", b"/svc,svc", b"/svc*", b"/svc'", b"/-svc", b"/sv", b"/svcc",
)  # fmt: skip

CASES = (
    [refuse("version-" + slug(v), line(b"GET /svc/x " + v), VERSION) for v in BAD_VERSIONS]
    + [refuse("method-" + slug(m), line(m + b" /svc/x HTTP/1.1"), "RFC 9110 9.1: a method is a token") for m in BAD_METHODS]
    + [refuse("target-%02x" % c, line(b"GET /svc/a" + bytes([c]) + b"b HTTP/1.1"), TARGET) for c in BAD_IN_TARGET]
    + [
        Request("path-" + slug(p), get(target=b"/svc" + p), NORMALISE, "docs/calling.md: the target goes on byte for byte", check=both(target_is(p), never(b"\nX-A:")))
        for p in ODD_PATHS
    ]
    + [
        Request(
            "segment-" + slug(s), get(target=s + b"/x"), NORMALISE, "docs/calling.md: one segment, exactly, names the service", SHOULD,
            both(at_most(1), never(b"..")),
        )
        for s in ODD_SEGMENTS
    ]
    + [
        refuse("head-refused", get(host=b"Host: a b", method=b"HEAD"), "RFC 9110 9.3.2: no body after HEAD, even of a refusal"),
        refuse("head-refused-in-target", line(b"HEAD /svc/\x01 HTTP/1.1"), "RFC 9110 9.3.2: no body after HEAD, even of a refusal"),
        refuse("head-too-large", get(b"X-A: " + b"v" * 100000, method=b"HEAD"), "RFC 9110 9.3.2: no body after HEAD, even of a refusal"),
        refuse("space-first", b" " + get()),
        refuse("tab-first", b"\t" + get()),
        refuse("nul-first", b"\x00" + get()),
        refuse("lf-first", b"\n" + get(), "RFC 9112 2.2: a bare LF is ambiguous; refused", level=SHOULD),
        refuse("cr-first", b"\r" + get()),
        refuse("two-spaces-after-method", line(b"GET  /svc/x HTTP/1.1")),
        refuse("two-spaces-after-target", line(b"GET /svc/x  HTTP/1.1")),
        refuse("tab-after-method", line(b"GET\t/svc/x HTTP/1.1")),
        refuse("tab-after-target", line(b"GET /svc/x\tHTTP/1.1")),
        refuse("vt-after-method", line(b"GET\x0b/svc/x HTTP/1.1")),
        refuse("ff-after-target", line(b"GET /svc/x\x0cHTTP/1.1")),
        refuse("cr-after-method", line(b"GET\r/svc/x HTTP/1.1")),
        refuse("cr-after-target", line(b"GET /svc/x\rHTTP/1.1")),
        refuse("space-at-end", line(b"GET /svc/x HTTP/1.1 ")),
        refuse("junk-at-end", line(b"GET /svc/x HTTP/1.1 X")),
        refuse("cr-at-end", line(b"GET /svc/x HTTP/1.1\r")),
        refuse("space-in-target", line(b"GET /svc/x y HTTP/1.1")),
        refuse("smuggled-line-in-target", line(b"GET /svc/x HTTP/1.1 /y HTTP/1.1")),
        refuse("no-version", line(b"GET /svc/x")),
        Request("line-http-0.9", b"GET /svc/x\r\n", NORMALISE, "RFC 9112 2.3: HTTP/0.9 isn't spoken", check=not_forwarded),
        Request("line-http-0.9-lf", b"GET /svc/x\n", NORMALISE, "RFC 9112 2.3: HTTP/0.9 isn't spoken", check=not_forwarded),
        refuse("method-only", line(b"GET")),
        refuse("method-and-version", line(b"GET HTTP/1.1")),
        refuse("target-only", line(b"/svc/x HTTP/1.1")),
        refuse("status-line", b"HTTP/1.1 200 OK\r\nHost: localhost\r\n\r\n"),
        refuse("http2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), "RFC 9113 3.4: prior knowledge only"),
        refuse("tls-hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 60 + b"\r\n\r\n", "not HTTP"),
        refuse("ssh-banner", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "not HTTP"),
        refuse("proxy-protocol", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + get(), "not HTTP unless configured"),
        refuse("rtsp", line(b"OPTIONS /svc/x RTSP/1.0"), VERSION),
        refuse("rtsp-method", line(b"DESCRIBE /svc/x RTSP/1.0"), VERSION),
        refuse("ice-source", line(b"SOURCE /svc/x ICE/1.0"), VERSION),
        refuse("no-slash", get(target=b"svc/x"), TARGET, closes=False),
        refuse("query-only", get(target=b"?x"), TARGET, closes=False),
        refuse("star-get", get(target=b"*"), "RFC 9112 3.2.4: `*` is for OPTIONS", closes=False),
        refuse("star-more", get(target=b"*/svc/x"), TARGET, closes=False),
        refuse("star-options-more", get(target=b"*x", method=b"OPTIONS"), TARGET, closes=False),
        refuse("fragment", get(target=b"/svc/x#y"), TARGET, level=SHOULD, closes=False),
        refuse("backslash", get(target=b"\\svc\\x"), TARGET, closes=False),
        refuse("percent-slash", get(target=b"%2fsvc/x"), TARGET, closes=False),
        refuse("root", get(target=b"/"), "docs/calling.md: no service named", closes=False),
        refuse("unknown-service", get(target=b"/nosuch/x"), "docs/calling.md: no such service is a 404", closes=False),
        Request("line-1.2", line(b"GET /svc/x HTTP/1.2"), NORMALISE, "RFC 9110 2.5: a higher minor is read as 1.1"),
        Request("line-crlf-first", b"\r\n" + get(), ACCEPT, "RFC 9112 2.2: one empty line before is ignored", SHOULD),
        Request("line-many-crlf-first", b"\r\n" * 50 + get(), NORMALISE, "RFC 9112 2.2: a few empty lines"),
        Request("line-lower-case-method", get(method=b"get"), NORMALISE, "RFC 9110 9.1: methods have case", check=method_is(b"get")),
        Request("line-unknown-method", get(method=b"FROBNICATE"), NORMALISE, "RFC 9110 9.1: passed on, or 501", check=method_is(b"FROBNICATE")),
        Request("line-odd-token-method", get(method=b"M-SEARCH"), NORMALISE, "RFC 9110 9.1: passed on, or 501", check=method_is(b"M-SEARCH")),
        Request("line-high-bytes-in-target", get(target=b"/svc/\xc3\xa9\xff"), NORMALISE, "RFC 3986 2: not in a URI; as they are or refused", check=target_is(b"/\xc3\xa9\xff")),
        Request("line-service-without-slash", get(target=b"/svc"), NORMALISE, "docs/calling.md", check=target_is(b"/")),
        Request("line-service-and-query", get(target=b"/svc?a=b"), NORMALISE, "docs/calling.md", check=target_is(b"/?a=b")),
        Request("line-1.0", get(version=b"HTTP/1.0"), ACCEPT, "RFC 9110 2.5"),
        Request("line-query", get(target=b"/svc/x?a=%2F&b=c+d"), ACCEPT, "docs/calling.md", check=target_is(b"/x?a=%2F&b=c+d")),
        Request("line-trailing-slash", get(target=b"/svc/"), ACCEPT, "docs/calling.md", check=target_is(b"/")),
        Request("line-long-target", get(target=b"/svc/" + b"t" * 4000), ACCEPT, "RFC 9112 3: 8000 octets at least", check=target_is(b"/" + b"t" * 4000)),
        *(
            Request("line-method-" + m.decode(), get(method=m), ACCEPT, "RFC 9110 9.3", check=method_is(m))
            for m in (b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"PUT", b"PATCH", b"PROPFIND", b"PURGE")
        ),
    ]
)  # fmt: skip
