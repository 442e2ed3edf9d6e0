"""What is a ring's own: members that go-micro's registry is made of agree with us, both ways; serf; keys; who dies, who leaves."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import time

import pytest
from scenario.cli import csidecar
from scenario.lib import eventually

from . import beside
from .base import Server, free_port
from .beside import TTL_S, sees
from .gossip import KEY, SERVICE, Peer

RING_S = 20  # until all know all, and until somebody is dead: suspicion takes 4 s and more
AWAY_S = 15


class Ring(Server):
    """Members of memberlist, with names."""

    def __init__(self, program):
        super().__init__()
        self.program, self.peers, self.port = program, [], free_port()

    def peer(self, name, **options):
        peer = Peer(self.folder("logs") / "peer.log", name=name, program=self.program, **options)
        self.peers.append(peer)
        return peer

    def seed(self, name="micro-a", **options):
        """At the port that all csidecars are given."""
        return self.peer(name, bind="127.0.0.1:%d" % self.port, **options)

    @property
    def url(self):
        return "gossip://127.0.0.1:%d?bind=127.0.0.1:0" % self.port

    def stop(self):
        for peer in self.peers:
            peer.stop()
        super().stop()


@pytest.fixture
def ring(request):
    ring = Ring(getattr(request, "param", "peer"))
    yield ring
    ring.stop()


# memberlist 0.1.5, which go-micro pins, and one of 2025.
of_all_times = pytest.mark.parametrize("ring", ["peer", "peer-today"], indirect=True)


def greeter(ident="greeter-1", address="127.0.0.1:1", **metadata):
    endpoint = {"name": "Greeter.Hello", "metadata": {},
                "request": {"name": "Request", "type": "Request", "values": None}, "response": None}
    node = {"id": ident, "address": address, "metadata": {"protocol": "grpc", **metadata}}
    return dict(SERVICE, name="greeter", version="2.0", endpoints=[endpoint], nodes=[node])


def registry(sidecar):
    [registry] = json.loads(sidecar.admin("/services")[1])["registries"]
    return registry


def until_seen(sidecar, service, count=1, patience=RING_S):
    return beside.until_seen(sidecar, service, count, patience)


def until_gone(sidecar, service, patience=RING_S):
    begin = time.monotonic()
    until_seen(sidecar, service, 0, patience)
    return time.monotonic() - begin


def until_away(sidecar):
    eventually(lambda: not registry(sidecar)["reachable"], "the registry to have failed", AWAY_S)
    return registry(sidecar)["error"]


def die(sidecar):
    sidecar.process.kill()
    sidecar.process.wait()
    sidecar.expected_exit = -signal.SIGKILL


def csidecars(peer):
    return [name for name in peer.members() if name.startswith("csidecar-")]


# ---- go-micro's records, both ways ----


@of_all_times
def test_a_member_finds_what_csidecar_registers_and_sees_it_leave(ring, sidecar, app):
    a = ring.seed()
    s = sidecar(ring.url, "users")
    eventually(lambda: a.services("users"), "the peer to know of users", RING_S)
    [(ident, node)] = a.services("users").items()
    assert node["address"].endswith(":%d" % app.port) and node["version"] == "1.2.3"
    assert (node["metadata"]["zone"], node["metadata"]["protocol"]) == ("eu-1", "http")
    time.sleep(2 * TTL_S)  # go-micro's own lease would have ended
    assert ident in a.services("users")
    s.stop()
    assert not a.services("users")
    eventually(lambda: not csidecars(a), "the member to be gone", RING_S)


@of_all_times
def test_csidecar_finds_what_a_member_registers_and_sees_it_go(ring, sidecar):
    a = ring.seed()
    s = sidecar(ring.url)
    eventually(lambda: csidecars(a), "the member", RING_S)
    a.ask("register", "60", greeter(zone="b"))
    [found] = until_seen(s, "greeter")
    assert (found["id"], found["address"], found["version"]) == ("greeter-1", "127.0.0.1:1", "2.0")
    assert found["metadata"]["zone"] == "b"
    a.ask("deregister", greeter(zone="b"))
    assert until_gone(s, "greeter") < 2


def test_what_was_there_before_the_join_is_found(ring, sidecar):
    a = ring.seed()
    a.ask("register", "60", greeter())
    s = sidecar(ring.url)
    until_seen(s, "greeter")


def test_a_lease_that_nobody_renews_ends(ring, sidecar):
    """The member lives, and is asked: it has it still, for ever; so it goes with the member."""
    a, s = ring.seed(), sidecar(ring.url)
    b = ring.peer("micro-b", join=a.address)
    eventually(lambda: csidecars(b), "the member at b", RING_S)
    b.ask("register", "2", greeter())
    until_seen(s, "greeter")
    b.stop()
    assert until_gone(s, "greeter") < RING_S
    assert registry(s)["reachable"]


def test_a_member_that_does_not_hear_of_us_by_chance_does_so_by_us(ring, sidecar):
    """go-micro's members hand on nothing: each of ours goes to all."""
    a = ring.seed()
    peers = [ring.peer("micro-%s" % name, join=a.address) for name in "bcdef"]
    s = sidecar(ring.url, "users")
    for peer in [a, *peers]:
        eventually(lambda: peer.services("users"), "all to know of users", RING_S)
    late = ring.peer("micro-late", join=peers[0].address)
    eventually(lambda: late.services("users"), "who came late, too", RING_S)
    s.wait_for_log("gossip.member member=micro-late")
    s.stop()
    for peer in [a, *peers, late]:
        assert not peer.services("users"), peer.name


