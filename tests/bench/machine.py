"""Processes of the benchmark: started on a CPU, measured through /proc, ended by their own id."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from ports import free_ports  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/bench"
PROXY_CPU, LOAD_CPU = {0}, {max(os.sched_getaffinity(0))}
TICK = os.sysconf("SC_CLK_TCK")


def on_cpus(cpus):
    return lambda: os.sched_setaffinity(0, cpus)


def start(command, cpus, **more):
    return subprocess.Popen([str(c) for c in command], preexec_fn=on_cpus(cpus), start_new_session=True, **more)


def tree(pid):
    """A process and all below it."""
    found = [pid]
    for at in found:
        try:
            for task in os.listdir("/proc/%d/task" % at):
                found += map(int, Path("/proc/%d/task/%s/children" % (at, task)).read_text().split())
        except OSError:
            pass
    return found


def end(process):
    """Politely, then for good, with all it started."""
    pids = tree(process.pid) if process.poll() is None else []
    if pids:
        process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        pass
    for pid in pids:
        try:
            if os.getsid(pid) == process.pid:
                os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    process.wait()


def wait_for_port(port, process, limit=30):
    until = time.time() + limit
    while time.time() < until:
        if process.poll() is not None:
            raise RuntimeError("it exited with %d" % process.returncode)
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.001)
    raise RuntimeError("its port did not open")


def cpu_time(pids):
    """Seconds on a CPU, and seconds of waiting for one, of all threads (to the nanosecond)."""
    ran = waited = 0
    for pid in pids:
        try:
            for task in os.listdir("/proc/%d/task" % pid):
                numbers = Path("/proc/%d/task/%s/schedstat" % (pid, task)).read_text().split()
                ran += int(numbers[0])
                waited += int(numbers[1])
        except OSError:
            pass
    return ran / 1e9, waited / 1e9


def memory_kib(pids, what="VmRSS"):
    total = 0
    for pid in pids:
        try:
            found = re.search(what + r":\s+(\d+)", Path("/proc/%d/status" % pid).read_text())
            total += int(found[1]) if found else 0
        except OSError:
            pass
    return total


def machine_time():
    """Busy and stolen seconds of all CPUs together."""
    v = [int(x) for x in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    return sum(v[:3] + v[5:7]) / TICK, v[7] / TICK


def runnable():
    """Threads that run or want to, of the whole machine, besides the one that asks."""
    return int(Path("/proc/loadavg").read_text().split()[3].split("/")[0]) - 1


class Patience:
    """Waits for a moment when nobody else has anything to do, for so many seconds in all."""

    LOOKS, FEW = 12, 5

    def __init__(self, seconds):
        self.left = seconds

    def wait(self):
        while self.left > 0:
            begun, seen = time.monotonic(), 0
            for _ in range(self.LOOKS):
                seen += runnable()
                time.sleep(0.002)
            if seen <= self.FEW:
                return
            time.sleep(0.2)
            self.left -= time.monotonic() - begun


class Origin:
    """The server behind the proxies."""

    def __init__(self, count=8):
        self.ports = free_ports(count)
        self.process = start([BUILD / "origin", *self.ports], LOAD_CPU, stdout=subprocess.DEVNULL)
        wait_for_port(self.ports[0], self.process)

    def close(self):
        end(self.process)


class Proxy:
    """A running proxy of the table in proxies.py. `wrap` are words before its command (valgrind)."""

    def __init__(self, kind, origins, workload, wrap=(), limit=60):
        self.kind = kind
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.port, self.admin_port = free_ports(2)
        self.origins, self.workload = origins, workload
        self.workers = workload.workers
        if kind.configure:
            (self.folder / "config").write_text(kind.configure(self))
        command = kind.traced_command if wrap and kind.traced_command else kind.command
        self.log = open(self.folder / "log", "w")
        self.begun = time.monotonic()
        self.process = start([*wrap, *command(self)], workload.cpus or PROXY_CPU, cwd=self.folder, stdin=subprocess.DEVNULL,
                             stdout=self.log, stderr=self.log)
        try:
            wait_for_port(self.port, self.process, limit)
        except RuntimeError as e:
            said = (self.folder / "log").read_text()[-1500:]
            self.close()
            raise RuntimeError("%s: %s\n%s" % (kind.name, e, said))

    def first_answer_s(self, limit=60):
        """Seconds from its start to its first right answer, when asked since then."""
        while time.monotonic() < self.begun + limit:
            try:
                c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                c.request("GET", self.workload.path_for(self.kind))
                if c.getresponse().status == 200:
                    return time.monotonic() - self.begun
            except (OSError, http.client.HTTPException):
                pass
            finally:
                c.close()
            time.sleep(0.001)
        raise RuntimeError("%s: no answer in %d s" % (self.kind.name, limit))

    def pids(self):
        return tree(self.process.pid)

    def close(self):
        end(self.process)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Direct:
    """No proxy: the load generator talks to the origin."""

    def __init__(self, kind, origins, workload):
        self.kind, self.workload, self.port = kind, workload, origins[0]

    def pids(self):
        return []

    def close(self):
        pass


def open_proxy(kind, origins, workload):
    return (Proxy if kind.command else Direct)(kind, origins, workload)


class LoadGenerator:
    """load.c, warmed up and waiting: each run() is a burst on the same connections."""

    def __init__(self, options, cpus):
        self.process = start([BUILD / "load", *options], cpus, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.word = "\n"
        ready = self.process.stdout.readline()
        if not ready.startswith("READY"):
            self.close()
            raise RuntimeError("load generator: " + ready)
        self.warm_up_errors = int(ready.split()[1])

    def run(self):
        self.process.stdin.write(self.word)
        self.process.stdin.flush()
        self.word = "again\n"
        result = json.loads(self.process.stdout.readline() or '{"fatal": "it died"}')
        if "fatal" in result:
            raise RuntimeError("load generator: " + result["fatal"])
        return result

    def close(self):
        try:
            self.process.stdin.close()
        except OSError:
            pass
        try:
            self.process.wait(1)
        except subprocess.TimeoutExpired:
            end(self.process)
        self.process.stdout.close()


def load_for(proxy, workload, **changed):
    """A load generator as the workload says."""
    w = workload.changed(**changed)
    options = ["-p", proxy.port, "-u", w.path_for(proxy.kind), "-c", w.connections, "-n", w.requests, "-w", w.warm,
               "-m", w.method, "-b", w.body, "-r", w.rate]
    options += ["-K"] if w.close else []
    options += ["-i"] if w.idle else []
    options += ["-e", w.expected] if w.expected is not None else []
    return LoadGenerator(options, w.cpus or LOAD_CPU)
