"""What is Kubernetes' own: slices and their conditions, pods and their records, permissions, tokens, versions that are too
old. And the published Python client, which judges the fake."""

import json
import os
import signal
import subprocess
import threading
import urllib.error

import kubernetes
import pytest
from scenario.cli import csidecar
from scenario.lib import eventually

from .beside import sees, until_seen
from .certificates import make_authority, make_certificate
from .kubernetes import NEEDED, PODS, SLICES, Kubernetes, endpoint, endpoint_slice, pod, record

RECORD = "micro.mu/service-"


@pytest.fixture(scope="module")
def started():
    with Kubernetes() as server:
        yield server


@pytest.fixture
def server(started):
    started.fresh()
    return started


def addresses(instances):
    return sorted(i["address"] for i in instances)


# ---- EndpointSlices ----


def test_a_services_ready_endpoints_are_found_with_their_zone(server, sidecar):
    server.set(SLICES, endpoint_slice("users-a", "users", [endpoint("users-1", "127.0.0.11"), endpoint("users-2", "127.0.0.12", ready=False)]))
    [found] = until_seen(sidecar(server.url), "users")
    assert (found["id"], found["address"]) == ("users-1", "127.0.0.11:80")
    assert found["metadata"] == {"zone": "eu-1", "node": "node-1"}


def test_one_that_ends_but_still_serves_is_draining(server, sidecar):
    ending = endpoint("users-1", ready=False, serving=True, terminating=True)
    server.set(SLICES, endpoint_slice("users-a", "users", [ending]))
    [found] = until_seen(sidecar(server.url), "users")
    assert found["draining"]


def test_slices_of_one_service_are_one_list_whatever_happens_to_each(server, sidecar):
    s = sidecar(server.url)
    for n in (1, 2):
        server.set(SLICES, endpoint_slice("users-%d" % n, "users", [endpoint("users-%d" % n, "127.0.0.%d" % n)]))
    until_seen(s, "users", 2)
    server.delete(SLICES, "users-1")
    eventually(lambda: addresses(sees(s, "users")) == ["127.0.0.2:80"], "the other slice", 10)
    server.delete(SLICES, "users-2")
    until_seen(s, "users", 0)


def test_a_pod_of_two_families_is_one_instance(server, sidecar):
    server.set(SLICES, endpoint_slice("a-six", "users", [endpoint("users-1", "::1")], kind="IPv6"))
    server.set(SLICES, endpoint_slice("b-four", "users", [endpoint("users-1", "127.0.0.1")]))
    s = sidecar(server.url)
    eventually(lambda: addresses(sees(s, "users")) == ["127.0.0.1:80"], "the address of IPv4", 10)


@pytest.mark.parametrize("ports, option, expected", [
    ([("metrics", 9090), ("http", 8080)], "", ["127.0.0.1:8080"]),
    ([("grpc", 9000), ("metrics", 9090)], "", ["127.0.0.1:9000"]),
    ([("grpc", 9000), ("metrics", 9090)], "&port=metrics", ["127.0.0.1:9090"]),
    ([("grpc", 9000)], "&port=metrics", []),
])
def test_the_port_is_the_one_called_http_or_as_told_or_the_first(server, sidecar, ports, option, expected):
    server.set(SLICES, endpoint_slice("users-a", "users", [endpoint("users-1")], ports))
    server.set(SLICES, endpoint_slice("other-a", "other", [endpoint("other-1")], [("metrics", 1), ("http", 2)]))
    s = sidecar(server.url + option)
    until_seen(s, "other")
    eventually(lambda: addresses(sees(s, "users")) == expected, expected, 10)


# ---- pods with records ----


def test_go_micros_record_is_found_while_its_pod_runs_and_is_ready(server, sidecar):
    s = sidecar(server.url)
    for change, there in ((dict(), 1), (dict(ready=False), 0), (dict(), 1), (dict(phase="Failed"), 0)):
        server.set(PODS, pod("users-1", **change, **record("users", ("users-a", "127.0.0.1:9001"))))
        until_seen(s, "users", there)


def test_a_pod_that_is_gone_takes_its_record_along(server, sidecar):
    server.set(PODS, pod("users-1", **record("users", ("users-a", "127.0.0.1:9001"))))
    s = sidecar(server.url)
    until_seen(s, "users")
    server.delete(PODS, "users-1")
    until_seen(s, "users", 0)


