"""What is ZooKeeper's own: a real client agrees with what we write, sessions, an ensemble, digests, a chroot."""

import contextlib
import json
import os
import signal
import time

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError, NoNodeError
from kazoo.security import make_digest_acl
from scenario.cli import csidecar
from scenario.lib import eventually

from .base import free_ports
from .beside import HEARTBEAT_S, TTL_S, registry_of, sees, until_seen
from .zookeeper import ZooKeeper

ROOT = "/micro-registry"


@pytest.fixture(scope="module")
def started():
    with ZooKeeper() as server:
        yield server


@pytest.fixture
def server(started):
    started.fresh()
    return started


@pytest.fixture
def client(server):
    client = server.client()
    yield client
    client.stop()
    client.close()


def records(client, service, root=ROOT):
    """[(path, record, owner)] of what is there."""
    found = []
    with contextlib.suppress(NoNodeError):
        for name in client.get_children("%s/%s" % (root, service)):
            data, stat = client.get("%s/%s/%s" % (root, service, name))
            found.append(("%s/%s/%s" % (root, service, name), json.loads(data), stat.ephemeralOwner))
    return found


def put(client, service, ident, port=5009, **more):
    record = {"name": service, "version": "9", "nodes": [{"id": ident, "address": "127.0.0.1:%d" % port}], **more}
    client.create("%s/%s/%s" % (ROOT, service, ident), json.dumps(record).encode(), makepath=True)


def until_recorded(client, service, root=ROOT):
    return eventually(lambda: records(client, service, root), "the record of " + service, 10)


# ---- a real client ----


def test_kazoo_reads_our_ephemeral_leaf_under_persistent_parents(server, client, sidecar, app):
    s = sidecar(server.url, "orders")
    [(path, record, owner)] = until_recorded(client, "orders")
    assert (record["name"], record["version"]) == ("orders", "1.2.3")
    assert record["nodes"][0]["address"] == app.address
    assert record["nodes"][0]["metadata"]["zone"] == "eu-1"
    assert path.endswith(record["nodes"][0]["id"]) and owner != 0
    for parent in (ROOT, ROOT + "/orders"):
        assert client.exists(parent).ephemeralOwner == 0
    s.stop()
    assert records(client, "orders") == []


def test_what_kazoo_creates_changes_and_deletes_is_seen(server, client, sidecar):
    s = sidecar(server.url)
    assert sees(s, "cart") == []
    put(client, "cart", "cart-1", endpoints=[{"name": "Cart.Get"}])
    [instance] = until_seen(s, "cart")
    assert (instance["id"], instance["version"], instance["endpoints"]) == ("cart-1", "9", [{"name": "Cart.Get"}])
    changed = {"name": "cart", "nodes": [{"id": "cart-1", "address": "127.0.0.1:6000"}]}
    client.set(ROOT + "/cart/cart-1", json.dumps(changed).encode())
    eventually(lambda: sees(s, "cart")[0]["address"] == "127.0.0.1:6000", "the change", 5)
    client.delete(ROOT + "/cart/cart-1")
    until_seen(s, "cart", 0)
    put(client, "cart", "cart-2")
    until_seen(s, "cart")


def test_a_leaf_that_is_created_again_at_once_is_read_again(server, client, sidecar):
    """In one transaction: the children are the same before and after."""
    s, path = sidecar(server.url), ROOT + "/cart/cart-1"
    put(client, "cart", "cart-1")
    until_seen(s, "cart")
    for port in 6000, 6001:
        again = client.transaction()
        again.delete(path)
        again.create(path, json.dumps({"name": "cart", "nodes": [{"id": "cart-1", "address": "127.0.0.1:%d" % port}]}).encode())
        again.commit()
        eventually(lambda: [i["address"] for i in sees(s, "cart")] == ["127.0.0.1:%d" % port], "the new one", 5)


def test_services_without_instances_are_no_names(server, client):
    put(client, "cart", "cart-1")
    client.create(ROOT + "/empty")
    done = csidecar("services", "--registry", server.url, "--json")
    assert [s["name"] for s in json.loads(done.stdout)["services"]] == ["cart"]


def test_deregister_takes_out_a_record_of_anybody(server, client):
    put(client, "cart", "cart-1")
    done = csidecar("deregister", "cart", "cart-1", "--registry", server.url)
    assert done.returncode == 0, done.stderr
    assert records(client, "cart") == []


def test_a_leaf_of_a_dead_predecessor_makes_room(server, client, sidecar, app):
    put(client, "orders", "fixed")
    sidecar(server.url, "orders", app={"port": app.port, "id": "fixed", "health": {"first_interval": "50ms"}})
    eventually(lambda: [r for r in records(client, "orders") if r[2]], "our own leaf", 10)
    assert len(records(client, "orders")) == 1


def test_a_deleted_leaf_is_put_again_by_the_next_heartbeat(server, client, sidecar):
    sidecar(server.url, "orders")
    [(path, _, _)] = until_recorded(client, "orders")
    client.delete(path)
    eventually(lambda: records(client, "orders"), "the leaf again", HEARTBEAT_S + 2)


# ---- chroot and digest ----


def test_a_chroot(server, client, sidecar):
    client.ensure_path("/prod")
    sidecar(server.url + "/prod", "orders")
    until_recorded(client, "orders", "/prod" + ROOT)
    assert records(client, "orders") == []
    until_seen(sidecar(server.url + "/prod"), "orders")


def with_user(server, user):
    return server.url.replace("//", "//%s@" % user)


