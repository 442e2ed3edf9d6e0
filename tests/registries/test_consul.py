"""What is Consul's own: its clients agree with what we say and hear, ACLs, maintenance, indexes that go back, connections
that run out, several agents, TLS, and very many instances. Against the fake (tests/fakes/consul)."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time

import pytest
from scenario.apps import App
from scenario.cli import csidecar
from scenario.lib import Client as Caller
from scenario.lib import Sidecar, eventually

from .base import ROOT, Server, accepts, popen
from .consul import Consul, ConsulWithoutTokens

TTL_S = 3
CLIENTS = ROOT / "build/clients"
HERE = ROOT / "tests/registries/consul-clients"


# ---- clients ----


class Refused(Exception):
    """What a client threw."""


class Client:
    """python-consul, py-consul or Node's consul, in the words of consul-clients/client.py."""

    def __init__(self, kind, server, token=None):
        words = [server.port, *([token] if token else [])]
        if kind == "node":
            command, environment = ["node", HERE / "client.js"], {}
        else:
            command, environment = ["python3", HERE / "client.py"], {"PYTHONPATH": str(CLIENTS / kind)}
        self.process = popen([*command, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                             env={**os.environ, **environment})

    def __call__(self, *words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self):
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise Refused("%(error)s %(text)s" % answer)
        return answer["is"]

    def ids(self, service, **options):
        return [e["Service"]["ID"] for e in self("service", service, options)["entries"]]

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(params=["python-consul", "py-consul", "node"])
def client(request, server):
    client = Client(request.param, server)
    yield client
    client.stop()


@pytest.fixture(scope="module")
def server():
    with ConsulWithoutTokens() as server:
        yield server


@pytest.fixture(scope="module")
def guarded():
    with Consul() as server:
        yield server


@pytest.fixture(scope="module")
def app():
    app = App()
    yield app
    app.stop()


@pytest.fixture
def sidecar(tmp_path, app):
    """sidecar(url, name, ...): beside the app when it has a name."""
    started = []

    def start(url, name=None, registry=None, **more):
        folder = tmp_path / ("sidecar%d" % len(started))
        folder.mkdir()
        settings = {"name": name or "nobody", "state": {"max_age": "0s"}, "advertise": "127.0.0.1", **more,
                    "registry": {"url": url, "ttl": "%ds" % TTL_S, "heartbeat": "1s", **(registry or {})}}
        if name:
            settings |= {"app": {"port": app.port, "health": {"first_interval": "50ms"}}, "version": "1.2.3",
                         "metadata": {"zone": "eu-1", "dotted.key": "x"}}
        started.append(Sidecar(folder, settings))
        started[-1].start()
        eventually(lambda: accepts(started[-1].admin_port), "its admin port", 10)
        return started[-1]

    yield start
    for each in started:
        each.stop()


def sees(sidecar, service):
    status, body = sidecar.admin("/services/" + service)
    return json.loads(body)["instances"] if status == 200 else []


def until_seen(sidecar, service, count=1, patience=10):
    eventually(lambda: len(sees(sidecar, service)) == count, "%d of %s" % (count, service), patience)
    return sees(sidecar, service)


def refused(s, service="orders"):
    """What it says of a registry it can't use."""

    def reason():
        s.admin("/services/" + service)
        [registry] = s.admin_json("/services")["registries"]
        return registry["error"] if not registry["reachable"] else ""

    return eventually(reason, "a refusal", 10)


def registered(server, service):
    return {i: s for i, s in server.call("GET", "agent/services").items() if s["Service"] == service}


# ---- the clients, and us ----


def test_clients_see_what_we_register(server, sidecar, client, app):
    sidecar(server.url, "orders")
    [entry] = eventually(lambda: client("service", "orders", {"passing": True})["entries"], "us", 10)
    service, checks = entry["Service"], {c["CheckID"]: c["Status"] for c in entry["Checks"]}
    assert "%s:%d" % (service["Address"], service["Port"]) == app.address
    assert {"zone": "eu-1", "version": "1.2.3"}.items() <= service["Meta"].items()
    assert "dotted.key" not in service["Meta"]  # Consul takes no dot there: it is in the tags
    assert {t[:2] for t in service["Tags"][:-1]} == {"t-"} and service["Tags"][-1].startswith("v-")
    assert service["Weights"]["Passing"] == 1
    assert checks == {"serfHealth": "passing", "service:" + service["ID"]: "passing"}
    assert "orders" in client("services", {})["names"]
    assert [c["ServiceID"] for c in client("checks", "orders")] == [service["ID"]]


def test_we_find_what_clients_register_as_it_fares(server, sidecar, client):
    s = sidecar(server.url)
    assert client("register", "web", "web-1", "10.0.0.1", 80, ["primary"], "30s")
    assert s.admin("/services/web")[0] in (200, 404)
    assert not sees(s, "web")  # a TTL check begins critical
    for word, count in [("pass", 1), ("warn", 1), ("fail", 0), ("pass", 1)]:
        assert client(word, "service:web-1")
        [*found] = until_seen(s, "web", count)
    assert (found[0]["id"], found[0]["address"]) == ("web-1", "10.0.0.1:80")
    assert client("deregister", "web-1")
    until_seen(s, "web", 0)


def test_maintenance_is_draining(server, sidecar, client):
    s = sidecar(server.url)
    client("register", "web", "web-m", "10.0.0.1", 80, [], "30s")
    client("pass", "service:web-m")
    until_seen(s, "web")
    client("maintenance", "web-m", True)
    eventually(lambda: [i["draining"] for i in sees(s, "web")] == [True], "it to drain")
    client("maintenance", "web-m", False)
    eventually(lambda: [i["draining"] for i in sees(s, "web")] == [False], "it to be back")
    client("deregister", "web-m")


def test_who_is_in_maintenance_gets_no_new_call(server, sidecar, client, app):
    s = sidecar(server.url)
    host, port = app.address.split(":")
    for ident, at in ("web-dead", 9), ("web-well", int(port)):  # nobody answers at the first
        client("register", "web", ident, host, at, [], "30s")
        client("pass", "service:" + ident)
    client("maintenance", "web-dead", True)
    eventually(lambda: sorted(i["draining"] for i in sees(s, "web")) == [False, True], "one to drain")
    for _ in range(20):
        with Caller(s.address) as caller:
            answer = caller.request("/web/x").response()
        assert (answer.status, answer["csidecar-attempts"]) == (200, "1")
    for ident in "web-dead", "web-well":
        client("deregister", ident)


def test_a_client_that_blocks_is_woken_when_we_go(server, sidecar, client):
    s = sidecar(server.url, "leaving")
    eventually(lambda: client.ids("leaving"), "us")
    index = client("service", "leaving", {})["index"]
    threading.Timer(0.5, s.process.send_signal, [signal.SIGTERM]).start()
    begin = time.monotonic()
    while client.ids("leaving", index=index, wait="20s"):
        index = client("service", "leaving", {})["index"]
    assert 0.3 < time.monotonic() - begin < 10


def test_a_client_that_blocks_in_vain_waits_as_long_as_it_said(server, client):
    index = client("service", "nobody", {})["index"]
    begin = time.monotonic()
    assert client.ids("nobody", index=index, wait="1s") == []
    assert 0.9 < time.monotonic() - begin < 3


def test_nodes_own_watch_sees_us_come_and_go(server, sidecar):
    node = Client("node", server)
    try:
        assert node("watch", "watched") == []
        s = sidecar(server.url, "watched")
        assert len(node.answer()) == 1
        s.process.send_signal(signal.SIGTERM)
        while node.answer():
            pass
    finally:
        node.stop()


def test_clients_get_consuls_words(server, client):
    """What they throw, and answer, where Consul says no."""
    if client.process.args[0] == "node":
        for words in (["pass", "nothing"], ["deregister", "nothing"]):
            with pytest.raises(Refused, match="404 Unknown (check|service) ID .*nothing"):
                client(*words)
    else:
        assert client("pass", "nothing") is False and client("deregister", "nothing") is False
    with pytest.raises(Refused, match="400"):
        client("register", "web", "web-1", "0.0.0.0", 80, [], "30s")
    assert client("leader") == "127.0.0.1:8300"
    assert client("self")["Config"]["Version"].endswith("fake")


def test_the_dead_turn_critical_and_are_reaped(sidecar):
    class Fast(ConsulWithoutTokens):
        options = ("-fast", "60")  # a minute is a second

    with Fast() as server:
        s = sidecar(server.url, "victim")
        [ident] = eventually(lambda: registered(server, "victim"), "it", 10)
        s.process.kill()
        s.process.wait()
        s.expected_exit = -signal.SIGKILL
        check = "service:" + ident
        eventually(lambda: server.call("GET", "agent/checks").get(check, {}).get("Status") == "critical", "the TTL's end", TTL_S + 3)
        eventually(lambda: not registered(server, "victim"), "it to be reaped", 10)


# ---- ACLs ----


def test_a_token_from_the_url_the_settings_or_a_file(guarded, sidecar, tmp_path):
    (tmp_path / "token").write_text("secret\n")
    (tmp_path / "token").chmod(0o600)
    plain = "consul://127.0.0.1:%d" % guarded.port
    for name, url, registry in [("one", guarded.url, {}), ("two", plain, {"token": "secret"}),
                                ("three", plain, {"token_file": str(tmp_path / "token")})]:
        s = sidecar(url, name, registry=registry)
        until_seen(s, name)
        assert "secret" not in s.log()


def test_a_wrong_token_is_said_clearly_and_not_shown(guarded, sidecar):
    s = sidecar("consul://127.0.0.1:%d?token=wr0ng" % guarded.port, "orders")
    reason = refused(s)
    assert "credentials" in reason and "ACL not found" in reason and "token_file" in reason
    assert "wr0ng" not in s.log() + reason
    assert "wr0ng" not in csidecar("services", "--registry", "consul://127.0.0.1:%d?token=wr0ng" % guarded.port).stderr


def test_who_may_read_only_resolves_and_is_told_that_it_may_not_register(guarded, sidecar):
    guarded.allow("reader", read=[""])
    writer = sidecar(guarded.url, "orders")
    until_seen(writer, "orders")
    reader = sidecar("consul://127.0.0.1:%d?token=reader" % guarded.port, "cart")
    until_seen(reader, "orders")
    eventually(lambda: "lacks permission 'service:write' on \\\"cart\\\"" in reader.log(), "a word on it", 10)


def test_lists_that_acls_hide_are_no_empty_lists(guarded, sidecar):
    guarded.allow("narrow", read=["cart"])
    until_seen(sidecar(guarded.url, "orders"), "orders")
    s = sidecar("consul://127.0.0.1:%d?token=narrow" % guarded.port)
    assert "service:read" in refused(s)


def test_a_token_that_is_rotated_is_read_again(guarded, sidecar, tmp_path):
    token = tmp_path / "token"
    token.write_text("first\n")
    token.chmod(0o600)
    guarded.allow("first", write=[""])
    s = sidecar("consul://127.0.0.1:%d" % guarded.port, "rotated", registry={"token_file": str(token)})
    until_seen(s, "rotated")
    guarded.allow("second", write=[""])
    token.write_text("second\n")
    guarded.forbid("first")
    for _ in range(int(2 * TTL_S / 0.2)):
        assert guarded.call("GET", "health/service/rotated?passing"), s.log()
        time.sleep(0.2)
    assert "lease.lost" not in s.log()


# ---- options ----


def test_a_datacenter(server, sidecar):
    until_seen(sidecar(server.url + "?dc=dc1", "orders"), "orders")
    assert "No path to datacenter" in refused(sidecar(server.url + "?dc=nowhere"))


def test_a_namespace_where_there_are_none_is_said(server, sidecar):
    assert "Enterprise" in refused(sidecar(server.url + "?ns=team"))


def test_a_tag_and_passing_only_choose(server, sidecar):
    for ident, tags, status in [("t-1", ["blue"], "passing"), ("t-2", ["green"], "passing"), ("t-3", ["blue"], "warning")]:
        server.call("PUT", "agent/service/register", {"ID": ident, "Name": "tagged", "Address": "10.0.0.1", "Port": 80, "Tags": tags,
                                                      "Check": {"TTL": "60s", "Status": status}})
    for query, ids in [("", {"t-1", "t-2", "t-3"}), ("?tag=blue", {"t-1", "t-3"}), ("?tag=blue&passing_only=true", {"t-1"})]:
        s = sidecar(server.url + query)
        until_seen(s, "tagged", len(ids))
        assert {i["id"] for i in sees(s, "tagged")} == ids


@pytest.mark.parametrize("url, why", [("consul://user:secret@127.0.0.1", "no users"), ("consul://127.0.0.1/v1", "path"),
                                      ("consul://127.0.0.1?wait=1ms", "wait"), ("consul://127.0.0.1?tocken=x", "token")])
def test_a_url_that_is_a_mistake_is_refused(url, why):
    done = csidecar("services", "--registry", url)
    assert done.returncode != 0 and why in done.stderr and "secret" not in done.stderr, done


# ---- what happens to Consul ----


def test_a_dead_node_takes_its_instances_along(server, sidecar):
    s = sidecar(server.url)
    server.control("load", services=1, instances=4, nodes=2)
    until_seen(s, "svc-0", 4)
    server.control("node", name="node-1", status="critical")
    until_seen(s, "svc-0", 2)
    server.control("node", name="node-1", status="passing")
    until_seen(s, "svc-0", 4)


def test_data_that_is_lost_empties_nothing_and_comes_back(sidecar):
    """Indexes begin anew under open connections, as when a snapshot is restored."""
    with ConsulWithoutTokens() as server:
        for n in range(100):  # so that the new indexes stay below the old ones for as long as this looks
            server.call("PUT", "agent/service/register", {"ID": "noise-1", "Name": "noise", "Port": 1000 + n})
        ours, other = sidecar(server.url, "orders"), sidecar(server.url, "caller")
        until_seen(other, "orders")
        server.control("lose")
        end = time.monotonic() + TTL_S
        while time.monotonic() < end:
            assert sees(other, "orders"), other.log()
            time.sleep(0.05)
        assert registered(server, "orders")
        assert "index went back" in other.log() and "lease.lost" in ours.log()
        until_seen(other, "orders")


def test_without_a_leader_lists_stay(sidecar):
    with ConsulWithoutTokens() as server:
        s, strict = sidecar(server.url, "orders"), sidecar(server.url + "?stale=false")
        until_seen(s, "orders")
        until_seen(strict, "orders")

        def authority():
            return s.admin_json("/services/orders")["authority"]

        server.control("leader", **{"is": "false"})
        eventually(lambda: authority() == "suspect", "the list to be in doubt", 10)
        assert "No cluster leader" in refused(strict)
        for each in s, strict:
            assert sees(each, "orders") and each.get("/orders/x").status == 200
        server.control("leader", **{"is": "true"})
        eventually(lambda: authority() == "confirmed", "it to be certain again", 10)


def test_old_versions_say_500_for_what_they_do_not_know(sidecar):
    with ConsulWithoutTokens() as server:
        server.control("old", **{"is": "true"})
        s = sidecar(server.url, "orders")
        until_seen(s, "orders")
        server.control("clear")
        eventually(lambda: registered(server, "orders"), "the registration", 5)
        assert "lease.lost" in s.log()


def test_connections_that_run_out_are_shared(sidecar):
    """60 services, and an agent that gives 30 connections to an address."""
    with ConsulWithoutTokens() as server:
        server.control("load", services=60, instances=120)
        server.control("conns", most=30)
        s = sidecar(server.url)
        for n in range(60):
            sees(s, "svc-%d" % n)
        eventually(lambda: all(len(sees(s, "svc-%d" % n)) == 2 for n in range(60)), "all of them", 40)
        server.control("load", services=60, instances=180)
        eventually(lambda: all(len(sees(s, "svc-%d" % n)) == 3 for n in range(60)), "all changes", 20)
        assert "consul.too_many_connections" in s.log()


def test_idle_queries_are_few_and_held_back(server, sidecar):
    s = sidecar(server.url + "?wait=1s")
    for n in range(5):
        sees(s, "idle-%d" % n)
    before = server.control("stats")["requests"]
    time.sleep(3)
    made = server.control("stats")["requests"] - before
    assert 5 <= made <= 40, made


# ---- several agents ----


class Pair(Server):
    """Two agents. (In truth one catalog is behind both; that a record belongs to its agent is what matters here.)"""

    def start(self):
        self.agents = [ConsulWithoutTokens(), ConsulWithoutTokens()]
        for agent in self.agents:
            agent.start()
        self.ports_text = ",".join("127.0.0.1:%d" % a.port for a in self.agents)

    def stop(self):
        for agent in self.agents:
            agent.stop()


def test_another_agent_takes_over_and_both_are_left_clean(sidecar):
    with Pair() as pair:
        first, second = pair.agents
        s = sidecar("consul://" + pair.ports_text, "orders")
        eventually(lambda: registered(first, "orders"), "us at the first")
        first.away()
        eventually(lambda: registered(second, "orders"), "us at the second", 10)
        first.back()
        time.sleep(1.5)  # a heartbeat: it stays where it is
        assert registered(second, "orders") and "lease.lost" not in s.log()
        s.process.send_signal(signal.SIGTERM)
        eventually(lambda: not registered(first, "orders") and not registered(second, "orders"), "both to be clean", 10)


def test_renewals_stay_with_the_agent_that_has_the_record(sidecar):
    """Queries go elsewhere when the first can't answer them; it lives, and keeps the record."""
    with Pair() as pair:
        first, second = pair.agents
        s = sidecar("consul://" + pair.ports_text, "orders")
        eventually(lambda: registered(first, "orders"), "us at the first")
        first.control("leader", **{"is": "false"})
        s.admin("/services/other")
        time.sleep(TTL_S + 1)
        assert not registered(second, "orders")
        [check] = [c for c in first.call("GET", "agent/checks").values() if c["ServiceName"] == "orders"]
        assert check["Status"] == "passing"


# ---- TLS ----


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """ca.pem; server.pem of it, with its key; other-ca.pem."""
    folder = tmp_path_factory.mktemp("certificates")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    for ca in "ca", "other-ca":
        openssl(folder, "req", "-x509", *curve, "-subj", "/CN=" + ca, "-keyout", ca + ".key", "-out", ca + ".pem")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    openssl(folder, "req", *curve, "-subj", "/CN=server", "-keyout", "server.key", "-out", "server.csr")
    openssl(folder, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", "names", "-out", "server.pem")
    return folder


def test_by_tls_and_only_with_a_certificate_that_is_believed(sidecar, certificates):
    class Secure(ConsulWithoutTokens):
        options = ("-cert", certificates / "server.pem", "-key", certificates / "server.key")

    with Secure() as server:
        url = "consul+https://localhost:%d?ca_file=%s/" % (server.port, certificates)
        until_seen(sidecar(url + "ca.pem", "orders"), "orders")
        assert "certificate" in refused(sidecar(url + "other-ca.pem"))


# ---- very many ----


SERVICES, INSTANCES = 500, 10000


@contextlib.contextmanager
def loaded():
    with ConsulWithoutTokens() as server:
        server.control("load", services=SERVICES, instances=INSTANCES)
        yield server


def all_known(s):
    known = {x["name"]: x["instances"] for x in s.admin_json("/services")["services"]}
    return sum(len(v) if isinstance(v, list) else v for n, v in known.items() if n.startswith("svc-")) == INSTANCES


def ask_for_all(s):
    """One after the other, as fast as one connection can."""
    with contextlib.closing(Caller(("127.0.0.1", s.admin_port))) as caller:
        for n in range(SERVICES):
            caller.request("/services/svc-%d" % n).response()


def test_ten_thousand_instances_of_five_hundred_services(sidecar):
    with loaded() as server:
        s = sidecar(server.url)
        before = s.rss_kib()
        begin = time.monotonic()
        ask_for_all(s)
        eventually(lambda: all_known(s), "all of them", 20)
        took = time.monotonic() - begin
        eventually(lambda: s.grew_less_than(before, INSTANCES), "less than 1 KiB for each, once it rests", 10)
        print("complete after %.2f s, %d bytes an instance" % (took, (s.rss_kib() - before) * 1024 / INSTANCES))
        assert server.control("stats")["peak"] <= 130
        assert took < 10
        server.control("churn", rate=1000, seconds=5, services=SERVICES)
        time.sleep(6)
        port = server.call("GET", "health/service/svc-7")[0]["Service"]["Port"]
        eventually(lambda: sees(s, "svc-7")[0]["address"].endswith(":%d" % port), "the last change", 8)
