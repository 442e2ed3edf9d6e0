"""Consul: a fake of it (tests/fakes/consul), since no distribution has the real one; where CONSUL_HTTP_ADDR is set,
tests/live has the same suite for what is there."""

import json
import urllib.parse
import urllib.request

from .base import ROOT, Server, free_ports

PROGRAM = ROOT / "build/fakes/consul"
VERSION_1 = "v-789ccb492c492d2e010008cc028e"  # "latest"


def entry(service, ident, address="127.0.0.1", port=5001, tags=(), checks=(), **more):
    """As /v1/health/service has one."""
    return {"Node": {"Node": "fake-node", "Address": "127.0.0.1", "Datacenter": "dc1"},
            "Service": {"ID": ident, "Service": service, "Tags": list(tags), "Address": address, "Port": port, "Meta": {},
                        "Weights": {"Passing": 1, "Warning": 1}, **more},
            "Checks": list(checks)}


def bomb():
    import zlib
    return "t-" + zlib.compress(b'{"a":"' + b"x" * (8 << 20) + b'"}', 9).hex()


def hostile_entries(service):
    """Bodies, one after the other."""
    def but(**service_fields):
        return json.dumps(entry(service, "hostile", **service_fields)).encode()

    yield b"7"
    yield b"null"
    yield b'"x"'
    yield b"[]"
    yield b"{}"
    yield b"[" * 50000 + b"]" * 50000
    yield b'{"Service":7}'
    yield b'{"Service":{"ID":"hostile","Service":"%s"}}' % service.encode()
    yield but(Service="another")
    yield but(ID=None)
    yield but(ID=7)
    yield but(ID="")
    yield but(ID="x" * 300)
    yield but(ID="line\nfeed")
    yield but(port=0)
    yield but(port=70000)
    yield but(port="80")
    yield but(port=-1)
    yield but(address="nowhere.example")
    yield but(address="0.0.0.0")
    yield but(address=["127.0.0.1"])
    yield but(Meta=[1])
    yield but(Meta={"a": {"b": 1}})
    yield but(Meta={"k%d" % n: "v" for n in range(100)})
    yield but(Meta={"a": "x" * 100000})
    yield but(tags=[bomb()])
    yield but(tags=["v-" + b"x".hex() * 1000])
    yield but(tags=["x" * 1100000])
    yield but(Service=service).replace(b"hostile", b"\xff\xfe")
    # Odd, and good enough.
    yield but(tags=["t", "e", "v", "", "t-", "e=", "t-shirt", "e-mail", "v-8", 7, None, {}])
    yield but(Weights={"Passing": -1, "Warning": "x"})
    yield but(Weights=[])


class Consul(Server):
    """With ACLs: what no rule allows is denied. `token` may do anything with services, "master" anything at all."""

    name = "consul"
    real = "fake"
    sweep_s = 1.0  # a TTL that has run out is critical at once

    options = ("-master", "master")
    token = "secret"

    @property
    def url(self):
        return "consul://127.0.0.1:%d?token=%s" % (self.port, self.token)

    @property
    def url_wrong_credentials(self):
        return "consul://127.0.0.1:%d?token=wrong" % self.port

    @property
    def ports(self):
        return [self.port]

    def start(self):
        self.port, self.control_port = free_ports(2)
        self.run()

    def run(self):
        self.process = self.spawn(
            [PROGRAM, "-http", "127.0.0.1:%d" % self.port, "-control", "127.0.0.1:%d" % self.control_port, *self.options],
            self.answers)
        if self.token:
            self.allow(self.token, write=[""])

    def answers(self):
        try:
            return self.control("stats")
        except OSError:
            return False

    # ---- the API, and what breaks it ----

    def call(self, method, path, body=None, token=None):
        """The answer's JSON, or None."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request("http://127.0.0.1:%d/v1/%s" % (self.port, path), data, method=method,
                                         headers={"X-Consul-Token": token or self.token or ""})
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def control(self, what, body=None, **values):
        """tests/fakes/consul/control.go says what there is."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        url = "http://127.0.0.1:%d/%s?%s" % (self.control_port, what, urllib.parse.urlencode(values))
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=60) as answer:
            return json.loads(answer.read())

    def allow(self, token, write=(), read=()):
        """Names of services that begin so."""
        self.control("token", {"Accessor": token + "-accessor", "Write": list(write), "Read": list(read)}, secret=token)

    def forbid(self, token):
        self.control("token", secret=token)

    # ---- as base.py has it ----

    def away(self):
        self.control("away")

    def back(self):
        self.control("back")

    def lose_all(self):
        """As an agent in -dev mode that is restarted."""
        self.process.kill()
        self.run()

    def fresh(self):
        self.control("clear")

    def hostile(self, n, service):
        bodies = list(hostile_entries(service))
        if n >= len(bodies):
            return False
        self.control("raw", bodies[n], service=service, id="hostile-%d" % n)
        return True


class ConsulWithoutTokens(Consul):
    """No ACLs: everybody may do anything."""

    options = ()
    token = None

    @property
    def url(self):
        return "consul://127.0.0.1:%d" % self.port