@of_all_times
def test_records_too_long_for_a_datagram_go_by_tcp_both_ways(ring, sidecar):
    long = {"zone": "eu-1", "text": "".join(chr(65 + i * i % 57) for i in range(40000))}
    a = ring.seed()
    a.ask("register", "60", greeter(**long))  # found by the state of a join, packed
    s = sidecar(ring.url, "users", metadata=long)
    [found] = until_seen(s, "greeter")
    assert found["metadata"]["text"] == long["text"]
    eventually(lambda: a.services("users"), "the peer to know of users", RING_S)
    [node] = a.services("users").values()
    assert node["metadata"]["text"] == long["text"]


def test_two_csidecars_meet_by_a_member_and_then_need_it_no_longer(ring, sidecar):
    a = ring.seed()
    users, other = sidecar(ring.url, "users"), sidecar(ring.url)
    until_seen(other, "users")
    for each in (users, other):
        each.wait_for_log("gossip.member member=csidecar-")
    a.stop()
    time.sleep(2 * TTL_S)
    until_seen(other, "users")
    assert registry(other)["reachable"], registry(other)
    until_seen(users, "users")


def test_without_a_seed_csidecar_is_one(sidecar):
    port = free_port()
    first = sidecar("gossip://?bind=127.0.0.1:%d" % port, "users")
    assert registry(first)["reachable"]
    second = sidecar("gossip://127.0.0.1:%d?bind=127.0.0.1:0" % port)
    until_seen(second, "users")


def test_another_s_record_can_be_deleted_and_its_owner_says_it_again_if_it_lives(ring, sidecar):
    a = ring.seed()
    a.ask("register", "600", greeter())
    s = sidecar(ring.url, "users")
    until_seen(s, "greeter")
    [users] = until_seen(s, "users")
    done = csidecar("deregister", "greeter", "greeter-1", "--registry", ring.url)
    assert done.returncode == 0, done.stderr
    eventually(lambda: not a.services("greeter"), "it to be gone at its member", 5)
    until_gone(s, "greeter")
    witness = sidecar(ring.url)
    until_seen(witness, "users")
    done = csidecar("deregister", "users", users["id"], "--registry", ring.url)
    assert done.returncode in (0, 1), done.stderr
    eventually(lambda: a.services("users"), "it to be back at once", 0.9)
    until_seen(witness, "users")


# ---- who dies, who comes back ----


def test_a_killed_csidecar_is_gone_within_its_ttl(ring, sidecar):
    ring.seed()
    victim, s = sidecar(ring.url, "users"), sidecar(ring.url)
    until_seen(s, "users")
    s.wait_for_log("gossip.member member=csidecar-")
    time.sleep(1.5)  # what a go-micro member hands on at a join has no lease: a heartbeat brings it
    die(victim)
    took = until_gone(s, "users")
    assert took <= TTL_S + 1.5, took


