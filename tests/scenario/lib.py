"""The harness of the scenario tests: the real binary, a raw client, and upstreams that do as they are told.

    def test_tries_another_instance(upstream, sidecar):
        bad, good = upstream(reset), upstream()
        s = sidecar(users=[bad, good])
        assert s.get("/users/x").status == 200

Nothing here sleeps for luck: `eventually` waits for a condition, everything else for bytes.
"""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from ports import free_port  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 5.0  # seconds, for anything that should be there at once
SANITIZED = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:|Assertion .* failed")


def binary():
    return str(Path(os.environ.get("CSIDECAR", ROOT / "build/release/csidecar")).resolve())


def is_stopped(pid):
    """By SIGSTOP, with all its threads: it takes a moment."""
    tasks = Path("/proc/%d/task" % pid).iterdir()
    return all((t / "stat").read_text().rpartition(") ")[2].startswith("T") for t in tasks)


def eventually(condition, what="the condition", patience=PATIENCE):
    """The first true value of `condition()`."""
    end = time.monotonic() + patience
    while True:
        if value := condition():
            return value
        if time.monotonic() > end:
            raise AssertionError("waited %.1f s in vain for %s" % (patience, what))
        time.sleep(0.01)


@contextlib.contextmanager
def takes(at_least, at_most):
    """The block takes so many seconds."""
    start = time.monotonic()
    yield
    spent = time.monotonic() - start
    assert at_least <= spent <= at_most, "it took %.2f s, not %.2f to %.2f" % (spent, at_least, at_most)


# ---- messages ----


class Message:
    """A head, and a body once it was read. Names are found in any case; `fields` keeps them as they came."""

    def __init__(self, head):
        lines = head.decode("latin1").split("\r\n")
        self.line = lines[0]
        self.fields = [tuple(line.split(": ", 1)) if ": " in line else (line.rstrip(":"), "") for line in lines[1:] if line]
        self.body, self.trailers, self.interim, self.whole = b"", [], [], False
        self.connection = 0

    @property
    def status(self):
        return int(self.line.split(" ")[1])

    @property
    def method(self):
        return self.line.split(" ")[0]

    @property
    def target(self):
        return self.line.split(" ")[1]

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def __getitem__(self, name):
        values = self.all(name)
        assert len(values) == 1, "%s: %r in %r" % (name, values, self.fields)
        return values[0]

    def __contains__(self, name):
        return bool(self.all(name))

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "<%s %r %r>" % (self.line, self.fields, self.body[:200])


class Ended(AssertionError):
    """The other side closed before what was awaited."""


class Peer:
    """One end of a connection, read in pieces of HTTP."""

    def __init__(self, connection):
        self.socket, self.buffer = connection, bytearray()
        connection.settimeout(PATIENCE)

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode("latin1"))
        return self

    def fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise Ended("closed after %r" % bytes(self.buffer[-200:]))
        self.buffer += data

    def read(self, size):
        while len(self.buffer) < size:
            self.fill()
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    def read_until(self, end):
        while end not in self.buffer:
            self.fill()
        at = self.buffer.index(end) + len(end)
        return self.read(at)

    def read_line(self):
        return self.read_until(b"\r\n")[:-2]

    def read_to_end(self):
        with contextlib.suppress(Ended):
            while True:
                self.fill()
        return self.read(len(self.buffer))

    def read_head(self):
        return Message(self.read_until(b"\r\n\r\n")[:-4])

    def read_chunk(self):
        size = int(self.read_line().split(b";")[0], 16)
        data = self.read(size)
        if size:
            assert self.read(2) == b"\r\n"
        return data

    def read_body(self, message, until_close=False):
        """Fills in the body. If the other side ends it early, Ended is raised and `whole` stays False."""
        if "transfer-encoding" in message:
            while chunk := self.read_chunk():
                message.body += chunk
            while line := self.read_line():
                message.trailers.append(tuple(line.decode("latin1").split(": ", 1)))
        elif "content-length" in message:
            message.body = self.read(int(message["content-length"]))
        elif until_close:
            message.body = self.read_to_end()
        message.whole = True
        return message

    def is_closed(self, patience=PATIENCE):
        """Was it closed (or reset) with nothing more said? Waits for that."""
        self.socket.settimeout(patience)
        try:
            return not self.buffer and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False
        finally:
            self.socket.settimeout(PATIENCE)

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# ---- the client ----


