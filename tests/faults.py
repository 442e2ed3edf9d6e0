"""A proxy before a server's port, by TCP and where asked by UDP, and what can go wrong there, switched while it runs.

    with FaultProxy(server.ports[0]) as proxy:
        proxy.set("half_open")

    pass       to the server and back
    refuse     nobody listens; open connections are reset
    reset      accepted, then reset; open connections, too
    garbage    whatever comes is answered by rubbish, half of the connections in text, half in bytes
    silent     accepted and read, never answered; open connections are reset
    half_open  open connections lose all bytes both ways and are never ended by us, not even later; new ones are silent
    slow       each direction of each connection is late by `seconds`
    trickle    what the server says comes byte by byte, `seconds` apart
    cut        what the server says at once is cut off after `after` bytes, by RST
    impatient  reset when the server's answer was the last for a random time, up to `seconds`
    endless    whatever comes is answered by a head that does not end
    flap       `period` seconds of pass, then as many of refuse, and so on

By UDP there are no connections: reset, silent, half_open and what is said of bytes are datagrams that get lost.

One thread for all proxies of a process.
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading
import time

from ports import free_port

RELAYING = ("pass", "slow", "trickle", "cut", "impatient")  # there is a server behind the connection
MODES = RELAYING + ("refuse", "reset", "garbage", "silent", "half_open", "endless", "flap")
READ = 65536
# What looks like an answer, and what does not.
RUBBISH = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{\"kvs\": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"-ERR nonsense\r\nINFO {\r\nMSG\r\nMSG a 1 99999999999999999999\r\n",
    b"<html><body>Captive portal</body></html>\r\n\r\n",
    b"HTTP/1.1 999\r\n\r\n",
]
ENDLESS = b"X-More: and more\r\n" * 64


class Loop:
    """The thread of all proxies."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def call(self, coroutine, seconds=10):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds)


shared, lock = None, threading.Lock()


def loop():
    global shared
    with lock:
        shared = shared or Loop()
        return shared


