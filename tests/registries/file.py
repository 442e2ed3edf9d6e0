"""The `file` registry: no server, a YAML file that is edited."""

import json

from .base import Server


class File(Server):
    name = "file"
    real = "own"
    writes = False
    expires = False
    networked = False
    sees_s = 2.5  # inotify, and a moment until the file looks the same twice

    @property
    def path(self):
        return self.folder("data") / "services.yaml"

    @property
    def url(self):
        return "file:%s" % self.path

    def start(self):
        self.fresh()

    def fresh(self):
        self.services = {"nobodys-service": []}
        self.write()

    def write(self):
        """Beside it, then renamed."""
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(self.services))  # which is YAML
        new.rename(self.path)

    back = write

    def away(self):
        self.path.unlink()

    def publish(self, service, instances):
        self.services.pop(service, None)
        if instances:
            self.services[service] = instances
        self.write()
