"""What every registry is held to, one function a check: it raises, or says in a few words what it saw.

`can(kind)` of a check says why a backend cannot have it, or nothing. Checks of the first phase run at the same time,
each with services of its own; those of the second, which shake all others or restart the server, one after the other.
"""

import contextlib
import json
import os
import re
import signal
import time

from scenario.lib import eventually

from faults import FaultProxy

from .base import Server
from .bench import FACTOR, Caller, descriptors

OUTAGE_S = float(os.environ.get("REGISTRY_OUTAGE_S", "60"))
ROUNDS = 3
GROWTH_KIB = 1024  # of csidecar between the first round of a fault and the last: malloc's own to and fro
TRIES = 3  # of what is measured: the machine is busy
CREDENTIALS = re.compile(r"(?i)denied|credential|password|permission|authori[sz]|authenti|forbidden|not permitted")
ADDRESS = re.compile(r"(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\]):[1-9]\d*")
NAMED = re.compile(r"registry\.\w*bad_\w+|\.bad_record|registry\.\w+_refused")


# ---- what a backend can have ----


def anyone(kind):
    return None


def writers(kind):
    return None if kind.writes else "read-only: csidecar registers nothing there"


def restarted(kind):
    return writers(kind) or (None if kind.can("lose_all") else "has no state of its own to lose")


def away(kind):
    return None if kind.can("away") else "has no server that can be away"


def credentialed(kind):
    has = kind.url_wrong_credentials is not Server.url_wrong_credentials
    return None if has else "has no credentials"


def attacked(kind):
    return None if kind.can("hostile") else "takes no records from others"


def networked(kind):
    return None if kind.networked else "no connection to break"


# ---- registration ----


