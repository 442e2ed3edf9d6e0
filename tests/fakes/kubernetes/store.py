"""What the API server knows: objects by resource, namespace and name, each with the version of its last change; and the
changes themselves, for watches. A version is a number for us and a word for clients, as etcd's revision is."""

import copy
import json
import threading
import time
import uuid

RESOURCES = {  # path -> (resource, kind)
    "/api/v1": {"pods": "Pod", "services": "Service", "namespaces": "Namespace"},
    "/apis/discovery.k8s.io/v1": {"endpointslices": "EndpointSlice"},
}
HISTORY = 10000  # changes


class Failure(Exception):
    """A Status (kubernetes.io/docs/reference/kubernetes-api/common-definitions/status)."""

    def __init__(self, code, reason, message):
        super().__init__(message)
        self.code = code
        self.status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
                       "reason": reason, "code": code}


def gone(version, oldest):
    return Failure(410, "Expired", "too old resource version: %d (%d)" % (version, oldest))


def merged(target, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    out = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merged(out.get(key), value)
    return out


class Change:
    def __init__(self, version, key, before, after):
        self.version, self.key, self.before, self.after = version, key, before, after


class Store:
    def __init__(self):
        self.changed = threading.Condition()
        self.version, self.oldest = 1, 1  # watches may begin at `oldest`
        self.objects, self.history = {}, []

    # ---- reading; with `changed` held ----

    def get(self, key):
        if key not in self.objects:
            raise Failure(404, "NotFound", '%s "%s" not found' % (key[0], key[2]))
        return self.objects[key]

    def all(self, resource, namespace):
        return [o for (r, n, _), o in sorted(self.objects.items()) if r == resource and namespace in (None, n)]

    def since(self, version, resource, namespace):
        return [c for c in self.history if c.version > version and c.key[0] == resource and namespace in (None, c.key[1])]

    # ---- writing ----

    def commit(self, key, after):
        before = self.objects.get(key)
        self.version += 1
        if after is None:
            del self.objects[key]
        else:
            after["metadata"]["resourceVersion"] = str(self.version)
            self.objects[key] = after
        self.history.append(Change(self.version, key, before, after))
        if len(self.history) > HISTORY:
            self.oldest = self.history.pop(0).version
        self.changed.notify_all()
        return after

    def create(self, key, thing):
        if key in self.objects:
            raise Failure(409, "AlreadyExists", '%s "%s" already exists' % (key[0], key[2]))
        meta = thing.setdefault("metadata", {})
        meta.update(namespace=key[1], uid=str(uuid.uuid4()),
                    creationTimestamp=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
        return self.commit(key, thing)

    def change(self, key, change):
        """`change` makes a new object of the old one. A version in it is what it wants the old one to have."""
        before = self.get(key)
        after = change(copy.deepcopy(before))
        wanted = after["metadata"].get("resourceVersion")
        if wanted and wanted != before["metadata"]["resourceVersion"]:
            raise Failure(409, "Conflict", 'Operation cannot be fulfilled on %s "%s": the object has been modified; please '
                          "apply your changes to the latest version and try again" % (key[0], key[2]))
        for name in ("uid", "creationTimestamp", "namespace", "name"):
            after["metadata"][name] = before["metadata"].get(name, key[2])
        return before if self.same(before, after) else self.commit(key, after)

    @staticmethod
    def same(before, after):
        """Apart from the version."""
        a, b = (dict(o, metadata={k: v for k, v in o["metadata"].items() if k != "resourceVersion"}) for o in (before, after))
        return a == b

    def delete(self, key):
        thing = self.get(key)
        self.commit(key, None)
        return thing

    def compact(self):
        """Nobody can watch from before now."""
        self.history.clear()
        self.oldest = self.version

    # ---- over a restart ----

    def save(self, file):
        with self.changed:
            file.write_text(json.dumps({"version": self.version, "objects": [[list(k), o] for k, o in self.objects.items()]}))

    def load(self, file):
        saved = json.loads(file.read_text())
        self.version = self.oldest = saved["version"]
        self.objects = {tuple(key): thing for key, thing in saved["objects"]}
