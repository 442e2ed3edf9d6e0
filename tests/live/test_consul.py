"""The real Consul, and us: what the fake is held to as well (tests/registries/test_consul.py) where that matters most. At
CONSUL_HTTP_ADDR, with CONSUL_HTTP_TOKEN, where that is set; else an agent of our own."""

import json
import signal
import time
import urllib.error
import urllib.request

import pytest
from registries.base import accepts
from registries.consul import ConsulWithoutTokens
from registries.consul_live import ADDRESS, Agent, Given
from scenario.apps import App
from scenario.lib import Sidecar, eventually

TTL_S = 3


@pytest.fixture(scope="module")
def server():
    with (Given if ADDRESS else Agent)() as server:
        yield server


@pytest.fixture(scope="module")
def app():
    app = App()
    yield app
    app.stop()


@pytest.fixture
def sidecar(tmp_path, app):
    started = []

    def start(url, name=None, **more):
        folder = tmp_path / ("sidecar%d" % len(started))
        folder.mkdir()
        settings = {"name": name or "nobody", "state": {"max_age": "0s"}, "advertise": "127.0.0.1", **more,
                    "registry": {"url": url, "ttl": "%ds" % TTL_S, "heartbeat": "1s"}}
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


def registered(server, service):
    return {i: s for i, s in server.call("GET", "agent/services").items() if s["Service"] == service}


def test_registered_renewed_resolved_and_gone(server, sidecar, app):
    s, other = sidecar(server.url, "live-orders"), sidecar(server.url)
    [found] = eventually(lambda: sees(other, "live-orders"), "us", 15)
    assert (found["address"], found["version"], found["metadata"]["dotted.key"]) == (app.address, "1.2.3", "x")
    [service] = registered(server, "live-orders").values()
    assert service["Meta"]["zone"] == "eu-1" and "dotted.key" not in service["Meta"]
    end = time.monotonic() + 2.2 * TTL_S
    while time.monotonic() < end:
        assert sees(other, "live-orders")
        assert other.get("/live-orders/x").status == 200
        time.sleep(0.2)
    s.process.send_signal(signal.SIGTERM)
    eventually(lambda: not sees(other, "live-orders"), "our end", 5)
    assert not registered(server, "live-orders")


def test_the_dead_are_not_resolved_past_the_ttl(server, sidecar):
    s, other = sidecar(server.url, "live-victim"), sidecar(server.url)
    eventually(lambda: sees(other, "live-victim"), "it", 15)
    s.process.kill()
    s.process.wait()
    s.expected_exit = -signal.SIGKILL
    eventually(lambda: not sees(other, "live-victim"), "its end", TTL_S + 3)
    for ident in registered(server, "live-victim"):
        server.call("PUT", "agent/service/deregister/" + ident)


def test_maintenance_is_draining_and_a_registration_that_is_taken_away_comes_back(server, sidecar):
    s = sidecar(server.url, "live-orders")
    eventually(lambda: sees(s, "live-orders"), "us", 15)
    [ident] = registered(server, "live-orders")
    server.call("PUT", "agent/service/maintenance/%s?enable=true" % ident)
    eventually(lambda: [i["draining"] for i in sees(s, "live-orders")] == [True], "it to drain", 5)
    server.call("PUT", "agent/service/maintenance/%s?enable=false" % ident)
    eventually(lambda: [i["draining"] for i in sees(s, "live-orders")] == [False], "it to be back", 5)
    server.call("PUT", "agent/service/deregister/" + ident)
    eventually(lambda: registered(server, "live-orders") and sees(s, "live-orders"), "its return", 5)


# ---- the fake answers as the real one does ----

