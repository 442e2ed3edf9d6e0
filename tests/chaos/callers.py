"""Callers of a local endpoint: so many at once, each on a connection that it keeps, one call after the other. They count
what they saw:

    200                 answered, and whole
    502 bad_response    answered so; the word is csidecar's own
    refused             nobody listened
    reset               the connection ended after the request was sent, before an answer
    cut                 the connection ended in the body, so that everybody can see it
    wrong               another answer than the upstream's, and none of csidecar's own
    no answer           within PATIENCE_S
"""

import asyncio
import collections
import random
import re
import time

from faults import Loop
from scenario.lib import eventually

from .upstream import BODY

PATIENCE_S = 20
FIELD = {name: re.compile(rb"\r\n%s: *([^\r]+)" % name.encode(), re.I) for name in ("content-length", "csidecar-error", "connection")}
threads = []


def loop():
    """A thread for all callers, beside that of the fault proxies."""
    if not threads:
        threads.append(Loop())
    return threads[0]


def field(head, name):
    found = FIELD[name].search(head)
    return found[1].decode() if found else ""


class Caller:
    """One connection's worth. `choose(number)` gives (method, target, body)."""

    def __init__(self, callers, number):
        self.callers, self.number = callers, number
        self.reader = self.writer = None
        self.calling = self.marked = False

    async def run(self):
        while not self.callers.ending:
            begin = time.monotonic()
            method, target, body = self.callers.choose(self)
            self.calling = True
            try:
                what = await asyncio.wait_for(self.call(method, target, body), PATIENCE_S)
            except asyncio.TimeoutError:
                what = "no answer"
                self.close()
            self.calling = False
            self.callers.count(self, what, method, time.monotonic() - begin)
            await asyncio.sleep(self.callers.pause * random.random() * 2)
        self.close()

    def close(self):
        if self.writer:
            self.writer.transport.abort() if self.callers.rude else self.writer.close()
        self.reader = self.writer = None

    async def call(self, method, target, body):
        try:
            await self.connect()
        except OSError:
            return "refused"
        length = b"Content-Length: %d\r\n" % len(body) if body else b""
        try:
            self.writer.write(b"%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n%s" % (method.encode(), target.encode(), length, body))
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return "reset"
        return await self.read_body(head)

    async def connect(self):
        if self.writer and (self.reader.at_eof() or self.writer.is_closing()):
            self.close()  # while it was idle
        if not self.writer:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.callers.port)

    async def read_body(self, head):
        try:
            body = await self.reader.readexactly(int(field(head, "content-length") or 0))
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return "cut"
        if field(head, "connection").lower() == "close":
            self.close()
        status, error = head.split(b" ", 2)[1].decode(), field(head, "csidecar-error")
        if error:
            return status + " " + error
        if status == "200" and body == BODY:
            return status
        self.close()  # who knows what follows
        return "wrong"


class Callers:
    def __init__(self, port, count=8, pause=0.004, target="/users/x", choose=None, rude=False):
        self.port, self.pause, self.rude, self.target, self.ending = port, pause, rude, target, False
        self.choose = choose or (lambda caller: ("GET", self.target, b""))
        self.saw, self.by_method, self.slowest = collections.Counter(), collections.Counter(), 0
        self.under_way = collections.Counter()  # what came of those of mark()
        self.all = [Caller(self, n) for n in range(count)]
        self.done = asyncio.run_coroutine_threadsafe(self.run(), loop().loop)

    async def run(self):
        await asyncio.gather(*(caller.run() for caller in self.all))

    async def mark_all(self):
        for caller in self.all:
            caller.marked = caller.calling

    def mark(self):
        """The calls that are under way now are counted apart, too."""
        loop().call(self.mark_all())

    def count(self, caller, what, method, seconds):
        if caller.marked:
            self.under_way[what] += 1
            caller.marked = False
        self.saw[what] += 1
        self.by_method[method, what] += 1
        self.slowest = max(self.slowest, seconds)

    @property
    def calls(self):
        return self.saw.total()

    def more(self, count, patience=60):
        """So many more calls have ended."""
        goal = self.calls + count
        eventually(lambda: self.calls >= goal, "%d calls (%s so far)" % (count, dict(self.saw)), patience)

    def stop(self):
        """Calls under way end first."""
        self.ending = True
        self.done.result(PATIENCE_S + 10)
