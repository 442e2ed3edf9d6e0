"""The real API server, and us: what the fake (tests/registries/kubernetes.py) is held to as well where that matters most."""

import json
import signal

import pytest
from registries import kubernetes_live
from registries.beside import registry_of, sees, settings, until_seen
from registries.bench import Beside
from scenario.lib import eventually

OURS = pytest.mark.skipif(bool(kubernetes_live.KUBECONFIG), reason="what is at KUBECONFIG is not ours to be restarted")
PATIENCE_S = 15


@pytest.fixture(scope="module")
def started():
    with kubernetes_live.server() as server:
        yield server


@pytest.fixture
def server(started):
    started.fresh()
    return started


@pytest.fixture
def account(server):
    server.create_account("tester")
    yield "tester"
    server.delete_account("tester")


@pytest.fixture
def beside(server, sidecar):
    """beside(name) starts one with the account of TOKEN_FILE, or another token."""

    def start(name=None, url=None, **registry):
        return sidecar(url or server.url, name, registry=registry or {"token_file": str(kubernetes_live.TOKEN_FILE)})

    return start


@pytest.fixture
def in_pod(server, tmp_path, app):
    """in_pod(folder, name) starts one as a pod's container is started, with the account of that folder."""
    started = []

    def start(folder, name):
        host, port = server.address.rsplit(":", 1)
        here = tmp_path / "pod"
        here.mkdir()
        url = "kubernetes://?account=%s&watch=3s" % folder
        started.append(Beside(here, settings(url, app.port, name), environment={
            "KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, "POD_NAME": "bench"}))
        return started[-1].start()

    yield start
    for each in started:
        each.stop()


def addresses(sidecar, service):
    return sorted(instance["address"] for instance in sees(sidecar, service))


def until_at(sidecar, service, *expected):
    eventually(lambda: addresses(sidecar, service) == sorted(expected), "%s at %s" % (service, expected), PATIENCE_S)


def annotations(server):
    return server.pod("bench").metadata.annotations or {}


def said(sidecar):
    return json.dumps(registry_of(sidecar))


# ---- to resolve ----


def test_a_service_is_where_its_slices_say(server, beside):
    server.create_endpoint_slice("orders", ["10.1.2.3", "10.1.2.4"], 8080)
    s = beside()
    until_at(s, "orders", "10.1.2.3:8080", "10.1.2.4:8080")
    server.replace_endpoint_slice("orders", ["10.1.2.4"], 8081)
    until_at(s, "orders", "10.1.2.4:8081")
    server.delete_endpoint_slice("orders")
    until_at(s, "orders")


def test_who_is_not_ready_is_not_resolved(server, beside):
    server.create_endpoint_slice("orders", ["10.1.2.3"], 8080)
    server.create_endpoint_slice("orders", ["10.1.2.4"], 8080, {"ready": False}, name="orders-2")
    s = beside()
    until_at(s, "orders", "10.1.2.3:8080")
    server.replace_endpoint_slice("orders", ["10.1.2.4"], 8080, name="orders-2")
    until_at(s, "orders", "10.1.2.3:8080", "10.1.2.4:8080")


@OURS
def test_what_vanished_with_the_history_is_not_resolved(server, beside):
    server.create_endpoint_slice("orders", ["10.1.2.3"], 8080)
    server.create_endpoint_slice("cart", ["10.1.2.4"], 8080)
    s = beside()
    until_at(s, "orders", "10.1.2.3:8080")
    until_at(s, "cart", "10.1.2.4:8080")
    server.forget_history(vanished=[("endpointslices", "orders")])
    until_at(s, "orders")
    server.replace_endpoint_slice("cart", ["10.1.2.5"], 8080)
    until_at(s, "cart", "10.1.2.5:8080")


@OURS
def test_a_cluster_that_begins_anew_is_listed_anew(server, beside):
    """Its versions are lower than what we have seen: a watch from ours would say nothing until they are as high."""
    server.create_endpoint_slice("orders", ["10.1.2.3"], 8080)
    for n in range(300):
        server.replace_endpoint_slice("orders", ["10.1.2.%d" % (n % 200 + 1)], 8080)
    s = beside()
    until_at(s, "orders", "10.1.2.100:8080")
    server.lose_all()
    server.create_endpoint_slice("orders", ["10.1.3.1"], 8080)
    until_at(s, "orders", "10.1.3.1:8080")


# ---- to register ----


def test_our_record_is_an_annotation_of_our_pod_until_we_end(server, beside, app):
    s, other = beside("orders"), beside()
    [found] = until_seen(other, "orders", patience=PATIENCE_S)
    assert (found["address"], found["version"], found["metadata"]["zone"]) == (app.address, "1.2.3", "eu-1")
    assert any("orders" in key for key in annotations(server))
    s.process.send_signal(signal.SIGTERM)
    eventually(lambda: not sees(other, "orders"), "our end", PATIENCE_S)
    assert not any("orders" in key for key in annotations(server))


def test_what_others_annotated_stays(server, beside):
    server.create_pod("other", "10.1.2.3", annotations={"example/note": "x"})
    server.core.patch_namespaced_pod("bench", server.namespace, {"metadata": {"annotations": {"example/note": "y"}}})
    s, other = beside("orders"), beside()
    until_seen(other, "orders", patience=PATIENCE_S)
    s.stop()
    assert annotations(server)["example/note"] == "y"


@OURS
def test_all_that_was_lost_is_registered_anew(server, beside):
    beside("orders")
    other = beside()
    until_seen(other, "orders", patience=PATIENCE_S)
    server.lose_all()
    eventually(lambda: any("orders" in key for key in annotations(server)), "our record", PATIENCE_S)
    until_seen(other, "orders", patience=PATIENCE_S)


def test_a_pod_that_goes_takes_its_record_along(server, beside):
    server.create_pod("victim", "127.0.0.1")
    beside("orders", server.url_of_pod("victim"))
    other = beside()
    until_seen(other, "orders", patience=PATIENCE_S)
    server.delete_pod("victim")
    eventually(lambda: not sees(other, "orders"), "its end", PATIENCE_S)


# ---- who may ----


def test_a_bad_token_is_told_of(server, beside):
    s = beside(token="nobodys")
    s.admin("/services/orders")
    eventually(lambda: "401" in s.log() or "401" in said(s), "the refusal", PATIENCE_S)


def test_what_is_not_allowed_is_told_of_and_works_once_it_is(server, beside, account):
    server.create_endpoint_slice("orders", ["10.1.2.3"], 8080)
    server.set_rules(account, [])
    s = beside(token=server.token(account))
    s.admin("/services/orders")
    eventually(lambda: "endpointslices" in s.log() or "endpointslices" in said(s), "the refusal", PATIENCE_S)
    assert not sees(s, "orders")
    server.set_rules(account, kubernetes_live.RULES)
    until_at(s, "orders", "10.1.2.3:8080")


def test_in_a_pod_its_account_is_enough(server, account, in_pod):
    s = in_pod(server.mount(account), "orders")
    until_seen(s, "orders", patience=PATIENCE_S)
    assert any("orders" in key for key in annotations(server))


def test_a_token_that_was_rotated_is_read_again(server, account, in_pod):
    server.create_endpoint_slice("cart", ["10.1.2.3"], 8080)
    s = in_pod(server.mount(account), "orders")
    until_at(s, "cart", "10.1.2.3:8080")
    server.revoke(account)
    eventually(lambda: server.refuses(account), "the old token's end", 20)
    server.mount(account)
    server.replace_endpoint_slice("cart", ["10.1.2.4"], 8080)
    until_at(s, "cart", "10.1.2.4:8080")