class Client(Peer):
    """A raw connection to the sidecar."""

    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        connection = socket.socket(family)
        connection.settimeout(PATIENCE)
        connection.connect(address)
        super().__init__(connection)

    def request(self, target="/", method="GET", *fields, body=None, host="localhost", version="HTTP/1.1"):
        """Sends one; fields are whole lines, "Name: value"."""
        lines = ["%s %s %s" % (method, target, version)] + (["Host: " + host] if host else []) + list(fields)
        if body is not None:
            lines.append("Content-Length: %d" % len(body))
        return self.send("\r\n".join(lines) + "\r\n\r\n").send(body or b"")

    def response_head(self):
        """The next final head; the 1xx before it are its `interim`."""
        interim = []
        while (head := self.read_head()).status < 200 and head.status != 101:
            interim.append(head)
        head.interim = interim
        return head

    def response(self, method="GET"):
        head = self.response_head()
        if method == "HEAD" or head.status in (101, 204, 304):
            head.whole = True
            return head
        return self.read_body(head, until_close=True)


# ---- the upstream ----


def ok(body="ok", *fields, status="200 OK"):
    """An answer of known length."""
    data = body if isinstance(body, bytes) else body.encode()
    lines = ["HTTP/1.1 " + status, "Content-Length: %d" % len(data), *fields]
    return "\r\n".join(lines).encode("latin1") + b"\r\n\r\n" + data


def unwell(*fields):
    return ok("unwell", *fields, status="503 Service Unavailable")


def reset(peer, request):
    peer.reset()


def close(peer, request):
    peer.close()


def stall(peer, request):
    """Says nothing more; ends when the sidecar closes."""
    peer.socket.settimeout(60)
    with contextlib.suppress(OSError, Ended):
        peer.read_to_end()


def then(data, action):
    """Sends the bytes, then acts."""

    def answer(peer, request):
        peer.send(data)
        action(peer, request)

    return answer


def echo(peer, request):
    peer.send(ok(request.body))


class Upstream:
    """Records every request and answers by script: one answer per request, the last for all that follow.

    An answer is bytes, or called with (peer, request). With `raw`, that is called with the peer of each
    connection instead, before anything was read.
    """

    def __init__(self, *answers, raw=None):
        self.answers, self.raw = answers or (ok(),), raw
        self.requests, self.peers, self.lock = [], [], threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.address = "127.0.0.1:%d" % self.port
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def connections(self):
        return len(self.peers)

    @property
    def last(self):
        return eventually(lambda: self.requests, "a request at the upstream")[-1]

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer = Peer(self.listener.accept()[0])
                peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                peer.socket.settimeout(60)
                self.peers.append(peer)
                threading.Thread(target=self.serve, args=(peer, len(self.peers)), daemon=True).start()

    def serve(self, peer, number):
        with contextlib.suppress(OSError, Ended, ValueError):
            if self.raw:
                self.raw(peer)
            while True:
                request = peer.read_head()
                request.connection = number
                if "100-continue" in request.all("expect"):
                    peer.send("HTTP/1.1 100 Continue\r\n\r\n")
                peer.read_body(request)
                self.answer(peer, request)
        peer.close()

    def answer(self, peer, request):
        with self.lock:
            answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
            self.requests.append(request)
        peer.send(answer) if isinstance(answer, bytes) else answer(peer, request)

    def stop(self):
        """Refuses from now on; open connections are closed."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for peer in self.peers:
            with contextlib.suppress(OSError):
                peer.socket.shutdown(socket.SHUT_RDWR)


def refusing():
    """An address nobody listens on."""
    return "127.0.0.1:%d" % free_port()


def black_hole():
    """(address, sockets to keep): connecting to it is never answered, its backlog being full."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    kept = [listener]
    for _ in range(4):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(listener.getsockname())
        kept.append(s)
    return "127.0.0.1:%d" % listener.getsockname()[1], kept


# ---- the sidecar ----


