"""What the test servers of all registries share.

A backend's server is a class in tests/registries/<name>.py, the one there with that `name`:

    class Etcd(Server):
        name = "etcd"

        def start(self):
            self.port, self.peer_port = free_ports(2)
            self.run()

        def run(self):
            self.process = self.spawn(["etcd", "--data-dir", str(self.folder("data")), ...], until=self.answers)

        back = run

        def away(self):
            self.process.stop()

serve.py runs one for the C tests, test_every.py all there are. What a class does not define, its registry does not
have: nothing is asked of it, and the conformance table says so. Every process dies with the one that started it.
"""

import ctypes
import importlib
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))

from ports import free_port, free_ports  # noqa: E402, F401 (for the servers)

PR_SET_PDEATHSIG = 1
START_S = 60  # until a server answers: a JVM on a busy machine takes long
GRACE_S = 5  # from SIGTERM to SIGKILL
LOG_END = 3000


class ServerError(Exception):
    """A server did not do what it should; the text has the end of its log."""


# ---- waiting ----


def wait_until(condition, what, seconds=START_S, every=0.05):
    """The first true value of condition(); ServerError after so many seconds."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise ServerError("waited %d s in vain for %s" % (seconds, what))
        time.sleep(every)
    return value


def accepts(port, host="127.0.0.1"):
    """Does somebody listen there?"""
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


# ---- processes ----


class Launcher:
    """Starts processes in a thread that lives as long as we do: the kernel kills a child that asked for it when the
    *thread* that made it ends, and servers are started from threads that do."""

    def __init__(self):
        self.orders = queue.Queue()
        self.libc = ctypes.CDLL(None, use_errno=True)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            call, done = self.orders.get()
            try:
                done.put((call(), None))
            except Exception as e:  # noqa: BLE001 (it is the other thread's)
                done.put((None, e))

    def popen(self, command, **options):
        parent, prctl = os.getpid(), self.libc.prctl

        def die_with_parent():
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(127)

        done = queue.Queue()
        self.orders.put((lambda: subprocess.Popen(command, preexec_fn=die_with_parent, **options), done))
        process, error = done.get()
        if error:
            raise error
        return process


launcher = None


def popen(command, **options):
    """subprocess.Popen of what dies with us."""
    global launcher
    launcher = launcher or Launcher()
    return launcher.popen([str(word) for word in command], **options)


class Process:
    """A running server with its log in a file."""

    def __init__(self, command, log, environment=None, folder=None):
        self.command, self.log_file = [str(word) for word in command], Path(log)
        with open(self.log_file, "ab") as out:
            self.popen = popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder,
                               env={**os.environ, **(environment or {})})
        self.pid = self.popen.pid

    def is_running(self):
        return self.popen.poll() is None

    def log_end(self):
        return self.log_file.read_text(errors="replace")[-LOG_END:]

    def wait_until(self, condition, what, seconds=START_S):
        """Until condition() is true; an end of the process before is an error."""

        def is_so():
            if not self.is_running():
                raise ServerError("%s ended with %s" % (self.command[0], self.popen.returncode))
            return condition()

        try:
            return wait_until(is_so, what, seconds)
        except ServerError as e:
            raise ServerError("%s; its log ends:\n%s" % (e, self.log_end())) from None

    def stop(self, grace=GRACE_S):
        """SIGTERM, and SIGKILL if that is not enough in time. May be called again."""
        if self.is_running():
            self.popen.terminate()
            try:
                self.popen.wait(grace)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        self.popen.wait()

    def kill(self):
        self.stop(grace=0)

    def pause(self):
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)


# ---- servers ----


class Server:
    """One registry's server. The times are in seconds and what csidecar promises with this registry, as
    docs/registries.md says it; test_every.py holds it to them."""

    name = ""  # the URL's scheme, too
    real = "real"  # or "fake", "own": what it is that answers, for the conformance table
    writes = True  # an app can be registered
    ttl_s = 3  # of registrations in tests, as short as the registry takes
    heartbeat_s = 1
    expires = True  # says itself when a TTL has passed
    sweep_s = 3.0  # after the TTL until a dead instance is no longer resolved, at most
    sees_s = 1.0  # until a change is seen by a watch; a poller's interval and a little
    recovers_s = 5.0  # over a heartbeat, until a request that a fault has caught is given up
    spare_fds = 2  # connections that are just coming or going
    node_of_its_address = False  # two records of one address are one
    networked = True  # `ports` can have a proxy before them
    udp = False  # and it has to take datagrams as well
    cannot = {}  # checks of checks.py that this registry cannot have, by its nature: {check: why}
    settings = {}  # more of csidecar.yaml: {"registry": {...}}

    def __init__(self):
        self.processes, self.folders = [], []

    @property
    def url(self):
        """What csidecar is given; valid after start()."""
        raise NotImplementedError

    @property
    def ports(self):
        """The TCP ports that url leads to."""
        return []

    def url_at(self, ports):
        """The URL with these ports in the place of `ports`."""
        url = self.url
        for old, new in zip(self.ports, ports):
            url = url.replace(":%d" % old, ":%d" % new)
        return url

    def ring(self, name, address):
        """For a registry without a server between its users: another, whose ways proxies can break. It has `ports`,
        url_at(), a service `steady` at the address, publish(service, address), sees(service) and stop(). None: the
        server's own ports are where faults are."""
        return None

    @property
    def url_wrong_credentials(self):
        """A URL that is refused for its credentials, and only for them; None: there are none to be wrong."""
        return None

    def start(self):
        """With no data, on free ports; returns when it answers."""
        raise NotImplementedError

    def stop(self):
        """For good: its processes end, its data goes."""
        for process in self.processes:
            process.stop()
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)

    def away(self):
        """It cannot be reached, but keeps ports and data."""
        raise NotImplementedError

    def back(self):
        """As it was before away(); returns when it answers."""
        raise NotImplementedError

    def lose_all(self):
        """It restarts on the same ports with nothing in it."""
        raise NotImplementedError

    def fresh(self):
        """Empties it, as cheaply as can be: between two tests."""
        self.lose_all()

    def hostile(self, n, service):
        """Writes the n-th hostile record under the service's name, beside the good ones; False: there are no more."""
        return False

    def publish(self, service, instances):
        """For registries that csidecar only reads: `service` has exactly these from now on, a list of
        {"id", "address": "host:port", "version", "weight", "metadata": {}}."""
        raise NotImplementedError

    # ---- for the subclasses ----

    def folder(self, name):
        """A folder of its own, the same for the same name; emptied by empty_folder(), gone with stop()."""
        if not self.folders:
            self.folders.append(tempfile.mkdtemp(prefix="csidecar-%s-" % self.name))
        path = Path(self.folders[0]) / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def empty_folder(self, name):
        shutil.rmtree(self.folder(name))
        return self.folder(name)

    def spawn(self, command, until, what=None, seconds=START_S, environment=None, folder=None):
        """A process that is waited for until until() is true; its output goes to the log. Ends with stop()."""
        log = self.folder("logs") / ("%s.log" % Path(str(command[0])).name)
        process = Process(command, log, environment, folder)
        self.processes.append(process)
        process.wait_until(until, what or "%s to answer" % self.name, seconds)
        return process

    @classmethod
    def can(cls, what):
        """Is "away", "back", "lose_all", "fresh", "hostile", "publish" there?"""
        if what == "fresh" and cls.fresh is Server.fresh:
            what = "lose_all"
        return getattr(cls, what) is not getattr(Server, what)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()


def server_class(name):
    """The class in tests/registries/<name>.py."""
    module = importlib.import_module("registries.%s" % name)
    found = [c for c in vars(module).values()
             if isinstance(c, type) and issubclass(c, Server) and c.__dict__.get("name") == name]
    if len(found) != 1:
        raise ServerError("tests/registries/%s.py: %d classes of Server are called %s" % (name, len(found), name))
    return found[0]


def every_class(name):
    """The one that test_every.py tries: EVERY of that module, where there is a harder one."""
    return getattr(importlib.import_module("registries.%s" % name), "EVERY", server_class(name))


def names():
    """Of all backends of csidecar that have a server here."""
    backends = re.findall(r"\bX\((\w+)\)", (ROOT / "discovery/registry.c").read_text())
    return sorted(name for name in backends if (HERE / (name + ".py")).exists())
