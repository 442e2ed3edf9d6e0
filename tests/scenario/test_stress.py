"""Faults in number: nothing is lost, leaked or spun on (the fault models every trusted proxy is held to)."""

import contextlib
import os
import resource
import signal
import socket
import threading
import time
from pathlib import Path

from .lib import Client, Ended, echo, eventually, ok, reset, stall, then, unwell

BODY = os.urandom(300_000)


def descriptors(s):
    return len(os.listdir("/proc/%d/fd" % s.process.pid))


def cpu_seconds(s):
    fields = Path("/proc/%d/stat" % s.process.pid).read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def back_to(s, before):
    eventually(lambda: descriptors(s) <= before, "descriptors back at %d (now %d)" % (before, descriptors(s)))


def test_hostile_connections_leave_nothing_behind(upstream, sidecar):
    s = sidecar(users=upstream())
    assert s.get("/users/x").status == 200
    before, rss = descriptors(s), s.rss_kib()
    for junk in (b"\x00" * 100, b"GET / HTTP/9.9\r\n\r\n", b"GET /users/x HTTP/1.1\r\nHost: a b\r\n\r\n", b"GET /us", b""):
        for _ in range(200):
            with s.connect() as c:
                c.send(junk)
    back_to(s, before)
    assert s.grew_less_than(rss, 2048) and s.get("/users/x").status == 200


def test_clients_that_vanish_leave_nothing_behind(upstream, sidecar):
    users = upstream(then(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + BODY, stall))
    s = sidecar(users=users, quick=upstream())
    assert s.get("/quick/x").status == 200
    before = descriptors(s)
    for _ in range(50):
        c = s.connect()
        c.request("/users/x").response_head()
        c.reset()
        c = s.connect()
        c.request("/users/x", "POST", "Content-Length: 100000000").send(BODY)
        c.reset()
    back_to(s, before)
    assert s.get("/quick/x").status == 200


def test_upstreams_that_vanish_leave_nothing_behind(upstream, sidecar):
    users = upstream(reset)
    s = sidecar(users={"instances": [users.address], "retries": {"max": 0}})
    s.get("/users/x")
    before = descriptors(s)
    for _ in range(200):
        assert s.get("/users/x").status == 502
    back_to(s, before)


def test_idle_connections_that_are_reset_cost_no_get(upstream, sidecar):
    users = upstream()
    s = sidecar(users=users)
    for _ in range(100):
        assert s.get("/users/x").status == 200
        peer = users.peers[-1]
        peer.socket.shutdown(socket.SHUT_RDWR)


def test_a_retry_storm_stays_within_the_budget(upstream, sidecar):
    users = upstream(unwell())
    s = sidecar(users={"instances": [users.address], "retries": {"backoff": "0s", "budget": "20%", "budget_min": 0}})
    with s.connect() as c:
        for _ in range(300):
            assert c.request("/users/x").response().status == 503
    assert len(users.requests) <= 300 * 1.2 + 10


def test_small_windows_and_slow_peers_lose_no_byte(upstream, sidecar):
    """Every write is partial, every read small."""
    body = BODY[:40_000]
    s = sidecar(users=upstream(echo))
    with s.connect() as c:
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        sender = threading.Thread(target=lambda: c.request("/users/x", "POST", body=body))
        sender.start()
        head = c.response_head()
        data = b""
        while len(data) < len(body):
            data += c.read(min(777, len(body) - len(data)))
        sender.join()
    assert head.status == 200 and data == body


def test_running_out_of_descriptors_is_survived(upstream, sidecar):
    users = upstream()
    s = sidecar(users=users)
    assert s.get("/users/x").status == 200
    resource.prlimit(s.process.pid, resource.RLIMIT_NOFILE, (40, 40))
    many = []
    for _ in range(80):
        many.append(Client(s.address))
        with contextlib.suppress(OSError):  # turned away at once
            many[-1].request("/users/x")
    used = cpu_seconds(s)
    time.sleep(0.5)
    assert cpu_seconds(s) - used < 0.2, "it spins"
    for c in many:
        c.close()
    eventually(lambda: is_answered(s), "calls to be answered again", 3)


def is_answered(s):
    try:
        return s.get("/users/x").status == 200
    except (OSError, Ended):
        return False


def test_nothing_under_way_is_lost_in_a_drain(upstream, sidecar):
    gate = threading.Event()
    users = upstream(lambda peer, request: (gate.wait(10), peer.send(ok("done"))))
    s = sidecar(settings={"drain": {"settle": "0s", "finish": "10s"}}, users=users)
    clients = [Client(s.address) for _ in range(50)]
    for c in clients:
        c.request("/users/x")
    eventually(lambda: len(users.requests) == 50, "fifty requests under way")
    s.process.send_signal(signal.SIGTERM)
    threading.Timer(0.3, gate.set).start()
    assert [c.response().body for c in clients] == [b"done"] * 50
    s.stop()


def test_many_calls_of_all_kinds_at_once(upstream, sidecar):
    """Good, slow, broken and gone at once, from eight callers; the good ones never notice."""
    good, bad = upstream(echo), upstream(reset, unwell(), then(ok("hello")[:-2], reset), ok())
    s = sidecar(good=good, bad={"instances": [bad.address], "timeout": "300ms"})
    wrong = []

    def call(number):
        for i in range(50):
            body = BODY[: (number * 7919 + i * 104729) % 100_000]
            if s.post("/good/x", body=body).body != body:
                wrong.append((number, i))
            try:
                s.get("/bad/x")
            except (Ended, OSError):
                pass

    threads = [threading.Thread(target=call, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []
