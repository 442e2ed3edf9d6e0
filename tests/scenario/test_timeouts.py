"""Deadlines, tries, connects and idle limits (docs/retries.md)."""

import threading

import pytest

from .lib import black_hole, eventually, ok, problem, stall, takes, then

CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"


def pause(seconds):
    """A slow peer is slow by the clock: there is nothing to wait for."""
    threading.Event().wait(seconds)


def alone(up, **settings):
    return {"instances": [up if isinstance(up, str) else up.address], "retries": {"max": 0}, **settings}


def test_the_deadline_is_a_504(upstream, sidecar):
    s = sidecar(users=alone(upstream(stall), timeout="300ms"))
    with takes(0.28, 1.5):
        problem(s.get("/users/x"), 504, "deadline")


def test_the_deadline_of_one_request(upstream, sidecar):
    s = sidecar(users=alone(upstream(stall)))
    with takes(0.28, 1.5):
        problem(s.get("/users/x", "csidecar-timeout: 300ms"), 504, "deadline")


def test_a_longer_deadline_for_one_request(upstream, sidecar):
    users = upstream(lambda peer, request: (pause(0.4), peer.send(ok("late"))))
    s = sidecar(users=alone(users, timeout="200ms"))
    assert s.get("/users/x", "csidecar-timeout: 5s").body == b"late"


@pytest.mark.parametrize("value", ["soon", "-1s", "", "1", "1 parsec"])
def test_a_malformed_deadline_is_refused_or_ignored(upstream, sidecar, value):
    assert sidecar(users=upstream()).get("/users/x", "csidecar-timeout: " + value).status in (200, 400)


def test_the_deadline_holds_over_all_attempts(upstream, sidecar):
    slow = [upstream(stall) for _ in range(3)]
    s = sidecar(users={"instances": [u.address for u in slow], "timeout": "500ms", "try_timeout": "200ms"})
    with takes(0.4, 1.5):
        assert s.get("/users/x").status == 504


def test_a_connect_that_is_not_answered(sidecar):
    address, kept = black_hole()
    s = sidecar(users=alone(address, connect_timeout="200ms"))
    with takes(0.18, 1.5):
        problem(s.get("/users/x"), 502, "connect_timeout")
    for each in kept:
        each.close()


def test_a_connect_that_is_not_answered_goes_elsewhere(upstream, sidecar):
    address, kept = black_hole()
    good = upstream()
    s = sidecar(users={"instances": [address, good.address], "connect_timeout": "200ms", "balancer": "round_robin"})
    assert {s.post("/users/x").status for _ in range(2)} == {200}
    for each in kept:
        each.close()


def test_the_deadline_does_not_cut_a_long_answer(upstream, sidecar, client):
    users = upstream(then(CHUNK, stall))
    c = client(sidecar(users=alone(users, timeout="200ms")))
    c.request("/users/x").response_head()
    assert c.read_chunk() == b"hello"
    assert not c.is_closed(patience=0.5)
    users.peers[0].send(b"5\r\nagain\r\n")
    assert c.read_chunk() == b"again"


def test_the_deadline_does_not_cut_a_long_upload(upstream, sidecar, client):
    c = client(sidecar(users=alone(upstream(), timeout="300ms")))
    c.request("/users/x", "POST", "Content-Length: 6")
    for byte in b"hello!":
        pause(0.1)
        c.send(bytes([byte]))
    assert c.response().status == 200


def test_an_idle_answer_is_broken_off(upstream, sidecar, client):
    c = client(sidecar(users=alone(upstream(then(CHUNK, stall)), idle_timeout="300ms")))
    c.request("/users/x").response_head()
    assert c.read_chunk() == b"hello"
    with takes(0.2, 2.0):
        assert c.is_closed()


def test_an_idle_tunnel_is_ended(upstream, sidecar, client):
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    c = client(sidecar(users=alone(upstream(then(switch, stall)), tunnel_idle_timeout="300ms")))
    c.request("/users/x", "GET", "Connection: Upgrade", "Upgrade: websocket")
    assert c.response().status == 101
    with takes(0.2, 2.0):
        assert c.is_closed()


def test_a_tunnel_outlives_deadline_and_idle_limit(upstream, sidecar, client):
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    c = client(sidecar(users=alone(upstream(then(switch, stall)), timeout="200ms", idle_timeout="200ms")))
    c.request("/users/x", "GET", "Connection: Upgrade", "Upgrade: websocket")
    assert c.response().status == 101
    assert not c.is_closed(patience=0.6)


def test_a_slow_head_is_a_408(upstream, sidecar, client):
    c = client(sidecar(settings={"limits": {"head_timeout": "300ms"}}, users=upstream()))
    c.send(b"GET /users/x HTTP/1.1\r\nHost: loc")
    with takes(0.2, 2.0):
        assert c.response().status == 408
    assert c.is_closed()


def test_a_slow_body_is_a_408(upstream, sidecar, client):
    c = client(sidecar(settings={"limits": {"body_window": "1s"}}, users=upstream()))
    c.request("/users/x", "POST", "Content-Length: 100000").send(b"abc")
    with takes(0.8, 3.5):
        assert c.response().status == 408
    assert c.is_closed()


def test_an_idle_client_is_let_go(upstream, sidecar, client):
    c = client(sidecar(settings={"limits": {"keepalive": "1s"}}, users=upstream()))
    assert c.request("/users/x").response().status == 200
    with takes(0.8, 3.0):
        assert c.is_closed()


def test_pooled_connections_are_let_go(upstream, sidecar):
    users = upstream()
    s = sidecar(users={"instances": [users.address], "pool": {"idle_timeout": "200ms"}})
    assert s.get("/users/x").status == 200
    eventually(lambda: users.peers[0].socket.fileno() < 0, "the end of the idle connection")


def test_the_idle_limit_is_learned_from_keep_alive(upstream, sidecar):
    users = upstream(ok("hi", "Keep-Alive: timeout=2"))
    s = sidecar(users={"instances": [users.address], "pool": {"idle_timeout": "60s"}})
    assert s.get("/users/x").status == 200
    eventually(lambda: users.peers[0].socket.fileno() < 0, "the end of the idle connection")
