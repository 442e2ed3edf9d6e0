"""What a drill works with: real sidecars, real upstream processes, proxies that break what goes through them, callers;
and the table of drills.

    @drill("upstream killed (SIGKILL)", "no call fails, and it is used again when it is back")
    def killed(d):
        one, other = d.upstream(), d.upstream()
        s = d.sidecar(users=[one, other])
        with d.calling(s) as calls:
            one.kill()
            calls.more(d.size(200, 5000))
            one.back()
            d.until_used(one)
        calls.only("200")

`calling` is the frame of most: before and after the fault the sidecar is at rest, and its descriptors and memory must
be the same.
"""

import contextlib
import http.client
import json
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from faults import FaultProxy
from ports import free_port
from registries.base import Process, accepts, popen
from scenario.lib import Ended, Sidecar, eventually, merge, service

from .callers import Callers

HERE = Path(__file__).resolve().parent
DESCRIPTORS = 8192
GROWTH_KIB = 512  # malloc's own to and fro
# Short times, so that a drill is short.
QUICK = {
    "timeout": "5s", "try_timeout": "400ms", "connect_timeout": "200ms",
    "outlier": {"rest": "500ms"}, "pool": {"idle_timeout": "300ms"},
}  # fmt: skip
drills = []


class Drill:
    def __init__(self, fault, expects, run):
        self.fault, self.expects, self.run = fault, expects, run

    @property
    def name(self):
        return self.run.__name__


def drill(fault, expects):
    """The function is a drill; its row is these words."""
    return lambda run: drills.append(Drill(fault, expects, run)) or run


class Impossible(Exception):
    """Not on this machine; the text says why."""


