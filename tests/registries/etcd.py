"""A real etcd, alone or several of them, in the clear or by TLS, with users or without."""

import base64
import json
import urllib.request

from .base import Server, free_ports


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


HOSTILE = [
    b"", b"{", b"[]", b"null", b"7", b'"x"', b"\xff\xfe\x00", b'{"name":"%s"}', b'{"name":7,"nodes":[]}',
    b'{"name":"%s","nodes":{}}', b'{"name":"%s","nodes":[7]}', b'{"name":"%s","nodes":[{"id":"hostile-11"}]}',
    b'{"name":"%s","nodes":[{"id":"hostile-12","address":"nowhere"}]}',
    b'{"name":"%s","nodes":[{"id":"hostile-13","address":"0.0.0.0:1"}]}',
    b'{"name":"%s","nodes":[{"id":"hostile-14","address":"127.0.0.1:99999"}]}',
    b'{"name":"another","nodes":[{"id":"hostile-15","address":"127.0.0.1:1"}]}',
    b'{"name":"%s","nodes":[{"id":"another","address":"127.0.0.1:1"}]}',
    b'{"name":"%s","nodes":[{"id":"hostile-17","address":"127.0.0.1:1","metadata":[1]}]}',
    b'{"name":"%s","nodes":[{"id":"hostile-18","address":"127.0.0.1:1","metadata":{"a":{"b":1}}}]}',
    b"[" * 50000, b'{"name":"%s","x":"' + b"y" * 1100000 + b'"}',
    b'{"name":"%s","endpoints":{},"nodes":[{"id":"hostile-21","address":"127.0.0.1:1"}]}',
]


class Etcd(Server):
    name = "etcd"
    ttl_s = 2  # the least it grants
    heartbeat_s = 0.6
    sweep_s = 2.0  # it looks at its leases twice a second, and after a restart waits for them once more

    scheme = "http"
    more = ()  # further flags

    @property
    def url(self):
        return "etcd://127.0.0.1:%d" % self.port

    @property
    def ports(self):
        return [self.port]

    def start(self):
        self.port, self.peer_port = free_ports(2)
        self.back()

    def back(self):
        client = "%s://127.0.0.1:%d" % (self.scheme, self.port)
        peer = "http://127.0.0.1:%d" % self.peer_port
        self.process = self.spawn(
            ["etcd", "--data-dir", self.folder("data"), "--listen-client-urls", client, "--advertise-client-urls", client,
             "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer,
             "--max-request-bytes", str(8 << 20), *self.more],
            self.answers)

    def call(self, path, body, **fields):
        request = urllib.request.Request("http://127.0.0.1:%d/v3%s" % (self.port, path), json.dumps(body).encode(),
                                         fields)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def answers(self):
        try:
            return "header" in self.call("/kv/range", {"key": b64("x")})
        except OSError:
            return False

    def away(self):
        self.process.stop()

    def lose_all(self):
        self.process.kill()
        self.empty_folder("data")
        self.back()

    def fresh(self):
        self.call("/kv/deleterange", {"key": b64("/"), "range_end": b64("0")})

    def put(self, key, value):
        self.call("/kv/put", {"key": b64(key), "value": b64(value)})

    def hostile(self, n, service):
        if n >= len(HOSTILE):
            return False
        self.put("/micro/registry/%s/hostile-%d" % (service, n), HOSTILE[n].replace(b"%s", service.encode()))
        return True


class EtcdWithUsers(Etcd):
    """root:secret, and nobody else."""

    @property
    def url(self):
        return "etcd://root:secret@127.0.0.1:%d" % self.port

    @property
    def url_wrong_credentials(self):
        return "etcd://root:wrong@127.0.0.1:%d" % self.port

    def start(self):
        super().start()
        self.enable()

    def enable(self):
        super().call("/auth/user/add", {"name": "root", "password": "secret"})
        super().call("/auth/user/grant", {"user": "root", "role": "root"})
        super().call("/auth/enable", {})

    def lose_all(self):
        super().lose_all()
        self.enable()

    def call(self, path, body, **fields):
        token = super().call("/auth/authenticate", {"name": "root", "password": "secret"})["token"]
        return super().call(path, body, Authorization=token, **fields)

    def answers(self):
        try:
            return urllib.request.urlopen("http://127.0.0.1:%d/version" % self.port, timeout=5).status == 200
        except OSError:
            return False


EVERY = EtcdWithUsers  # what test_every.py tries
