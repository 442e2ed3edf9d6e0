"""The readers and the judge: they must see what they are there to see."""

import pytest

from tests.hostile.case import chunked, get, post

from .drive import Seen
from .generate import case
from .judge import judge
from .readers import CLEAN, PARTIAL, read_h11, read_llhttp

GOOD = [get(), post(b"Content-Length: 2", body=b"hi"), chunked(), chunked(body=b"5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"), get() + get(b"X-A: b"), get(*(b"X-%d: 1" % i for i in range(99)))]


def answered(*numbers):
    return b"".join(b"HTTP/1.1 200 OK\r\nX-Serial: %d\r\nContent-Length: 2\r\n\r\nok" % n for n in numbers)


def wrong_with(sent, *upstream, answers=1, serials=1, **more):
    numbers = list(range(1, 1 + serials))
    return judge([Seen(None, sent, answered(*range(1, 1 + answers)), True, list(upstream), serials=numbers, **more)])[0]


@pytest.mark.parametrize("good", GOOD)
def test_both_read_good_requests_alike(good):
    one, other = read_llhttp([good])[0], read_h11(good)
    assert one == other and one.end == CLEAN and one.requests


@pytest.mark.parametrize("part", [b"GE", get()[:-2], post(b"Content-Length: 5", body=b"hel"), chunked(body=b"5\r\nhel"), get() + get()[:-1]])
def test_both_wait_for_the_rest_of_half_a_request(part):
    assert read_llhttp([part])[0].end == read_h11(part).end == PARTIAL


def test_both_refuse_a_length_with_a_coding():
    bad = chunked(b"Content-Length: 5")
    assert read_llhttp([bad])[0].refused or read_h11(bad).refused


def test_what_was_passed_on_and_answered_is_fine():
    assert wrong_with(get(), get()) == []


def test_what_was_refused_is_fine():
    assert wrong_with(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", answers=0, serials=0) == []


@pytest.mark.parametrize(
    "passed_on",
    [
        chunked(b"Content-Length: 5"),  # both framings
        chunked(body=b"5;\nxx\r\nhello\r\n0\r\n\r\n"),  # a line end in an extension
        post(b"Content-Length: 5", b"Content-Length: 6", body=b"hello!"),
        get(b"X-A : 1"),
        get(b"X-A: 1\n b"),
        get(b"X-A: a\x00b"),
        get(version=b"HTTP/1.0"),
    ],
)
def test_finds_what_readers_may_take_in_two_ways(passed_on):
    assert wrong_with(passed_on, passed_on)


def test_finds_a_request_nobody_was_answered():
    assert wrong_with(get(), get() + get(), answers=1, serials=2)


def test_finds_an_answer_too_many():
    assert wrong_with(get(), get(), answers=2, serials=1)


def test_finds_a_request_hidden_in_a_body():
    assert wrong_with(post(b"Content-Length: %d" % len(get()), body=get()), post(b"Content-Length: 0") + get(), answers=2, serials=2)


def test_finds_another_body_than_was_said():
    assert wrong_with(post(b"Content-Length: 5", body=b"hello"), post(b"Content-Length: 5", body=b"hallo"))


def test_finds_a_field_that_nobody_said():
    assert wrong_with(get(), get(b"X-Added: 1"))


def test_finds_a_request_left_open():
    assert wrong_with(get(), get()[:-2], answers=0, serials=0, left_open=True)


def test_finds_failures_of_the_proxy_itself():
    seen = Seen(None, get(), b"HTTP/1.1 504 Gateway Timeout\r\n\r\n", True, [get()], serials=[])
    assert judge([seen])[0]


def test_a_case_is_the_same_each_time():
    assert case(3, 17) == case(3, 17) and case(3, 17) != case(3, 18) and case(3, 17) != case(4, 17)
