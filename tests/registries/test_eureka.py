"""What is Eureka's own: a real client agrees with what is written and read, statuses, both kinds of records, paths,
several servers, servers without deltas or without memory, and very many instances."""

import concurrent.futures
import contextlib
import http.server
import json
import signal
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest
from py_eureka_client import eureka_client
from scenario.cli import csidecar
from scenario.lib import eventually

from .beside import TTL_S, sees, until_seen
from .eureka import Eureka

# Of py_eureka_client's own.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")
POLL = "poll=200ms"


class Open(Eureka):
    """Nobody is asked for credentials."""

    user = ""
    options = POLL


@pytest.fixture(scope="module")
def started():
    with Open() as server:
        yield server


@pytest.fixture
def server(started):
    started.fresh()
    return started


def until_registered(server, app, count=1):
    eventually(lambda: len(server.instances(app)) == count, "%d records of %s" % (count, app), 15)
    return server.instances(app)


# ---- a real client ----


@contextlib.contextmanager
def client(server, register=None, **more):
    """py_eureka_client, registered as `register`, or only looking."""
    eureka_client.init(eureka_server="http://127.0.0.1:%d/eureka/" % server.own_port, app_name=register or "looker",
                       should_register=bool(register), should_discover=not register, **more)
    try:
        yield eureka_client
    finally:
        eureka_client.stop()


def test_py_eureka_client_finds_our_app_and_calls_it(server, sidecar):
    sidecar(server.url, "users")
    until_registered(server, "users")
    with client(server) as looking:
        assert looking.do_service("users", "/hello", prefer_ip=True) == "app"
        assert looking.do_service("USERS", "/hello", prefer_ip=False) == "app"


def test_we_find_what_py_eureka_client_registers_and_see_it_go(server, sidecar, app):
    looking = sidecar(server.url)
    with client(server, register="Orders", instance_ip="127.0.0.1", instance_host="localhost", instance_port=app.port,
                metadata={"zone": "eu-2"}):
        [found] = until_seen(looking, "orders")
        assert found["address"] == "127.0.0.1:%d" % app.port and found["metadata"]["zone"] == "eu-2", found
        assert until_seen(looking, "ORDERS") == [found]
        assert json.loads(csidecar("services", "--registry", server.url, "--json").stdout)
    until_seen(looking, "orders", 0)


# ---- our records ----


def test_the_record_is_what_springs_clients_expect(server, sidecar, app):
    sidecar(server.url, "users")
    [record] = until_registered(server, "users")
    assert (record["ipAddr"], record["port"]["$"], record["status"]) == ("127.0.0.1", app.port, "UP"), record
    assert record["hostName"] == "127.0.0.1" and record["vipAddress"] == "users", record
    assert (record["metadata"]["version"], record["metadata"]["zone"]) == ("1.2.3", "eu-1"), record


def test_a_record_that_was_removed_is_back_within_a_heartbeat(server, sidecar):
    sidecar(server.url, "users")
    [record] = until_registered(server, "users")
    server.ask("DELETE", "/apps/USERS/" + record["instanceId"])
    assert server.instances("users") == []
    begin = time.monotonic()
    [again] = until_registered(server, "users")
    assert again["instanceId"] == record["instanceId"] and time.monotonic() - begin < 3


def test_it_is_renewed_past_its_ttl_and_gone_after_a_kill(server, sidecar):
    ours = sidecar(server.url, "users")
    until_registered(server, "users")
    end = time.monotonic() + 2.2 * TTL_S
    while time.monotonic() < end:
        assert len(server.instances("users")) == 1
        time.sleep(0.2)
    ours.expected_exit = -signal.SIGKILL
    ours.process.kill()
    begin = time.monotonic()
    until_registered(server, "users", 0)
    assert time.monotonic() - begin < TTL_S + 2  # a TTL, not two of them


@pytest.mark.sanitized
def test_micros_record_is_what_go_micros_plugin_reads(server, sidecar, app):
    ours = sidecar(server.url + "&flavor=micro", "users", version="1.2")
    [record] = until_registered(server, "users")
    address = "127.0.0.1:%d" % app.port
    assert record["ipAddr"] == record["hostName"] == record["vipAddress"] == address, record
    assert record["instanceId"] == "%s:%s" % (address, record["metadata"]["instanceId"]), record
    assert record["metadata"]["version"] == "v1.2"  # its reader takes 1.2 for a number, and drops it
    assert json.loads(record["metadata"]["metadata"])["zone"] == "eu-1"
    assert isinstance(json.loads(record["metadata"]["endpoints"]), list)
    [found] = until_seen(sidecar(server.url), "users")
    assert (found["address"], found["version"], found["metadata"]["zone"]) == (address, "1.2", "eu-1"), found
    ours.stop()
    until_registered(server, "users", 0)