def reset(writer):
    """Ends it by RST."""
    if s := writer.get_extra_info("socket"):
        with contextlib.suppress(OSError):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Connection:
    """Of one client, and to the server where it may go there. `mode` is its own: it can outlive the proxy's."""

    def __init__(self, proxy, reader, writer, number):
        self.proxy, self.reader, self.writer, self.number = proxy, reader, writer, number
        self.mode = proxy.mode
        self.server = None
        self.random = random.Random(number)
        self.patience = None  # ends it in time

    async def run(self):
        try:
            if self.mode == "reset":
                return
            await self.late()
            if self.mode in RELAYING:
                await self.relay()
            else:
                await self.pump(self.reader, None)
        except OSError:
            pass
        finally:
            self.end()

    async def late(self):
        if self.mode == "slow":
            await self.proxy.late()

    async def relay(self):
        reader, self.server = await asyncio.open_connection("127.0.0.1", self.proxy.target)
        ways = [asyncio.create_task(self.pump(self.reader, self.server)),
                asyncio.create_task(self.pump(reader, self.writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        if self.mode == "half_open":  # the end of one side does not reach the other
            await asyncio.wait(ways)
        for way in ways:
            way.cancel()

    async def pump(self, reader, writer):
        """One direction, until it ends; late where the mode says so, and in order."""
        queue = asyncio.Queue(64)
        sender = asyncio.create_task(self.send(queue, writer))
        try:
            while data := await reader.read(READ):
                await queue.put((time.monotonic() + (self.proxy.seconds if self.mode == "slow" else 0), data))
            await queue.put((0, None))
            await sender
        except OSError:
            pass
        finally:
            sender.cancel()

    async def send(self, queue, writer):
        while True:
            due, data = await queue.get()
            if data is None:
                return
            await asyncio.sleep(max(0, due - time.monotonic()))
            await self.deliver(data, writer)

    async def deliver(self, data, writer):
        if self.mode == "garbage":
            await self.answer_rubbish()
        elif self.mode == "endless":
            await self.answer_without_end()
        elif self.mode in RELAYING and writer:
            await getattr(self, "deliver_" + self.mode, self.write)(data, writer)

    async def write(self, data, writer):
        writer.write(data)
        await writer.drain()

    async def deliver_trickle(self, data, writer):
        while data and writer is self.writer and self.mode == "trickle":
            await self.write(data[:1], writer)
            data = data[1:]
            await asyncio.sleep(self.proxy.seconds)
        await self.write(data, writer)

    async def deliver_cut(self, data, writer):
        await self.write(data if writer is self.server else data[: self.proxy.after], writer)
        if writer is self.writer:
            await asyncio.sleep(0.001)  # what was written is not to be lost by the RST
            self.end()

    async def deliver_impatient(self, data, writer):
        if self.patience:
            self.patience.cancel()
        await self.write(data, writer)
        if writer is self.writer:
            self.patience = asyncio.get_running_loop().call_later(self.random.random() * self.proxy.seconds, self.end)

    async def answer_rubbish(self):
        rubbish = self.random.choice(RUBBISH) if self.number % 2 else self.random.randbytes(self.random.choice((1, 64, 4096)))
        await self.write(rubbish, self.writer)

    async def answer_without_end(self):
        await self.write(b"HTTP/1.1 200 OK\r\n", self.writer)
        while not self.writer.is_closing():
            await self.write(ENDLESS, self.writer)

    def end(self):
        """By RST: that the server closed is seen as well."""
        if self.patience:
            self.patience.cancel()
        for writer in (self.writer, self.server):
            if writer:
                reset(writer)
        self.proxy.connections.discard(self)

    async def switch(self, mode):
        if self.mode == "half_open":
            return  # lost for good
        if mode in ("refuse", "reset", "silent"):
            return self.end()
        if self.mode not in RELAYING and mode in RELAYING:
            return self.end()  # it has no server
        self.mode = mode
        if mode == "garbage":
            with contextlib.suppress(OSError):
                await self.answer_rubbish()


class Datagrams(asyncio.DatagramProtocol):
    """The UDP side of a proxy."""

    def __init__(self, proxy):
        self.proxy, self.clients, self.retired = proxy, {}, []

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, client):
        mode = self.proxy.mode
        if mode == "garbage":
            self.transport.sendto(random.choice(RUBBISH + [data, data[:12], data[:2] + bytes(10)]), client)
        elif mode in ("pass", "slow"):
            asyncio.create_task(self.forward(data, client))

    async def forward(self, data, client):
        if client not in self.clients:
            self.clients[client] = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: Back(self, client), remote_addr=("127.0.0.1", self.proxy.target))
        await self.proxy.late()
        self.clients[client][0].sendto(data)

    def retire(self):
        """What is under way is still answered; what comes goes to the new target."""
        self.retired += self.clients.values()
        self.clients.clear()

    def end(self):
        self.retire()
        for transport, _ in self.retired:
            transport.close()
        self.transport.close()


class Back(asyncio.DatagramProtocol):
    """What the server says to one client of Datagrams."""

    def __init__(self, datagrams, client):
        self.datagrams, self.client = datagrams, client

    def datagram_received(self, data, server):
        if self.datagrams.proxy.mode in ("pass", "slow"):
            asyncio.create_task(self.back(data))

    async def back(self, data):
        await self.datagrams.proxy.late()
        self.datagrams.transport.sendto(data, self.client)


class FaultProxy:
    def __init__(self, target, port=None, udp=False):
        self.target, self.port = target, port or free_port()
        self.udp, self.datagrams = udp, None
        self.mode, self.seconds, self.after = "refuse", 0, 0
        self.connections, self.accepted, self.listener, self.flapping = set(), 0, None, None
        self.set("pass")

    def set(self, mode, seconds=5, period=1, after=0):
        """In force when it returns."""
        assert mode in MODES, mode
        loop().call(self.change(mode, seconds, period, after))

    def lead_to(self, target):
        """Another server in the place of the one before, with no moment in which there is none."""
        loop().call(self.exchange(target))

    async def exchange(self, target):
        self.target = target
        await self.end_all()
        if self.datagrams:
            self.datagrams.retire()

    def close(self):
        self.set("refuse")
        loop().call(self.end_all())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    async def change(self, mode, seconds, period, after):
        if self.flapping:
            self.flapping.cancel()
            self.flapping = None
        self.seconds, self.after = seconds, after
        if mode == "flap":
            self.flapping = asyncio.create_task(self.flap(period))
        else:
            await self.switch(mode)

    async def late(self):
        if self.mode == "slow":
            await asyncio.sleep(self.seconds)

    async def end_all(self):
        for connection in list(self.connections):
            connection.end()

    async def flap(self, period):
        while True:
            for mode in ("refuse", "pass"):
                await self.switch(mode)
                await asyncio.sleep(period)

    async def switch(self, mode):
        self.mode = mode
        if mode == "refuse" and self.listener:
            self.listener.close()
            self.listener = None
            if self.datagrams:
                self.datagrams.end()
        for connection in list(self.connections):
            await connection.switch(mode)
        if mode != "refuse" and not self.listener:
            self.listener = await self.listen()
            if self.udp:
                _, self.datagrams = await asyncio.get_running_loop().create_datagram_endpoint(
                    lambda: Datagrams(self), local_addr=("127.0.0.1", self.port))

    async def listen(self):
        """A process that was forked while we listened may not have come to its exec yet, and listens still."""
        for _ in range(100):
            with contextlib.suppress(OSError):
                return await asyncio.start_server(self.accept, "127.0.0.1", self.port, limit=READ)
            await asyncio.sleep(0.02)
        return await asyncio.start_server(self.accept, "127.0.0.1", self.port, limit=READ)

    async def accept(self, reader, writer):
        self.accepted += 1
        connection = Connection(self, reader, writer, self.accepted)
        self.connections.add(connection)
        if self.mode == "refuse":  # accepted before the listener closed
            connection.end()
        else:
            await connection.run()