def test_of_one_address_the_record_counts_since_it_knows_more(server, sidecar):
    server.set(SLICES, endpoint_slice("users-a", "users", [endpoint("users-1"), endpoint("users-2", "127.0.0.2")]))
    server.set(PODS, pod("users-1", **record("users", ("users-a", "127.0.0.1:80"), version="3.1")))
    found = {i["address"]: i for i in until_seen(sidecar(server.url), "users", 2)}
    assert found["127.0.0.1:80"]["version"] == "3.1"
    assert found["127.0.0.2:80"]["id"] == "users-2"


@pytest.mark.parametrize("read, expected", [("both", 2), ("slices", 1), ("pods", 1)])
def test_what_is_read_can_be_chosen(server, sidecar, read, expected):
    server.set(SLICES, endpoint_slice("users-a", "users", [endpoint("users-1")]))
    server.set(PODS, pod("users-1", **record("users", ("users-a", "127.0.0.1:9001"))))
    until_seen(sidecar(server.url + "&read=" + read), "users", expected)


# ---- our record ----


def test_our_record_is_go_micros_with_its_labels(server, sidecar, app):
    sidecar(server.url, "orders")
    eventually(lambda: RECORD + "orders" in server.annotations(), "the annotation", 10)
    ours = json.loads(server.annotations()[RECORD + "orders"])
    assert (ours["name"], ours["version"]) == ("orders", "1.2.3")
    assert [n["address"] for n in ours["nodes"]] == ["127.0.0.1:%d" % app.port]
    labels = server.call("GET", PODS % "default" + "/bench")["metadata"]["labels"]
    assert labels == {"micro.mu/type": "service", "micro.mu/selector-orders": "service"}


def test_other_words_on_the_pod_are_left_alone(server, sidecar):
    server.set(PODS, pod("bench", annotations={"mine": "1"}, labels={"app": "orders"}))
    s = sidecar(server.url, "orders")
    eventually(lambda: RECORD + "orders" in server.annotations(), "the annotation", 10)
    s.stop()
    assert server.annotations() == {"mine": "1"}
    assert server.call("GET", PODS % "default" + "/bench")["metadata"]["labels"]["app"] == "orders"


def test_what_we_left_when_we_were_killed_is_replaced_by_our_next_life(server, sidecar, app):
    first = sidecar(server.url, "orders")
    eventually(lambda: RECORD + "orders" in server.annotations(), "the annotation", 10)
    first.process.kill()
    first.process.wait()
    first.expected_exit = -signal.SIGKILL
    before = server.annotations()[RECORD + "orders"]
    sidecar(server.url, "orders")
    eventually(lambda: server.annotations()[RECORD + "orders"] != before, "a new record", 10)
    assert len(json.loads(server.annotations()[RECORD + "orders"])["nodes"]) == 1


def test_a_record_that_somebody_took_out_is_back_within_a_heartbeat(server, sidecar):
    sidecar(server.url, "orders")
    eventually(lambda: RECORD + "orders" in server.annotations(), "the annotation", 10)
    server.set(PODS, pod("bench"))
    assert not server.annotations()
    eventually(lambda: RECORD + "orders" in server.annotations(), "the annotation again", 5)


