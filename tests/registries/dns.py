"""A real DNS server: dnsmasq, with SRV records of the services under .test. A change is another dnsmasq in the place of
the one before, behind a proxy: not a moment without an answer, which would make csidecar doubt what it hears next."""

import socket
import struct

from faults import FaultProxy

from .base import Server, free_port


def split(address):
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)


class Dns(Server):
    name = "dns"
    writes = False
    expires = False
    udp = True
    sees_s = 1.5  # records have a TTL of a second

    @property
    def url(self):
        return "dns://127.0.0.1:%d?srv=_{service}._tcp.test&max_ttl=1s" % self.port

    @property
    def ports(self):
        return [self.port]

    def start(self):
        self.port, self.services, self.proxy = free_port(), {}, None
        self.process = self.before = None
        self.exchange()

    def stop(self):
        if self.proxy:
            self.proxy.close()
        super().stop()

    def fresh(self):
        self.services = {}
        self.exchange()

    def away(self):
        self.proxy.set("refuse")

    def back(self):
        self.proxy.set("pass")

    def exchange(self):
        before, self.own_port = self.before, free_port()
        config = self.folder("data") / "dnsmasq.conf"
        config.write_text("\n".join(self.lines()) + "\n")
        self.before, self.process = self.process, self.spawn(["dnsmasq", "--keep-in-foreground", "--conf-file=%s" % config], self.answers)
        if self.proxy:
            self.proxy.lead_to(self.own_port)
        else:
            self.proxy = FaultProxy(self.own_port, self.port, udp=True)
        if before:
            before.kill()  # the one before the last: that may still have something to answer

    def lines(self):
        yield from ("port=%d" % self.own_port, "listen-address=127.0.0.1", "bind-interfaces", "no-resolv", "no-hosts",
                    "local=/test/", "local-ttl=1", "user=root", "log-facility=-")
        for service, instances in self.services.items():
            for n, instance in enumerate(instances):
                host, port = split(instance["address"])
                target = "%s-%d.test" % (service, n)
                yield "host-record=%s,%s" % (target, host)
                yield "srv-host=_%s._tcp.test,%s,%d,0,%d" % (service, target, port, instance.get("weight", 1))

    def answers(self):
        """Any answer to a question of ours will do."""
        question = struct.pack(">6H", 1, 0x100, 1, 0, 0, 0) + b"\1x\4test\0" + struct.pack(">2H", 1, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.2)
            s.connect(("127.0.0.1", self.own_port))
            try:
                s.send(question)
                return s.recv(512)
            except OSError:
                return False

    def publish(self, service, instances):
        self.services[service] = instances
        self.exchange()
