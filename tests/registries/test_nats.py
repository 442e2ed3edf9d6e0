"""What is NATS's own: a real client agrees with what we say and hear, credentials, permissions, TLS, a cluster."""

import asyncio
import contextlib
import json
import signal
import subprocess

import nats as nats_client
import pytest
from scenario.cli import csidecar
from scenario.lib import eventually

from .base import Server, accepts, free_port, wait_until
from .beside import TTL_S, sees, until_seen
from .nats import QUERY, WATCH, Nats, NatsServer, record

COLLECTED_S = 0.3  # go-micro waits for 0.1 s


# ---- servers ----


class Cluster(Server):
    """Three that know each other."""

    def start(self):
        routes = [free_port() for _ in range(3)]
        self.servers = []
        for name, route in zip("abc", routes):
            others = ",".join("nats://127.0.0.1:%d" % r for r in routes if r != route)
            options = ["--cluster_name", "test", "--cluster", "nats://127.0.0.1:%d" % route, "--routes", others]
            self.servers.append(NatsServer(self, name, *options))
        for server in self.servers:
            server.start()
        eventually(lambda: all(len(urls(s.port)) == 3 for s in self.servers), "the cluster to be one", 20)


def urls(port):
    from .nats import Connection

    with contextlib.closing(Connection(port)) as connection:
        return connection.info.get("connect_urls", [])


class Configured(Server):
    """One with a configuration file; `text` has @FOLDER@ for its folder."""

    def __init__(self, text):
        super().__init__()
        self.text = text

    def start(self):
        file = self.folder("one") / "nats.conf"
        file.write_text(self.text.replace("@FOLDER@", str(self.folder("one"))))
        self.server = NatsServer(self, "one", "-c", str(file)).start()
        self.address = "127.0.0.1:%d" % self.server.port


@contextlib.contextmanager
def configured(text):
    with Configured(text) as server:
        yield server


@pytest.fixture(scope="module")
def server():
    with Nats() as server:
        yield server


# ---- a real client ----


def with_client(url, work):
    async def run():
        connection = await nats_client.connect(url)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


def ask(url, query, patience=COLLECTED_S):
    """All answers to a query, as go-micro's client would have them."""

    async def work(connection):
        answers = []
        inbox = connection.new_inbox()

        async def take(message):
            if message.data:  # else: "no responders"
                answers.append(json.loads(message.data))

        await connection.subscribe(inbox, cb=take)
        await connection.publish(QUERY, json.dumps(query).encode(), reply=inbox)
        await asyncio.sleep(patience)
        return answers

    return with_client(url, work)


def get(name):
    return {"Action": "get", "Service": {"name": name}}


def test_a_client_gets_our_record_with_every_key(server, sidecar, app):
    sidecar(server.url, "orders")
    [answer] = eventually(lambda: ask(server.url, get("orders")), "our answer", 10)
    assert set(answer) == {"name", "version", "metadata", "endpoints", "nodes"}
    [node] = answer["nodes"]
    assert set(node) == {"id", "address", "metadata"}
    assert (answer["name"], answer["version"], node["address"]) == ("orders", "1.2.3", app.address)
    assert (node["metadata"]["protocol"], node["metadata"]["zone"]) == ("http", "eu-1")


def test_we_answer_a_list_and_not_for_other_names(server, sidecar):
    sidecar(server.url, "orders")
    eventually(lambda: ask(server.url, get("orders")), "our answer", 10)
    assert [s["name"] for s in ask(server.url, {"Action": "list", "Service": None})] == ["orders"]
    assert ask(server.url, get("order")) == []
    assert ask(server.url, get("Orders")) == []


def test_a_client_sees_us_come_renew_and_go(server, sidecar):
    async def work(connection):
        events = []

        async def take(message):
            events.append(json.loads(message.data))

        await connection.subscribe(WATCH, cb=take)
        await connection.flush()
        s = await asyncio.to_thread(sidecar, server.url, "passing")
        for _ in range(100):
            await asyncio.sleep(0.1)
            if len(events) >= 3:
                break
        s.process.send_signal(signal.SIGTERM)
        for _ in range(100):
            await asyncio.sleep(0.1)
            if events[-1]["Action"] == "delete":
                break
        return events

    events = with_client(server.url, work)
    assert [e["Action"] for e in events] == ["create"] * (len(events) - 1) + ["delete"]
    assert len(events) >= 4
    assert all(set(e["Service"]) == {"name", "version", "metadata", "endpoints", "nodes"} for e in events)
    assert events[0]["Service"] == events[-1]["Service"]


class Service:
    """A process as go-micro's plugin behaves, on the real client: answers queries for what it has; announces nothing
    by itself."""

    def __init__(self, connection):
        self.connection, self.services, self.asked = connection, [], 0

    async def start(self):
        await self.connection.subscribe(QUERY, cb=self.answer)
        await self.connection.flush()
        return self

    async def answer(self, message):
        query = json.loads(message.data)
        self.asked += 1
        for service in self.services:
            if query["Action"] == "list" or query["Service"]["name"] == service["name"]:
                await self.connection.publish(message.reply, json.dumps(service).encode())

    async def announce(self, action, service):
        await self.connection.publish(WATCH, json.dumps({"Action": action, "Service": service}).encode())
        await self.connection.flush()


