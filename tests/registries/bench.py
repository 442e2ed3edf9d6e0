"""One registry's server, with csidecars around it: what the checks of checks.py work with.

Everybody's app is one and the same: what is tried here is the registry, not the app.
"""

import contextlib
import copy
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from scenario.apps import App
from scenario.cli import clean_environment
from scenario.lib import Client, Ended, Sidecar, binary, eventually

from .base import accepts, popen

CALL_EVERY_S = 0.25
CALL_LIMIT_S = 40  # longer than csidecar may be stopped
LOG_END = 4000
FACTOR = 3 if "san" in binary() else 1  # a sanitized csidecar is slow


class Beside(Sidecar):
    """Dies with us, as the servers do."""

    popen = staticmethod(popen)


class Called(AssertionError):
    """Some calls through a local endpoint failed."""


class Caller(threading.Thread):
    """One call after the other, each on a connection of its own; what is not a 200 is kept."""

    def __init__(self, sidecar, service):
        super().__init__(daemon=True)
        self.sidecar, self.service = sidecar, service
        self.calls, self.failures, self.ending = 0, [], threading.Event()
        self.begin = time.monotonic()
        self.start()

    def call(self):
        with Client(self.sidecar.address) as client:
            client.socket.settimeout(CALL_LIMIT_S)
            return client.request("/%s/x" % self.service).response()

    def run(self):
        while not self.ending.wait(CALL_EVERY_S):
            try:
                answer = self.call()
                bad = None if answer.status == 200 else "%s %s" % (answer.line, answer.body.decode(errors="replace"))
            except (OSError, Ended) as e:
                bad = repr(e)
            self.calls += 1
            if bad and not self.ending.is_set():
                self.failures.append("%.1f s: %s" % (time.monotonic() - self.begin, bad))

    def check(self):
        """Not one of them has failed so far."""
        if self.failures:
            raise Called("%d of %d calls failed, the first at %s" % (len(self.failures), self.calls, self.failures[0]))

    def until_called(self, times):
        """So many more calls have been answered, all well."""
        goal = self.calls + times
        eventually(lambda: self.calls >= goal, "calls to be answered", CALL_LIMIT_S)
        self.check()

    def stop(self):
        self.ending.set()
        self.join(CALL_LIMIT_S)
        self.check()


