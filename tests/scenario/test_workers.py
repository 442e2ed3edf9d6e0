"""Several workers: each has its pools and counters, together they hold to the limits (for ThreadSanitizer, too)."""

import signal
import threading

import pytest

from .lib import eventually, ok, reset

pytestmark = pytest.mark.threads
TWO = {"proxy": {"workers": 2}}


def call_all(s, target, count, callers=8):
    """Answers of `count` calls by some callers at once, each over a connection of its own."""
    answers, lock = [], threading.Lock()

    def call():
        with s.connect() as c:
            for _ in range(count // callers):
                answer = c.request(target).response()
                with lock:
                    answers.append(answer.status)

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return answers


def test_all_calls_are_answered(upstream, sidecar):
    users = upstream()
    s = sidecar(settings=TWO, users=users)
    assert call_all(s, "/users/x", 200) == [200] * 200
    assert len(users.requests) == 200


def test_instances_that_fail_are_avoided(upstream, sidecar):
    bad, good = upstream(reset), upstream()
    s = sidecar(settings=TWO, users=[bad, good])
    assert call_all(s, "/users/x", 200) == [200] * 200
    assert len(bad.requests) < 60


def test_limits_hold_over_all_workers(upstream, sidecar, client):
    gate = threading.Event()
    users = upstream(lambda peer, request: (gate.wait(10), peer.send(ok())))
    s = sidecar(settings=TWO, users={"instances": [users.address], "limits": {"in_flight": 4, "waiting": 0}})
    clients = [client(s) for _ in range(24)]
    for c in clients:
        c.request("/users/x")
    eventually(lambda: len(users.requests) >= 2, "requests under way")
    gate.set()
    statuses = [c.response().status for c in clients]
    assert statuses.count(200) >= 2 and set(statuses) <= {200, 503} and 503 in statuses


def test_it_ends_cleanly_under_load(upstream, sidecar):
    s = sidecar(settings=TWO, users=upstream())
    caller = threading.Thread(target=lambda: call_until_refused(s))
    caller.start()
    eventually(lambda: "ACCESS" in s.log(), "calls")
    s.stop()
    caller.join(10)
    assert not caller.is_alive()


def call_until_refused(s):
    try:
        while s.get("/users/x").status == 200:
            pass
    except (OSError, AssertionError):
        pass


def test_reloads_under_load(upstream, sidecar):
    s = sidecar(settings=TWO, users=upstream())
    for _ in range(5):
        s.process.send_signal(signal.SIGHUP)
        assert call_all(s, "/users/x", 40, callers=4) == [200] * 40