def test_a_killed_member_takes_its_records_with_it_long_before_their_ttl(ring, sidecar):
    a = ring.seed()
    b = ring.peer("micro-b", join=a.address)
    s = sidecar(ring.url)
    eventually(lambda: csidecars(b), "the member at b", RING_S)
    b.ask("register", "600", greeter())
    until_seen(s, "greeter")
    b.stop()
    took = until_gone(s, "greeter", 30)
    assert 3 < took, "nobody can know that soon: %.1f s" % took
    assert "micro-b" not in a.members()


@of_all_times
def test_a_member_that_leaves_takes_its_records_with_it_at_once(ring, sidecar):
    a = ring.seed()
    b = ring.peer("micro-b", join=a.address)
    s = sidecar(ring.url)
    eventually(lambda: csidecars(b), "the member at b", RING_S)
    b.ask("register", "600", greeter())
    until_seen(s, "greeter")
    b.leave()
    assert until_gone(s, "greeter") < 3


def test_with_the_last_member_dead_lists_stay_and_come_back_when_it_does(ring, sidecar):
    a = ring.seed()
    s = sidecar(ring.url, "users")
    eventually(lambda: csidecars(a), "the member", RING_S)
    a.ask("register", "600", greeter())
    until_seen(s, "greeter")
    a.stop()
    error = until_away(s)
    assert re.search(r"no member|heard|refused", error), error
    time.sleep(TTL_S)
    assert sees(s, "greeter"), "an error has emptied a list"
    again = ring.seed("micro-again")  # has lost all
    eventually(lambda: registry(s)["reachable"], "the ring to be whole", 40)
    eventually(lambda: again.services("users"), "users registered again", 20)


def test_a_seed_that_is_not_there_yet_is_asked_again(ring, sidecar):
    s = sidecar(ring.url, "users")
    s.admin("/services/greeter")
    assert "refused" in until_away(s)
    a = ring.seed()
    eventually(lambda: a.services("users"), "users at the seed", 40)


@of_all_times
def test_a_stopped_csidecar_is_taken_for_dead_and_refutes_it(ring, sidecar):
    a = ring.seed()
    s = sidecar(ring.url, "users")
    eventually(lambda: a.services("users"), "users", RING_S)
    s.process.send_signal(signal.SIGSTOP)
    try:
        eventually(lambda: not csidecars(a) and not a.services("users"), "it to be taken for dead", 30)
    finally:
        s.process.send_signal(signal.SIGCONT)
    eventually(lambda: csidecars(a) and a.services("users"), "it to be back", RING_S)


def test_a_silent_ring_is_a_failure_before_it_is_an_empty_one(ring, sidecar):
    a = ring.seed()
    s = sidecar(ring.url)
    eventually(lambda: csidecars(a), "the member", RING_S)
    a.ask("register", "600", greeter())
    until_seen(s, "greeter")
    a.process.send_signal(signal.SIGSTOP)  # it takes connections, and says nothing
    try:
        until_away(s)
        assert sees(s, "greeter")
    finally:
        a.process.send_signal(signal.SIGCONT)
    eventually(lambda: registry(s)["reachable"], "it to be heard again", 40)
    until_seen(s, "greeter")


def test_when_most_die_at_once_it_may_be_us_and_no_list_shrinks(ring, sidecar):
    a = ring.seed()
    others = [ring.peer("micro-%s" % name, join=a.address) for name in "bcde"]
    s = sidecar(ring.url, "users")
    eventually(lambda: all(csidecars(peer) for peer in others), "the member at all", RING_S)
    for peer in others:
        peer.ask("register", "600", greeter("greeter-%s" % peer.name))
    until_seen(s, "greeter", 4, 60)
    for peer in others:
        peer.stop()
    assert re.search("cut off|heard", until_away(s))
    end = time.monotonic() + 15  # until all are dead
    while time.monotonic() < end:
        assert a.services("users"), "who doubts the ring goes on telling it what is his"
        time.sleep(0.2)
    assert len(sees(s, "greeter")) == 4


# ---- keys ----


