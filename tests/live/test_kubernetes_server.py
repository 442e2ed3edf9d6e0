"""The API server that test_kubernetes.py holds csidecar to is one: by Kubernetes's own client. What is told here of histories
and tokens is what tests/registries/kubernetes.py imitates."""

import pytest
from kubernetes import client, watch
from kubernetes.client.rest import ApiException
from registries import kubernetes_live
from registries.base import accepts
from scenario.lib import eventually

OURS = pytest.mark.skipif(bool(kubernetes_live.KUBECONFIG), reason="what is at KUBECONFIG is not ours to be restarted")


@pytest.fixture(scope="module")
def server():
    with kubernetes_live.server() as server:
        yield server


@pytest.fixture(autouse=True)
def empty(server):
    server.fresh()


@pytest.fixture
def account(server):
    server.create_account("tester")
    yield "tester"
    server.delete_account("tester")


def events_since(server, version, seconds=3):
    """What a watch of slices tells, as [(type, name)]."""
    stream = watch.Watch().stream(server.discovery.list_namespaced_endpoint_slice, server.namespace,
                                  resource_version=version, timeout_seconds=seconds)
    return [(event["type"], event["object"].metadata.name) for event in stream]


def slices(server):
    return server.discovery.list_namespaced_endpoint_slice(server.namespace)


def list_pods(server, folder, namespace=None):
    return server.get(folder, "/api/v1/namespaces/%s/pods" % (namespace or server.namespace))


def test_it_is_the_real_one(server):
    version = client.VersionApi(server.client).get_code()
    assert version.git_version.startswith("v1.") and version.platform


def test_a_pod_has_what_it_was_made_with(server):
    server.create_pod("orders-1", "10.1.2.3", {"app": "orders"}, {"example/note": '{"port":8080}'})
    [pod] = server.core.list_namespaced_pod(server.namespace, label_selector="app=orders").items
    assert (pod.status.phase, pod.status.pod_ip) == ("Running", "10.1.2.3")
    assert pod.metadata.annotations["example/note"] == '{"port":8080}'
    assert [(c.type, c.status) for c in pod.status.conditions if c.type == "Ready"] == [("Ready", "True")]


def test_a_pod_is_gone_when_it_is_deleted(server):
    server.create_pod("orders-1")
    server.set_pod_status("orders-1", "10.1.2.3", ready=False)
    server.delete_pod("orders-1")
    with pytest.raises(ApiException) as refused:
        server.pod("orders-1")
    assert refused.value.status == 404


def test_a_slice_has_its_addresses_port_and_conditions(server):
    server.create_endpoint_slice("orders", ["10.1.2.3", "10.1.2.4"], 8080, {"ready": False, "terminating": True})
    [found] = server.discovery.list_namespaced_endpoint_slice(
        server.namespace, label_selector="kubernetes.io/service-name=orders").items
    assert [e.addresses for e in found.endpoints] == [["10.1.2.3"], ["10.1.2.4"]]
    assert found.ports[0].port == 8080 and not found.endpoints[0].conditions.ready


def test_a_slice_has_no_loopback_address(server):
    with pytest.raises(ApiException) as refused:
        server.create_endpoint_slice("orders", ["127.0.0.1"], 8080)
    assert refused.value.status == 422 and "loopback" in refused.value.body


def test_a_watch_tells_what_changes_after_a_list(server):
    version = slices(server).metadata.resource_version
    server.create_endpoint_slice("orders", ["10.1.2.3"], 8080)
    server.replace_endpoint_slice("orders", ["10.1.2.3", "10.1.2.4"], 8080)
    server.delete_endpoint_slice("orders")
    assert events_since(server, version) == [("ADDED", "orders"), ("MODIFIED", "orders"), ("DELETED", "orders")]


@OURS
def test_a_watch_from_before_the_history_is_gone_for_good(server):
    server.create_endpoint_slice("orders", ["10.1.2.3"], 8080)
    server.create_endpoint_slice("cart", ["10.1.2.4"], 8080)
    version = slices(server).metadata.resource_version
    server.forget_history(vanished=[("endpointslices", "orders")])
    with pytest.raises(ApiException) as gone:
        events_since(server, version)
    assert gone.value.status == 410
    assert [s.metadata.name for s in slices(server).items] == ["cart"]


@OURS
def test_a_page_of_a_list_is_gone_when_etcd_has_forgotten_it(server):
    server.create_pod("orders-1")
    first = server.core.list_namespaced_pod(server.namespace, limit=1)
    server.compact()
    with pytest.raises(ApiException) as gone:
        server.core.list_namespaced_pod(server.namespace, limit=1, _continue=first.metadata._continue)
    assert gone.value.status == 410


@OURS
def test_it_is_away_and_back_with_what_it_had(server):
    server.create_pod("orders-1")
    server.away()
    assert not accepts(server.port)
    server.back()
    assert server.pod("orders-1").metadata.name == "orders-1"
    server.lose_all()
    assert [pod.metadata.name for pod in server.core.list_namespaced_pod(server.namespace).items] == ["bench"]


def test_an_account_may_what_its_role_says(server, account):
    folder = server.mount(account)
    assert list_pods(server, folder)[0] == 200
    status, answer = list_pods(server, folder, "kube-system")
    assert (status, answer["reason"]) == (403, "Forbidden")
    assert "system:serviceaccount:%s:tester" % server.namespace in answer["message"]


def test_a_role_that_shrinks_is_felt_by_who_has_it(server, account):
    folder = server.mount(account)
    assert list_pods(server, folder)[0] == 200
    server.set_rules(account, [])
    eventually(lambda: list_pods(server, folder)[0] == 403, "the refusal", 10)


def test_a_token_that_is_none_is_unauthorized(server, account):
    folder = server.mount(account)
    (folder / "token").write_text("not-a-token")
    status, answer = list_pods(server, folder)
    assert (status, answer["reason"]) == (401, "Unauthorized")


def test_a_revoked_token_is_refused_and_the_next_one_is_not(server, account):
    folder = server.mount(account)
    assert list_pods(server, folder)[0] == 200
    server.revoke(account)
    eventually(lambda: list_pods(server, folder)[0] == 401, "the refusal", 20)
    server.mount(account)
    assert list_pods(server, folder)[0] == 200
