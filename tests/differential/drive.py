"""Sends cases through a proxy and keeps what each side saw.

Cases run in lanes: each a service with one upstream of its own, one case after the other, so what arrives there meanwhile is that
case's. The client ends its side after its last byte; the proxy then answers what it took, and closes: nobody waits for luck.
"""

import asyncio
import itertools
import re
import socket
from dataclasses import dataclass, field

from tests.hostile import wire
from tests.hostile.targets import TARGETS

LANES = 48
PATIENCE = 8.0
SERIAL = re.compile(rb"(?i)\r\nX-Serial: (\d+)\r\n")
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


@dataclass
class Seen:
    case: object
    sent: bytes
    answer: bytes = b""  # all that the client read
    closed: bool = False
    upstream: list = field(default_factory=list)  # bytes of each connection, in the order they began
    left_open: bool = False  # one of them was left in the middle of a request, and open
    serials: list = field(default_factory=list)  # answers given upstream

    @property
    def relayed(self):
        return [int(n) for n in SERIAL.findall(self.answer)]

    @property
    def statuses(self):
        return [int(s) for s in STATUS.findall(self.answer) if s != b"100"]


class Upstream(asyncio.Protocol):
    """Answers each whole request with its number."""

    def __init__(self, lane):
        self.lane, self.bytes, self.rest, self.continued = lane, b"", b"", False

    def connection_made(self, transport):
        self.transport = transport
        self.lane.connections.append(self)

    def connection_lost(self, _):
        self.lane.changed.set()
        self.lane.connections.remove(self)

    @property
    def inside(self):
        return bool(self.rest)

    def data_received(self, data):
        if not self.bytes:
            self.lane.begun.append(self)
        self.bytes += data
        self.rest += data
        while True:
            message, rest = wire.read_request(self.rest)
            if message is None or not message.whole:
                break
            self.rest, self.continued = rest, False
            self.answer(message)
        if message and not self.continued and message.values(b"expect"):
            self.continued = True
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.lane.changed.set()

    def answer(self, message):
        self.lane.serial += 1
        self.lane.answered.append(self.lane.serial)
        body = b"" if message.method == b"HEAD" else b"ok"
        self.transport.write(b"HTTP/1.1 200 OK\r\nX-Serial: %d\r\nContent-Length: 2\r\n\r\n%s" % (self.lane.serial, body))


class Client(asyncio.Protocol):
    def __init__(self):
        self.raw, self.over = b"", asyncio.get_running_loop().create_future()

    def data_received(self, data):
        self.raw += data

    def eof_received(self):
        return False

    def connection_lost(self, _):
        if not self.over.done():
            self.over.set_result(None)


class Lane:
    def __init__(self, number):
        self.number, self.serial = number, 0
        self.name = b"z%02d" % number
        self.connections, self.changed = [], asyncio.Event()
        self.begun, self.answered = [], []

    async def open(self):
        self.server = await asyncio.get_running_loop().create_server(lambda: Upstream(self), "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    def close(self):
        self.server.close()
        for c in list(self.connections):
            c.transport.abort()

    async def say(self, pieces, port):
        """(all the answer, closed). Addresses of its own: 100,000 connections in a minute are too many for one."""
        loop = asyncio.get_running_loop()
        own = ("127.1.0.%d" % (1 + self.number), 0)
        transport, client = await loop.create_connection(Client, "127.0.0.1", port, local_addr=own)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i, piece in enumerate(pieces):
            if i:
                await asyncio.sleep(0.002)
            transport.write(piece)
        try:
            transport.write_eof()
        except OSError:  # it has reset the connection
            pass
        try:
            await asyncio.wait_for(client.over, self.patience)
            return client.raw, True
        except asyncio.TimeoutError:
            return client.raw, False
        finally:
            transport.abort()

    async def settle(self):
        """What was written before the client's end is here after a few turns; a broken request's connection must end."""
        for _ in range(6):
            await asyncio.sleep(0)
        end = asyncio.get_running_loop().time() + self.patience / 4
        while any(c.inside for c in self.connections) and asyncio.get_running_loop().time() < end:
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), 0.1)
            except asyncio.TimeoutError:
                pass

    async def run(self, case, port):
        seen = Seen(case, case.bytes.replace(b"svc", self.name))
        ends = list(itertools.accumulate(len(p) for p in case.pieces))
        pieces = [seen.sent[a:b] for a, b in zip([0] + ends, ends)]  # a cut may go through the name
        self.begun, self.answered = [], []
        for c in self.connections:
            c.bytes = b""
        seen.answer, seen.closed = await self.say(pieces, port)
        await self.settle()
        seen.left_open = any(c.inside for c in self.connections)
        seen.upstream = [c.bytes for c in self.begun]
        seen.serials = self.answered
        for c in [c for c in self.connections if c.inside]:
            c.transport.abort()
        return seen


class Drive:
    """async with Drive("csidecar") as drive: await drive.run(cases)"""

    def __init__(self, target, patience=PATIENCE):
        self.target, self.patience = TARGETS[target](), patience

    async def __aenter__(self):
        self.lanes = [Lane(i) for i in range(LANES)]
        for lane in self.lanes:
            lane.patience = self.patience
            await lane.open()
        self.port = await self.target.start({lane.name.decode(): lane.port for lane in self.lanes})
        return self

    async def __aexit__(self, *_):
        for lane in self.lanes:
            lane.close()
        await self.target.stop()

    async def run(self, cases):
        """What was seen of each, in their order; raises when the proxy did not live through it."""
        waiting, done = iter(cases), []

        async def work(lane):
            for case in waiting:
                done.append(await lane.run(case, self.port))

        await asyncio.gather(*(work(lane) for lane in self.lanes))
        ill = await self.target.alive(self.port)
        if ill:
            raise AssertionError(ill)
        return sorted(done, key=lambda s: s.case.number)
