"""A server may close a connection at the very moment it is used again. No idempotent call may fail by that, and
nothing may be sent twice that must not be (docs/retries.md)."""

import asyncio
import collections
import random
import struct
import socket
import threading

import pytest

from .lib import Client, close, eventually, ok

CLIENTS, CALLS = 8, 120
METHODS = ("GET", "PUT", "POST", "DELETE")


class ImpatientServer:
    """Closes each connection after some random idle time, mostly around the moment of the next request."""

    def __init__(self, reset):
        self.reset, self.seen, self.closed_idle = reset, collections.Counter(), 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        start = asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        self.server = asyncio.run_coroutine_threadsafe(start, self.loop).result(5)
        self.address = "127.0.0.1:%d" % self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        try:
            while True:
                patience = random.choice((0, 0.001, 0.002, 0.004, 0.008, 5))
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), patience or 5)
                size = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
                await reader.readexactly(int(size[0].split(b":")[1]) if size else 0)
                self.seen[head.split(b" ")[1].decode()] += 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                if not patience:
                    break
        except (asyncio.TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            pass
        self.closed_idle += 1
        if self.reset:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    def stop(self):
        self.loop.call_soon_threadsafe(self.server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


@pytest.fixture
def impatient():
    started = []

    def start(reset):
        started.append(ImpatientServer(reset))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def call_many(address, number, results):
    dice = random.Random(number)
    client = Client(address)
    for i in range(CALLS):
        method = dice.choice(METHODS)
        target = "/%s-%d-%d" % (method, number, i)
        body = b"x" * dice.choice((1, 100, 5000)) if method in ("PUT", "POST") else None
        client.request("/users" + target, method, body=body)
        answer = client.response(method)
        results.append((method, target, answer.status, "csidecar-error" in answer and answer["csidecar-error"]))
        if "connection" in answer:  # refused before all of the body was there
            client.close()
            client = Client(address)
        threading.Event().wait(dice.choice((0, 0, 0.001, 0.002, 0.004)))
    client.close()


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "reset"])
def test_calls_on_connections_that_are_just_being_closed(impatient, sidecar, reset):
    server, results = impatient(reset), []
    s = sidecar(users=[server.address])
    threads = [threading.Thread(target=call_many, args=(s.address, n, results)) for n in range(CLIENTS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    assert len(results) == CLIENTS * CALLS
    assert server.closed_idle > 100
    failed = [r for r in results if r[2] != 200]
    assert [r for r in failed if r[0] != "POST"] == []
    assert {r[3] for r in failed} <= {"upstream_reset"}
    assert len(failed) < len(results) / 20, failed
    assert [t for t, times in server.seen.items() if times > 1 and t.startswith("/POST")] == []
    assert [r for r in results if r[2] == 200 and not server.seen[r[1]]] == []


def good_for_one(peer, request):
    """Closes when the connection is used again, and then says nothing."""
    if getattr(peer, "used", False):
        return close(peer, request)
    peer.used = True
    peer.send(ok("ok"))


def test_a_further_attempt_does_not_meet_the_next_stale_connection(upstream, sidecar):
    gate = threading.Event()
    up = upstream(lambda peer, request: (gate.wait(10), good_for_one(peer, request)))
    s = sidecar(users=up)
    clients = [Client(s.address).request("/users/x") for _ in range(8)]
    eventually(lambda: len(up.requests) == 8, "eight connections")
    gate.set()
    assert [c.response().status for c in clients] == [200] * 8
    assert [s.get("/users/x")["csidecar-attempts"] for _ in range(2)] == ["2", "2"]
