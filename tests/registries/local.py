"""The `local` registry: no server, a folder of files under locks."""

import fcntl
import os
import shutil
import struct

from .base import Server

GOOD = '"ttl_ms":60000,"address":"127.0.0.1:1"'
HOSTILE = ["", "{", "[]", "null", "{}", '{"ttl_ms":60000}', '{"ttl_ms":60000,"address":7}',
           '{"ttl_ms":60000,"address":"nowhere"}', '{"ttl_ms":60000,"address":"0.0.0.0:80"}',
           '{"ttl_ms":"soon","address":"127.0.0.1:1"}', '{"ttl_ms":-1,"address":"127.0.0.1:1"}', '{%s,"id":"a\\r\\nb"}' % GOOD,
           '{%s,"id":"\udcff\udcfe"}' % GOOD, '{%s,"id":[]}' % GOOD, '{%s,"weight":1e300}' % GOOD, '{%s,"metadata":[1,2]}' % GOOD,
           '{%s,"metadata":{"a":"%s"}}' % (GOOD, "x" * 2000000), "[" * 40000]


class Local(Server):
    name = "local"
    real = "own"
    networked = False
    sweep_s = 1  # the kernel lets go of the lock at once

    @property
    def url(self):
        return "local:%s" % self.folder("data")

    def start(self):
        self.held = []

    def stop(self):
        for file in self.held:
            file.close()
        super().stop()

    def hostile(self, n, service):
        """Written as a living writer does: beside it, locked, then renamed."""
        if n < len(HOSTILE):
            folder = self.folder("data") / "registry"
            file = open(folder / (".new-%d" % n), "wb")
            file.write(HOSTILE[n].encode(errors="surrogateescape"))
            file.flush()
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
            os.rename(file.name, folder / ("%s@written-%d.json" % (service, n)))
            self.held.append(file)
        return n < len(HOSTILE)

    def lose_all(self):
        shutil.rmtree(self.folder("data") / "registry", ignore_errors=True)

    # Not chmod, which stops nobody who is root.
    def away(self):
        folder = self.folder("data")
        (folder / "registry").rename(folder / "away")
        (folder / "registry").touch()

    def back(self):
        folder = self.folder("data")
        (folder / "registry").unlink()
        (folder / "away").rename(folder / "registry")
