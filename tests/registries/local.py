"""The `local` registry: no server, a folder of files under locks."""

import shutil

from .base import Server


class Local(Server):
    name = "local"
    real = "own"
    networked = False
    sweep_s = 1  # the kernel lets go of the lock at once

    @property
    def url(self):
        return "local:%s" % (self.folder("data") / "registry")

    def start(self):
        pass

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
