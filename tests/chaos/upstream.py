#!/usr/bin/env python3
"""An HTTP server as a process of its own: upstream.py PORT [PATIENCE_MS [fin|rst]].

Every answer is 200 and has BODY; `/late-50` is answered after 50 ms. With PATIENCE_MS it closes each connection that is idle for a
random time, up to that. `/_seen` counts: {"GET": 7, "POST": 3, "twice": ["/POST-3"]}, the last for targets of POST that
were there before.
"""

import asyncio
import collections
import json
import random
import re
import socket
import struct
import sys

BODY = b"0123456789" * 100
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
LATE = re.compile(rb"/late-(\d+)")
seen, targets = collections.Counter(), collections.Counter()


def head(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def report():
    return json.dumps({**seen, "twice": [t.decode() for t, n in targets.items() if n > 1]}).encode()


class Connection(asyncio.Protocol):
    patience, by_reset = 0, False

    def connection_made(self, transport):
        self.transport, self.buffer, self.timer = transport, b"", None
        self.loop = asyncio.get_running_loop()

    def connection_lost(self, error):
        self.stop_waiting()

    def stop_waiting(self):
        if self.timer:
            self.timer.cancel()

    def data_received(self, data):
        self.stop_waiting()
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            end = self.buffer.index(b"\r\n\r\n") + 4
            found = LENGTH.search(self.buffer, 0, end)
            whole = end + (int(found[1]) if found else 0)
            if len(self.buffer) < whole:
                return
            line, self.buffer = self.buffer.split(b"\r\n", 1)[0], self.buffer[whole:]
            self.on_request(*line.split(b" ")[:2])

    def on_request(self, method, target):
        late = LATE.search(target)
        if late:
            self.loop.call_later(int(late[1]) / 1000, self.answer, BODY)
        elif target.endswith(b"/_seen"):
            self.answer(report())
        else:
            seen[method.decode()] += 1
            if method == b"POST":
                targets[target] += 1
            self.answer(BODY)

    def answer(self, body):
        self.transport.write(head(body))
        if self.patience:
            self.timer = self.loop.call_later(random.random() * self.patience, self.close)

    def close(self):
        if self.by_reset:
            one = struct.pack("ii", 1, 0)
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, one)
        self.transport.close()


async def serve(port):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    Connection.patience = int((sys.argv + ["0"])[2]) / 1000
    Connection.by_reset = "rst" in sys.argv
    asyncio.run(serve(int(sys.argv[1])))