class Watch:
    """`csidecar watch NAME --registry URL --json`: what it says, as it comes."""

    def __init__(self, bench, service):
        self.said = []
        self.process = popen([binary(), "watch", service, "--registry", bench.url, "--json"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, env=bench.environment)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with contextlib.suppress(ValueError):
                self.said.append(json.loads(line)["instances"])

    def until(self, condition, what, patience):
        """How long it took until condition(the last list) was true."""
        begin = time.monotonic()
        eventually(lambda: self.said and condition(self.said[-1]), what, patience)
        return time.monotonic() - begin

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Registered:
    """`csidecar register NAME ADDRESS --registry URL`, running."""

    def __init__(self, bench, service, address, ident):
        self.process = popen([binary(), "register", service, address, "--id", ident, "--registry", bench.url],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=bench.environment)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(10) is not None


class Bench:
    """A started server; `stop()` ends all that was made with it."""

    def __init__(self, server):
        self.server, self.kind = server, type(server)
        self.folder = Path(tempfile.mkdtemp(prefix="csidecar-bench-%s-" % server.name))
        self.number, self.lock, self.open = itertools.count(1), threading.Lock(), []
        self.changing = threading.Lock()  # the server's own tools: one at a time
        self.app = self.keep(App())
        self.url = server.url
        self.ring = None
        self.environment = clean_environment(
            CSIDECAR_REGISTRY_TTL="%ss" % server.ttl_s, CSIDECAR_REGISTRY_HEARTBEAT="%ss" % server.heartbeat_s,
            XDG_STATE_HOME=str(self.folder), XDG_RUNTIME_DIR=str(self.folder))
        # Two that all checks share: somebody to call, and somebody who looks.
        self.offer("steady")
        self.observer = self.sidecar()
        with self.telling(*self.open):
            eventually(lambda: self.sees("steady"), "a service at the observer", 20 * FACTOR)

    def keep(self, thing):
        with self.lock:
            self.open.append(thing)
        return thing

    def stop(self):
        """All are ended; the first complaint of one is raised then."""
        complaints = []
        for thing in reversed(self.open):
            try:
                thing.stop()
            except AssertionError as e:
                complaints.append(e)
        shutil.rmtree(self.folder, ignore_errors=True)
        if complaints:
            raise complaints[0]

    def release(self, thing):
        """Ends it now."""
        with self.lock:
            if thing in self.open:
                self.open.remove(thing)
        thing.stop()

    @contextlib.contextmanager
    def telling(self, *things):
        """The logs of sidecars go with an error."""
        try:
            yield
        except BaseException as e:
            for thing in things:
                if isinstance(thing, Sidecar):
                    e.add_note("the log of %s ends:\n%s" % (thing.folder.name, thing.log()[-LOG_END:]))
            raise

    @contextlib.contextmanager
    def while_open(self, *things):
        """They end with the block. Their complaints count when it went well."""
        try:
            with self.telling(*things):
                yield
        except BaseException:
            for thing in things:
                with contextlib.suppress(Exception):
                    self.release(thing)
            raise
        for thing in things:
            self.release(thing)

    def in_ring(self, ring):
        """The same, with the other member of that ring to look and to offer services."""
        other = copy.copy(self)
        other.ring = ring
        return other

    # ---- csidecars ----

    def sidecar(self, service=None, url=None, wait=True, **more):
        """Beside the app, when it is to be registered as `service`; else it only resolves."""
        folder = self.folder / ("sidecar%d" % next(self.number))
        folder.mkdir()
        registry = {"url": url or self.url, "ttl": "%ss" % self.kind.ttl_s, "heartbeat": "%ss" % self.kind.heartbeat_s}
        settings = {"name": service or "nobody", "registry": registry | self.kind.settings.get("registry", {}),
                    "state": {"max_age": "0s"}, "advertise": "127.0.0.1", "log": {"access": False}, **more}
        if service:
            health = {"interval": "1s", "first_interval": "50ms", "timeout": "5s"}
            settings |= {"app": {"port": self.app.port, "health": health}, "version": "1.2.3", "metadata": {"zone": "eu-1"}}
        s = self.keep(Beside(folder, settings, environment={"XDG_RUNTIME_DIR": str(self.folder)})).start(wait)
        if wait:
            eventually(lambda: accepts(s.admin_port), "the admin port", 10)
        return s

    def register(self, service, ident, address=None):
        return self.keep(Registered(self, service, address or self.app.address, ident))

    def watch(self, service):
        return self.keep(Watch(self, service))

    def offer(self, service):
        """The app is registered under that name, for good, by a sidecar or as the registry's readers have it."""
        if self.kind.writes:
            return self.sidecar(service)
        self.publish(service, [self.instance(service + "-1")])
        return None

    def publish(self, service, instances):
        with self.changing:
            self.server.publish(service, instances)

    def offer_late(self, service, ident="late"):
        """Without a sidecar; what has to be released to take it back."""
        if self.ring:
            self.ring.publish(service, self.app.address)
            return []
        if self.kind.writes:
            return [self.register(service, ident)]
        self.publish(service, [self.instance(ident)])
        return []

    def instance(self, ident, address=None, **more):
        return {"id": ident, "address": address or self.app.address, "version": "1.2.3", "weight": 1,
                "metadata": {"zone": "eu-1"}, **more}

    def command(self, *words):
        """The command line, to its end."""
        return subprocess.run([binary(), *words], capture_output=True, text=True, timeout=30, env=self.environment)

    # ---- what is seen ----

    def sees(self, service, sidecar=None):
        """The instances a running sidecar knows, or the other member of a ring."""
        if self.ring and not sidecar:
            return self.ring.sees(service)
        status, body = (sidecar or self.observer).admin("/services/" + service)
        assert status in (200, 404), body
        return json.loads(body)["instances"] if status == 200 else []

    def got(self, service):
        """The instances a csidecar gets that asks the registry itself."""
        done = self.command("get", service, "--registry", self.url, "--json")
        return json.loads(done.stdout)["instances"] if done.stdout else []

    def until_got(self, service, patience):
        """The same, as soon as there are some; asked without haste, for each time is a process and perhaps a login."""

        def got():
            time.sleep(0.1)
            return self.got(service)

        return eventually(got, "%s to be listed" % service, patience * FACTOR)

    def until_seen(self, service, patience, sidecar=None):
        """Seconds until it is."""
        begin = time.monotonic()
        eventually(lambda: self.sees(service, sidecar), "%s to be listed" % service, patience * FACTOR)
        return time.monotonic() - begin

    def until_gone(self, service, patience):
        begin = time.monotonic()
        eventually(lambda: not self.sees(service), "%s to be gone" % service, patience * FACTOR)
        return time.monotonic() - begin

    def call(self, sidecar, service):
        with contextlib.suppress(OSError, Ended):
            return sidecar.get("/%s/x" % service).status
        return 0


def descriptors(sidecar):
    return len(os.listdir("/proc/%d/fd" % sidecar.process.pid))
