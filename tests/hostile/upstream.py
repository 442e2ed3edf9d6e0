"""A recording upstream, one port per case.

Every byte is kept per connection. A whole request is answered with a 200 that echoes its target, unless the
case has steps of its own: bytes to send, seconds to wait, "close", "reset". Steps answer requests
for /first (a response case) or any request (a request case); afterwards the connection goes on serving.
"""

import asyncio
import socket
import struct

from . import wire

LIMIT = 4 << 20  # bytes kept per connection


def ok(request):
    body = b"echo " + request.method + b" " + request.target + b" %d" % len(request.body)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Echo: yes\r\n\r\n" % len(body)
    return head + (b"" if request.method == b"HEAD" else body)


class Upstream:
    def __init__(self, steps=(), only=None):
        self.steps, self.only = steps, only
        self.raw, self.requests, self.rest = [], [], {}
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        self.tasks = set()

    async def serve(self):
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self.socket)
            task = loop.create_task(self.serve_one(connection, len(self.raw)))
            self.raw.append(b"")
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def serve_one(self, connection, index):
        loop = asyncio.get_running_loop()
        buffer, continued = b"", False
        try:
            while data := await loop.sock_recv(connection, 65536):
                self.raw[index] += data if len(self.raw[index]) < LIMIT else b""
                buffer += data
                while True:
                    message, rest = wire.read_request(buffer)
                    if message is None or not message.whole:
                        break
                    message.connection, buffer, continued = index, rest, False
                    self.requests.append(message)
                    await self.answer(connection, message)
                self.rest[index] = buffer
                if message and not continued and message.values(b"expect"):
                    continued = True
                    await loop.sock_sendall(connection, b"HTTP/1.1 100 Continue\r\n\r\n")
        except OSError:
            pass
        finally:
            connection.close()

    async def answer(self, connection, message):
        mine = self.steps and (self.only is None or message.target.startswith(self.only))
        if mine:
            await self.play(connection)
        else:
            await asyncio.get_running_loop().sock_sendall(connection, ok(message))

    async def play(self, connection):
        loop = asyncio.get_running_loop()
        for step in self.steps:
            if isinstance(step, bytes):
                await loop.sock_sendall(connection, step)
            elif step == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise ConnectionResetError
            elif step == "close":
                raise ConnectionAbortedError
            else:
                await asyncio.sleep(step)

    def faults(self):
        """What a strict reader finds wrong with all that came."""
        found = [fault for request in self.requests for fault in wire.audit_request(request)]
        for rest in self.rest.values():
            found += wire.audit_rest(rest)
        return found
