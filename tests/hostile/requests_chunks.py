"""Chunked request bodies: bad chunk lines, hostile extensions, trailers that may not be."""

from . import chunks
from .case import (
    ACCEPT, NORMALISE, REFUSE, Request, at_most, body_is, both, chunked, get, no_trailer,
)  # fmt: skip

RULE = "RFC 9112 7.1: a bad chunk line or data is a 400"
NEXT = get(target=b"/svc/next")


def trailer(name):
    # Whether refused or dropped: it never counts as a field, and never goes on.
    return Request(
        "trailer-forbidden-" + name.decode(), chunked(body=chunks.with_trailer(name)), NORMALISE,
        "RFC 9110 6.5.1: fields for framing, routing and so on are no trailers",
        check=both(body_is(b"hello"), no_trailer(name)),
    )  # fmt: skip


CASES = (
    [Request("chunk-" + name, chunked(body=body), REFUSE, RULE, in_body=True) for name, body in chunks.BAD.items()]
    + [
        Request("chunk-lax-" + name, chunked(body=body), NORMALISE, RULE, check=both(body_is(b"hello"), at_most(1)))
        for name, body in chunks.DOUBTFUL.items()
    ]
    + [
        Request("chunk-good-" + name, chunked(body=body), ACCEPT, "RFC 9112 7.1", check=body_is(b"hello"))
        for name, body in chunks.GOOD.items()
    ]
    + [trailer(name) for name in chunks.FORBIDDEN_TRAILERS]
    + [
        Request(
            "chunk-bad-then-smuggled", chunked(body=b"5\r\nhello\r\n0\r\n\n" + NEXT), REFUSE, RULE, in_body=True,
        ),
        Request(
            "chunk-last-then-next", chunked(body=b"0\r\n\r\n") + NEXT, ACCEPT,
            "RFC 9112 9.3.2: what follows the last chunk is the next request", answers=2, check=at_most(2),
        ),
        Request(
            "chunk-cut-in-data", chunked(body=b"5\r\nhe"), NORMALISE,
            "RFC 9112 8: an incomplete request isn't passed as whole", check=at_most(0), half_close=True,
        ),
        Request(
            "chunk-cut-before-last", chunked(body=b"5\r\nhello\r\n"), NORMALISE,
            "RFC 9112 8: an incomplete request isn't passed as whole", check=at_most(0), half_close=True,
        ),
        Request(
            "chunk-cut-in-trailers", chunked(body=b"5\r\nhello\r\n0\r\nX-T: 1\r\n"), NORMALISE,
            "RFC 9112 8: an incomplete request isn't passed as whole", check=at_most(0), half_close=True,
        ),
        Request(
            "chunk-large-extension", chunked(body=b"5;a=" + b"b" * 200000 + b"\r\nhello\r\n0\r\n\r\n"), NORMALISE,
            "RFC 9112 7.1.1: chunk extensions have a limit", check=body_is(b"hello"),
        ),
        Request(
            "chunk-much-extension", chunked(body=b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n" * 20000 + b"0\r\n\r\n"), NORMALISE,
            "RFC 9112 7.1.1: the total of chunk extensions has a limit", check=body_is(b"x" * 20000),
        ),
        Request(
            "chunk-large-trailer", chunked(body=chunks.with_trailer(b"X-T", b"a" * 1000000)), REFUSE,
            "RFC 9110 5.4: trailers have a limit", in_body=True,
        ),
        Request(
            "chunk-many-trailers", chunked(body=b"0\r\n" + b"X-T: 1\r\n" * 10000 + b"\r\n"), REFUSE,
            "RFC 9110 5.4: trailers have a limit", in_body=True,
        ),
        Request(
            "chunk-upper-case-size", chunked(body=b"A\r\n0123456789\r\n0\r\n\r\n"), ACCEPT, "RFC 9112 7.1",
            check=body_is(b"0123456789"),
        ),
        Request(
            "chunk-large", chunked(body=b"493e0\r\n" + b"z" * 300000 + b"\r\n0\r\n\r\n"), ACCEPT, "RFC 9112 7.1",
            check=body_is(b"z" * 300000),
        ),
    ]
)  # fmt: skip
