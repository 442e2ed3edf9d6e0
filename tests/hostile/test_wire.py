"""The strict reader and its audit: they must see what they are there to see."""

import pytest

from . import wire
from .case import chunked, get, post


def faults(raw):
    message, _ = wire.read_request(raw)
    return list(wire.audit_request(message))


@pytest.mark.parametrize("good", [get(), post(b"Content-Length: 2", body=b"hi"), chunked(), get(host=b"Host: [::1]:80")])
def test_finds_nothing_wrong_with_a_good_request(good):
    assert faults(good) == []


@pytest.mark.parametrize(
    "bad",
    [
        get(b"X-A: a\x00b"),
        get(b"X-A: a\rb"),
        get(b"X-A: a\nb"),
        get(b"X-A : 1"),
        get(b"X-A: 1", b" 2"),
        get(b"Host: b"),
        get(host=None),
        get(host=b"Host: a b"),
        get(version=b"HTTP/1.0"),
        get(target=b"/a b"),
        get(b"Keep-Alive: timeout=5"),
        get(b"Upgrade: h2c"),
        post(b"Content-Length: +2", body=b"hi"),
        post(b"Content-Length: 2", b"Content-Length: 2", body=b"hi"),
        chunked(b"Content-Length: 2"),
        chunked(body=b"0\r\nHost: a\r\n\r\n"),
    ],
)
def test_finds_what_is_wrong_with_a_bad_one(bad):
    assert faults(bad)


@pytest.mark.parametrize("part", [b"GE", b"GET /x HTTP/1.1\r\nHos", chunked(body=b"5\r\nhe"), chunked(body=b"5\r\nhello\r\n"), chunked(body=b"")])
def test_finds_nothing_wrong_with_half_a_request(part):
    assert list(wire.audit_rest(part)) == []


@pytest.mark.parametrize("part", [b"\x00", b"GET /x HTTP/1.1\nHost: a", chunked(body=b"zz\r\nhe"), chunked(body=b"2\r\nhello\r\n"), chunked(body=b"5\nhello")])
def test_finds_what_is_wrong_with_half_a_request(part):
    assert list(wire.audit_rest(part))