def test_both_kinds_of_records_are_one_instance(server, sidecar, app):
    ours = sidecar(server.url + "&flavor=both", "users")
    kinds = {record["ipAddr"] for record in until_registered(server, "users", 2)}
    assert kinds == {"127.0.0.1", "127.0.0.1:%d" % app.port}
    assert len(until_seen(sidecar(server.url), "users")) == 1
    ours.stop()
    until_registered(server, "users", 0)


def test_deregister_finds_a_record_whatever_it_is_called(server, sidecar):
    server.register("users", "10.0.0.5:9090:users-7", ipAddr="10.0.0.5:9090",
                    metadata={"version": "latest", "instanceId": "users-7", "metadata": "{}", "endpoints": "[]"})
    done = csidecar("deregister", "users", "users-7", "--registry", server.url)
    assert done.returncode == 0, done.stderr
    assert server.instances("users") == []


# ---- what others say ----


@pytest.mark.parametrize("fetch", ["apps", "delta"])
def test_statuses_are_honoured(server, sidecar, fetch):
    looking = sidecar(server.url + "&fetch=" + fetch)
    server.register("orders", "orders-1")
    assert not until_seen(looking, "orders")[0].get("draining")
    server.ask("PUT", "/apps/ORDERS/orders-1/status?value=OUT_OF_SERVICE")
    eventually(lambda: [i for i in sees(looking, "orders") if i.get("draining")], "it to be draining", 15)
    server.ask("PUT", "/apps/ORDERS/orders-1/status?value=DOWN")
    until_seen(looking, "orders", 0)
    server.ask("DELETE", "/apps/ORDERS/orders-1/status?value=UP")
    until_seen(looking, "orders")


@pytest.mark.parametrize("fetch", ["apps", "delta"])
def test_a_server_without_memory_empties_no_list(server, sidecar, fetch):
    looking = sidecar(server.url + "&fetch=" + fetch)
    for n in range(4):
        server.register("orders", "orders-%d" % n)
    until_seen(looking, "orders", 4)
    server.lose_all()
    eventually(lambda: "lost its memory" in looking.log() or "registry.shrink_doubted" in looking.log(),
               "the loss to be noticed", 20)
    server.register("orders", "orders-0")
    time.sleep(2)
    assert len(sees(looking, "orders")) == 4


def test_without_deltas_all_is_fetched(sidecar):
    class WithoutDeltas(Open):
        arguments = Open.arguments + ["--eureka.server.disable-delta=true"]

    with WithoutDeltas() as server:
        looking = sidecar(server.url + "&fetch=delta")
        server.register("orders", "orders-1")
        until_seen(looking, "orders")
        server.register("orders", "orders-2")
        until_seen(looking, "orders", 2)
        server.ask("DELETE", "/apps/ORDERS/orders-1")
        until_seen(looking, "orders", 1)


# ---- servers and paths ----


@pytest.mark.sanitized
def test_with_one_of_two_servers_away_the_other_is_asked(server, sidecar):
    with Open() as second:
        url = "eureka://127.0.0.1:%d,127.0.0.1:%d/eureka?%s" % (server.port, second.port, POLL)
        ours, looking = sidecar(url, "users"), sidecar(url)
        until_registered(server, "users")
        until_seen(looking, "users")
        server.away()
        try:
            until_registered(second, "users")
            time.sleep(3)  # several polls
            assert len(sees(looking, "users")) == 1
            assert looking.request("/users/x").status == 200
            ours.stop()
            until_registered(second, "users", 0)
        finally:
            server.back()


class Answers(http.server.BaseHTTPRequestHandler):
    """As the server's `answer` has it: (status, body) of method, path, body."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, text = self.server.answer(self.command, self.path, body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def answering(answer):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as served:
        served.daemon_threads, served.answer = True, answer
        threading.Thread(target=served.serve_forever, daemon=True).start()
        try:
            yield served.server_address[1]
        finally:
            served.shutdown()


def netflix(server):
    """The paths of Netflix's own server, which is no package: Spring's behind /eureka/v2, and nothing elsewhere."""

    def answer(method, path, body):
        if not path.startswith("/eureka/v2/"):
            return 404, b""
        request = urllib.request.Request("http://127.0.0.1:%d/eureka/%s" % (server.own_port, path[len("/eureka/v2/"):]),
                                         method=method, data=body or None, headers={
                                             "Accept": "application/json", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answered:
                return answered.status, answered.read()
        except urllib.error.HTTPError as e:
            return e.code, e.read()

    return answer


@pytest.mark.sanitized
def test_netflixs_path_is_asked_as_given(server, sidecar):
    with answering(netflix(server)) as port:
        url = "eureka://127.0.0.1:%d/eureka/v2/?%s" % (port, POLL)
        ours = sidecar(url, "users")
        until_registered(server, "users")
        until_seen(sidecar(url), "users")
        ours.stop()
        until_registered(server, "users", 0)


def test_a_path_without_a_eureka_is_said_so(server, sidecar):
    with answering(netflix(server)) as port:
        looking = sidecar("eureka://127.0.0.1:%d?%s" % (port, POLL))
        looking.admin("/services/users")
        eventually(lambda: "no Eureka at /eureka" in looking.log(), "a word on the path", 10)


# ---- TLS ----


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """ca.pem, server.pem of it with server.key, and other-ca.pem."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "other-ca"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=" + name, "-keyout", name + ".key", "-out", name + ".pem")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=eureka", "-keyout",
            "server.key", "-out", "server.csr")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", "server.pem")
    return folder


