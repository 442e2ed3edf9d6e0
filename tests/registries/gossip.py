"""A memberlist ring: one member as go-micro's gossip registry is one (gossip-peer/), csidecar's seed.

A ring has no server: with the seed away, csidecars that have met go on as members of each other and miss nothing. So
this class has no away() and no lose_all(); what happens when the last other member goes is in test_gossip.py.
"""

import json
import os
import socket
import subprocess

from .base import ROOT, Server, ServerError, free_port, free_ports, popen

PROGRAMS = ROOT / "build/gossip"
KEY = "micro-gossip-key"  # go-micro's default, 16 bytes

SERVICE = {"name": "x", "version": "1", "metadata": None, "endpoints": None, "nodes": []}


class Peer:
    """gossip-peer: what it is asked, it answers in JSON."""

    def __init__(self, log, bind="127.0.0.1:0", name="micro-peer", key=None, join=None, advertise=None,
                 program="peer"):
        words = [PROGRAMS / program, "-bind", bind, "-name", name]
        words += ["-advertise", advertise] if advertise else []
        words += ["-key", key] if key else []
        words += ["-join", join] if join else []
        with open(log, "ab") as out:
            self.process = popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out, text=True)
        self.name, self.address = name, self.answer()["address"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise ServerError("the gossip peer has ended")
        return json.loads(line)

    def ask(self, *words):
        self.process.stdin.write(" ".join(w if isinstance(w, str) else json.dumps(w) for w in words) + "\n")
        self.process.stdin.flush()
        answer = self.answer()
        if isinstance(answer, dict) and isinstance(answer.get("error"), str):
            raise ServerError(answer["error"])
        return answer

    def members(self):
        return {m["name"]: m["address"] for m in self.ask("members")}

    def services(self, name):
        """Instances by id, of all versions."""
        versions = self.ask("list").get(name) or []
        return {n["id"]: dict(n, version=s["version"], endpoints=s["endpoints"]) for s in versions for n in s["nodes"]}

    def leave(self):
        self.ask("leave")
        self.stop()

    def stop(self):
        self.process.kill()
        self.process.wait()


class Ring:
    """Of two, a peer and a csidecar that know each other by proxies alone: a ring whose ways can be broken. The peer has
    what csidecar resolves, and sees what it registers."""

    def __init__(self, gossip, name, address):
        self.gossip, self.name, self.peer = gossip, name, None
        self.ports = free_ports(2)  # where the peer is, and csidecar
        self.address = address

    def url_at(self, proxies):
        """csidecar's URL; the peer is there then."""
        at = ["127.0.0.1:%d" % port for port in (*self.ports, *proxies)]
        self.peer = self.gossip.peer_of("micro-" + self.name, bind=at[0], advertise=at[2])
        self.publish("steady", self.address)
        return "gossip://%s?bind=%s&advertise=%s" % (at[2], at[1], at[3])

    def publish(self, name, address):
        self.peer.ask("register", "3600", service(name, id=name + "-1", address=address))

    def sees(self, name):
        return list(self.peer.services(name).values())

    def stop(self):
        if self.peer:
            self.peer.stop()


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def update(data, action=1, kind=1, expires=1 << 62, content="application/json"):
    """go-micro's Update, with whatever data."""
    pair = field(1, b"Content-Type") + field(2, content.encode())
    return (b"\x08" + varint(expires) + b"\x10" + varint(kind) + b"\x18" + varint(action) + field(6, pair) +
            field(7, data))


def service(name, **node):
    return dict(SERVICE, name=name, nodes=[dict({"id": "bad-1", "address": "127.0.0.1:1", "metadata": {}}, **node)])


def hostile_services(name):
    """What no Service should be, as JSON."""
    yield from (b"", b"{", b"null", b"[]", b"7", b"{}", b"[" * 40000, b'{"a":' * 20000)
    yield b'{"name":"%s","nodes":7}' % name.encode()
    yield b'{"name":"%s","nodes":[7,null,[]]}' % name.encode()
    yield json.dumps(service("../../etc/passwd")).encode()
    yield json.dumps(service("")).encode()
    for node in ({"id": ""}, {"id": 7}, {"id": "a\r\nb"}, {"id": "a\0b"}, {"id": "x" * 5000}, {"address": "nowhere"},
                 {"address": "0.0.0.0:80"}, {"address": "127.0.0.1:0"}, {"address": "127.0.0.1:99999"}, {"address": {}},
                 {"metadata": [1]}, {"metadata": {"a": {"b": 1}}}, {"metadata": {"a": "x" * 200000}}):
        yield json.dumps(service(name, **node)).encode()
    yield b'{"name":"%s","nodes":[{"id":"\xff\xfe","address":"127.0.0.1:1"}]}' % name.encode()
    yield json.dumps(dict(service(name), endpoints="none")).encode()


def hostile_updates(name):
    good = json.dumps(service(name)).encode()
    yield from (update(data) for data in hostile_services(name))
    yield from (b"\xff" * 64, b"\x3a\xff\xff\xff\xff\x0f", update(good)[:-9], update(good, action=99),
                update(good, kind=5), update(good, content="application/xml"), update(good, expires=1))
    yield update(good) + b"\x32\x00" * 100000


def hostile_packets():
    """Datagrams that are none of memberlist's."""
    yield from (b"", b"\x00", b"\x63" * 20, b"\x07\xff", b"\x07\x02\xff\xff\xff\xff\x00", b"\x0c\x00\x00\x00\x00\x00")
    yield b"\x04\x8f" + b"\xa4Node" * 8
    yield b"\x09\x82\xa4Algo\x00\xa3Buf\xda\x00\x06" + b"\x41" * 6
    yield b"\x07\x01\x00\xff" * 60
    yield b"\x04\xdf\xff\xff\xff\xff"
    bomb = b"\xdb\xff\xff\xff\xff"
    yield b"\x04\x81\xa4Node" + bomb
    yield b"\x09\x82\xa4Algo\x07\xa3Buf\xa1a"
    yield b"\x04\x86\xa4Addr\xa4\xe0\x00\x00\xfb\xabIncarnation\x01\xa4Meta\xc0\xa4Node\xa3bad\xa4Port\x50\xa3Vsn\xc0"


class Gossip(Server):
    name = "gossip"
    udp = True
    recovers_s = 12.0  # a suspicion that began in the fault may end after it, and is to be lived down
    ttl_s, heartbeat_s, sweep_s = 3, 1, 1.0

    @property
    def url(self):
        return "gossip://127.0.0.1:%d?bind=127.0.0.1:0" % self.port

    @property
    def url_wrong_credentials(self):
        """Of another member, whose ring is encrypted."""
        if not self.secret:
            self.secret = self.peer_of("micro-secret", key=KEY)
        return "gossip://%s?bind=127.0.0.1:0&key=another-key-of16" % self.secret.address

    def peer_of(self, name, **options):
        return Peer(self.folder("logs") / "peer.log", name=name, **options)

    def ring(self, name, address):
        return Ring(self, name, address)

    def start(self):
        self.port, self.peer, self.secret = free_port(), None, None
        self.fresh()

    def fresh(self):
        """Without a word: members see it die, and the new one come."""
        if self.peer:
            self.peer.stop()
        self.peer = self.peer_of("micro-seed-%s" % os.urandom(4).hex(), bind="127.0.0.1:%d" % self.port)

    def stop(self):
        for peer in (self.peer, self.secret):
            if peer:
                peer.stop()
        super().stop()

    def hostile(self, n, service):
        updates, packets = list(hostile_updates(service)), list(hostile_packets())
        if n < len(updates):
            way = "raw" if len(updates[n]) < 1300 else "rawtcp"
            self.peer.ask(way, updates[n].hex())
        elif n - len(updates) < len(packets):
            self.send(packets[n - len(updates)])
        return n < len(updates) + len(packets)

    def send(self, packet):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for name, address in self.peer.members().items():
                if name != self.peer.name:
                    host, port = address.rsplit(":", 1)
                    s.sendto(packet, (host, int(port)))