def test_the_creators_leaf_is_readable_by_all_and_his_alone(server, client, sidecar):
    s = sidecar(with_user(server, "me:secret") + "?acl=creator", "orders")
    [(path, _, _)] = until_recorded(client, "orders")
    with pytest.raises(NoAuthError):
        client.set(path, b"{}")
    until_seen(sidecar(server.url), "orders")
    s.stop()
    assert records(client, "orders") == []


def test_a_wrong_password_is_said(server, client, sidecar):
    client.ensure_path(ROOT)
    client.create(ROOT + "/locked", acl=[make_digest_acl("me", "sesame", all=True)])
    for user, denied in (("me:guessed", True), ("me:sesame", False)):
        s = sidecar(with_user(server, user))
        sees(s, "locked")
        if denied:
            eventually(lambda: "no authority over %s/locked" % ROOT in registry_of(s)["error"], "the reason", 10)
            assert "sesame" not in s.log() and "guessed" not in s.log()
        else:
            assert registry_of(s)["error"] == ""
    client.add_auth("digest", "me:sesame")
    client.delete(ROOT + "/locked")


# ---- sessions ----


def test_a_session_that_expired_is_replaced(server, client, sidecar):
    s = sidecar(server.url, "orders")
    [(path, _, owner)] = until_recorded(client, "orders")
    os.kill(s.process.pid, signal.SIGSTOP)
    try:
        eventually(lambda: not records(client, "orders"), "the session to expire", 3 * TTL_S)
    finally:
        os.kill(s.process.pid, signal.SIGCONT)
    [(again, _, other)] = eventually(lambda: records(client, "orders"), "the leaf again", HEARTBEAT_S + 3)
    assert again == path and other != owner


class Ensemble(ZooKeeper):
    """Three servers."""

    def start(self):
        self.clients, self.quorum, self.election = free_ports(3), free_ports(3), free_ports(3)
        self.members = [self.member(n) for n in range(3)]
        for n in range(3):
            self.wait_for(n)

    def member(self, n):
        members = "".join("server.%d=127.0.0.1:%d:%d\n" % (i + 1, self.quorum[i], self.election[i]) for i in range(3))
        data, config = self.folder("data%d" % n), self.folder("config") / ("zoo%d.cfg" % n)
        (data / "myid").write_text("%d" % (n + 1))
        config.write_text("tickTime=500\ninitLimit=20\nsyncLimit=10\ndataDir=%s\nclientPort=%d\nadmin.enableServer=false\n"
                          "clientPortAddress=127.0.0.1\nminSessionTimeout=1000\nmaxClientCnxns=0\n"
                          "4lw.commands.whitelist=srvr\n%s" % (data, self.clients[n], members))
        return self.spawn(
            ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx96m", "-Dzookeeper.forceSync=no", "-cp",
             "/usr/share/java/zookeeper.jar", "org.apache.zookeeper.server.quorum.QuorumPeerMain", config], lambda: True)

    def wait_for(self, n):
        self.port = self.clients[n]
        self.members[n].wait_until(self.answers, "the ensemble", 60)

    @property
    def url(self):
        return "zookeeper://" + ",".join("127.0.0.1:%d" % port for port in self.clients)


def test_a_session_moves_between_the_servers_of_an_ensemble(sidecar):
    longer = {"ttl": "10s", "heartbeat": "1s"}
    with Ensemble() as ensemble:
        s, other = sidecar(ensemble.url, "orders", registry=longer), sidecar(ensemble.url, registry=longer)
        until_seen(other, "orders")
        client = KazooClient(ensemble.url[len("zookeeper://"):], timeout=10)
        client.start(timeout=20)
        [(path, _, owner)] = until_recorded(client, "orders")
        for n in range(3):  # one after the other, so that both have to move
            ensemble.members[n].kill()
            end = time.monotonic() + 3
            while time.monotonic() < end:
                assert other.get("/orders/x").status == 200
                time.sleep(0.1)
            ensemble.members[n] = ensemble.member(n)
            ensemble.wait_for(n)
        until_seen(other, "orders")
        assert "session=same" in s.log() and "session=same" in other.log()
        [(again, _, now)] = eventually(lambda: records(client, "orders"), "the leaf", 20)
        assert (again, now) == (path, owner)
        client.stop()
        client.close()


# ---- much ----

SERVICES, EACH = 500, 20


def instances(sidecar):
    return sum(len(service["instances"]) for service in json.loads(sidecar.admin("/services")[1])["services"])


def test_ten_thousand_instances(server, client, sidecar):
    client.ensure_path(ROOT)
    for at in range(SERVICES):
        t = client.transaction()
        t.create("%s/s%d" % (ROOT, at))
        for n in range(EACH):
            record = {"name": "s%d" % at, "nodes": [{"id": "s%d-%d" % (at, n), "address": "127.0.0.1:%d" % (10000 + n)}]}
            t.create("%s/s%d/s%d-%d" % (ROOT, at, at, n), json.dumps(record).encode())
        t.commit()
    s = sidecar(server.url)
    before, begin = s.rss_kib(), time.monotonic()
    eventually(lambda: instances(s) == SERVICES * EACH, "all instances", 60)
    print("%d instances of %d services after %.2f s" % (SERVICES * EACH, SERVICES, time.monotonic() - begin))
    eventually(lambda: s.grew_less_than(before, 2 * SERVICES * EACH), "less than 2 KiB for each", 10)
    print("%d bytes each" % ((s.rss_kib() - before) * 1024 / (SERVICES * EACH)))
