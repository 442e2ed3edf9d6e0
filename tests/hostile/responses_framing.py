"""Upstream answers whose length is unclear: Content-Length, Transfer-Encoding, chunks, cut bodies."""

from . import chunks
from .case import ACCEPT, NORMALISE, REFUSE, Response, slug

LENGTH = "RFC 9112 6.3: an invalid Content-Length in a response is a 502"
CODING = "RFC 9112 6.3: an answer whose framing isn't understood is a 502"
CHUNK = "RFC 9112 7.1: a bad chunk ends the answer visibly"
CUT = "RFC 9112 8: an incomplete answer stays visible as one"

BAD_LENGTHS = (
    b"+5", b"-5", b"-1", b"0x5", b"1_0", b"", b"five", b"NaN", b"5 5", b"5;", b"5.0", b"5e0", b"5, 6", b"5,", b",5", b"'5'", b"5\x00", b"\x0b5",
    b"\xd9\xa5", b"9223372036854775808", b"18446744073709551615", b"18446744073709551621", b"9" * 100,
)  # fmt: skip

BAD_CODINGS = (
    b"xchunked", b"identity", b"gzip", b"gzip, chunked", b"chunked, identity", b"chunked, chunked", b",chunked", b"chunked;q=1", b'"chunked"',
    b"chunked\x00", b"\x0bchunked", b"", b"cow",
)  # fmt: skip

BODY = b"5\r\nhello\r\n0\r\n\r\n"


def answer(*fields, body=b"hello", line=b"HTTP/1.1 200 OK"):
    return b"\r\n".join((line,) + fields) + b"\r\n\r\n" + body


def bad(name, *steps, expect=REFUSE, rule=CODING, **more):
    return Response("answer-" + name, steps, expect, rule, **more)


def hello(seen):
    """Passed on, it is the five bytes and no others."""
    return None if [a.body for a in seen.answers] == [b"hello"] and not seen.stray else "not the same body: %r" % seen.answers


CHUNKED = b"Transfer-Encoding: chunked"
FIVE = b"Content-Length: 5"

