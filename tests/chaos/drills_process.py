"""What an operator can do to csidecar: stop it, kill it, reload it, set its clock."""

import signal
import struct
import subprocess
import time

from scenario.lib import eventually

from .drills_app import shop, until_known
from .drills_registry import Town
from .stage import HERE, drill

TWO_WORKERS = {"proxy": {"workers": 2}}


@drill("SIGSTOP and SIGCONT", "callers wait, no call fails")
def stopped(d):
    s = d.sidecar(users=[d.upstream(), d.upstream()])
    with d.calling(s) as calls:
        for _ in range(d.size(2, 10)):
            s.signal(signal.SIGSTOP)
            time.sleep(d.size(0.5, 2))
            s.signal(signal.SIGCONT)
            calls.more(50)
    d.only(calls, "200")
    d.note("slowest call %.2f s" % calls.slowest)


@drill("SIGTERM in full load", "every call under way is answered; later ones are until the settle time ends; exit 0")
def drained(d):
    settings = {"drain": {"settle": "500ms", "finish": "5s"}, **TWO_WORKERS}
    s = d.sidecar(settings, users=[d.upstream(), d.upstream()])
    calls = d.callers(s, count=d.size(32, 200), pause=0.001, target="/users/late-50")
    calls.more(d.size(300, 5000))
    calls.mark()
    s.process.terminate()
    assert s.process.wait(10) == 0
    calls.stop()
    assert set(calls.under_way) == {"200"}, calls.under_way
    d.note("%d calls were under way, none failed" % calls.under_way.total())
    # A connection that nobody has accepted when the process ends is reset by the kernel.
    d.only(calls, "200", "503 draining", "refused", "reset")
    d.kept.append("ended")


@drill("SIGKILL", "connections break; started again, it serves on the same port at once")
def killed_itself(d):
    s = d.sidecar(users=[d.upstream(), d.upstream()])
    calls = d.callers(s)
    calls.more(d.size(100, 2000))
    s.kill()
    s.expected_exit = 0
    begin = time.monotonic()
    s.start()
    eventually(s.is_well, "an answer")
    d.note("served again after %.2f s" % (time.monotonic() - begin))
    calls.more(d.size(100, 2000))
    calls.stop()
    d.only(calls, "200", "refused", "reset", "cut")
    assert calls.saw["reset"] + calls.saw["cut"] <= 8, "more than were under way: %s" % calls.saw
    d.kept.append("a new process")


def reloads(s):
    return s.metric("csidecar_reloads_total")


@drill("reload under load", "no call fails, each reload is done")
def reloaded(d):
    s = d.sidecar(TWO_WORKERS, users=[d.upstream(), d.upstream()])
    with d.calling(s, count=16, pause=0.002) as calls:
        for i in range(d.size(10, 200)):
            before = reloads(s)
            s.change({"defaults": {"timeout": "%ds" % (5 + i % 2), "balancer": ("p2c", "ewma", "hash")[i % 3]}})
            s.signal(signal.SIGHUP)
            eventually(lambda: reloads(s) > before, "the reload")
        calls.more(100)
    d.only(calls, "200")
    d.note("%d reloads" % d.size(10, 200))


def rounds_known(caller):
    return [i["metadata"].get("round") for i in caller.admin_json("/services/users")["instances"]]


@drill("64 reloads a second", "no call fails, the registration stays, the last file holds")
def reloaded_often(d):
    one, _, caller = shop(d)
    s = one.sidecar
    with d.unchanged(s), d.calling(caller) as calls:
        rounds = d.size(128, 64 * 30)
        begin = time.monotonic()
        for i in range(rounds):
            s.change({"metadata": {"round": str(i)}})
            s.signal(signal.SIGHUP)
            time.sleep(max(0, begin + (i + 1) / 64 - time.monotonic()))
        eventually(lambda: str(rounds - 1) in rounds_known(caller), "the last file")
        calls.more(50)
        d.note("%d signals, %d reloads in %.1f s" % (rounds, reloads(s), time.monotonic() - begin))
    d.only(calls, "200")
    assert s.log().count("app.registered") == 1 and "app.down" not in s.log(), s.log()[-2000:]


class Clock:
    """The time of day of processes with this `environment`."""

    def __init__(self, d):
        library, self.file = d.folder / "clock_jump.so", d.folder / "clock"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "clock_jump.c"], check=True)
        self.set(0)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_JUMP": str(self.file)}

    def set(self, seconds):
        with open(self.file, "r+b" if self.file.exists() else "wb") as f:
            f.write(struct.pack("q", seconds))


@drill("the clock jumps by hours, both ways", "no call fails, no record is lost: timers don't follow it")
def clock_jumps(d):
    clock = Clock(d)
    town = Town(d, clock.environment)
    sidecars = [town.caller, *(b.sidecar for b in town.beside)]
    with d.calling(town.caller) as calls:
        for hours in (1, -1, 24, -24, 0):
            clock.set(hours * 3600)
            calls.more(d.size(150, 3000))
            assert town.records() == 2
        town.beside[0].sidecar.process.terminate()
        until_known(town.caller, 1)
    d.only(calls, "200")
    for s in sidecars:
        assert "lease.lost" not in s.log() and "app.down" not in s.log() and "failed" not in s.log(), s.log()[-2000:]
    assert time.strftime("%Y", time.gmtime()) in town.caller.log()
