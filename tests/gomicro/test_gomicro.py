"""go-micro v2 finds csidecar's app by mDNS and is found by csidecar, with the published module."""

import json
import sys

import pytest

from gonetwork import CSIDECAR, wait_for

APP = "127.0.0.1:5000"
# What dies without a goodbye is forgotten after a TTL: here a short one.
MDNS = ["--registry", "mdns://", "--registry-ttl", "3s", "--registry-heartbeat", "1s"]


def actions(seen, name):
    """What a watcher's file says of the service: create, delete ..."""
    results = [json.loads(line) for line in seen.read_text().splitlines()]
    return [result["Action"] for result in results if result["Service"]["name"] == name]


def addresses(services):
    return [node["address"] for service in services for node in service["nodes"] or []]


# --- the control: go-micro and go-micro ---------------------------------------------------


def test_go_finds_go_until_it_says_goodbye(network):
    service = network.service("greeter", "1.2.3", "zone=eu")
    found = network.find("get", "greeter")
    assert found[0]["version"] == "1.2.3"
    assert addresses(found) == [service.said["address"]]
    service.terminate()
    assert service.wait(10) == 0
    assert network.find("get", "greeter") == []


# --- csidecar's app, seen from Go ---------------------------------------------------------


def start_sidecar(network, tmp_path):
    """csidecar beside an app that knows nothing of it."""
    network.start(sys.executable, "-m", "http.server", "5000", "--bind", "127.0.0.1",
                  stderr=open(tmp_path / "app.log", "w"))
    return network.start(
        CSIDECAR, "--name", "users", "--version", "2.0.1", "--app-port", "5000",
        "--advertise", "127.0.0.1", "--set", "metadata.zone=eu", *MDNS,
        stderr=open(tmp_path / "csidecar.log", "w"))


@pytest.fixture
def sidecar(network, tmp_path):
    """A sidecar whose app go-micro finds."""
    process = start_sidecar(network, tmp_path)
    wait_for(lambda: process.poll() is not None or network.find("get", "users"))
    assert process.poll() is None, (tmp_path / "csidecar.log").read_text()
    return process


def test_go_finds_the_app(network, sidecar):
    [service] = network.find("get", "users")
    [node] = service["nodes"]
    assert (service["name"], service["version"]) == ("users", "2.0.1")
    assert node["address"] == APP
    assert node["metadata"]["protocol"] == "http"
    assert node["metadata"]["zone"] == "eu"


def test_go_lists_the_app(network, sidecar):
    assert "users" in [service["name"] for service in network.find("list")]


def test_go_finds_it_every_time(network, sidecar):
    assert all(addresses(network.find("get", "users")) == [APP] for _ in range(20))


def test_go_finds_it_beside_a_go_instance_of_the_same_name(network, sidecar):
    other = network.service("users", "2.0.1")
    assert sorted(addresses(network.find("get", "users"))) == sorted([APP, other.said["address"]])


def test_go_sees_it_leave(network, sidecar):
    sidecar.terminate()
    assert sidecar.wait(15) == 0
    assert network.find("get", "users") == []


def test_go_does_not_find_it_after_kill_9(network, sidecar):
    sidecar.kill()
    sidecar.wait()
    assert network.find("get", "users") == []


def test_a_go_watcher_sees_it_come_and_go(network, tmp_path):
    seen = tmp_path / "seen"
    network.watch(seen)
    # The watcher is listening once it has seen a service of Go's own.
    network.service("probe", "1")
    wait_for(lambda: "probe" in seen.read_text())
    process = start_sidecar(network, tmp_path)
    wait_for(lambda: "create" in actions(seen, "users"))
    process.terminate()
    wait_for(lambda: actions(seen, "users")[-1] == "delete")


# --- a Go service, seen from csidecar -----------------------------------------------------


def test_csidecar_finds_a_go_service(network):
    service = network.service("greeter", "1.2.3", "zone=eu")
    done = network.run(CSIDECAR, "get", "greeter", "--registry", "mdns://", "--json")
    assert done.returncode == 0, done.stderr
    text = json.dumps(json.loads(done.stdout))
    assert all(word in text for word in (service.said["id"], service.said["address"], "1.2.3", "eu"))


def test_csidecar_lists_go_services(network):
    for name in ("greeter", "go.micro.srv.users"):
        network.service(name, "1")
    listing = network.run(CSIDECAR, "services", "--registry", "mdns://").stdout
    assert "greeter" in listing and "go.micro.srv.users" in listing


def seen_by_a_running_sidecar(network, name):
    """The text of what the sidecar at the default admin port knows of the service."""
    return network.run(CSIDECAR, "get", name, "--json").stdout


def test_a_running_sidecar_sees_a_go_service_come_and_say_goodbye(network, sidecar):
    service = network.service("greeter", "1")
    address = service.said["address"]
    wait_for(lambda: address in seen_by_a_running_sidecar(network, "greeter"))
    service.terminate()
    service.wait()
    wait_for(lambda: address not in seen_by_a_running_sidecar(network, "greeter"))


def test_a_running_sidecar_forgets_a_go_service_after_kill_9(network, sidecar):
    service = network.service("greeter", "1")
    address = service.said["address"]
    wait_for(lambda: address in seen_by_a_running_sidecar(network, "greeter"))
    service.kill()
    service.wait()
    wait_for(lambda: address not in seen_by_a_running_sidecar(network, "greeter"), 15)