CASES = (
    [bad("length-" + slug(v), answer(b"Content-Length: " + v), rule=LENGTH) for v in BAD_LENGTHS]
    + [bad("coding-" + slug(v), answer(b"Transfer-Encoding: " + v, body=BODY), "close") for v in BAD_CODINGS]
    + [bad("chunk-" + n, answer(CHUNKED, body=b), rule=CHUNK) for n, b in chunks.BAD.items() if n != "data-shorter"]
    + [bad("chunk-lax-" + n, answer(CHUNKED, body=b), expect=NORMALISE, rule=CHUNK, check=hello, reuse=True) for n, b in chunks.DOUBTFUL.items()]
    + [bad("chunk-good-" + n, answer(CHUNKED, body=b), expect=ACCEPT, rule=CHUNK, check=hello, reuse=True) for n, b in chunks.GOOD.items()]
    + [
        bad("trailer-forbidden-" + n.decode(), answer(CHUNKED, body=chunks.with_trailer(n)), expect=NORMALISE, rule="RFC 9110 6.5.1", check=hello, reuse=True)
        for n in (b"Content-Length", b"Transfer-Encoding", b"Set-Cookie", b"Content-Type", b"Connection")
    ]
    + [
        bad("length-two-differ", answer(FIVE, b"Content-Length: 6", body=b"hello!"), rule=LENGTH),
        bad("length-two-differ-case", answer(b"content-length: 6", b"CONTENT-LENGTH: 5", body=b"hello!"), rule=LENGTH),
        bad("length-three", answer(FIVE, FIVE, b"Content-Length: 4"), rule=LENGTH),
        bad("length-two-equal", answer(FIVE, FIVE), expect=NORMALISE, rule=LENGTH, check=hello, reuse=True),
        bad("length-list-of-equals", answer(b"Content-Length: 5, 5"), expect=NORMALISE, rule=LENGTH, check=hello, reuse=True),
        bad("length-zeros", answer(b"Content-Length: 0005"), expect=NORMALISE, rule=LENGTH, check=hello, reuse=True),
        bad("length-space-before-colon", answer(b"Content-Length : 5"), expect=NORMALISE, rule="RFC 9112 5.1: a proxy removes it", check=hello, reuse=True),
        bad("length-folded", answer(b"Content-Length:\r\n 5"), expect=NORMALISE, rule="RFC 9112 5.2", check=hello, reuse=True),
        bad("both-framings", answer(FIVE, CHUNKED, body=BODY), expect=NORMALISE, check=hello),
        bad("both-framings-coding-first", answer(CHUNKED, FIVE, body=BODY), expect=NORMALISE, check=hello),
        bad("both-framings-short", answer(b"Content-Length: 3", CHUNKED, body=BODY), expect=NORMALISE, check=hello),
        bad("both-framings-long", answer(b"Content-Length: 500", CHUNKED, body=BODY), expect=NORMALISE, check=hello),
        bad("two-codings", answer(CHUNKED, CHUNKED, body=BODY)),
        bad("two-codings-differ", answer(b"Transfer-Encoding: identity", CHUNKED, body=BODY)),
        bad("coding-in-1.0", answer(CHUNKED, body=BODY, line=b"HTTP/1.0 200 OK"), "close", expect=NORMALISE, check=hello),
        bad("coding-space-before-colon", answer(b"Transfer-Encoding : chunked", body=BODY), expect=NORMALISE, rule="RFC 9112 5.1", check=hello, reuse=True),
        bad("coding-behind-bare-cr", answer(b"X-A: 1\rTransfer-Encoding: chunked", body=BODY), rule="RFC 9112 2.2"),
        bad("cut-length", answer(b"Content-Length: 50"), "close", rule=CUT),
        bad("cut-length-reset", answer(b"Content-Length: 50"), 0.05, "reset", rule=CUT),
        bad("cut-length-no-body", answer(b"Content-Length: 50", body=b""), "close", rule=CUT),
        bad("cut-length-one-short", answer(b"Content-Length: 6"), "close", rule=CUT),
        bad("cut-length-large", answer(b"Content-Length: 1000000", body=b"z" * 300000), "close", rule=CUT),
        bad("cut-chunk-data", answer(CHUNKED, body=b"5\r\nhe"), "close", rule=CUT),
        bad("cut-chunk-size", answer(CHUNKED, body=b"5\r\nhello\r\n1"), "close", rule=CUT),
        bad("cut-before-last-chunk", answer(CHUNKED, body=b"5\r\nhello\r\n"), "close", rule=CUT),
        bad("cut-in-last-chunk", answer(CHUNKED, body=b"5\r\nhello\r\n0\r\n"), "close", rule=CUT),
        bad("cut-in-trailer", answer(CHUNKED, body=b"5\r\nhello\r\n0\r\nX-T: 1\r\n"), "close", rule=CUT),
        bad("cut-chunk-reset", answer(CHUNKED, body=b"5\r\nhello\r\n"), 0.05, "reset", rule=CUT),
        bad("cut-before-any-chunk", answer(CHUNKED, body=b""), "close", rule=CUT),
        bad("chunk-data-shorter", answer(CHUNKED, body=chunks.BAD["data-shorter"]), "close", rule=CHUNK),
        bad("chunk-large-trailer", answer(CHUNKED, body=chunks.with_trailer(b"X-T", b"a" * 1000000)), rule="RFC 9110 5.4: trailers have a limit"),
        bad("chunk-many-trailers", answer(CHUNKED, body=b"0\r\n" + b"X-T: 1\r\n" * 10000 + b"\r\n"), rule="RFC 9110 5.4: trailers have a limit"),
        bad("good-length", answer(FIVE), expect=ACCEPT, rule="RFC 9112 6.3", check=hello, reuse=True),
        bad("good-until-close", answer(), "close", expect=ACCEPT, rule="RFC 9112 6.3", check=hello),
        bad("good-until-close-1.0", answer(line=b"HTTP/1.0 200 OK"), "close", expect=ACCEPT, rule="RFC 9112 6.3", check=hello),
        bad("good-bytewise", *(bytes([c]) for c in answer(FIVE)), expect=ACCEPT, rule="RFC 9112 2", check=hello, reuse=True),
        bad("good-chunked-bytewise", *(bytes([c]) for c in answer(CHUNKED, body=BODY)), expect=ACCEPT, rule="RFC 9112 2", check=hello, reuse=True),
    ]
)  # fmt: skip
