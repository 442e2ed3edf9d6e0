"""Transfer-Encoding: with a length beside it, obfuscated, repeated, and in HTTP/1.0."""

from .case import ACCEPT, NORMALISE, REFUSE, Request, body_is, both, chunked, head, post, slug, without

BODY = b"5\r\nhello\r\n0\r\n\r\n"
SMUGGLED = b"0\r\n\r\nGET /svc/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"

BAD_CODINGS = (
    b"xchunked", b"chunkedx", b"x chunked", b"chunked x", b"chunk", b"chunke", b"ch unked", b"chunked, identity",
    b"identity, chunked", b"identity", b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"chunked chunked",
    b",chunked", b"chunked,", b", chunked", b"chunked;q=1", b"chunked;", b'"chunked"', b"'chunked'", b"chunked\x00",
    b"\x00chunked", b"\x0bchunked", b"chunked\x0b", b"chunked\x0c", b"\x1fchunked", b"\xa0chunked", b"\xffchunked",
    b"", b"cow", b"chunked/1", b"chunked:", b"-chunked", b"[chunked]", b"\xef\xbb\xbfchunked", b"chun\xc4\xb1ked",
)  # fmt: skip

FOUL_LINES = {
    "space-before-colon": b"Transfer-Encoding : chunked",
    "tab-before-colon": b"Transfer-Encoding\t: chunked",
    "vt-before-colon": b"Transfer-Encoding\x0b: chunked",
    "nul-in-name": b"Transfer\x00-Encoding: chunked",
    "leading-space": b" Transfer-Encoding: chunked",
    "leading-tab": b"\tTransfer-Encoding: chunked",
    "folded": b"Transfer-Encoding:\r\n chunked",
    "folded-tab": b"Transfer-Encoding:\r\n\tchunked",
    "behind-bare-lf": b"X-A: 1\nTransfer-Encoding: chunked",
    "behind-bare-cr": b"X-A: 1\rTransfer-Encoding: chunked",
    "behind-nul": b"X-A: 1\x00\r\nTransfer-Encoding: chunked",
    "lf-before-value": b"Transfer-Encoding:\nchunked",
    "cr-before-value": b"Transfer-Encoding:\rchunked",
    "no-colon": b"Transfer-Encoding chunked",
    "two-colons": b"Transfer-Encoding:: chunked",
    "equals": b"Transfer-Encoding= chunked",
    "semicolon": b"Transfer-Encoding; chunked",
}


def refuse(name, *fields, body=BODY, rule="RFC 9112 6.1: only `chunked` is understood", **more):
    return Request("coding-" + name, post(*fields, body=body, **more), REFUSE, rule)


BOTH = "RFC 9112 6.3: both framings may be smuggling; refused"

CASES = (
    [refuse("alone-" + slug(v), b"Transfer-Encoding: " + v) for v in BAD_CODINGS]
    + [refuse("beside-length-" + slug(v), b"Content-Length: 5", b"Transfer-Encoding: " + v, rule=BOTH) for v in BAD_CODINGS[:24]]
    + [refuse("beside-length-" + n, b"Content-Length: %d" % len(SMUGGLED), line, body=SMUGGLED, rule=BOTH) for n, line in FOUL_LINES.items()]
    + [
        refuse("length-first", b"Content-Length: %d" % len(SMUGGLED), b"Transfer-Encoding: chunked", body=SMUGGLED, rule=BOTH),
        refuse("length-last", b"Transfer-Encoding: chunked", b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED, rule=BOTH),
        refuse("short-length", b"Content-Length: 3", b"Transfer-Encoding: chunked", rule=BOTH),
        refuse("length-zero-beside", b"Content-Length: 0", b"Transfer-Encoding: chunked", rule=BOTH),
        refuse("any-case-beside", b"content-LENGTH: 5", b"transfer-ENCODING: ChunkeD", rule=BOTH),
        refuse("tab-beside", b"Content-Length: 5", b"Transfer-Encoding:\tchunked", rule=BOTH),
        refuse("no-space-beside", b"Content-Length: 5", b"Transfer-Encoding:chunked", rule=BOTH),
        refuse("two-fields-equal", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        refuse("identity-then-chunked", b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"),
        refuse("chunked-then-identity", b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
        refuse("gzip-then-chunked", b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"),
        refuse("chunked-then-empty", b"Transfer-Encoding: chunked", b"Transfer-Encoding:"),
        refuse("chunked-then-junk", b"Transfer-Encoding: chunked", b"transfer-encoding: x"),
        refuse("in-1.0", b"Transfer-Encoding: chunked", version=b"HTTP/1.0", rule="RFC 9112 6.1: faulty in HTTP/1.0"),
        refuse(
            "in-1.0-keep-alive", b"Connection: keep-alive", b"Transfer-Encoding: chunked", version=b"HTTP/1.0",
            rule="RFC 9112 6.1: faulty in HTTP/1.0",
        ),
        refuse(
            "in-1.0-beside-length", b"Content-Length: 5", b"Transfer-Encoding: chunked", version=b"HTTP/1.0", rule=BOTH,
        ),
        Request(
            "coding-upper-case", chunked().replace(b": chunked", b": CHUNKED"), NORMALISE,
            "RFC 9112 7: coding names have no case", check=body_is(b"hello"),
        ),
        Request(
            "coding-underscore-name", post(b"Content-Length: 5", b"Transfer_Encoding: chunked", body=b"hello"), NORMALISE,
            "RFC 9110 5.1: another name is another field", check=body_is(b"hello"),
        ),
        Request(
            "coding-named-by-connection", chunked(b"Connection: Transfer-Encoding"), NORMALISE,
            "RFC 9110 7.6.1: framing is the proxy's own", check=body_is(b"hello"),
        ),
        Request(
            "length-named-by-connection", post(b"Connection: Content-Length", b"Content-Length: 5", body=b"hello"), NORMALISE,
            "RFC 9110 7.6.1: framing is the proxy's own", check=body_is(b"hello"),
        ),
        Request(
            "coding-content-encoding-is-not", post(b"Content-Encoding: chunked", b"Content-Length: 5", body=b"hello"), ACCEPT,
            "RFC 9110 8.4: another field", check=body_is(b"hello"),
        ),
        Request("coding-chunked", chunked(), ACCEPT, "RFC 9112 7.1", check=body_is(b"hello")),
        Request("coding-tab", post(b"Transfer-Encoding:\tchunked", body=BODY), ACCEPT, "RFC 9112 5.1: OWS", check=body_is(b"hello")),
        Request("coding-no-space", post(b"Transfer-Encoding:chunked", body=BODY), ACCEPT, "RFC 9112 5.1: OWS", check=body_is(b"hello")),
        Request("coding-spaces-after", post(b"Transfer-Encoding: chunked  ", body=BODY), ACCEPT, "RFC 9112 5.1: OWS", check=body_is(b"hello")),
        Request("coding-name-any-case", post(b"tRANSFER-eNCODING: chunked", body=BODY), ACCEPT, "RFC 9110 5.1", check=body_is(b"hello")),
        Request(
            "coding-get", head(b"GET /svc/x HTTP/1.1", b"Host: localhost", b"Transfer-Encoding: chunked") + BODY, ACCEPT,
            "RFC 9112 6: framing doesn't depend on the method", check=both(body_is(b"hello"), without(b"content-length-x")),
        ),
    ]
)  # fmt: skip
