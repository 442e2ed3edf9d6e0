"""What a machine can run out of."""

import contextlib
import json
import os
import resource
import socket
import struct
import subprocess
import time
from pathlib import Path

from scenario.lib import eventually

from .stage import Impossible, drill

TURNED_AWAY = ("200", "503 out_of_memory", "503 overloaded", "502 connect_failed", "reset", "refused", "cut")
STATE_S = 2.5  # until what has changed must have been written to the state file, and a little
LOUD = {"log": {"access": True}}


class Hogs:
    """Connections that say so much and stop."""

    def __init__(self, port, count, words=b""):
        self.open = []
        for _ in range(count):
            with contextlib.suppress(OSError):
                s = socket.create_connection(("127.0.0.1", port), 1)
                self.open.append(s)
                s.sendall(words)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for s in self.open:
            s.close()


@contextlib.contextmanager
def limited(sidecar, what, value):
    before = resource.prlimit(sidecar.process.pid, what)
    resource.prlimit(sidecar.process.pid, what, (value, before[1]))
    yield
    resource.prlimit(sidecar.process.pid, what, before)


@drill("descriptors exhausted (RLIMIT_NOFILE)", "new connections are turned away or wait, it does not spin, all is well after")
def no_descriptors(d):
    s = d.sidecar(users=[d.upstream(), d.upstream()])
    with d.unchanged(s), limited(s, resource.RLIMIT_NOFILE, s.descriptors() + 20):
        with Hogs(s.port, 200):
            calls = d.callers(s)
            used = s.cpu_s()
            time.sleep(d.size(1, 10))
            used = (s.cpu_s() - used) / d.size(1, 10)
        eventually(s.is_well, "calls to be answered again", 10)
        calls.stop()
    d.only(calls, *TURNED_AWAY)
    d.note("%.0f %% of a CPU meanwhile" % (100 * used))
    assert used < 0.3


def data_kib(sidecar):
    text = Path("/proc/%d/status" % sidecar.process.pid).read_text()
    return int(text.split("VmData:")[1].split()[0])


@drill("memory exhausted (RLIMIT_DATA)", "some calls get a 503 or are turned away, it lives, all is well after")
def no_memory(d):
    s = d.sidecar(users=[d.upstream(), d.upstream()])
    half_a_head = b"GET /users/x HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 50000
    with d.unchanged(s, growth_kib=2048), limited(s, resource.RLIMIT_DATA, (data_kib(s) + 256) << 10):
        with Hogs(s.port, d.size(100, 400), half_a_head):
            calls = d.callers(s, count=32)
            calls.more(d.size(200, 5000))
        eventually(s.is_well, "calls to be answered again", 10)
        calls.more(50)
        calls.stop()
    d.only(calls, *TURNED_AWAY)


def storm(port, count):
    """Connects and leaves by RST, as fast as can be."""
    for _ in range(count):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@drill("a storm of connections that come and go", "no call fails, nothing is left of them")
def accept_storm(d):
    s = d.sidecar(users=[d.upstream(), d.upstream()])
    with d.calling(s) as calls:
        begin, count = time.monotonic(), d.size(3000, 100000)
        storm(s.port, count)
        d.note("{:,} connections, {:,.0f}/s".format(count, count / (time.monotonic() - begin)))
        calls.more(50)
    d.only(calls, "200")


@drill("the log's disk is full (/dev/full)", "no call fails, lost lines are counted")
def log_to_dev_full(d):
    s = d.sidecar(LOUD, output="/dev/full", users=[d.upstream(), d.upstream()])
    with d.calling(s) as calls:
        calls.more(d.size(300, 10000))
        eventually(lambda: s.metric("csidecar_log_lines_dropped_total") > 0, "lost lines to be counted")
    d.only(calls, "200")
    d.note("%d lines lost" % s.metric("csidecar_log_lines_dropped_total"))


def listed(path, *upstreams):
    """The `file` registry's file; whatever changes there is kept in the state file, too."""
    path.write_text(json.dumps({"users": [{"id": "i%d" % n, "address": u.address} for n, u in enumerate(upstreams)]}))


def with_state(d, state_dir):
    """A sidecar that has something to write: an access log, and instances for the state file."""
    path, users = d.folder / "services.yaml", (d.upstream(), d.upstream())
    listed(path, *users)
    settings = {"registry": {"url": "file:%s" % path}, "state": {"dir": str(state_dir), "max_age": "24h"}, **LOUD}
    return path, users, settings


@drill("log and state file at their largest (RLIMIT_FSIZE)", "no call fails, lost lines are counted, it does not die")
def files_too_large(d):
    path, users, settings = with_state(d, d.folder / "state")
    s = d.sidecar(settings)
    eventually(s.is_well, "the file's service")
    with d.calling(s) as calls:
        with limited(s, resource.RLIMIT_FSIZE, 100):
            listed(path, users[0])
            time.sleep(STATE_S)
            calls.more(d.size(200, 10000))
            eventually(lambda: s.metric("csidecar_log_lines_dropped_total") > 0, "lost lines to be counted")
        listed(path, *users)
        eventually(lambda: "i1" in kept(d.folder / "state"), "the state file to be written again", 10)
    d.only(calls, "200")
    d.note("%d lines lost" % s.metric("csidecar_log_lines_dropped_total"))


@contextlib.contextmanager
def small_disk(folder, kib):
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dk" % kib, "none", folder], capture_output=True, text=True)
    if done.returncode:
        raise Impossible("no mount here: " + done.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    with open(folder / "filler", "wb", buffering=0) as f:
        for block in (1 << 16, 512):
            with contextlib.suppress(OSError):
                while f.write(b"x" * block):
                    pass


@drill("the disk of log and state file is full (a tmpfs)", "no call fails; both go on when there is room")
def disk_full(d):
    disk = d.stack.enter_context(small_disk(d.folder / "disk", 32 << 10))
    path, users, settings = with_state(d, disk / "state")
    s = d.sidecar(settings, output=disk / "log")
    eventually(s.is_well, "the file's service")
    with d.calling(s, warm=20) as calls:
        fill(disk)
        listed(path, users[0])
        calls.more(d.size(300, 5000))
        eventually(lambda: s.metric("csidecar_log_lines_dropped_total") > 0, "lost lines to be counted")
        os.unlink(disk / "filler")
        size = (disk / "log").stat().st_size
        eventually(lambda: (disk / "log").stat().st_size > size, "the log to go on")
        listed(path, *users)
        eventually(lambda: "i1" in kept(disk / "state"), "the state file to be written again", 10)
    d.only(calls, "200")


def kept(folder):
    return "".join(f.read_text() for f in folder.rglob("*") if f.is_file())
