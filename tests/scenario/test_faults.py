"""What an instance may do wrong, what the client then sees, and that nothing of it is left for the next one."""

import contextlib
import threading
import time

import pytest

from .lib import Ended, close, eventually, ok, reset, stall, takes, then

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ONE_TRY = {"retries": {"max": 0}}


def trickle(data, pause):
    def answer(peer, request):
        with contextlib.suppress(OSError):
            for i in range(len(data)):
                peer.send(data[i : i + 1])
                time.sleep(pause)
        peer.close()

    return answer


def half_close(peer, request):
    peer.send(ok("ok"))
    peer.half_close()
    stall(peer, request)


# Before a byte of the answer could be passed on: what is done, status, code.
REFUSED = {
    "says nothing and closes": (close, 502, "upstream_reset"),
    "says nothing and resets": (reset, 502, "upstream_reset"),
    "resets in the head": (then(b"HTTP/1.1 200 OK\r\nContent-Le", reset), 502, "bad_response"),
    "closes in the head": (then(b"HTTP/1.1 200 OK\r\nContent-Le", close), 502, "bad_response"),
    "closes after a 100": (then(b"HTTP/1.1 100 Continue\r\n\r\n", close), 502, "upstream_reset"),
    "is no server of HTTP": (then(b"220 mail.example ESMTP\r\n", stall), 502, "bad_response"),
    "says binary": (then(b"\x15\x03\x01\x00\x02\x02\x16", stall), 502, "bad_response"),
    "says two lengths": (then(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", stall), 502, "bad_response"),
    "says a length and chunks": (then(CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n0\r\n\r\n", stall), 502, "bad_response"),
    "upgrades unasked": (then(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", stall), 502, "bad_response"),
    "says 1xx for ever": (then(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 200, stall), 502, "bad_response"),
    "says a head without end": (then(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100000, stall), 502, "bad_response"),
    "hangs": (stall, 504, "deadline"),
    "hangs in the head": (then(b"HTTP/1.1 200 OK\r\n", stall), 504, "deadline"),
    "trickles its head": (trickle(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200, 0.02), 504, "deadline"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_before_the_answer(upstream, sidecar, client, fault):
    act, status, code = REFUSED[fault]
    up = upstream(act, ok("well again"))
    s = sidecar(users={"instances": [up.address], "timeout": "400ms", **ONE_TRY})
    c = client(s)
    with takes(0, 2):
        answer = c.request("/users/x").response()
    assert (answer.status, answer["csidecar-error"]) == (status, code)
    s.wait_for_log("error=" + code)
    again = c.request("/users/x").response()
    assert (again.status, again.body) == (200, b"well again")
    assert [r.connection for r in up.requests] == [1, 2]


# After the head: what comes of the body, and the code in the log.
CUT = {
    "resets in the body": (then(HEAD + b"hello", reset), b"hello"),
    "closes in the body": (then(HEAD + b"hello", close), b"hello"),
    "closes in a chunk": (then(CHUNKED + b"a\r\nhello", close), b"hello"),
    "closes between chunks": (then(CHUNKED + b"5\r\nhello\r\n", close), b"hello"),
    "closes before the trailers' end": (then(CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\n", close), b"hello"),
    "says a bad chunk": (then(CHUNKED + b"5\r\nhello\r\nxyz\r\n", stall), b"hello"),
}


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("fault", CUT)
def test_in_the_body(upstream, sidecar, client, fault, version):
    act, start = CUT[fault]
    up = upstream(act, ok("well again"))
    s = sidecar(users={"instances": [up.address], **ONE_TRY})
    c = client(s).request("/users/x", version=version)
    head = c.response_head()
    assert head.status == 200
    if "content-length" in head or "transfer-encoding" in head:
        with pytest.raises((Ended, ConnectionResetError)):
            c.read_body(head)
    else:  # a clean end would look whole
        with pytest.raises(ConnectionResetError):
            c.read_body(head, until_close=True)
    eventually(lambda: "error=response_truncated" in s.log() or "error=bad_response" in s.log(), "the log line")
    assert s.get("/users/x").body == b"well again"
    assert [r.connection for r in up.requests] == [1, 2]


# The answer is whole, but its connection must not be used again.
SUSPICIOUS = {
    "closes its half": half_close,
    "says more than its length": then(ok("ok") + b"more", stall),
    "says two answers": then(ok("ok") + ok("poison"), stall),
    "has a body with a 204": then(b"HTTP/1.1 204 No Content\r\n\r\n" + ok("poison"), stall),
    "says close": then(ok("ok", "Connection: close"), stall),
    "speaks 1.0": then(ok("ok").replace(b"HTTP/1.1", b"HTTP/1.0"), stall),
}


@pytest.mark.parametrize("fault", SUSPICIOUS)
def test_after_the_answer(upstream, sidecar, fault):
    up = upstream(SUSPICIOUS[fault], ok("well"))
    s = sidecar(users=up)
    assert s.get("/users/x").status in (200, 204)
    assert [s.get("/users/x").body for _ in range(3)] == [b"well"] * 3
    assert up.requests[1].connection == 2


def test_a_body_may_trickle(upstream, sidecar):
    up = upstream(trickle(ok("0123456789"), 0.02))
    s = sidecar(users={"instances": [up.address], "timeout": "2s", "idle_timeout": "500ms"})
    assert s.get("/users/x").body == b"0123456789"


def test_an_instance_that_dies_among_many_calls(upstream, sidecar):
    dying, living = upstream(ok("ok")), upstream(ok("ok"))
    s = sidecar(users=[dying, living])
    answers = []

    def call_many():
        with s.connect() as c:
            answers.extend(c.request("/users/x").response().status for _ in range(200))

    threads = [threading.Thread(target=call_many) for _ in range(4)]
    for each in threads:
        each.start()
    eventually(lambda: len(dying.requests) > 50, "some calls")
    dying.stop()
    for each in threads:
        each.join(20)
    assert answers == [200] * 800


def test_a_hung_instance_costs_the_time_of_one_try(upstream, sidecar):
    hung, living = upstream(stall), upstream(ok("ok"))
    s = sidecar(users={"instances": [hung.address, living.address], "try_timeout": "100ms"})
    with takes(0, 4):
        assert [s.get("/users/x").status for _ in range(20)] == [200] * 20


def test_one_who_reads_nothing_of_an_upload(upstream, sidecar, client):
    def read_nothing(peer):
        peer.read_head()
        time.sleep(2)
        peer.reset()

    up = upstream(raw=read_nothing)
    s = sidecar(users={"instances": [up.address], "timeout": "500ms", **ONE_TRY})
    c = client(s)
    c.send("POST /users/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n")
    c.socket.settimeout(0.1)
    with contextlib.suppress(TimeoutError):
        while True:
            c.send(b"x" * 100000)
    c.socket.settimeout(5)
    answer = c.response()
    assert (answer.status, answer["csidecar-error"]) == (504, "deadline")
    assert s.rss_kib() < 30000
