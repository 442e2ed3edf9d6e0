"""A real ZooKeeper server, of Debian's package."""

import socket

from .base import Server, free_port

HOSTILE = [
    b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b'{"name":"%s"}', b'{"name":7,"nodes":[]}', b'{"name":"%s","nodes":{}}',
    b'{"name":"%s","nodes":[7]}', b'{"name":"%s","nodes":[{"id":"hostile-9"}]}',
    b'{"name":"%s","nodes":[{"id":"hostile-10","address":"nowhere"}]}',
    b'{"name":"%s","nodes":[{"id":"hostile-11","address":"0.0.0.0:1"}]}',
    b'{"name":"another","nodes":[{"id":"hostile-12","address":"127.0.0.1:1"}]}',
    b'{"name":"%s","nodes":[{"id":"another","address":"127.0.0.1:1"}]}',
    b'{"name":"%s","nodes":[{"id":"hostile-14","address":"127.0.0.1:1","metadata":[1]}]}',
    b'{"name":"%s","endpoints":{},"nodes":[{"id":"hostile-15","address":"127.0.0.1:1"}]}',
    b"[" * 50000, b'{"name":"%s","x":"' + b"y" * 900000 + b'"}',
]


class ZooKeeper(Server):
    name = "zookeeper"
    ttl_s = 2
    heartbeat_s = 0.6
    sweep_s = 2.0  # it looks at its sessions at each tick; after a restart a session begins anew

    tick_ms = 500
    login = None

    @property
    def url(self):
        return "zookeeper://127.0.0.1:%d" % self.port

    @property
    def ports(self):
        return [self.port]

    def start(self):
        self.port = free_port()
        self.back()

    def back(self):
        config = self.folder("config") / "zoo.cfg"
        config.write_text(
            "tickTime=%d\ndataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n"
            "minSessionTimeout=1000\nmaxSessionTimeout=60000\nmaxClientCnxns=0\n4lw.commands.whitelist=srvr\n"
            % (self.tick_ms, self.folder("data"), self.port))
        self.process = self.spawn(
            ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx128m",
             "-Dzookeeper.forceSync=no", "-cp", "/usr/share/java/zookeeper.jar",
             "org.apache.zookeeper.server.quorum.QuorumPeerMain", config], self.answers)

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                s.sendall(b"srvr")
                return b"Mode:" in s.recv(4096)
        except OSError:
            return False

    def away(self):
        self.process.kill()

    def lose_all(self):
        self.process.kill()
        self.empty_folder("data")
        self.back()

    def client(self):
        from kazoo.client import KazooClient

        client = KazooClient("127.0.0.1:%d" % self.port, timeout=10, auth_data=self.login)
        client.start(timeout=20)
        return client

    def fresh(self):
        client = self.client()
        client.delete("/micro-registry", recursive=True)
        client.stop()
        client.close()

    def hostile(self, n, service):
        if n >= len(HOSTILE):
            return False
        client = self.client()
        client.create("/micro-registry/%s/hostile-%d" % (service, n), HOSTILE[n].replace(b"%s", service.encode()),
                      makepath=True)
        client.stop()
        client.close()
        return True


class ZooKeeperWithUsers(ZooKeeper):
    """The registry's root is app's, who has the password secret; what is below it is its maker's business."""

    login = [("digest", "app:secret")]

    @property
    def url(self):
        return "zookeeper://app:secret@127.0.0.1:%d" % self.port

    @property
    def url_wrong_credentials(self):
        return "zookeeper://app:wrong@127.0.0.1:%d" % self.port

    def start(self):
        super().start()
        self.guard()

    def guard(self):
        from kazoo.security import make_digest_acl

        client = self.client()
        client.ensure_path("/micro-registry")
        client.set_acls("/micro-registry", [make_digest_acl("app", "secret", all=True)])
        client.stop()
        client.close()

    def lose_all(self):
        super().lose_all()
        self.guard()


EVERY = ZooKeeperWithUsers  # what test_every.py tries
