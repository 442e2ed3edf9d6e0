"""A sidecar that has nothing to do costs next to nothing."""

import contextlib
import socket
import time

from scenario.lib import Client, eventually

from .process import descriptors, memory_mib

CONNECTIONS, BATCH = 10000, 100
REQUEST = b"GET /users/x HTTP/1.1\r\nHost: localhost\r\n\r\n"


def milliseconds_to_first_answer(sidecar, **services):
    begun = time.monotonic()
    s = sidecar(wait=False, **services)
    while True:
        with contextlib.suppress(ConnectionRefusedError), Client(s.address) as client:
            assert client.request("/users/x").response().status == 200
            return s, (time.monotonic() - begun) * 1000
        time.sleep(0.0005)


def test_answers_within_50_ms_of_its_start_and_idles_below_4_mib(sidecar, upstream):
    users, times = upstream(), []
    for _ in range(5):  # the quickest: others use this machine, too
        s, took = milliseconds_to_first_answer(sidecar, users=users)
        times.append(took)
        assert memory_mib(s) < 4
    assert min(times) < 50, times


def used_connections(address, count):
    """Each has made a request and waits for its next one."""
    batch = [socket.create_connection(address) for _ in range(count)]
    for s in batch:
        s.sendall(REQUEST)
    for s in batch:
        answer = b""
        while not answer.endswith(b"\r\n\r\nok"):
            answer += s.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 "), answer
    return batch


def test_ten_thousand_idle_connections_take_less_than_16_mib_and_leave_nothing(sidecar, upstream):
    s = sidecar(users=upstream())
    connections = used_connections(s.address, BATCH)
    memory, open_before = memory_mib(s), descriptors(s)
    while len(connections) < CONNECTIONS:
        connections += used_connections(s.address, BATCH)
    assert descriptors(s) >= CONNECTIONS
    assert memory_mib(s) < 16
    for each in connections:
        each.close()
    eventually(lambda: descriptors(s) < open_before, "the descriptors to come back")
    eventually(lambda: memory_mib(s) < memory + 1, "the memory to come back", 15)