def good(name, ident, port=5001, **more):
    return record(name, nodes=[{"id": ident, "address": "127.0.0.1:%d" % port, "metadata": {"protocol": "http"}}], **more)


async def until(condition, what, patience=10.0):
    for _ in range(int(patience / 0.05)):
        if await asyncio.to_thread(condition):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("waited in vain for " + what)


def test_we_find_who_only_answers(server, sidecar):
    s = sidecar(server.url)

    async def work(connection):
        service = await Service(connection).start()
        service.services = [good("greeter", "g-1"), good("greeter", "g-2", 5002, version="2")]
        await until(lambda: len(sees(s, "greeter")) == 2, "both versions")
        assert {i["version"] for i in sees(s, "greeter")} == {"1", "2"}

    with_client(server.url, work)


def test_who_does_not_answer_any_more_is_gone(server, sidecar):
    s = sidecar(server.url, "watcher")

    async def work(connection):
        service = await Service(connection).start()
        service.services = [good("greeter", "g-1"), good("greeter", "g-2", 5002)]
        await until(lambda: len(sees(s, "greeter")) == 2, "both")
        service.services.pop()
        await until(lambda: [i["id"] for i in sees(s, "greeter")] == ["g-1"], "one to be gone", 2 * TTL_S)

    with_client(server.url, work)


def test_who_answers_for_what_it_has_deregistered_is_not_believed(server, sidecar):
    """go-micro v2.9.1 does."""
    s = sidecar(server.url, "watcher")

    async def work(connection):
        service = await Service(connection).start()
        service.services = [good("zombie", "z-1")]
        await until(lambda: sees(s, "zombie"), "it")
        await service.announce("delete", service.services[0])
        await until(lambda: not sees(s, "zombie"), "its end", 2)
        asked = service.asked
        await until(lambda: service.asked >= asked + 3, "further questions")
        assert not sees(s, "zombie")
        await service.announce("create", service.services[0])
        await until(lambda: sees(s, "zombie"), "its return", 2)

    with_client(server.url, work)


def test_the_command_line_works_on_it(server, sidecar):
    sidecar(server.url, "orders")
    eventually(lambda: ask(server.url, get("orders")), "our answer", 10)
    listed = csidecar("services", "--registry", server.url, "--json")
    assert listed.returncode == 0 and "orders" in listed.stdout, listed
    got = json.loads(csidecar("get", "orders", "--registry", server.url, "--json").stdout)
    assert len(got["instances"]) == 1


def test_many_services(server, sidecar):
    """200 of them, in one process that answers for all."""
    s = sidecar(server.url)

    async def work(connection):
        service = await Service(connection).start()
        service.services = [good("many-%d" % n, "m-%d" % n, 6000 + n) for n in range(200)]
        await until(lambda: all(sees(s, "many-%d" % n) for n in range(200)), "all of them", 30)
        names = (await asyncio.to_thread(csidecar, "services", "--registry", server.url)).stdout
        assert all("many-%d" % n in names for n in range(200))

    with_client(server.url, work)


def test_other_subjects(server, sidecar):
    s = sidecar(server.url + "?query_subject=my.query&watch_subject=my.watch", "orders")
    until_seen(s, "orders")
    assert ask(server.url, get("orders")) == []


# ---- credentials and permissions ----


TOKEN = 'authorization { token: "s3cret" }'


def refused(s):
    """What it says of a registry it can't reach."""
    def reason():
        s.admin("/services/orders")
        [registry] = s.admin_json("/services")["registries"]
        return registry["error"] if not registry["reachable"] else ""

    return eventually(reason, "a refusal", 10)


