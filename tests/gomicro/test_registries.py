"""go-micro v2 and csidecar find each other in every registry, and see each other leave.

Go's side are go-micro v2.9.1 and its published plugins; `proxy` is a client of ours for /registry, since that plugin
can't be had (as gossip's: tests/registries/test_gossip.py). The servers are those of tests/registries.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading

import pytest

from gonetwork import CSIDECAR, PROGRAMS, ROOT, wait_for

sys.path.insert(0, str(ROOT / "tests"))
from ports import free_ports  # noqa: E402
from registries.base import popen, server_class  # noqa: E402

ENDPOINTS = [
    {"name": "Users.Get", "request": "GetRequest", "response": "User", "metadata": {"method": "GET", "path": "/users"}},
    {"name": "Users.List"},
]
TTL_S, HEARTBEAT_S = 6, 2  # Go's services have the same
PATIENCE_S = 30


class World:
    """A registry's server, and what each side calls it."""

    url_options = ""  # of csidecar's URL
    tells_of_deletes = True  # go-micro's watcher

    def __init__(self, name):
        self.name = name
        self.server = server_class(name)().__enter__()

    @property
    def url(self):
        return self.server.url + self.url_options

    @property
    def go(self):
        """REGISTRY_ADDRESS"""
        return "127.0.0.1:%d" % self.server.ports[0]

    def leave(self, process, name):
        """A service of Go's stops."""
        process.terminate()
        assert process.wait(15) == 0

    def stop(self):
        self.server.stop()


class EurekaWorld(World):
    """go-micro's plugin wants HOST:PORT for an address. It deregisters by an id that the server does not know, so its
    services stay for the 180 s of their lease; and its watcher says nothing of what is gone."""

    tells_of_deletes = False

    def leave(self, process, name):
        super().leave(process, name)
        left = self.server.instances(name)
        assert left, "go-micro can deregister: this need not be done for it any more"
        for instance in left:
            self.server.ask("DELETE", "/apps/%s/%s" % (name.upper(), instance["instanceId"] or instance["hostName"]))

    @property
    def url(self):
        return self.server.url + ("&" if "?" in self.server.url else "?") + "flavor=micro"

    @property
    def go(self):
        return "http://%s@127.0.0.1:%d/eureka" % (self.server.user, self.server.ports[0])


class ConsulWorld(World):
    @property
    def environment(self):
        return {"CONSUL_HTTP_TOKEN": self.server.token}


class NatsWorld(World):
    @property
    def go(self):
        return self.server.url


