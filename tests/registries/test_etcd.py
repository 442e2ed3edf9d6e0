"""What is etcd's own: its own client agrees with what we write, leases, compaction, three members, TLS, much."""

import base64
import json
import os
import shutil
import subprocess
import time

import pytest
from scenario.cli import csidecar
from scenario.lib import eventually

from faults import FaultProxy

from .base import Server, free_ports
from .beside import HEARTBEAT_S, TTL_S, registry_of, sees, until_seen
from .certificates import make_authority, make_certificate
from .etcd import Etcd, b64

PREFIX = "/micro/registry/"


def etcdctl(server, *words):
    """The JSON that etcd's own client prints; its keys and values decoded."""
    done = subprocess.run(["etcdctl", "--endpoints", "127.0.0.1:%d" % server.port, *words, "-w", "json"],
                          env={**os.environ, "ETCDCTL_API": "3"}, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    for kv in answer.get("kvs", []):
        kv["key"] = base64.b64decode(kv["key"]).decode()
        kv["value"] = json.loads(base64.b64decode(kv.get("value", "")) or "null")
    return answer


def records(server, service):
    return etcdctl(server, "get", "--prefix", PREFIX + service + "/").get("kvs", [])


def node(service, ident, port=5009, **more):
    return json.dumps({"name": service, "version": "9", "nodes": [{"id": ident, "address": "127.0.0.1:%d" % port}], **more})


@pytest.fixture(scope="module")
def started():
    with Etcd() as server:
        yield server


@pytest.fixture
def server(started):
    started.fresh()
    return started


# ---- its own client ----


def test_etcdctl_reads_our_record_under_a_lease(server, sidecar, app):
    sidecar(server.url, "orders")
    [kv] = eventually(lambda: records(server, "orders"), "the record", 10)
    record = kv["value"]
    assert kv["key"] == PREFIX + "orders/" + record["nodes"][0]["id"]
    assert (record["name"], record["version"]) == ("orders", "1.2.3")
    assert record["nodes"][0]["address"] == app.address
    assert record["nodes"][0]["metadata"]["zone"] == "eu-1"
    lease = etcdctl(server, "lease", "timetolive", "%x" % kv["lease"])
    assert lease["granted-ttl"] == TTL_S


def test_one_lease_for_all_records_of_a_process(server, sidecar, app):
    s = sidecar(server.url, "orders")
    subprocess.run(["curl", "-sf", "-d", json.dumps({"name": "cart", "address": app.address}),
                    "http://127.0.0.1:%d/register" % s.admin_port], check=True, capture_output=True)
    [one], [two] = eventually(lambda: all(r := [records(server, n) for n in ("orders", "cart")]) and r, "both records", 10)
    assert one["lease"] == two["lease"]


def test_what_etcdctl_puts_and_deletes_is_seen(server, sidecar):
    s = sidecar(server.url)
    assert sees(s, "cart") == []
    etcdctl(server, "put", PREFIX + "cart/cart-1", node("cart", "cart-1", endpoints=[{"name": "Cart.Get"}]))
    [instance] = until_seen(s, "cart")
    assert (instance["id"], instance["version"], instance["endpoints"]) == ("cart-1", "9", [{"name": "Cart.Get"}])
    etcdctl(server, "del", PREFIX + "cart/cart-1")
    until_seen(s, "cart", 0)


def test_deregister_takes_out_a_record_of_anybody(server):
    etcdctl(server, "put", PREFIX + "cart/cart-1", node("cart", "cart-1"))
    done = csidecar("deregister", "cart", "cart-1", "--registry", server.url)
    assert done.returncode == 0, done.stderr
    assert records(server, "cart") == []
    done = csidecar("deregister", "cart", "cart-1", "--registry", server.url)
    assert done.returncode != 0 and "no instance of cart" in done.stderr


def test_an_own_prefix(server, sidecar):
    sidecar(server.url + "?prefix=/mine", "orders")
    eventually(lambda: etcdctl(server, "get", "--prefix", "/mine/orders/").get("kvs"), "the record", 10)
    assert records(server, "orders") == []


# ---- leases ----


def test_a_revoked_lease_is_noticed_by_the_next_heartbeat(server, sidecar):
    s = sidecar(server.url, "orders")
    [kv] = eventually(lambda: records(server, "orders"), "the record", 10)
    etcdctl(server, "lease", "revoke", "%x" % kv["lease"])
    [again] = eventually(lambda: records(server, "orders"), "the record again", HEARTBEAT_S + 2)
    assert again["lease"] != kv["lease"] and again["key"] == kv["key"]
    assert "lease.lost" in s.log()


def test_a_deleted_record_is_put_again_by_the_next_heartbeat(server, sidecar):
    sidecar(server.url, "orders")
    [kv] = eventually(lambda: records(server, "orders"), "the record", 10)
    etcdctl(server, "del", kv["key"])
    [again] = eventually(lambda: records(server, "orders"), "the record again", HEARTBEAT_S + 2)
    assert again["value"] == kv["value"]


# ---- the watch ----


def revision(server):
    return etcdctl(server, "get", "x")["header"]["revision"]


def test_what_was_compacted_away_meanwhile_is_read_anew(server, sidecar):
    proxy = FaultProxy(server.port)
    try:
        s = sidecar(server.url_at([proxy.port]))
        etcdctl(server, "put", PREFIX + "cart/cart-1", node("cart", "cart-1"))
        until_seen(s, "cart")
        proxy.set("refuse")
        proxy.set("reset")
        etcdctl(server, "del", PREFIX + "cart/cart-1")
        etcdctl(server, "put", PREFIX + "cart/cart-2", node("cart", "cart-2"))
        subprocess.run(["etcdctl", "--endpoints", "127.0.0.1:%d" % server.port, "compact", str(revision(server))],
                       env={**os.environ, "ETCDCTL_API": "3"}, check=True, capture_output=True)
        proxy.set("pass")
        eventually(lambda: [i["id"] for i in sees(s, "cart") if not i["draining"]][-1:] == ["cart-2"], "the new one", 15)
    finally:
        proxy.close()


class Three(Server):
    """Three members of one cluster."""

    def start(self):
        self.clients, self.peers = free_ports(3), free_ports(3)
        cluster = ",".join("m%d=http://127.0.0.1:%d" % (n, port) for n, port in enumerate(self.peers))
        self.members = [self.member(n, cluster) for n in range(3)]
        for member in self.members:
            member.wait_until(self.answers, "a leader", 30)

    def member(self, n, cluster):
        client, peer = "http://127.0.0.1:%d" % self.clients[n], "http://127.0.0.1:%d" % self.peers[n]
        return self.spawn(["etcd", "--name", "m%d" % n, "--data-dir", self.folder("m%d" % n), "--listen-client-urls", client,
                           "--advertise-client-urls", client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls",
                           peer, "--initial-cluster", cluster], lambda: True)

    def answers(self):
        done = subprocess.run(["etcdctl", "--endpoints", ",".join("127.0.0.1:%d" % p for p in self.clients), "get", "x"],
                              env={**os.environ, "ETCDCTL_API": "3"}, capture_output=True)
        return done.returncode == 0

    @property
    def url(self):
        return "etcd://" + ",".join("127.0.0.1:%d" % port for port in self.clients)


def test_a_member_that_dies_is_noticed_by_nobody(sidecar):
    with Three() as cluster:
        s, other = sidecar(cluster.url, "orders"), sidecar(cluster.url)
        until_seen(other, "orders")
        for member in cluster.members[:1]:  # the one that both talk to
            member.kill()
        end = time.monotonic() + 2 * TTL_S
        while time.monotonic() < end:
            assert other.get("/orders/x").status == 200
            time.sleep(0.1)
        assert [i["id"] for i in sees(other, "orders")]
        assert "lease.lost" not in s.log()
        until_seen(other, "orders")


# ---- TLS ----


class Encrypted(Etcd):
    """Asks for a client's certificate, too."""

    def start(self):
        folder = self.folder("tls")
        make_authority(folder)
        for name in ("server", "client"):
            make_certificate(folder, name)
        super().start()

    scheme = "https"

    @property
    def more(self):
        folder = self.folder("tls")
        return ["--cert-file", folder / "server.pem", "--key-file", folder / "server.key", "--trusted-ca-file",
                folder / "ca.pem", "--client-cert-auth"]

    def answers(self):
        folder = self.folder("tls")
        done = subprocess.run(["etcdctl", "--endpoints", "https://127.0.0.1:%d" % self.port, "--cacert", folder / "ca.pem",
                               "--cert", folder / "client.pem", "--key", folder / "client.key", "get", "x"],
                              env={**os.environ, "ETCDCTL_API": "3"}, capture_output=True)
        return done.returncode == 0

    def files(self, *names):
        return {key: str(self.folder("tls") / file) for key, file in zip(("ca_file", "cert_file", "key_file"), names)}

    @property
    def url(self):
        return "etcd+https://127.0.0.1:%d" % self.port


@pytest.fixture(scope="module")
def encrypted():
    with Encrypted() as server:
        yield server


def test_tls_with_a_clients_certificate(encrypted, sidecar):
    tls = {"tls": encrypted.files("ca.pem", "client.pem", "client.key")}
    sidecar(encrypted.url, "orders", registry=tls)
    until_seen(sidecar(encrypted.url, registry=tls), "orders")


def test_tls_in_a_strict_sandbox_that_was_closed_before(encrypted, sidecar):
    """OpenSSL is loaded after it, and reads files beside the settings."""
    sidecar(encrypted.url, "orders", registry={"tls": encrypted.files("ca.pem", "client.pem", "client.key")})
    s = sidecar("static:", sandbox="strict")
    tls = {key: str(shutil.copy2(file, s.folder)) for key, file in encrypted.files("ca.pem", "client.pem", "client.key").items()}
    s.config.write_text(json.dumps(json.loads(s.settings) | {"registry": {"url": encrypted.url, "tls": tls}}))
    assert s.admin("/reload", "POST")[0] == 200, s.log()
    until_seen(s, "orders")


def test_tls_without_a_clients_certificate_is_refused_and_says_so(encrypted, sidecar):
    s = sidecar(encrypted.url, registry={"tls": encrypted.files("ca.pem")})
    sees(s, "orders")
    eventually(lambda: "registry.tls.cert_file" in registry_of(s)["error"], "the reason", 10)


def test_an_unknown_authority_is_refused_and_says_so(encrypted, sidecar):
    s = sidecar(encrypted.url)
    sees(s, "orders")
    eventually(lambda: "registry.tls.ca_file" in registry_of(s)["error"], "the reason", 10)


# ---- much ----

SERVICES, EACH = 500, 20


def fill(server):
    for at in range(SERVICES):
        puts = [{"request_put": {"key": b64("%ss%d/s%d-%d" % (PREFIX, at, at, n)),
                                 "value": b64(node("s%d" % at, "s%d-%d" % (at, n), 10000 + n))}} for n in range(EACH)]
        server.call("/kv/txn", {"success": puts})


def instances(sidecar):
    return sum(len(service["instances"]) for service in json.loads(sidecar.admin("/services")[1])["services"])


def test_ten_thousand_instances(server, sidecar):
    fill(server)
    s = sidecar(server.url, log={"level": "debug"})
    before, begin = s.rss_kib(), time.monotonic()
    eventually(lambda: instances(s) == SERVICES * EACH, "all instances", 30)
    print("%d instances of %d services after %.2f s" % (SERVICES * EACH, SERVICES, time.monotonic() - begin))
    changed = s.log().count("service.changed")
    etcdctl(server, "put", PREFIX + "s7/s7-3", node("s7", "s7-3", 20000))
    eventually(lambda: any(i["address"].endswith(":20000") for i in sees(s, "s7")), "the change", 5)
    assert s.log().count("service.changed") - changed <= 1
    eventually(lambda: s.grew_less_than(before, SERVICES * EACH), "less than 1 KiB for each", 10)
    print("%d bytes each" % ((s.rss_kib() - before) * 1024 / (SERVICES * EACH)))
