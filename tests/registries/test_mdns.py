"""What others than go-micro announce by multicast DNS: a real avahi-daemon, and Dapr's way, in a network of their own."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scenario.lib import binary

from .base import wait_until

ADDRESS = "10.9.8.7"
SERVICE = """<?xml version="1.0" standalone='no'?><!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<service-group><name>%s</name><service><type>_http._tcp</type><port>%d</port>%s</service></service-group>"""
SET_UP = ("ip link set lo up && ip link add m0 type veth peer name m1 && ip link set m1 up && ip addr add %s/24 dev m0 && ip link set m0 up multicast on && "
          "ip route add 224.0.0.0/4 dev m0 && mount --bind %s /etc/avahi/services && echo up && exec sleep infinity")
CONFIG = """[server]
host-name=shop
use-ipv6=no
enable-dbus=no
[publish]
publish-workstation=no
[reflector]
[rlimits]
"""


class Network:
    """A network and a mount namespace with avahi-daemon in it; `services` are its files."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        self.services = folder / "services"
        self.services.mkdir()
        os.makedirs("/etc/avahi/services", exist_ok=True)
        self.holder = subprocess.Popen(["unshare", "--net", "--mount", "sh", "-c", SET_UP % (ADDRESS, self.services)],
                                       stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "up\n"
        (folder / "avahi.conf").write_text(CONFIG)

    def start(self, *words, **options):
        command = ["nsenter", "--target", str(self.holder.pid), "--net", "--mount", "--", *map(str, words)]
        self.processes.append(subprocess.Popen(command, text=True, **options))
        return self.processes[-1]

    def avahi(self):
        log = open(self.folder / "avahi.log", "w")
        self.start(shutil.which("avahi-daemon") or "/usr/sbin/avahi-daemon", "-f", self.folder / "avahi.conf", "--no-drop-root",
                   "--no-chroot", "--no-rlimits", "--no-proc-title", stdout=log, stderr=log)

    def announce(self, name, port, **txt):
        records = "".join("<txt-record>%s=%s</txt-record>" % pair for pair in txt.items())
        (self.services / ("%d.service" % port)).write_text(SERVICE % (name, port, records))

    def csidecar(self, *words):
        done = self.start(binary(), *words, "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, error = done.communicate(timeout=30)
        return json.loads(out) if done.returncode == 0 else error

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()
        self.holder.kill()
        self.holder.wait()


@pytest.fixture
def network(tmp_path):
    network = Network(tmp_path)
    yield network
    network.stop()


BONJOUR = ["--registry", "mdns://?flavor=dns-sd"]
DAPR = ["--registry", "mdns://?flavor=dapr"]


def found(network, name, registry):
    answer = network.csidecar("get", name, *registry)
    return answer["instances"] if isinstance(answer, dict) else []


def test_what_avahi_announces_is_listed_and_found(network):
    network.announce("orders", 5001, version="1.4", zone="eu")
    network.announce("orders (2)", 5002)
    network.announce("My Shop", 5003)
    network.avahi()
    both = wait_until(lambda: len(i := found(network, "orders", BONJOUR)) == 2 and i, "avahi's services", 30)
    first, second = sorted(both, key=lambda i: i["address"])
    assert (first["id"], first["address"], first["version"]) == ("orders", ADDRESS + ":5001", "1.4")
    assert first["metadata"]["zone"] == "eu"
    assert (second["id"], second["address"]) == ("orders (2)", ADDRESS + ":5002")
    names = wait_until(lambda: len(s := network.csidecar("services", *BONJOUR)["services"]) == 2 and s, "the names", 20)
    assert [service["name"] for service in names] == ["My-Shop", "orders"]
    assert found(network, "My-Shop", BONJOUR)[0]["id"] == "My Shop"


def test_it_is_only_looked_up(network):
    answer = network.csidecar("register", "users", ADDRESS + ":5000", *BONJOUR)
    assert "can't be written to" in answer


DAPRS = """
import sys
sys.path.insert(0, sys.argv[1])
from zeroconf import ServiceInfo, Zeroconf
import socket, time
zeroconf = Zeroconf(interfaces=[sys.argv[2]])
zeroconf.register_service(ServiceInfo("orders.local.", "%s:4711.orders.local." % sys.argv[2], port=50002, server="host.local.",
    addresses=[socket.inet_aton(sys.argv[2])], properties={"orders": None}), strict=False)
print("up", flush=True)
time.sleep(60)
"""


def test_what_dapr_announces_is_found(network):
    """As daprd does, by Python's zeroconf in the place of Go's: the type is the app's id."""
    process = network.start(sys.executable, "-c", DAPRS, Path(__file__).parent, ADDRESS, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "up\n"
    [instance] = wait_until(lambda: found(network, "orders", DAPR), "Dapr's app", 20)
    assert instance["address"] == ADDRESS + ":50002"
    assert found(network, "cart", DAPR) == []
