"""The `mdns` registry: no server, everybody on loopback, in a domain of its own that nobody else hears."""

import secrets
import socket
import struct
import zlib

from .base import Server

GROUP, PORT = "224.0.0.251", 5353
A, TXT, SRV, IN, RESPONSE, TTL = 1, 16, 33, 1, 0x8400, 120
GOOD = b'{"Service":"x","Version":"1","Metadata":{}}'


def encode(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.strip(".").split(".")) + b"\0"


def record(name, kind, data):
    return encode(name) + struct.pack(">HHIH", kind, IN, TTL, len(data)) + data


def announcement(name, ip="127.0.0.1", port=80, txt=b""):
    """SRV, A and TXT of one instance; txt is cut as it must be."""
    pieces = [txt[at:at + 255] for at in range(0, len(txt), 255)] or [b""]
    records = [record(name, SRV, struct.pack(">HHH", 0, 0, port) + encode("host.")),
               record("host.", A, socket.inet_aton(ip)),
               record(name, TXT, b"".join(bytes([len(p)]) + p for p in pieces))]
    return struct.pack(">6H", 0, RESPONSE, 0, len(records), 0, 0) + b"".join(records)


def deflated(text):
    """As go-micro writes it: zlib in hex."""
    return zlib.compress(text).hex().encode()


class Mdns(Server):
    name = "mdns"
    real = "own"
    networked = False
    cannot = dict.fromkeys(["flapping", "garbage", "silent", "half-open", "slow by 5 s"], "no server, no connection: datagrams to all")

    @property
    def url(self):
        return "mdns://?interfaces=lo&domain=%s" % self.domain

    def start(self):
        self.domain = "test-" + secrets.token_hex(4)

    def hostile(self, n, service):
        packets = list(self.hostile_packets(service))
        if n < len(packets):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
                s.sendto(packets[n], (GROUP, PORT))
        return n < len(packets)

    def hostile_packets(self, service):
        name = lambda ident: "%s.%s.%s." % (ident, service, self.domain)  # noqa: E731
        yield b"x"
        yield struct.pack(">6H", 0, RESPONSE, 0, 0xFFFF, 0, 0)
        yield struct.pack(">6H", 0, RESPONSE, 0, 1, 0, 0) + b"\xc0\x0c\0\x21\0\1\0\0\0\x78\0\0"
        yield announcement(name("cut"))[:-3]
        yield announcement(name("empty"))
        yield announcement(name("text"), txt=b"path=/")
        yield announcement(name("bytes"), txt=bytes(range(128, 256)))
        yield announcement(name("half"), txt=deflated(GOOD)[:-8])
        yield announcement(name("bomb"), txt=deflated(b" " * 4000000))
        yield announcement(name("deep"), txt=deflated(b"[" * 100000))
        yield announcement(name("list"), txt=deflated(b"[]"))
        yield announcement(name("wrong"), txt=deflated(b'{"Service":7,"Version":[],"Metadata":"x"}'))
        yield announcement(name("utf8"), txt=deflated(b'{"Service":"\xff\xfe","Version":"1"}'))
        yield announcement(name("nowhere"), ip="0.0.0.0", txt=deflated(GOOD))
        yield announcement(name("portless"), port=0, txt=deflated(GOOD))