class Secure(Open):
    def __init__(self, certificates):
        super().__init__()
        self.certificates = certificates
        self.arguments = Open.arguments + ["--server.ssl.certificate=%s/server.pem" % certificates,
                                           "--server.ssl.certificate-private-key=%s/server.key" % certificates]

    def open(self, request):
        context = ssl.create_default_context(cafile=self.certificates / "ca.pem")
        request.full_url = request.full_url.replace("http:", "https:")
        return urllib.request.urlopen(request, timeout=5, context=context)

    def url_trusting(self, authority):
        return "eureka+https://127.0.0.1:%d?%s&ca_file=%s/%s" % (self.port, POLL, self.certificates, authority)


def test_by_tls_with_a_certificate_that_is_known(sidecar, certificates):
    with Secure(certificates) as server:
        ours = sidecar(server.url_trusting("ca.pem"), "users")
        until_registered(server, "users")
        until_seen(sidecar(server.url_trusting("ca.pem")), "users")
        stranger = sidecar(server.url_trusting("other-ca.pem"))
        stranger.admin("/services/users")
        eventually(lambda: "certificate" in stranger.log(), "a word on the certificate", 10)
        assert sees(stranger, "users") == []
        ours.stop()
        until_registered(server, "users", 0)


# ---- many ----

SERVICES, EACH = 500, 20


def many():
    def instance(app, n):
        return {"instanceId": "%s-%d" % (app.lower(), n), "hostName": "10.0.0.1", "app": app, "ipAddr": "10.0.0.1",
                "status": "UP", "overriddenStatus": "UNKNOWN", "port": {"$": 5000 + n, "@enabled": "true"},
                "securePort": {"$": 443, "@enabled": "false"}, "countryId": 1,
                "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"},
                "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": 90, "registrationTimestamp": 1, "lastRenewalTimestamp": 1,
                              "evictionTimestamp": 0, "serviceUpTimestamp": 1},
                "metadata": {"zone": "eu-1", "management.port": "8080"}, "homePageUrl": "http://10.0.0.1:5000/",
                "statusPageUrl": "http://10.0.0.1:5000/actuator/info", "vipAddress": app.lower(),
                "isCoordinatingDiscoveryServer": "false", "lastUpdatedTimestamp": "1", "lastDirtyTimestamp": "1",
                "actionType": "ADDED"}

    apps = [{"name": "APP-%d" % a, "instance": [instance("APP-%d" % a, n) for n in range(EACH)]} for a in range(SERVICES)]
    return {"versions__delta": "1", "apps__hashcode": "UP_%d_" % (SERVICES * EACH), "application": apps}


def test_ten_thousand_instances_are_read_at_once_and_held_leanly(sidecar):
    """A fake that answers as the server does, with 500 services of 20."""
    asked, everything = [], many()
    whole = json.dumps({"applications": everything}).encode()
    nothing = json.dumps({"applications": {**everything, "application": []}}).encode()

    def answer(_method, path, _body):
        asked.append(path)
        if path == "/eureka/apps":
            return 200, whole
        if path == "/eureka/apps/delta":
            return 200, nothing
        found = [a for a in everything["application"] if path == "/eureka/apps/" + a["name"]]
        return (200, json.dumps({"application": found[0]}).encode()) if found else (404, b"")

    with answering(answer) as port:
        begin = time.monotonic()
        listed = csidecar("services", "--registry", "eureka://127.0.0.1:%d" % port)
        took = time.monotonic() - begin
        assert listed.stdout.count("app-") >= SERVICES and took < 4, (took, listed.stderr)
        looking = sidecar("eureka://127.0.0.1:%d?%s&fetch=delta" % (port, POLL))
        before = looking.rss_kib()
        with concurrent.futures.ThreadPoolExecutor(16) as threads:
            list(threads.map(lambda a: looking.admin("/services/app-%d" % a), range(SERVICES)))
        eventually(lambda: len(sees(looking, "app-%d" % (SERVICES - 1))) == EACH, "all instances", 20)
        asked.clear()
        eventually(lambda: asked.count("/eureka/apps/delta") > 3, "deltas to be followed", 10)
        assert set(asked) == {"/eureka/apps/delta"}
        each = (looking.rss_kib() - before) / (SERVICES * EACH)
        print("%d bytes; services after %.1f s, %.2f KiB for an instance" % (len(whole), took, each))
        assert looking.grew_less_than(before, 4 * SERVICES * EACH)