def test_a_token_from_the_settings_a_file_or_the_url(sidecar, tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    (tmp_path / "token").chmod(0o600)
    with configured(TOKEN) as server:
        url = "nats://" + server.address
        for name, at, registry in [("one", url, {"token": "s3cret"}), ("two", url, {"token_file": str(tmp_path / "token")}),
                                   ("three", "nats://:s3cret@" + server.address, {})]:
            s = sidecar(at, name, registry=registry)
            until_seen(s, name)
            assert "s3cret" not in s.log()


def test_a_token_that_would_be_shown_is_refused():
    done = csidecar("services", "--registry", "nats://s3cret@127.0.0.1:1")
    assert done.returncode != 0 and "nats://:TOKEN@HOST" in done.stderr, done
    assert "s3cret" not in done.stderr


def test_a_wrong_token_is_said_clearly_and_not_shown(sidecar):
    with configured(TOKEN) as server:
        s = sidecar("nats://" + server.address, "orders", registry={"token": "wr0ng"})
        reason = refused(s)
        assert "Authorization Violation" in reason and server.address in reason and "registry.token" in reason
        assert "wr0ng" not in s.log()


def test_a_token_that_is_renewed_is_read_again(sidecar, tmp_path):
    (tmp_path / "token").write_text("old\n")
    (tmp_path / "token").chmod(0o600)
    with configured(TOKEN) as server:
        s = sidecar("nats://" + server.address, "orders", registry={"token_file": str(tmp_path / "token")})
        refused(s)
        (tmp_path / "token").write_text("s3cret\n")
        until_seen(s, "orders", patience=40)


PERMISSIONS = """
authorization {
  users = [
    { user: "mute", password: "x", permissions: { publish: "nothing", subscribe: ">" } }
    { user: "deaf", password: "x", permissions: { publish: ">", subscribe: "nothing" } }
  ]
}
"""


@pytest.mark.parametrize("user", ["mute", "deaf"])
def test_what_is_not_permitted_is_said(sidecar, user):
    with configured(PERMISSIONS) as server:
        s = sidecar("nats://%s:x@%s" % (user, server.address), "orders")
        reason = refused(s)
        assert "ermission" in reason or "may not subscribe" in reason, reason
        eventually(lambda: "lease.failed" in s.log(), "a word on the lease", 10)


# ---- TLS ----


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """ca.pem; server.pem and client.pem of it, with their keys; other-ca.pem."""
    folder = tmp_path_factory.mktemp("certificates")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    for ca in "ca", "other-ca":
        openssl(folder, "req", "-x509", *curve, "-subj", "/CN=" + ca, "-keyout", ca + ".key", "-out", ca + ".pem")
    for name in "server", "client":
        (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        openssl(folder, "req", *curve, "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".csr")
        openssl(folder, "x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", "names", "-out", name + ".pem")
    return folder


def tls(certificates, more=""):
    return 'tls { cert_file: "%s/server.pem", key_file: "%s/server.key" %s }' % (certificates, certificates, more)


@pytest.mark.parametrize("scheme", ["nats+tls", "nats"])
def test_tls_where_we_ask_for_it_and_where_the_server_does(sidecar, certificates, scheme):
    with configured(tls(certificates)) as server:
        s = sidecar("%s://%s?ca_file=%s/ca.pem" % (scheme, server.address, certificates), "orders")
        until_seen(s, "orders")


def test_a_server_of_another_authority_is_refused(sidecar, certificates):
    with configured(tls(certificates)) as server:
        s = sidecar("nats+tls://%s?ca_file=%s/other-ca.pem" % (server.address, certificates), "orders")
        assert "certificate" in refused(s)


def test_a_server_without_tls_gets_no_password(sidecar, server):
    s = sidecar(server.url.replace("nats:", "nats+tls:"), "orders")
    assert "no TLS" in refused(s)
    assert server.password not in (server.folder("one") / "nats.log").read_text()


def test_we_show_a_certificate_where_it_is_asked_for(sidecar, certificates):
    asks = ', ca_file: "%s/ca.pem", verify: true' % certificates
    with configured(tls(certificates, asks)) as server:
        url = "nats+tls://%s?ca_file=%s/ca.pem" % (server.address, certificates)
        shown = "&cert_file=%s/client.pem&key_file=%s/client.key" % (certificates, certificates)
        s = sidecar(url + shown, "orders")
        until_seen(s, "orders")
        assert refused(sidecar(url, "other"))


# ---- a cluster ----


def test_our_server_dies_and_nobody_notices(sidecar):
    """The URL has one server of three; the others are learnt. Neither our registration nor our lists go."""
    with Cluster() as cluster:
        a, b, _ = cluster.servers
        ours = sidecar("nats://127.0.0.1:%d" % a.port, "orders")
        others = sidecar("nats://127.0.0.1:%d" % b.port, "cart")
        until_seen(ours, "cart")
        until_seen(others, "orders")
        a.process.kill()
        wait_until(lambda: not accepts(a.port), "the server's end")
        for _ in range(30):  # past a TTL
            assert len(sees(ours, "cart")) == 1 and len(sees(others, "orders")) == 1
            assert ours.get("/cart/x").status == 200 and others.get("/orders/x").status == 200
            asyncio.run(asyncio.sleep(0.2))
        assert ask("nats://127.0.0.1:%d" % b.port, get("orders"))
        assert "registry.failed" not in ours.log() and "lease.lost" not in ours.log()


def test_a_server_that_is_about_to_stop_is_left(sidecar):
    with Cluster() as cluster:
        a, b, _ = cluster.servers
        ours = sidecar("nats://127.0.0.1:%d" % a.port, "orders")
        until_seen(ours, "orders")
        a.process.popen.send_signal(signal.SIGUSR2)  # lame duck
        eventually(lambda: "nats.connected" in ours.log(), "another connection", 15)
        eventually(lambda: ask("nats://127.0.0.1:%d" % b.port, get("orders")), "our answer", 10)