def listed_throughout(bench, service, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert bench.sees(service), "%s was not listed for a moment, %.1f s before the end" % (service, end - time.monotonic())
        time.sleep(0.1)


def register(bench):
    """Found by a running sidecar and by one that asks the registry itself; renewed past two TTLs."""
    with bench.while_open(bench.sidecar("users")):
        after = bench.until_seen("users", 5 + bench.kind.sees_s)
        [found] = bench.until_got("users", 10)
        assert found["address"].endswith(":%d" % bench.app.port), found
        assert (found["version"], found["metadata"]["zone"]) == ("1.2.3", "eu-1"), found
        assert bench.call(bench.observer, "users") == 200
        listed_throughout(bench, "users", 2.2 * bench.kind.ttl_s)
    return "found after %.1f s" % after


def has(**values):
    """One of a list has these: an address, or metadata."""
    return lambda instances: any(all((i | i["metadata"]).get(k) == v for k, v in values.items()) for i in instances)


class Changes:
    """Add, change and remove, timed: by a sidecar where csidecar can write, else as the registry's own tools do."""

    def __init__(self, bench):
        self.bench, self.writes, self.patience = bench, bench.kind.writes, bench.kind.sees_s + 10
        self.watch = bench.watch("changing")
        eventually(lambda: self.watch.said, "the first list", 20)

    @contextlib.contextmanager
    def telling(self):
        """What there is to know of a failure."""
        try:
            yield
        except AssertionError as e:
            e.add_note("watched last: %s\nthe registry has: %s" % (self.watch.said[-3:], self.bench.got("changing")))
            if self.writes:
                e.add_note(self.sidecar.log())
            raise

    def publish(self, *addresses):
        """Not all have metadata."""
        self.bench.publish("changing", [self.bench.instance("one", a) for a in addresses])
        return has(address=addresses[0]) if addresses else None

    def add(self):
        seen = has(zone="eu-1")
        if self.writes:
            self.sidecar = self.bench.sidecar("changing", wait=False)
        else:
            seen = self.publish(self.bench.app.address)
        return self.watch.until(seen, "the new instance", self.patience)

    def change(self):
        seen = has(zone="eu-2")
        if self.writes:
            settings = json.loads(self.sidecar.settings)
            self.sidecar.config.write_text(json.dumps(settings | {"metadata": {"zone": "eu-2"}}))
            self.sidecar.process.send_signal(signal.SIGHUP)
        else:
            seen = self.publish("127.0.0.1:%d" % (self.bench.app.port + 1))
        return self.watch.until(seen, "its new metadata or address", self.patience)

    def remove(self):
        if self.writes:
            self.sidecar.process.send_signal(signal.SIGTERM)
        else:
            self.publish()
        took = self.watch.until(lambda instances: not instances, "its end", self.patience)
        if self.writes:
            self.bench.release(self.sidecar)
        return took


def watch(bench):
    """Another's coming, change and going is seen at once, or within a poller's interval."""
    changes = Changes(bench)
    with bench.while_open(changes.watch), changes.telling():
        took = [(changes.add(), changes.change(), changes.remove()) for _ in range(TRIES)]
    seen = {}
    for what, times in zip(("add", "change", "remove"), zip(*took)):
        seen[what] = min(times)
        assert seen[what] <= bench.kind.sees_s * FACTOR, "%s seen after %s s" % (what, ", ".join("%.2f" % t for t in times))
    return "add %.2f, change %.2f, remove %.2f s" % tuple(seen.values())


def deregister(bench):
    """SIGTERM: gone at once, or when the poller comes by."""
    s = bench.sidecar("leaving")
    with bench.while_open(s):
        bench.until_seen("leaving", 5 + bench.kind.sees_s)
        s.process.send_signal(signal.SIGTERM)
        took = bench.until_gone("leaving", 1 + bench.kind.sees_s)
    return "%.1f s" % took


def killed(bench):
    """kill -9: gone within the TTL and what the registry adds to it."""
    s = bench.sidecar("victim")
    bench.until_seen("victim", 5 + bench.kind.sees_s)
    s.process.kill()
    s.process.wait()
    s.expected_exit = -signal.SIGKILL
    took = bench.until_gone("victim", bench.kind.ttl_s + bench.kind.sweep_s + bench.kind.sees_s)
    return "%.1f s, TTL %g s" % (took, bench.kind.ttl_s)


# ---- credentials and records ----


def credentials(bench):
    """Refused, and both the log and the command line say why."""
    url = bench.server.url_wrong_credentials
    assert url, "the class says there are credentials, and has no URL with wrong ones"
    s = bench.sidecar("intruder" if bench.kind.writes else None, url=url)
    with bench.while_open(s):
        s.admin("/services/steady")
        eventually(lambda: CREDENTIALS.search(s.log()), "a word on credentials in the log: " + s.log()[-1500:], 15)

        def refusal():
            [registry] = s.admin_json("/services")["registries"]
            return not registry["reachable"] and CREDENTIALS.search(registry["error"]) and registry["error"]

        error = eventually(refusal, "the refusal in the admin's words", 10)
        told = bench.command("services", "--registry", url).stderr
        assert CREDENTIALS.search(told), told
        assert not bench.got("intruder")
    return error[:80]


def hostile(bench):
    """Bad records beside good ones: named in the log, the good ones are served. What a record says beside what we
    take from it may be odd: those are counted."""
    s, good = bench.sidecar(), bench.offer_late("prey", "one")
    with bench.while_open(s, *good):
        bench.until_seen("prey", 5 + bench.kind.sees_s, s)
        count = 0
        with bench.changing:
            while bench.server.hostile(count, "prey"):
                count += 1
        assert count, "no hostile record"
        eventually(lambda: NAMED.search(s.log()), "their names in the log", 10 + bench.kind.sees_s)
        more = bench.offer_late("prey", "two") if bench.kind.writes and not bench.kind.node_of_its_address else []
        with bench.while_open(*more):
            is_good = lambda i: i["address"].endswith(":%d" % bench.app.port)  # noqa: E731
            eventually(lambda: len([i for i in bench.sees("prey", s) if is_good(i)]) == 1 + len(more), "the good ones",
                       10 + bench.kind.sees_s)
            odd = [i for i in bench.sees("prey", s) if not is_good(i)]
            assert all(ADDRESS.fullmatch(i["address"]) for i in odd), odd
            for _ in range(3 + len(odd)):
                assert bench.call(s, "prey") == 200
    return "%d records, %d taken for good" % (count, len(odd))


# ---- faults ----


def limit_of(bench):
    return (bench.kind.heartbeat_s + bench.kind.recovers_s + bench.kind.sees_s) * FACTOR


def recovered(bench, service, since):
    """Listed, again or still; seconds after the fault's end."""
    eventually(lambda: bench.sees(service), "%s to be registered again" % service, limit_of(bench))
    return time.monotonic() - since


def settled(bench, service, since):
    """What is still listed may be about to expire: looked at for longer than that takes. When it was missing last."""
    last, limit = since, limit_of(bench)
    while time.monotonic() < since + limit + 1.5 * bench.kind.ttl_s:
        if not bench.sees(service):
            last = time.monotonic()
            assert last - since <= limit, "%s was not listed %.1f s after the fault" % (service, last - since)
        time.sleep(0.1)
    return last - since


def resolves_anew(bench, s, fault):
    """The lists are alive, too: seconds until somebody new is found."""
    late, begin = bench.offer_late("late-" + fault), time.monotonic()
    with bench.while_open(*late):
        eventually(lambda: bench.call(s, "late-" + fault) == 200, "a new service after the fault", (20 + bench.kind.sees_s) * FACTOR)
        return time.monotonic() - begin


class Drill:
    """A sidecar that registers and resolves, calls through it, and a fault that comes and goes."""

    def __init__(self, bench, fault, begin, end, url=None, lasts=6):
        self.bench, self.fault, self.begin, self.end = bench, fault, begin, end
        self.service = "drill-" + fault
        self.sidecar = bench.sidecar(self.service if bench.kind.writes else None, url=url)
        self.lasts = max(2 * bench.kind.ttl_s, lasts)

    def round(self):
        """Seconds until all was right again."""
        self.begin(self.sidecar)
        time.sleep(self.lasts)
        self.end(self.sidecar)
        self.ended = time.monotonic()
        took = recovered(self.bench, self.service, self.ended) if self.bench.kind.writes else 0
        self.caller.until_called(3)
        return took

    def settle(self):
        """Registered and resolving, in rest."""
        if self.bench.kind.writes:
            self.bench.until_seen(self.service, 10 + self.bench.kind.sees_s)
        eventually(lambda: self.bench.call(self.sidecar, "steady") == 200, "a call", 10)

    def no_growth(self, before):
        rss, fds = before
        eventually(lambda: descriptors(self.sidecar) <= fds + self.bench.kind.spare_fds, "its descriptors to be %d again, not %d" %
                   (fds, descriptors(self.sidecar)), 15)
        grown = self.sidecar.rss_kib() - rss
        assert self.sidecar.grew_less_than(rss, GROWTH_KIB), "it grew by %d KiB in %d rounds" % (grown, ROUNDS - 1)
        return grown

    def run(self):
        with self.bench.while_open(self.sidecar):
            self.settle()
            self.caller = self.bench.keep(Caller(self.sidecar, "steady"))
            with self.bench.while_open(self.caller):
                took = [self.round()]
                before = self.sidecar.rss_kib(), descriptors(self.sidecar)
                took += [self.round() for _ in range(ROUNDS - 1)]
                if self.bench.kind.writes:
                    took.append(settled(self.bench, self.service, self.ended))
                new = resolves_anew(self.bench, self.sidecar, self.fault)
                grown = self.no_growth(before)
        registered = "registered after %.1f s, " % max(took) if self.bench.kind.writes else ""
        return "%snew service after %.1f s, %d calls, %+d KiB" % (registered, new, self.caller.calls, grown)


def drill(name, mode, lasts=6, **how):
    """A check: that fault, by proxies before all ports; it lasts two TTLs, and so many seconds at least."""

    def check(bench):
        ring = bench.server.ring(name, bench.app.address)
        with contextlib.ExitStack() as stack:
            if ring:
                bench = bench.in_ring(ring)
                stack.callback(ring.stop)
            broken = ring or bench.server
            assert broken.ports, "the class names no ports to break"
            proxies = [stack.enter_context(FaultProxy(port, udp=bench.kind.udp)) for port in broken.ports]

            def switch(mode, **how):
                for proxy in proxies:
                    proxy.set(mode, **how)

            url = broken.url_at([proxy.port for proxy in proxies])
            return Drill(bench, name, lambda s: switch(mode, **how), lambda s: switch("pass"), url, lasts).run()

    return check


def stopped(bench):
    """The process stands still for two TTLs."""
    return Drill(bench, "stopped", lambda s: s.process.send_signal(signal.SIGSTOP),
                 lambda s: s.process.send_signal(signal.SIGCONT)).run()


# ---- the server restarts ----


def lost(bench):
    """The server comes back with nothing: registered again within a heartbeat."""
    s = bench.sidecar("survivor")
    with bench.while_open(s):
        bench.until_seen("survivor", 5 + bench.kind.sees_s)
        bench.server.lose_all()
        begin = time.monotonic()
        bench.until_got("survivor", bench.kind.heartbeat_s + bench.kind.recovers_s)
        took = time.monotonic() - begin
    return "%.1f s, heartbeat %g s" % (took, bench.kind.heartbeat_s)


def outage(bench):
    """Away for a minute: not one call fails, and all is right afterwards."""
    s = bench.sidecar("patient" if bench.kind.writes else None)
    bench.until_seen("steady", 10 + bench.kind.sees_s, s)
    with bench.while_open(s):
        eventually(lambda: bench.call(s, "steady") == 200, "a call", 20)
        caller = bench.keep(Caller(s, "steady"))
        with bench.while_open(caller):
            bench.server.away()
            time.sleep(OUTAGE_S)
            caller.check()
            bench.server.back()
            begin = time.monotonic()
            if bench.kind.writes:
                bench.until_got("patient", bench.kind.heartbeat_s + bench.kind.recovers_s)
            took = time.monotonic() - begin
            late = bench.offer_late("late-outage")
            with bench.while_open(*late):
                eventually(lambda: bench.call(s, "late-outage") == 200, "a new service", (40 + bench.kind.sees_s) * FACTOR)
            listed = time.monotonic() - begin
    registered = "registered after %.1f s, " % took if bench.kind.writes else ""
    return "%snew service after %.1f s, %d calls" % (registered, listed, caller.calls)


# name | phase | who can | what it does
CHECKS = {
    "register": (1, writers, register),
    "watch": (1, anyone, watch),
    "deregister": (1, writers, deregister),
    "kill -9": (1, writers, killed),
    "wrong credentials": (1, credentialed, credentials),
    "hostile records": (2, attacked, hostile),  # big ones leave their mark on the memory of whoever watches
    "flapping": (1, networked, drill("flapping", "flap", period=1)),
    "garbage": (1, networked, drill("garbage", "garbage")),
    "silent": (1, networked, drill("silent", "silent")),
    "half-open": (1, networked, drill("half-open", "half_open")),
    "slow by 5 s": (1, networked, drill("slow", "slow", lasts=12, seconds=5)),
    "stopped": (1, anyone, stopped),
    "lost state": (2, restarted, lost),
    "outage": (2, away, outage),
}


def why_not(kind, check):
    """Why this backend cannot have it; None: it can."""
    return kind.cannot.get(check) or CHECKS[check][1](kind)


def phase(check):
    return CHECKS[check][0]


def run(bench, check):
    return CHECKS[check][2](bench)