@of_all_times
def test_an_encrypted_ring_is_joined_with_its_key(ring, sidecar):
    a = ring.seed(key=KEY)
    s = sidecar(ring.url + "&key=" + KEY, "users", metadata={"zone": "eu-1", "text": "x" * 3000})
    eventually(lambda: a.services("users"), "users at the peer", RING_S)
    a.ask("register", "60", greeter())
    until_seen(s, "greeter")
    assert KEY not in s.log() and KEY not in s.admin("/config")[1].decode()


def test_the_key_may_be_a_token_in_a_file_and_in_base64(ring, sidecar, tmp_path):
    a = ring.seed(key=KEY)
    (tmp_path / "token").write_text("bWljcm8tZ29zc2lwLWtleQ==\n")
    (tmp_path / "token").chmod(0o600)
    sidecar(ring.url, "users", registry={"token_file": str(tmp_path / "token")})
    eventually(lambda: a.services("users"), "users at the peer", RING_S)


@pytest.mark.parametrize("theirs, ours, word", [
    (KEY, "&key=another-key-of16", "another key"),
    (KEY, "", "no key is set"),
    (None, "&key=" + KEY, "not encrypted"),
])
def test_a_key_that_does_not_fit_is_said(ring, sidecar, theirs, ours, word):
    ring.seed(key=theirs)
    s = sidecar(ring.url + ours, "users")
    s.admin("/services/greeter")
    assert word in until_away(s)
    assert s.log().count("a packet that our key does not decrypt") <= 1


# ---- serf: another application on the same membership ----


class Serf:
    def __init__(self, server, join=None):
        self.bind, self.rpc = free_port(), free_port()
        command = ["serf", "agent", "-node=serf-node", "-bind=127.0.0.1:%d" % self.bind, "-rpc-addr=127.0.0.1:%d" % self.rpc,
                   "-profile=local"]
        server.spawn(command, lambda: self.members() is not None)

    def run(self, *words):
        done = subprocess.run(["serf", *words, "-rpc-addr=127.0.0.1:%d" % self.rpc], capture_output=True, text=True, timeout=10)
        return done.stdout if done.returncode == 0 else None

    def members(self):
        out = self.run("members")
        return out if out is None else {line.split()[0]: line.split()[2] for line in out.splitlines() if line.strip()}


def test_serf_counts_us_among_its_members(ring, sidecar):
    serf = Serf(ring)
    s = sidecar("gossip://127.0.0.1:%d?bind=127.0.0.1:0&name=csidecar-one" % serf.bind, "users")
    eventually(lambda: (serf.members() or {}).get("csidecar-one") == "alive", "serf to list us", RING_S)
    time.sleep(6)  # several rounds of pings
    assert serf.members()["csidecar-one"] == "alive"
    assert registry(s)["reachable"]
    s.stop()
    # memberlist says that it left; serf calls "left" only who says so in serf's own words, too.
    eventually(lambda: serf.members().get("csidecar-one") in ("left", "failed"), "serf to see us leave", 2)


def test_serf_sees_us_die(ring, sidecar):
    serf = Serf(ring)
    s = sidecar("gossip://127.0.0.1:%d?bind=127.0.0.1:0&name=csidecar-one" % serf.bind)
    eventually(lambda: (serf.members() or {}).get("csidecar-one") == "alive", "serf to list us", RING_S)
    die(s)
    eventually(lambda: serf.members().get("csidecar-one") == "failed", "serf to see us dead", 30)


# ---- settings ----


@pytest.mark.parametrize("url, word", [
    ("gossip://127.0.0.1:99999", "port"),
    ("gossip://h?key=short", "16, 24 or 32"),
    ("gossip://h?bind=nowhere", "bind"),
    ("gossip://h?bind=127.0.0.1:0&advertise=0.0.0.0:1", "advertise"),
    ("gossip+tls://h", "TLS"),
])
def test_mistakes_are_named(url, word):
    done = csidecar("services", "--registry", url)
    assert done.returncode != 0 and word in done.stderr, done.stderr


def test_a_port_that_is_taken_is_said(sidecar):
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as holder:
        holder.bind(("127.0.0.1", 0))
        done = csidecar("services", "--registry", "gossip://?bind=127.0.0.1:%d" % holder.getsockname()[1])
        assert done.returncode != 0 and "in use" in done.stderr, done.stderr