class Upstream:
    """A process that answers; on the same port again after back()."""

    def __init__(self, folder, *args):
        self.port, self.args, self.log = free_port(), args, folder / "upstreams"
        self.address = "127.0.0.1:%d" % self.port
        self.back()

    def back(self):
        self.process = Process([sys.executable, "-B", HERE / "upstream.py", self.port, *self.args], self.log)
        self.process.wait_until(lambda: accepts(self.port), "the upstream")

    def kill(self):
        self.process.kill()

    def hang(self):
        self.process.pause()

    def go_on(self):
        self.process.resume()

    def seen(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/_seen")
            return json.loads(connection.getresponse().read())

    def stop(self):
        self.process.kill()


class Csidecar(Sidecar):
    """Dies with us; its output may go elsewhere, and its environment have more."""

    output = None

    def popen(self, command, **more):
        if not self.output:
            return popen(command, **more)
        with open(self.output, "ab") as out:
            return popen(command, **{**more, "stdout": out, "stderr": out})

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def cpu_s(self):
        fields = Path("/proc/%d/stat" % self.process.pid).read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.expected_exit = -signal.SIGKILL

    def metric(self, name):
        """The sum over its labels."""
        status, text = self.admin("/metrics")
        assert status == 200, text
        found = re.findall(r"^%s(?:\{[^}]*\})? (\S+)$" % name, text.decode(), re.M)
        assert found, "no metric %s" % name
        return sum(map(float, found))

    def change(self, settings):
        """In its file; loaded with the next SIGHUP."""
        self.settings = json.dumps(merge(json.loads(self.settings), settings))
        self.config.write_text(self.settings)

    def is_well(self, target="/users/x"):
        with contextlib.suppress(OSError, Ended):
            return self.get(target).status == 200


class Stage:
    """Of one drill; all is ended with it."""

    def __init__(self, full=False):
        self.full, self.stack = full, contextlib.ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="csidecar-chaos-"))
        self.saw, self.notes, self.kept, self.number = [], [], [], 0

    def __enter__(self):
        self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        return self

    def __exit__(self, *error):
        return self.stack.__exit__(*error)

    def size(self, small, full):
        """How many of something: in CI, and where there is time."""
        return full if self.full else small

    def note(self, text):
        """For the row: what else was seen."""
        self.notes.append(text)

    def logs(self):
        """How those of the sidecars end."""
        return "".join("%s:\n%s" % (f, f.read_text(errors="replace")[-2000:]) for f in self.folder.glob("sidecar*/log"))

    # ---- who plays ----

    def upstream(self, *args):
        u = Upstream(self.folder, *args)
        self.stack.callback(u.stop)
        return u

    def proxy(self, upstream):
        p = self.stack.enter_context(FaultProxy(upstream.port))
        p.address = "127.0.0.1:%d" % p.port
        return p

    def sidecar(self, settings=None, start=True, environment=None, output=None, args=(), **services):
        self.number += 1
        folder = self.folder / ("sidecar%d" % self.number)
        folder.mkdir()
        given = {n: service({"instances": [a if isinstance(a, str) else a.address for a in v]}) for n, v in services.items()}
        base = {"defaults": QUICK, "services": given, "log": {"access": False}, "state": {"max_age": "0s"}}
        s = Csidecar(folder, merge(base, settings or {}), args, environment)
        s.output = output
        self.stack.callback(s.stop)
        return s.start() if start else s

    def callers(self, sidecar, **more):
        c = Callers(sidecar if isinstance(sidecar, int) else sidecar.port, **more)
        self.saw.append(c)
        self.stack.callback(c.stop)
        return c

    # ---- the frame ----

    @contextlib.contextmanager
    def calling(self, sidecar, growth_kib=GROWTH_KIB, warm=100, **more):
        """Callers, while the block runs; then the sidecar must be what it was."""
        with self.unchanged(sidecar, growth_kib, warm, **more):
            calls = self.callers(sidecar, **more)
            calls.more(20)
            yield calls
            calls.stop()

    @contextlib.contextmanager
    def unchanged(self, sidecar, growth_kib=GROWTH_KIB, warm=100, **more):
        self.warm_up(sidecar, warm, **more)
        fds, rss = self.at_rest(sidecar), sidecar.rss_kib()
        yield
        eventually(lambda: sidecar.is_well(more.get("target", "/users/x")), "it to answer after the fault", 10)
        with contextlib.suppress(AssertionError):
            eventually(lambda: sidecar.descriptors() <= fds, "descriptors", 15)
        assert sidecar.descriptors() <= fds, "%d descriptors, before it were %d" % (sidecar.descriptors(), fds)
        grown = sidecar.rss_kib() - rss
        assert grown <= growth_kib, "it grew by %d KiB" % grown
        self.kept.append("%+d KiB, %+d" % (grown, sidecar.descriptors() - fds))

    def warm_up(self, sidecar, calls_first, **more):
        """What it keeps for good is there: not counted."""
        calls = Callers(sidecar.port, **more)
        calls.more(calls_first)
        calls.stop()
        wrong = {k: n for k, n in calls.saw.items() if k != "200"}
        assert not wrong, "before the fault: %s\n%s" % (wrong, sidecar.log()[-2000:])

    def at_rest(self, sidecar):
        """Its descriptors when the connections of the warm-up have gone."""

        def are_gone():
            return sidecar.metric("csidecar_upstream_connections") == 0 and sidecar.metric("csidecar_client_connections") <= 1

        eventually(are_gone, "connections to be given up", 10)
        time.sleep(0.05)  # that of the question itself
        return sidecar.descriptors()

    # ---- what is expected ----

    def until_used(self, upstream, patience=10):
        before = upstream.seen().get("GET", 0)
        begin = time.monotonic()
        eventually(lambda: upstream.seen().get("GET", 0) > before, "%s to be called again" % upstream.address, patience)
        self.note("used again after %.1f s" % (time.monotonic() - begin))

    def only(self, calls, *whats):
        """Callers saw nothing else."""
        other = {k: n for k, n in calls.saw.items() if k not in whats}
        assert not other, "callers saw %s" % dict(calls.saw)


# ---- the run ----


def want_descriptors():
    """For this process, which has callers, proxies, and a file for each port it was given."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS), hard))


class Row:
    """What came of one drill: `why` it failed, or was impossible."""

    def __init__(self, which, stage, verdict, why=""):
        self.drill, self.verdict, self.why = which, verdict, why
        saw = sum((c.saw for c in stage.saw), start=type(stage.saw[0].saw)()) if stage.saw else {}
        self.saw = ", ".join("{:,} × {}".format(n, what) for what, n in sorted(saw.items()))
        self.calls = sum(saw.values())
        self.notes, self.kept = "; ".join(stage.notes), "; ".join(stage.kept)
        self.seconds = 0


def run(which, full=False):
    """Its row. What it raises is in there, too."""
    begin = time.monotonic()
    with Stage(full) as stage:
        row = attempt(which, stage)
    row.seconds = time.monotonic() - begin
    return row


def attempt(which, stage):
    try:
        which.run(stage)
        stage.stack.close()
        return Row(which, stage, "survived")
    except Impossible as e:
        return Row(which, stage, "not here", str(e))
    except Exception as e:  # noqa: BLE001 (one drill's failure is a row, and the next one runs)
        why = [repr(e) if str(e) else traceback.format_exc(limit=-4), stage.logs()]
        try:
            stage.stack.close()
        except Exception as at_end:  # noqa: BLE001 (a crash shows itself here)
            why.insert(0, str(at_end)[:500])
        return Row(which, stage, "FAILED", "\n".join(why))
