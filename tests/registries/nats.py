"""NATS: Debian's nats-server, one or several, with and without credentials and TLS."""

import json
import socket

from .base import Server, accepts, free_port

QUERY, WATCH = "micro.registry.nats.query", "micro.registry.nats.watch"


class Connection:
    """A NATS connection of the plainest sort: what a test wants to say, however wrong."""

    def __init__(self, port, login=None):
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.file = self.socket.makefile("rb")
        self.info = json.loads(self.file.readline()[5:])
        login = dict({"verbose": False, "pedantic": False, "lang": "python", "version": "1"}, **(login or {}))
        self.socket.sendall(b"CONNECT %s\r\nPING\r\n" % json.dumps(login).encode())
        self.first = self.file.readline().strip()

    def publish(self, subject, payload, reply=""):
        head = "PUB %s %s %d\r\n" % (subject, reply, len(payload))
        self.socket.sendall(head.encode() + payload + b"\r\n")

    def flush(self):
        self.socket.sendall(b"PING\r\n")
        while (line := self.file.readline().strip()) != b"PONG":  # the server's own PING may come first
            assert line == b"PING", line
            self.socket.sendall(b"PONG\r\n")

    def close(self):
        self.file.close()
        self.socket.close()


class NatsServer:
    """One nats-server of a Server (which stops it), on a port that stays its own."""

    def __init__(self, owner, name, *options):
        self.owner, self.name, self.options = owner, name, options
        self.port, self.process = free_port(), None

    def start(self):
        log = self.owner.folder(self.name) / "nats.log"
        self.process = self.owner.spawn(
            ["nats-server", "-a", "127.0.0.1", "-p", self.port, "-l", log, *self.options],
            until=lambda: accepts(self.port))
        return self

    def stop(self):
        self.process.stop(grace=1)


def record(service, **changes):
    """A good Service as go-micro writes it, with changes."""
    node = {"id": "hostile-1", "address": "127.0.0.1:9", "metadata": {}}
    return dict({"name": service, "version": "1", "metadata": {}, "endpoints": [], "nodes": [node]}, **changes)


def announcement(service):
    return json.dumps({"Action": "create", "Service": service}).encode()


def hostile_payloads(service):
    """What somebody might say on the watch subject: never a record of an instance."""
    node = record(service)["nodes"][0]
    yield b""
    yield b"\xff\xfe\x00"
    yield b"null"
    yield b"[]"
    yield b'{"Action":"create"}'
    yield b'{"Action":"create","Service":null}'
    yield b'{"Action":7,"Service":{"name":"%s"}}' % service.encode()
    yield b'{"Action":"create","Service":' + b"[" * 100000
    yield b'{"Action":"create","Service":{"name":"%s","nodes":%s}}' % (service.encode(), b"[" * 900 + b"]" * 900)
    yield announcement(record(service))[:-10]
    yield announcement(record(service, version="x" * 600000))
    yield announcement(record(service, nodes="all of them"))
    yield announcement(record(service, nodes=[1, None, [], "x"]))
    yield announcement(record(service, nodes=[node] * 5000))
    yield announcement(record(service, nodes=[dict(node, id="")]))
    yield announcement(record(service, nodes=[dict(node, id="x" * 1000)]))
    yield announcement(record(service, nodes=[dict(node, id=["x"])]))
    yield announcement(record(service, nodes=[dict(node, address="")]))
    yield announcement(record(service, nodes=[dict(node, address="no.such.host:80")]))
    yield announcement(record(service, nodes=[dict(node, address="127.0.0.1:99999")]))
    yield announcement(record(service, nodes=[dict(node, metadata={"a": "x" * 100000})]))
    yield announcement(record(service, nodes=[dict(node, metadata=[])]))
    yield announcement(record(service, nodes=[dict(node, metadata={str(i): "" for i in range(1000)})]))
    yield announcement(record("_" * 500))
    yield announcement(record("a/../b"))
    yield json.dumps({"Action": "delete", "Service": record(service, nodes=[])}).encode()
    yield json.dumps({"Action": "delete", "Service": record(service)}).encode()
    yield announcement(record(service, nodes=[dict(node, id="\ud800")]))


class Nats(Server):
    name = "nats"
    user, password = "app", "s3cret"

    @property
    def url(self):
        return "nats://%s:%s@127.0.0.1:%d" % (self.user, self.password, self.server.port)

    @property
    def url_wrong_credentials(self):
        return self.url.replace(self.password, "wrong")

    @property
    def ports(self):
        return [self.server.port]

    def start(self):
        self.server = NatsServer(self, "one", "--user", self.user, "--pass", self.password).start()

    def away(self):
        self.server.stop()

    def back(self):
        self.server.start()

    def lose_all(self):
        self.away()
        self.back()

    def fresh(self):
        """It stores nothing: what there is goes with those who answer."""

    def connect(self):
        return Connection(self.server.port, {"user": self.user, "pass": self.password})

    def hostile(self, n, service):
        payloads = list(hostile_payloads(service))
        if n >= len(payloads):
            return False
        connection = self.connect()
        connection.publish(WATCH, payloads[n])
        connection.publish(QUERY, payloads[n], reply="nobody.listens")
        connection.publish("_INBOX.>" if n % 2 else "_INBOX.x", payloads[n])
        connection.flush()
        connection.close()
        return True