def service(value):
    """Instances, or settings with `instances` in them, as the YAML wants them."""
    if isinstance(value, dict):
        return {**value, **({"instances": service(value["instances"])["instances"]} if "instances" in value else {})}
    many = value if isinstance(value, (list, tuple)) else [value]
    return {"instances": [v.address if isinstance(v, Upstream) else v for v in many]}


def merge(base, over):
    out = dict(base)
    for key, value in over.items():
        out[key] = merge(out[key], value) if isinstance(value, dict) and isinstance(out.get(key), dict) else value
    return out


class Sidecar:
    """The real process, with a configuration, folders and ports of its own."""

    popen = staticmethod(subprocess.Popen)

    def __init__(self, folder, settings, args=(), environment=None):
        self.folder = Path(folder)
        self.port, self.admin_port = free_port(), free_port()
        self.address = ("127.0.0.1", self.port)
        base = {
            "name": "scenario",
            "registry": {"url": "static:"},
            "proxy": {"listen": ["127.0.0.1:%d" % self.port]},
            "admin": {"listen": "127.0.0.1:%d" % self.admin_port},
            "drain": {"settle": "0s", "finish": "1s"},
        }
        self.settings = settings if isinstance(settings, str) else json.dumps(merge(base, settings), indent=1)
        self.config = self.folder / "csidecar.yaml"
        self.config.write_text(self.settings)
        self.log_file = self.folder / "log"
        runtime = self.folder / "runtime"
        runtime.mkdir(mode=0o700, exist_ok=True)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("CSIDECAR_")}
        self.environment |= {"XDG_RUNTIME_DIR": str(runtime), "XDG_STATE_HOME": str(runtime)} | (environment or {})
        self.args = list(args)
        self.expected_exit = 0

    def start(self, wait=True):
        command = [binary(), "run", "-c", str(self.config), *self.args]
        with open(self.log_file, "ab") as log:
            self.process = self.popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.environment, cwd=self.folder
            )
        if wait:
            eventually(self.is_listening, "its ports", 10)
        return self

    def is_listening(self):
        assert self.process.poll() is None, "it ended with %s:\n%s" % (self.process.returncode, self.log())
        ports = [self.admin_port] if str(self.admin_port) in self.settings else []
        with contextlib.suppress(OSError):
            for address in [self.address] + [("127.0.0.1", port) for port in ports]:
                socket.create_connection(address, 1).close()
            return True

    def log(self):
        return self.log_file.read_text(errors="replace")

    def wait_for_log(self, text):
        eventually(lambda: text in self.log(), "%r in the log" % text)

    def rss_kib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/%d/status" % self.process.pid).read_text())[1])

    def grew_less_than(self, before, kib):
        """Memory against an earlier rss_kib(); a sanitizer's own is allowed for."""
        allowed = kib * (20 if "san" in binary() else 1)
        return self.rss_kib() - before < allowed

    def stop(self):
        """A clean end: the asked-for exit status in time, and nothing from a sanitizer."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("it did not end on SIGTERM:\n" + self.log()[-3000:]) from None
        found = SANITIZED.search(self.log())
        assert not found, self.log()[-6000:]
        assert status == self.expected_exit, "exit status %d:\n%s" % (status, self.log()[-3000:])

    def connect(self):
        return Client(self.address)

    def request(self, target, method="GET", *fields, **more):
        """One call on a connection of its own, answered whole."""
        with self.connect() as client:
            return client.request(target, method, *fields, **more).response(method)

    def get(self, target, *fields, **more):
        return self.request(target, "GET", *fields, **more)

    def post(self, target, *fields, body=b"hello", **more):
        return self.request(target, "POST", *fields, body=body, **more)

    def admin(self, target, method="GET", headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, target, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def admin_json(self, target):
        status, body = self.admin(target)
        assert status == 200, body
        return json.loads(body)


def problem(response, status, code):
    """It is one of our own answers (RFC 9457), with this code."""
    assert response.status == status, response
    assert response["content-type"].startswith("application/problem+json"), response
    assert response["csidecar-error"] == code, response
    document = response.json()
    assert document["status"] == status and document["code"] == code, document
    assert document["title"] and document["type"], document
    return document
