"""Runs cases against one proxy, many at once: one service, one upstream and one port for each."""

import asyncio
import socket
import time

from . import judge, wire
from .case import NORMALISE, REFUSE, Response, Seen, Slow, get
from .upstream import Upstream

PATIENCE = 5.0  # for what must come
DOUBT = 1.2  # for what need not come: a normalising proxy may rightly wait for more
QUIET = 0.08  # after the last awaited byte: time for a stray one
AT_ONCE = 40
SLOW_LIMIT = 8.0
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def service_names(count):
    return ["xyzvwu"[i // 1296] + DIGITS[i // 36 % 36] + DIGITS[i % 36] for i in range(count)]


class Client:
    """One raw connection: keeps all it reads; a reset counts as a close."""

    def __init__(self, port):
        self.port, self.raw, self.closed, self.last = port, b"", False, time.monotonic()

    async def __aenter__(self):
        self.socket = socket.socket()
        self.socket.setblocking(False)
        await asyncio.get_running_loop().sock_connect(self.socket, ("127.0.0.1", self.port))
        self.reader = asyncio.create_task(self.read())
        return self

    async def __aexit__(self, *_):
        self.reader.cancel()
        await asyncio.gather(self.reader, return_exceptions=True)
        self.socket.close()

    async def read(self):
        try:
            while data := await asyncio.get_running_loop().sock_recv(self.socket, 65536):
                self.raw += data
                self.last = time.monotonic()
        except OSError:
            pass
        self.closed = True

    async def send(self, data):
        try:
            await asyncio.get_running_loop().sock_sendall(self.socket, data)
            return True
        except OSError:
            return False

    async def wait(self, done, patience):
        """Until closed, or `done` and then quiet, or out of patience."""
        end = time.monotonic() + patience
        while not self.closed and (now := time.monotonic()) < end:
            if done() and now - self.last > QUIET:
                return
            await asyncio.sleep(0.02)


def read_answers(raw, methods, closed):
    """(final answers, interim heads, stray bytes) of all a client read."""
    finals, interim = [], []
    while raw:
        method = methods[min(len(finals), len(methods) - 1)]
        message, rest = wire.read_response(raw, method, closed)
        if message is None:
            return finals, interim, raw
        (interim if message.status < 200 and message.status != 101 else finals).append(message)
        if not message.whole:
            return finals, interim, b""
        raw = rest
    return finals, interim, b""


class Run:
    """The corpus against one target: `await start(ports)` gives its port; see targets.py."""

    def __init__(self, cases, target, patience=PATIENCE):
        self.cases, self.target, self.patience = cases, target, patience
        self.decoys, self.via = 0, b"1.1 nobody"
        self.results = {}

    async def run(self):
        self.probe = Upstream()
        self.upstreams = [self.upstream_for(case) for case in self.cases]
        names = service_names(len(self.cases))
        ports = dict(zip(names, (u.port for u in self.upstreams))) | {"via": self.probe.port}
        decoy, self.decoy_port = await self.open_decoy()
        servers = [asyncio.create_task(u.serve()) for u in self.upstreams + [self.probe]]
        try:
            self.port = await self.target.start(ports)
            await self.learn_via()
            await self.run_all(list(zip(self.cases, names, self.upstreams)))
            alive = await self.target.alive(self.port)
        finally:
            decoy.close()
            for server in servers:
                server.cancel()
            await self.target.stop()
        return self.results, alive

    def upstream_for(self, case):
        if isinstance(case, Response):
            return Upstream(case.answer, b"/first")
        if isinstance(case, Slow):
            drip = (case.start,) + (case.every, case.drip) * 200
            return Upstream(drip if case.side == "upstream" else case.upstream)
        return Upstream(case.upstream)

    async def open_decoy(self):
        def connected(_, writer):
            self.decoys += 1
            writer.close()

        while True:
            server = await asyncio.start_server(connected, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            if port >= 10000:
                return server, b"%d" % port
            server.close()

    async def learn_via(self):
        async with Client(self.port) as client:
            await client.send(get(target=b"/via/who"))
            await client.wait(lambda: client.raw, PATIENCE)
        for request in self.probe.requests[:1]:
            self.via = (request.values(b"via") or [self.via])[-1]

    async def run_all(self, work):
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(case, name, upstream):
            async with gate:
                start = time.monotonic()
                try:
                    wrong = await self.run_one(case, name.encode(), upstream)
                except OSError as error:
                    wrong = "the proxy can't be reached: %s" % error
                self.results[case.name] = (wrong, time.monotonic() - start)

        await asyncio.gather(*(one(*w) for w in work))

    async def run_one(self, case, name, upstream):
        if isinstance(case, Slow):
            return judge.slow(case, await self.slow(case, name, upstream), SLOW_LIMIT)
        if isinstance(case, Response):
            return judge.response(case, await self.response(case, name, upstream))
        return judge.request(case, await self.request(case, name, upstream))

    def fill_in(self, data, name):
        return data.replace(b"svc", name).replace(b"DECOY", self.decoy_port).replace(b"VIA", self.via)

    async def request(self, case, name, upstream):
        data = self.fill_in(case.send, name)
        awaited = case.reaches + 1 if case.expect == REFUSE else case.answers
        methods = [data.split(b" ")[0], b"GET"]  # of those after the first, none is HEAD
        async with Client(self.port) as client:
            sending = asyncio.create_task(client.send(data))
            if case.half_close:
                await sending
                client.socket.shutdown(socket.SHUT_WR)

            def done():
                finals = read_answers(client.raw, methods, False)[0]
                late = case.expect == REFUSE and case.closes
                return not late and len([f for f in finals if f.whole]) >= awaited

            await client.wait(done, min(DOUBT, self.patience) if case.expect == NORMALISE else self.patience)
            await asyncio.sleep(QUIET)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            return self.seen(client, methods, upstream, name)

    def seen(self, client, methods, upstream, name, since=0):
        finals, interim, stray = read_answers(client.raw, methods, client.closed)
        raw = [r.replace(name, b"svc") for r in upstream.raw]
        return Seen(
            finals, interim, stray, client.closed, upstream.requests[since:], raw, upstream.faults(),
            decoy=self.decoys,
        )  # fmt: skip

    async def response(self, case, name, upstream):
        fields = case.fields + ((b"Content-Length: %d" % len(case.body),) if case.body else ())
        first = get(*fields, target=b"/svc/first", method=case.method) + case.body
        async with Client(self.port) as client:
            await client.send(self.fill_in(first, name))
            await client.wait(lambda: self.whole(client, case.method), self.patience)
            await asyncio.sleep(QUIET)
            seen = self.seen(client, [case.method], upstream, name)
        since = len(upstream.requests)
        async with Client(self.port) as client:
            await client.send(self.fill_in(get(target=b"/svc/second"), name))
            await client.wait(lambda: self.whole(client, b"GET"), self.patience)
            seen.second = self.seen(client, [b"GET"], upstream, name, since)
        return seen

    def whole(self, client, method):
        finals, _, stray = read_answers(client.raw, [method], False)
        return bool(stray) and not finals or any(f.whole for f in finals)

    async def slow(self, case, name, upstream):
        """Seconds until the proxy ended it, or None."""
        start, drip = case.start, case.drip
        if case.side == "upstream":
            start, drip = get(target=b"/svc/x"), b""
        async with Client(self.port) as client:
            begun = time.monotonic()
            if not case.reads:
                client.reader.cancel()
            await client.send(self.fill_in(start, name))
            while time.monotonic() - begun < SLOW_LIMIT:
                if self.ended(client, case, upstream):
                    return time.monotonic() - begun
                if drip and not await client.send(drip):
                    return time.monotonic() - begun
                await asyncio.sleep(case.every)
        return None

    def ended(self, client, case, upstream):
        """Closed; or a whole 408, 502 or 504; or, where the client reads nothing, the upstream let go."""
        if not case.reads:
            return bool(upstream.requests) and not upstream.tasks
        finals, _, _ = read_answers(client.raw, [b"GET"], False)
        return client.closed or any(f.whole and f.status in (408, 502, 504) for f in finals)