WEB = {"ID": "web-1", "Name": "web", "Address": "10.0.0.1", "Port": 80, "Tags": ["a"], "Meta": {"k": "v"}, "Check": {"TTL": "10s"}}
GOOD = {**WEB, "Check": {"TTL": "10s", "Status": "passing"}}
STEPS = [
    ("GET", "status/leader"), ("PUT", "agent/service/register", WEB), ("GET", "agent/services"), ("GET", "agent/service/web-1"),
    ("GET", "agent/service/nope"), ("GET", "health/service/web"), ("GET", "health/service/web?passing"), ("GET", "health/service/nope"),
    ("GET", "health/service/web?passing=maybe"), ("GET", "health/service/"), ("PUT", "agent/check/pass/service:web-1"),
    ("PUT", "agent/check/pass/nope"), ("PUT", "agent/check/fail/service:web-1?note=x"), ("GET", "health/service/web?passing"),
    ("PUT", "agent/check/update/service:web-1", {"Status": "bad"}),
    ("PUT", "agent/check/update/service:web-1", {"Status": "warning", "Output": "o"}), ("GET", "agent/checks"), ("GET", "health/checks/web"),
    ("GET", "health/state/warning"), ("GET", "health/state/odd"), ("GET", "catalog/services"), ("GET", "catalog/service/web"),
    ("GET", "catalog/nodes"), ("GET", "health/node/x"), ("PUT", "agent/service/maintenance/web-1"),
    ("PUT", "agent/service/maintenance/web-1?enable=x"), ("PUT", "agent/service/maintenance/web-1?enable=true"), ("GET", "health/service/web"),
    ("PUT", "agent/service/maintenance/nope?enable=true"), ("PUT", "agent/service/register", {"ID": "x"}),
    ("PUT", "agent/service/register", {"Name": "x", "Weights": {"Passing": 0}}), ("PUT", "agent/service/register", {"Name": "x", "Meta": {"a.b": "c"}}),
    ("PUT", "agent/service/register", {"Name": "x", "Meta": {"consul-a": "c"}}), ("PUT", "agent/service/register", {"Name": "x", "Address": "0.0.0.0"}),
    ("PUT", "agent/service/register", {"Name": "x", "Check": {"TTL": "10s", "Status": "odd"}}), ("PUT", "agent/service/register", {"Name": "x", "Check": {}}),
    ("PUT", "agent/service/register", {"Name": "x", "Check": {"TTL": "x"}}), ("POST", "agent/service/register", WEB),
    ("GET", "health/service/web?index=x"), ("GET", "health/service/web?index=1&wait=x"), ("GET", "health/service/web?stale&consistent"),
    ("GET", "health/service/web?dc=nowhere"), ("GET", "health/service/web?ns=x"), ("PUT", "agent/service/register", GOOD), ("GET", "health/checks/web"),
    ("PUT", "agent/service/register?replace-existing-checks=true", GOOD), ("GET", "health/checks/web"), ("PUT", "agent/check/fail/service:web-1"),
    ("PUT", "agent/service/register", GOOD), ("GET", "health/service/web?passing"), ("PUT", "agent/service/deregister/web-1"),
    ("PUT", "agent/service/deregister/web-1"), ("GET", "health/service/web"), ("GET", "catalog/services"), ("GET", "nothing"),
]
VARIES = {"X-Consul-Index", "X-Consul-Contenthash"}


def shape(value):
    """What is there, without what it is called and numbered."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    if isinstance(value, list):
        return [shape(v) for v in value]
    return value if value in ("passing", "warning", "critical", "", "a", "web", "web-1") else type(value).__name__


def asked(port, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request("http://127.0.0.1:%d/v1/%s" % (port, path), data, method=method)
    try:
        answer = urllib.request.urlopen(request, timeout=20)
    except urllib.error.HTTPError as e:
        answer = e
    text = answer.read().decode()
    fields = {k: "" if k in VARIES else v for k, v in answer.headers.items() if k.startswith("X-Consul") or k == "Content-Type"}
    return answer.status, fields, shape(json.loads(text)) if fields.get("Content-Type") == "application/json" else text


@pytest.mark.skipif(bool(ADDRESS), reason="what is at CONSUL_HTTP_ADDR is not ours to be emptied")
def test_the_fake_answers_as_the_real_one_does(server):
    server.fresh()
    with ConsulWithoutTokens() as fake:
        for step in STEPS:
            real = asked(server.port, *step)
            if step[0] == "PUT" and real[0] == 200:
                time.sleep(0.2)  # what its agent has been told its catalog knows a little later
            assert asked(fake.port, *step) == real, step
