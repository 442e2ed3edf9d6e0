"""csidecars in one registry, and what they see: for the tests of one backend. The fixtures are in conftest.py."""

import json

from scenario.lib import eventually

from .bench import Beside

TTL_S, HEARTBEAT_S = 3, 1


def settings(url, port=None, name=None, registry=None, **more):
    """Beside the app when it has a name; else it only resolves."""
    out = {"name": name or "nobody", "state": {"max_age": "0s"}, "advertise": "127.0.0.1",
           "registry": {"url": url, "ttl": "%ds" % TTL_S, "heartbeat": "%ds" % HEARTBEAT_S, **(registry or {})}}
    if name:
        out |= {"app": {"port": port, "health": {"first_interval": "50ms"}}, "version": "1.2.3",
                "metadata": {"zone": "eu-1"}}
    return out | more


def start(folder, *arguments, **more):
    folder.mkdir()
    return Beside(folder, settings(*arguments, **more)).start()


def sees(sidecar, service):
    """The instances it knows of."""
    status, body = sidecar.admin("/services/" + service)
    return json.loads(body)["instances"] if status == 200 else []


def until_seen(sidecar, service, count=1, patience=10):
    eventually(lambda: len(sees(sidecar, service)) == count, "%d of %s" % (count, service), patience)
    return sees(sidecar, service)


def registry_of(sidecar):
    """How its (first) registry does."""
    return json.loads(sidecar.admin("/services")[1])["registries"][0]
