"""Content-Length: values that are no number, too many of them, and less body than promised."""

from .case import (
    ACCEPT, NORMALISE, REFUSE, SHOULD, Request, at_most, body_is, both, get, never, post, slug, without,
)  # fmt: skip

BAD_LENGTHS = (
    b"+5", b"-5", b"-0", b"+0", b"-1", b"0x5", b"0X5", b"0b101", b"0o5", b"5h", b"1_0", b"5_", b"", b"five", b"NaN",
    b"5 5", b"5\t5", b"5;", b"5;q=1", b"5.0", b"5.", b"5e0", b"5,6", b"5, 6", b"6,5", b"5,", b",5", b"5,,5", b"'5'",
    b'"5"', b"(5)", b"5\x00", b"\x005", b"5\x0b", b"\x0b5", b"5\x0c", b"\xa05", b"5\xa0", b"\xd9\xa5", b"\xef\xbc\x95",
    b"chunked", b"5 bytes", b"9223372036854775808", b"18446744073709551615", b"18446744073709551616",
    b"18446744073709551621", b"340282366920938463463374607431768211461", b"9" * 400,
)  # fmt: skip


def bad(value):
    return Request(
        "length-" + slug(value), post(b"Content-Length: " + value, body=b"hello"), REFUSE,
        "RFC 9112 6.3: an invalid Content-Length is a 400",
    )  # fmt: skip


def refuse(name, *fields, rule="RFC 9112 6.3: differing Content-Length fields are a 400", body=b"hello!"):
    return Request("length-" + name, post(*fields, body=body), REFUSE, rule)


TWO = b"GET /svc/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"

CASES = [bad(value) for value in BAD_LENGTHS] + [
    refuse("two-differ", b"Content-Length: 5", b"Content-Length: 6"),
    refuse("two-differ-larger-first", b"Content-Length: 6", b"Content-Length: 5"),
    refuse("two-differ-in-case", b"content-length: 5", b"CONTENT-LENGTH: 6"),
    refuse("two-apart", b"Content-Length: 5", b"X-A: 1", b"X-B: 2", b"Content-Length: 0"),
    refuse("three-last-differs", b"Content-Length: 5", b"Content-Length: 5", b"Content-Length: 6"),
    refuse("zero-and-smuggled", b"Content-Length: 0", b"Content-Length: %d" % len(TWO), body=TWO),
    refuse("second-empty", b"Content-Length: 5", b"Content-Length:"),
    refuse("first-empty", b"Content-Length:", b"Content-Length: 5"),
    refuse("good-then-bad", b"Content-Length: 5", b"Content-Length: +5"),
    refuse("space-before-colon", b"Content-Length : 5", rule="RFC 9112 5.1: space before the colon is a 400"),
    refuse("folded", b"Content-Length:\r\n 5", rule="RFC 9112 5.2: obs-fold, refused"),
    refuse("value-folded", b"Content-Length: 5\r\n 5", rule="RFC 9112 5.2: obs-fold, refused"),
    refuse("get-bad", b"Content-Length: x", body=b""),
    Request(
        "length-list-of-equals", post(b"Content-Length: 5, 5", body=b"hello"), NORMALISE,
        "RFC 9110 8.6: a list of equals is refused or made one", check=body_is(b"hello"),
    ),
    Request(
        "length-two-equal", post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"), NORMALISE,
        "RFC 9110 8.6: equal duplicates are refused or made one", check=body_is(b"hello"),
    ),
    Request(
        "length-leading-zeros", post(b"Content-Length: 0005", body=b"hello"), NORMALISE,
        "RFC 9110 8.6: 1*DIGIT", check=body_is(b"hello"),
    ),
    Request(
        "length-many-leading-zeros", post(b"Content-Length: " + b"0" * 60 + b"5", body=b"hello"), NORMALISE,
        "RFC 9110 8.6: 1*DIGIT; no overflow", check=body_is(b"hello"),
    ),
    Request(
        "length-underscore-name", post(b"Content_Length: 3", b"Content-Length: 5", body=b"hello"), NORMALISE,
        "RFC 9110 8.6: another name is another field", SHOULD, body_is(b"hello"),
    ),
    Request(
        "length-short-then-smuggled", post(b"Content-Length: 0", body=TWO), ACCEPT,
        "RFC 9112 9.3.2: what follows the body is the next request", answers=2,
        check=both(at_most(2), never(b"/svc/")),
    ),
    Request(
        "length-more-than-sent", post(b"Content-Length: 50", body=b"hello"), NORMALISE,
        "RFC 9112 8: an incomplete request isn't passed as whole", check=at_most(0), half_close=True,
    ),
    Request(
        "length-one-less-than-sent", post(b"Content-Length: 4", body=b"hello"), NORMALISE,
        "RFC 9112 2.2: what follows the body is no part of it", check=both(body_is(b"hell"), at_most(1)),
    ),
    Request(
        "length-trailing-space", post(b"Content-Length: 5 ", body=b"hello"), ACCEPT, "RFC 9112 5.1: OWS", check=body_is(b"hello"),
    ),
    Request(
        "length-tab-before", post(b"Content-Length:\t5", body=b"hello"), ACCEPT, "RFC 9112 5.1: OWS", check=body_is(b"hello"),
    ),
    Request(
        "length-no-space", post(b"Content-Length:5", body=b"hello"), ACCEPT, "RFC 9112 5.1: OWS", check=body_is(b"hello"),
    ),
    Request("length-zero", post(b"Content-Length: 0"), ACCEPT, "RFC 9110 8.6", check=body_is(b"")),
    Request("length-any-case", post(b"cOnTeNt-LeNgTh: 5", body=b"hello"), ACCEPT, "RFC 9110 5.1", check=body_is(b"hello")),
    Request(
        "length-get-with-body", get(b"Content-Length: 5") + b"hello", ACCEPT,
        "RFC 9110 9.3.1: framing doesn't depend on the method", check=body_is(b"hello"),
    ),
    Request("length-post-without", post(), ACCEPT, "RFC 9112 6.3: no framing, no body", check=body_is(b"")),
    Request(
        "length-large-body", post(b"Content-Length: 300000", body=b"y" * 300000), ACCEPT, "RFC 9110 8.6",
        check=body_is(b"y" * 300000),
    ),
    Request(
        "length-x-prefixed-name", post(b"X-Content-Length: 3", b"Content-Length: 5", body=b"hello"), ACCEPT,
        "RFC 9110 5.1: names are whole", check=body_is(b"hello"),
    ),
    Request(
        "length-of-headless", get(b"Content-Length: 0", method=b"DELETE"), ACCEPT, "RFC 9110 8.6",
        check=without(b"transfer-encoding"),
    ),
]  # fmt: skip