class ProxyWorld(World):
    """A csidecar that answers /registry; behind it is the `local` registry."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.port, admin = free_ports(2)
        (folder / "runtime").mkdir(mode=0o700)
        config = folder / "registry.yaml"
        config.write_text(json.dumps({
            "name": "registry", "compat": ["micro"], "registry": {"url": "local"}, "state": {"max_age": "0s"},
            "proxy": {"listen": ["127.0.0.1:%d" % self.port]}, "admin": {"listen": "127.0.0.1:%d" % admin}}))
        self.environment = {"XDG_RUNTIME_DIR": str(folder / "runtime")}
        self.process = popen([CSIDECAR, "-c", config], env={**os.environ, **self.environment},
                             stderr=open(folder / "registry.log", "w"))
        wait_for(lambda: subprocess.run(["curl", "-sf", "-o", "/dev/null", "http://%s/registry" % self.go]).returncode == 0)

    url = "local"

    @property
    def go(self):
        return "127.0.0.1:%d" % self.port

    def stop(self):
        self.process.terminate()
        self.process.wait()


WORLDS = ["consul", "etcd", "eureka", "nats", "proxy", "zookeeper"]


def there_is(name):
    return name == "proxy" or (ROOT / "tests/registries" / (name + ".py")).exists()


@pytest.fixture(scope="module", params=[name for name in WORLDS if there_is(name)])
def world(request, tmp_path_factory):
    kinds = {"consul": ConsulWorld, "eureka": EurekaWorld, "nats": NatsWorld}
    folder = tmp_path_factory.mktemp(request.param)
    made = ProxyWorld(request.param, folder) if request.param == "proxy" else kinds.get(request.param, World)(request.param)
    yield made
    made.stop()


class Both:
    """Programs of both sides in one registry."""

    def __init__(self, world, folder):
        self.world, self.folder, self.processes = world, folder, []
        self.environment = {**os.environ, **getattr(world, "environment", {}),
                            "REGISTRY": world.name, "REGISTRY_ADDRESS": world.go,
                            "CSIDECAR_REGISTRY_TTL": "%ds" % TTL_S, "CSIDECAR_REGISTRY_HEARTBEAT": "%ds" % HEARTBEAT_S,
                            "CSIDECAR_STATE_MAX_AGE": "0s"}

    def start(self, *command, **options):
        process = popen(command, env=self.environment, text=True, **options)
        self.processes.append(process)
        return process

    def sidecar(self, name):
        """csidecar beside an app; its log is in the folder."""
        port, own, admin = free_ports(3)
        self.start(sys.executable, "-m", "http.server", port, "--bind", "127.0.0.1", stderr=subprocess.DEVNULL)
        config = self.folder / "csidecar.yaml"
        config.write_text(json.dumps({
            "name": name, "version": "2.0.1", "advertise": "127.0.0.1", "metadata": {"zone": "eu"},
            "app": {"port": port, "health": {"tcp": True}, "endpoints": ENDPOINTS}, "registry": {"url": self.world.url},
            "proxy": {"listen": ["127.0.0.1:%d" % own]}, "admin": {"listen": "127.0.0.1:%d" % admin},
            "drain": {"settle": "0s"}}))
        process = self.start(CSIDECAR, "-c", config, stderr=open(self.folder / "csidecar.log", "w"))
        process.address, process.admin = "127.0.0.1:%d" % port, "127.0.0.1:%d" % admin
        return process

    def service(self, *arguments):
        """A go-micro service, registered when this returns. Its id and address are in .said."""
        process = self.start(PROGRAMS / "service", *arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process.said = json.loads(next(line for line in process.stdout if line.startswith("{")))
        threading.Thread(target=process.stdout.read, daemon=True).start()
        return process

    def find(self, *question):
        """What a go-micro client gets."""
        done = subprocess.run([PROGRAMS / "find", *question], env=self.environment, text=True, capture_output=True,
                              timeout=60)
        assert done.returncode == 0, done.stderr
        lines = [line for line in done.stdout.splitlines() if line[:1] in ("[", "n")]
        return json.loads(lines[-1]) or []

    def nodes(self, name):
        return [node for service in self.find("get", name) for node in service["nodes"] or []]

    def watch(self):
        """What a go-micro watcher has seen so far, as (action, service, addresses)."""
        seen = []
        process = self.start(PROGRAMS / "find", "watch", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

        def read():
            for line in process.stdout:
                with contextlib.suppress(ValueError):
                    result = json.loads(line)
                    nodes = result["Service"]["nodes"] or []
                    seen.append((result["Action"], result["Service"]["name"], [node["address"] for node in nodes]))

        threading.Thread(target=read, daemon=True).start()
        return seen

    def resolve(self, name):
        """What csidecar resolves, straight from the registry."""
        done = subprocess.run([CSIDECAR, "get", name, "--registry", self.world.url, "--json"], env=self.environment,
                              text=True, capture_output=True, timeout=60)
        return json.loads(done.stdout)["instances"]

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def both(world, tmp_path):
    made = Both(world, tmp_path)
    yield made
    made.stop()


def wait(condition, seconds=PATIENCE_S):
    return wait_for(condition, seconds, every=0.2)


def test_go_finds_go(both):
    """The control: what go-micro does with this registry without us."""
    service = both.service("greeter.a", "1.2.3", "zone=eu")
    [found] = wait(lambda: both.find("get", "greeter.a"))
    assert [node["address"] for node in found["nodes"]] == [service.said["address"]]


def test_go_finds_our_app_whole_and_sees_it_leave(both):
    process = both.sidecar("users")
    [service] = wait(lambda: process.poll() is not None or both.find("get", "users"))
    [node] = service["nodes"]
    assert service["name"] == "users"
    if both.world.name != "eureka":  # whose plugin has no version for anybody
        assert service["version"] == "2.0.1"
    assert node["address"] == process.address
    assert (node["metadata"]["protocol"], node["metadata"]["zone"]) == ("http", "eu")
    first, second = service["endpoints"]
    assert (first["name"], first["request"]["type"], first["response"]["type"]) == ("Users.Get", "GetRequest", "User")
    assert first["metadata"] == {"method": "GET", "path": "/users"}
    assert second["name"] == "Users.List"
    assert "users" in [service["name"] for service in both.find("list")]
    process.terminate()
    assert process.wait(15) == 0
    wait(lambda: not both.nodes("users"))


def test_a_go_watcher_sees_our_app_come_and_go(both):
    both.service("orders", "2.0.1")  # ZooKeeper's watcher looks only at services that are there when it begins
    wait(lambda: both.nodes("orders"))
    seen = both.watch()

    def was_seen(address, *actions):
        return any(name == "orders" and action in actions and address in addresses for action, name, addresses in seen)

    def has_begun():
        """A watcher does not say when it looks; it may have missed the first that comes."""
        begun = both.service("orders", "2.0.1").said["address"]
        with contextlib.suppress(AssertionError):
            wait(lambda: was_seen(begun, "create", "update"), 10)
        return was_seen(begun, "create", "update")

    wait(has_begun, 90)
    process = both.sidecar("orders")
    wait(lambda: was_seen(process.address, "create", "update"), 60)
    process.terminate()
    if both.world.tells_of_deletes:
        wait(lambda: was_seen(process.address, "delete"))


def test_we_find_gos_service_whole_and_see_it_leave(both):
    service = both.service("greeter.b", "1.2.3", "zone=eu")
    [found] = wait(lambda: both.resolve("greeter.b"))
    assert found["address"] == service.said["address"]
    assert found["id"] == service.said["id"]
    if both.world.name != "eureka":  # which reads the version as a metadata
        assert found["version"] == "1.2.3"
    assert (found["metadata"]["zone"], found["metadata"]["protocol"]) == ("eu", service.said["server"])
    assert "Greeter.Hello" in [endpoint["name"] for endpoint in found["endpoints"]]
    both.world.leave(service, "greeter.b")
    wait(lambda: not both.resolve("greeter.b"))


def test_a_running_sidecar_calls_gos_service_until_it_leaves(both):
    process = both.sidecar("caller")
    service = both.service("greeter.c", "1")

    def instances():
        done = subprocess.run([CSIDECAR, "get", "greeter.c", "--admin", process.admin, "--json"], text=True,
                              capture_output=True, timeout=20)
        return json.loads(done.stdout)["instances"] if done.stdout else []

    wait(lambda: [i["address"] for i in instances()] == [service.said["address"]])
    both.world.leave(service, "greeter.c")
    wait(lambda: not instances())


def test_both_sides_of_one_name_are_found(both):
    process, service = both.sidecar("shared"), both.service("shared", "2.0.1")
    expected = sorted([process.address, service.said["address"]])
    wait(lambda: sorted(node["address"] for node in both.nodes("shared")) == expected)
    wait(lambda: sorted(i["address"] for i in both.resolve("shared")) == expected)
