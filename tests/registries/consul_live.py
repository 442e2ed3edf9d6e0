"""The real Consul: the one at CONSUL_HTTP_ADDR (with CONSUL_HTTP_TOKEN) where that is set, else an agent of our own,
that tests/live/consul/setup has built from its published Go modules."""

import json
import os
import urllib.error
import urllib.parse
import urllib.request

from .base import ROOT, Server, ServerError, free_ports
from .consul import bomb

PROGRAM = ROOT / "build/live/consul"
ADDRESS = os.environ.get("CONSUL_HTTP_ADDR", "")
TOKEN = os.environ.get("CONSUL_HTTP_TOKEN", "")

# What even Consul itself takes into its catalog.
HOSTILE = [
    {"Port": 0}, {"Port": 70000}, {"Port": -1}, {"Address": "nowhere.example"}, {"Address": "[::1"}, {"ID": "x" * 300}, {"ID": "line\nfeed"},
    {"Tags": [bomb()]}, {"Tags": ["v-" + b"x".hex() * 1000]}, {"Tags": ["t", "e", "v", "", "t-", "e=", "t-shirt", "e-mail", "v-8"]},
    {"Tags": ["x" * 300000]}, {"Meta": {"k%d" % n: "v" * 500 for n in range(64)}}, {"Weights": {"Passing": 0, "Warning": 0}},
]


class Api:
    """Consul's HTTP API at an address."""

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request("%s://%s/v1/%s" % (self.scheme, self.address, path), data, method=method,
                                         headers={"X-Consul-Token": TOKEN} if TOKEN else {})
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def answers(self):
        try:
            return bool(self.call("GET", "status/leader")) and "consul" in self.call("GET", "catalog/services")
        except (OSError, ValueError):
            return False

    def empty(self):
        """Takes out what tests have registered with this agent: all of it that is csidecar's or of `NAMES`."""
        for ident, service in self.call("GET", "agent/services").items():
            if service["Service"] != "consul" and self.is_ours(ident):
                self.call("PUT", "agent/service/deregister/" + urllib.parse.quote(ident, safe=""))


class Agent(Api, Server):
    """A server of its own, with its data in a folder; `more` are further settings."""

    name = "consul_live" if not ADDRESS else ""
    real = "real"
    sweep_s = 2.0
    scheme = "http"
    more = {}

    @property
    def url(self):
        return "consul://" + self.address

    @property
    def ports(self):
        return [self.port]

    def is_ours(self, ident):
        return True

    def settings_file(self):
        ports = {"http": self.port, "dns": -1, "grpc": -1, "serf_lan": self.serf, "serf_wan": -1, "server": self.rpc}
        file = self.folder("settings") / "consul.json"
        file.write_text(json.dumps({
            "server": True, "bootstrap_expect": 1, "bind_addr": "127.0.0.1", "client_addr": "127.0.0.1", "ports": ports,
            "node_name": "test", "disable_update_check": True, "disable_host_node_id": True, "log_level": "WARN",
            "performance": {"raft_multiplier": 1}, "leave_on_terminate": False, **self.more}))
        return file

    def start(self):
        if not PROGRAM.exists():
            raise ServerError("%s is not there: tests/setup live builds it" % PROGRAM)
        self.port, self.serf, self.rpc = free_ports(3)
        self.address = "127.0.0.1:%d" % self.port
        self.back()

    def back(self):
        self.process = self.spawn([PROGRAM, "-config-file", self.settings_file(), "-data-dir", self.folder("data")], self.answers)

    def away(self):
        self.process.stop()

    def lose_all(self):
        self.process.kill()
        self.empty_folder("data")
        self.back()

    def fresh(self):
        self.empty()
        self.call("PUT", "catalog/deregister", {"Node": "stranger"})

    def hostile(self, n, service):
        if n >= len(HOSTILE):
            return False
        record = {"ID": "hostile-%d" % n, "Service": service, "Address": "127.0.0.1", "Port": 1, **HOSTILE[n]}
        try:
            self.call("PUT", "catalog/register", {"Node": "stranger", "Address": "10.9.9.9", "Service": record})
        except urllib.error.HTTPError as e:
            if e.code not in (400, 500):  # it does refuse some, in this version or another
                raise
        return True


class Given(Api, Server):
    """Somebody's: nothing is done to it but to register, and take out, services whose names or ids are those of the
    tests."""

    name = "consul_live" if ADDRESS else ""
    real = "real"
    scheme = "https" if ADDRESS.startswith("https://") or os.environ.get("CONSUL_HTTP_SSL") == "true" else "http"
    address = ADDRESS.split("://")[-1].rstrip("/")

    @property
    def url(self):
        token = "?token=" + urllib.parse.quote(TOKEN, safe="") if TOKEN else ""
        return "consul%s://%s%s" % ("+https" if self.scheme == "https" else "", self.address, token)

    def is_ours(self, ident):
        return ident.startswith(("orders-", "cart-", "live-"))

    def start(self):
        if not self.answers():
            raise ServerError("Consul at CONSUL_HTTP_ADDR=%s does not answer, or refuses CONSUL_HTTP_TOKEN" % ADDRESS)
        self.fresh()

    def stop(self):
        self.fresh()
        super().stop()

    def fresh(self):
        self.empty()
