"""Limits: what is too much is refused, what is just within passes (docs/security.md)."""

import threading

import pytest

from .lib import eventually, ok, problem, stall


def held(up, in_flight, waiting):
    return {"instances": [up.address], "limits": {"in_flight": in_flight, "waiting": waiting}, "retries": {"max": 0}}


def is_full(s):
    """One that may wait gets a 504 soon, one that may not a 503 at once."""
    return s.get("/users/probe", "csidecar-timeout: 50ms").status == 503


def gated(upstream):
    """An upstream that answers each request only once `gate` is set."""
    gate = threading.Event()
    return upstream(lambda peer, request: (gate.wait(10), peer.send(ok("done")))), gate


def test_more_than_may_wait_are_a_503(upstream, sidecar, client):
    users, gate = gated(upstream)
    s = sidecar(users=held(users, 1, 1))
    first, second = client(s), client(s)
    first.request("/users/1")
    eventually(lambda: users.requests, "the first request")
    second.request("/users/2")
    eventually(lambda: is_full(s), "the queue to fill")
    problem(s.get("/users/4"), 503, "overloaded")
    gate.set()
    assert first.response().body == second.response().body == b"done"


def test_those_who_wait_are_served_in_order(upstream, sidecar, client):
    users, gate = gated(upstream)
    s = sidecar(users=held(users, 1, 64))
    clients = [client(s) for _ in range(5)]
    for i, c in enumerate(clients):
        c.request("/users/%d" % i)
        eventually(lambda: users.requests, "the first request")
    gate.set()
    assert [c.response().status for c in clients] == [200] * 5
    assert users.requests[0].target == "/0" and len(users.requests) == 5


def test_one_who_leaves_the_queue_makes_room(upstream, sidecar, client):
    users, gate = gated(upstream)
    s = sidecar(users=held(users, 1, 1))
    first, leaver = client(s), client(s)
    first.request("/users/1")
    eventually(lambda: users.requests, "the first request")
    leaver.request("/users/2")
    eventually(lambda: is_full(s), "the queue to fill")
    leaver.close()
    eventually(lambda: not is_full(s), "room in the queue")
    gate.set()
    assert first.response().status == 200 and s.get("/users/3").status == 200
    assert "/2" not in [r.target for r in users.requests]


def test_the_deadline_counts_in_the_queue(upstream, sidecar, client):
    users = upstream(stall)
    s = sidecar(users={**held(users, 1, 8), "timeout": "400ms"})
    first = client(s)
    first.request("/users/1", "GET", "csidecar-timeout: 5s")
    eventually(lambda: users.requests, "the first request")
    problem(s.get("/users/2"), 504, "deadline")


def test_one_service_does_not_starve_another(upstream, sidecar, client):
    slow, quick = upstream(stall), upstream()
    s = sidecar(slow=held(slow, 1, 0), quick=quick)
    client(s).request("/slow/x")
    eventually(lambda: slow.requests, "the first request")
    assert s.get("/slow/x").status == 503 and s.get("/quick/x").status == 200


@pytest.mark.parametrize("length, status", [(32 * 1024 - 100, 200), (33 * 1024, 414), (200000, 414)])
def test_the_target(upstream, sidecar, length, status):
    s = sidecar(users=upstream())
    assert s.get("/users/" + "t" * (length - 7)).status == status


@pytest.mark.parametrize("size, status", [(60000, 200), (66000, 431), (500000, 431)])
def test_the_head(upstream, sidecar, size, status):
    s = sidecar(users=upstream())
    assert s.get("/users/x", "X-A: " + "v" * size).status == status


@pytest.mark.parametrize("count, status", [(98, 200), (101, 431), (2000, 431)])
def test_the_number_of_fields(upstream, sidecar, count, status):
    s = sidecar(users=upstream())
    assert s.get("/users/x", *["X-A: 1"] * count).status == status


def test_refusals_carry_their_code(upstream, sidecar):
    s = sidecar(users=upstream())
    problem(s.get("/users/" + "t" * 40000), 414, "target_too_long")
    problem(s.get("/users/x", "X-A: " + "v" * 70000), 431, "head_too_large")


def test_limits_can_be_set(upstream, sidecar):
    s = sidecar(settings={"limits": {"head": "2KiB", "fields": 10, "target": "256B"}}, users=upstream())
    assert s.get("/users/" + "t" * 300).status == 414
    assert s.get("/users/x", "X-A: " + "v" * 3000).status == 431
    assert s.get("/users/x", *["X-A: 1"] * 12).status == 431
    assert s.get("/users/x").status == 200


def test_an_answers_head_past_the_limit_is_a_502(upstream, sidecar):
    problem(sidecar(users=upstream(ok("hi", "X-A: " + "v" * 100000))).get("/users/x"), 502, "bad_response")


def test_many_connections_at_once(upstream, sidecar, client):
    s = sidecar(users=upstream())
    clients = [client(s) for _ in range(300)]
    for c in clients:
        c.request("/users/x")
    assert {c.response().status for c in clients} == {200}


def test_a_limit_on_connections(upstream, sidecar, client):
    s = sidecar(settings={"limits": {"connections": 4}}, users=upstream())
    kept = []
    with pytest.raises((OSError, AssertionError)):
        while len(kept) < 10:
            kept.append(client(s))
            kept[-1].request("/users/x").response()
    assert len(kept) <= 5
    kept[0].close()
    eventually(lambda: answers(s), "room for another")


def answers(s):
    """One too many is turned away, by whatever means."""
    try:
        return s.get("/users/x").status == 200
    except (OSError, AssertionError):
        return False


def test_idle_connections_cost_little(upstream, sidecar, client):
    s = sidecar(users=upstream())
    s.get("/users/x")
    before = s.rss_kib()
    clients = [client(s) for _ in range(500)]
    for c in clients:
        c.request("/users/x").response()
    assert s.grew_less_than(before, 2048)
