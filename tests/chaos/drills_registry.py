"""What a registry can do to those who believe in it: a real etcd behind a proxy, and a file."""

import json
import time

from registries.etcd import Etcd
from scenario.lib import eventually

from .drills_app import Beside, known, until_known
from .stage import drill

TTL_S = 2  # the least etcd grants
AGAIN_S = 40  # the longest back-off of who only asks is 30 s ± 20 % (docs/registries.md)
LEASE = {"ttl": "%ds" % TTL_S, "heartbeat": "600ms"}
# Where a registry answers half of the time, as many heartbeats must fit into the TTL as may be missed in a row: else it
# says with right that a record has expired.
PATIENT = {"ttl": "8s", "heartbeat": "700ms"}


class Town:
    """An etcd behind a proxy, two apps that are registered there, and a sidecar that calls them; all through the proxy."""

    def __init__(self, d, environment=None, lease=LEASE):
        self.etcd = d.stack.enter_context(Etcd())
        self.proxy = d.proxy(self.etcd)
        self.registry = {"url": "etcd://" + self.proxy.address, **lease}
        self.beside = [Beside(d, environment, registry=self.registry, advertise="127.0.0.1") for _ in range(2)]
        self.caller = d.sidecar({"registry": self.registry}, environment=environment)
        until_known(self.caller, 2)

    def records(self):
        """What etcd has."""
        answer = self.etcd.call("/kv/range", {"key": "Lw==", "range_end": "MA==", "keys_only": True})
        return int(answer.get("count", 0))


def endure(d, mode, lasts_s, lease=LEASE, **how):
    """The fault for so long; no call fails; then all are registered and lists are alive."""
    town = Town(d, lease=lease)
    with d.calling(town.caller) as calls:
        town.proxy.set(mode, **how)
        time.sleep(lasts_s)
        town.proxy.set("pass")
        recovers(d, town)
        calls.more(50)
    d.only(calls, "200")


def recovers(d, town):
    begin = time.monotonic()
    eventually(lambda: town.records() == 2, "two records in the registry", 15)
    d.note("all registered %.1f s after it" % (time.monotonic() - begin))
    town.beside[0].sidecar.process.terminate()
    d.note("a change seen after %.1f s" % until_known(town.caller, 1, AGAIN_S))


@drill("registry away when csidecar starts", "it serves what needs no registry, and the rest when the registry is there")
def registry_away_at_start(d):
    town = Town(d)
    town.proxy.set("refuse")
    begin = time.monotonic()
    s = d.sidecar({"registry": town.registry}, steady=[d.upstream()])
    took = time.monotonic() - begin
    assert took < 1, "it listened after %.1f s" % took
    assert s.is_well("/steady/x")
    answer = s.get("/users/x")
    assert answer["csidecar-error"] == "registry_unavailable", answer
    town.proxy.set("pass")
    begin = time.monotonic()
    eventually(lambda: s.is_well("/users/x"), "the registry's service", 10)
    d.note("listens after %.2f s, service found %.1f s after the registry came" % (took, time.monotonic() - begin))
    with d.calling(s) as calls:
        calls.more(50)
    d.only(calls, "200")


@drill("registry away (nobody listens)", "no call fails; all are registered again")
def registry_away(d):
    endure(d, "refuse", d.size(2 * TTL_S, 30))


@drill("registry flaps, up and down in turns", "no call fails; no connections pile up")
def registry_flaps(d):
    endure(d, "flap", d.size(6, 30), PATIENT, period=1)


@drill("registry accepts and says nothing", "no call fails; all are registered again")
def registry_silent(d):
    endure(d, "silent", d.size(2 * TTL_S, 30))


@drill("registry half-open: bytes vanish", "no call fails; all are registered again")
def registry_half_open(d):
    endure(d, "half_open", d.size(2 * TTL_S, 30))


@drill("registry lies: garbage for answers", "no call fails; all are registered again")
def registry_garbage(d):
    endure(d, "garbage", d.size(2 * TTL_S, 30))


@drill("registry lies: heads without end", "no call fails; bounded memory; all are registered again")
def registry_endless(d):
    endure(d, "endless", d.size(2 * TTL_S, 30))


@drill("registry lost everything in a restart", "no call fails; all are registered again")
def registry_lost_all(d):
    town = Town(d)
    with d.calling(town.caller) as calls:
        town.etcd.lose_all()
        recovers(d, town)
        calls.more(50)
    d.only(calls, "200")


LIES = ["", "{", "users: 7", "users: [{id: a}]", "\x00\x01", "users: [" + "[" * 5000, "nobody: []\nusers:\n\t- x"]


@drill("registry file broken in seven ways", "no call fails: the last good list is kept")
def file_broken(d):
    path, one = d.folder / "services.yaml", d.upstream()
    good = json.dumps({"users": [{"id": "one", "address": one.address}]})
    path.write_text(good)
    s = d.sidecar({"registry": {"url": "file:%s" % path}})
    until_known(s, 1)
    with d.calling(s) as calls:
        for lie in LIES * d.size(1, 5):
            path.write_text(lie)
            calls.more(d.size(50, 200))
        path.write_text(good)
        eventually(lambda: known(s) == 1, "the list")
        calls.more(50)
    d.only(calls, "200")