def test_many_of_one_pod_do_not_lose_each_others_words(server):
    names = ["svc-%d" % n for n in range(12)]
    running = [subprocess.Popen([os.environ["CSIDECAR"], "register", "shared", "127.0.0.1:%d" % (7000 + n), "--id", name,
                                 "--registry", server.url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
               for n, name in enumerate(names)]

    def ids():
        text = server.annotations().get(RECORD + "shared")
        return sorted(n["id"] for n in json.loads(text)["nodes"]) if text else []

    eventually(lambda: ids() == sorted(names), "all twelve", 20)
    for process in running:
        process.terminate()
    assert [process.wait(20) for process in running] == [0] * 12
    assert not server.annotations()


def complaint_of_register(url):
    """It goes on trying; its first word."""
    words = [os.environ["CSIDECAR"], "register", "orders", "127.0.0.1:7000", "--registry", url]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        line = process.stderr.readline()
        process.terminate()
    return line


def test_a_pod_that_is_not_there_is_named(server):
    said = complaint_of_register(server.url.replace("pod=bench", "pod=nobody"))
    assert "there is no pod nobody in namespace default" in said


# ---- who may ----


def test_a_permission_that_lacks_is_named(server):
    server.allow("half", {**NEEDED, "may": [m for m in NEEDED["may"] if m[1] != "pods"]})
    url = server.url.replace("token=secret", "token=half")
    assert "may not list and watch pods of namespace default (RBAC" in csidecar("services", "--registry", url).stderr
    assert "may not get pods of namespace default (RBAC" in complaint_of_register(url)
    server.set(SLICES, endpoint_slice("users-a", "users", [endpoint("users-1")]))
    assert "users" in csidecar("services", "--registry", url + "&read=slices").stdout


def test_a_token_that_is_renewed_is_read_again(server, sidecar, tmp_path):
    file = tmp_path / "token"
    file.write_text("first\n")
    file.chmod(0o600)
    server.allow("first", NEEDED)
    url = server.url.replace("token=secret&", "")
    s = sidecar(url, "orders", registry={"token_file": str(file)})
    eventually(lambda: RECORD + "orders" in server.annotations(), "the annotation", 10)
    server.allow("second", NEEDED)
    file.write_text("second\n")
    server.allow("first", None)
    server.control("cut")
    server.set(SLICES, endpoint_slice("users-a", "users", [endpoint("users-1")]))
    until_seen(s, "users")
    server.set(PODS, pod("bench"))
    eventually(lambda: RECORD + "orders" in server.annotations(), "the annotation again", 10)


# ---- in a pod ----


class Secured(Kubernetes):
    """By TLS, with an authority of its own."""

    name = "kubernetes-secured"

    def start(self):
        folder = self.folder("certificates")
        make_authority(folder)
        make_certificate(folder, "server")
        self.options = ("--cert", folder / "server.pem", "--key", folder / "server.key")
        self.authority = (folder / "ca.pem").read_text()
        super().start()

    def set(self, path, thing, namespace="default"):
        self.control("raw", thing, resource=path.split("/")[-1], namespace=namespace, name=thing["metadata"]["name"])


@pytest.fixture(scope="module")
def secured():
    with Secured() as server:
        yield server


@pytest.fixture
def account(secured, tmp_path):
    folder = tmp_path / "account"
    folder.mkdir()
    (folder / "ca.crt").write_text(secured.authority)
    (folder / "token").write_text(secured.token)
    (folder / "namespace").write_text("team-a")
    return folder


def in_pod(secured, account, *words):
    environment = {**os.environ, "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(secured.port)}
    return subprocess.run([os.environ["CSIDECAR"], *words, "--registry", "kubernetes://?account=%s" % account], text=True,
                          env=environment, capture_output=True, timeout=30)


def test_in_a_pod_the_service_account_says_all(secured, account):
    secured.set(SLICES, endpoint_slice("users-a", "users", [endpoint("users-1")]), "team-a")
    done = in_pod(secured, account, "get", "users", "--json")
    assert addresses(json.loads(done.stdout)["instances"]) == ["127.0.0.1:80"], done.stderr


def test_an_authority_that_is_not_the_clusters_is_refused(secured, account, tmp_path):
    (tmp_path / "other").mkdir()
    make_authority(tmp_path / "other")
    (account / "ca.crt").write_text((tmp_path / "other/ca.pem").read_text())
    done = in_pod(secured, account, "services")
    assert "its certificate is of an unknown authority" in done.stderr


def test_elsewhere_it_says_what_to_do():
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KUBERNETES_")}
    done = subprocess.run([os.environ["CSIDECAR"], "services", "--registry", "kubernetes://"], text=True, env=environment,
                          capture_output=True, timeout=30)
    assert done.returncode != 0 and "KUBERNETES_SERVICE_HOST is not set" in done.stderr


# ---- versions ----


@pytest.mark.parametrize("http", ["0", "1"])
def test_what_was_forgotten_is_listed_anew(server, sidecar, http):
    server.control("gone", http=http)
    for n in (1, 2):
        server.set(SLICES, endpoint_slice("users-%d" % n, "users", [endpoint("users-%d" % n, "127.0.0.%d" % n)]))
    s = sidecar(server.url)
    until_seen(s, "users", 2)
    s.process.send_signal(signal.SIGSTOP)
    server.control("cut")
    server.delete(SLICES, "users-1")
    server.set(SLICES, endpoint_slice("users-3", "users", [endpoint("users-3", "127.0.0.3")]))
    server.control("compact")
    s.process.send_signal(signal.SIGCONT)
    eventually(lambda: addresses(sees(s, "users")) == ["127.0.0.2:80", "127.0.0.3:80"], "the new list", 15)


def test_a_server_that_begins_anew_is_listed_anew(server, sidecar):
    """Its versions are lower than what we have seen: a watch from ours would say nothing until they are as high."""
    for n in range(1, 100):
        server.set(SLICES, endpoint_slice("users", "users", [endpoint("users-1", "127.0.0.%d" % n)]))
    s = sidecar(server.url)
    eventually(lambda: addresses(sees(s, "users")) == ["127.0.0.99:80"], "the last", 15)
    server.lose_all()
    server.set(SLICES, endpoint_slice("users", "users", [endpoint("users-1", "127.0.1.1")]))
    eventually(lambda: addresses(sees(s, "users")) == ["127.0.1.1:80"], "the new one", 15)


def test_a_watch_that_goes_on_asks_for_no_list(server, sidecar):
    server.set(SLICES, endpoint_slice("users-a", "users", [endpoint("users-1")]))
    s = sidecar(server.url)
    until_seen(s, "users")
    before = server.control("stats")
    eventually(lambda: sees(s, "users") and server.control("stats")["watch endpointslices"] >= before["watch endpointslices"] + 2,
               "two more watches", 20)
    assert server.control("stats")["list endpointslices"] == before["list endpointslices"]


def test_lists_of_many_pages_are_whole(server, sidecar):
    for n in range(250):
        server.control("raw", endpoint_slice("s-%d" % n, "many", [endpoint("many-%d" % n, "127.0.%d.%d" % (n // 200 + 1, n % 200 + 1))]),
                       resource="endpointslices", namespace="default", name="s-%d" % n)
    until_seen(sidecar(server.url), "many", 250)


# ---- the fake, as the published client finds it ----


@pytest.fixture
def client(server):
    settings = kubernetes.client.Configuration(host="http://127.0.0.1:%d" % server.port)
    settings.api_key = {"authorization": "Bearer admin"}
    return kubernetes.client.ApiClient(settings)


def test_the_client_reads_the_record_we_write(server, sidecar, client):
    sidecar(server.url, "orders")
    api = kubernetes.client.CoreV1Api(client)

    def found():
        return api.list_namespaced_pod("default", label_selector="micro.mu/selector-orders=service").items

    [ours] = eventually(found, "our pod", 10)
    assert json.loads(ours.metadata.annotations[RECORD + "orders"])["version"] == "1.2.3"


def test_we_find_a_slice_that_the_client_makes_and_see_it_go(server, sidecar, client):
    api = kubernetes.client.DiscoveryV1Api(client)
    s = sidecar(server.url)
    api.create_namespaced_endpoint_slice("default", {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                                                     **endpoint_slice("users-a", "users", [endpoint("users-1")])})
    until_seen(s, "users")
    api.delete_namespaced_endpoint_slice("users-a", "default")
    until_seen(s, "users", 0)


def test_the_clients_watch_hears_of_the_fakes_changes_in_order(server, client):
    api, watch = kubernetes.client.CoreV1Api(client), kubernetes.watch.Watch()
    start = api.list_namespaced_pod("default").metadata.resource_version

    def change():
        server.set(PODS, pod("one"))
        server.set(PODS, pod("one", ready=False))
        server.delete(PODS, "one")

    threading.Timer(0.2, change).start()
    seen = []
    for event in watch.stream(api.list_namespaced_pod, "default", resource_version=start, timeout_seconds=20):
        seen.append((event["type"], event["object"].metadata.name))
        if len(seen) == 3:
            watch.stop()
    assert seen == [("ADDED", "one"), ("MODIFIED", "one"), ("DELETED", "one")]


def test_the_client_understands_the_fakes_refusals(server, client):
    api = kubernetes.client.CoreV1Api(client)
    server.set(PODS, pod("one"))
    cases = [(404, lambda: api.read_namespaced_pod("nobody", "default")),
             (409, lambda: api.create_namespaced_pod("default", pod("one"))),
             (409, lambda: api.patch_namespaced_pod("one", "default", {"metadata": {"resourceVersion": "1", "labels": {"a": "b"}}})),
             (422, lambda: api.create_namespaced_pod("default", pod("No Name")))]
    for status, call in cases:
        with pytest.raises(kubernetes.client.ApiException) as refused:
            call()
        assert (refused.value.status, json.loads(refused.value.body)["code"]) == (status, status)


def test_who_has_no_token_is_told_so(server):
    with pytest.raises(urllib.error.HTTPError) as refused:
        server.call("GET", PODS % "default", token="nobody")
    assert refused.value.code == 401


def test_the_clients_pages_are_whole(server, client):
    for n in range(7):
        server.set(PODS, pod("page-%d" % n))
    api, names, token = kubernetes.client.CoreV1Api(client), [], None
    while token != "":
        page = api.list_namespaced_pod("default", limit=3, _continue=token)
        names += [p.metadata.name for p in page.items]
        token = page.metadata._continue or ""
    assert sorted(names) == sorted(["bench"] + ["page-%d" % n for n in range(7)])
