"""What becomes of an app's registration when the app, or the sidecar beside it, is in trouble; and of the calls of others."""

import signal
import time

from scenario.lib import eventually, free_port

from .stage import drill

CHECK_S, FALL = 0.1, 2
HEALTH = {"interval": "100ms", "first_interval": "20ms", "timeout": "300ms", "fall": FALL}


class Beside:
    """An app, and the sidecar that registers it with its ingress. All share one directory of `local`."""

    def __init__(self, d, shared, **settings):
        self.app, ingress = d.upstream(), free_port()
        self.sidecar = d.sidecar(
            {"name": "users", "registry": {"url": "local"}, "app": {"port": self.app.port, "health": HEALTH},
             "ingress": {"listen": "127.0.0.1:%d" % ingress}, "drain": {"settle": "500ms", "finish": "5s"}, **settings},
            environment=shared,
        )  # fmt: skip


def shop(d, **settings):
    """Two apps of one service, each beside its sidecar, and a sidecar that calls them."""
    shared = d.folder / "shared"
    shared.mkdir(mode=0o700)
    environment = {"XDG_RUNTIME_DIR": str(shared)}
    one, other = (Beside(d, environment, **settings) for _ in range(2))
    caller = d.sidecar({"registry": {"url": "local"}}, environment=environment)
    until_known(caller, 2)
    return one, other, caller


def known(caller):
    status, _ = caller.admin("/services/users")
    return len(caller.admin_json("/services/users")["instances"]) if status == 200 else 0


def until_known(caller, count, patience=15):
    begin = time.monotonic()
    eventually(lambda: known(caller) == count, "%d instances of users" % count, patience)
    return time.monotonic() - begin


def gone_within(caller, at_most_s):

    gone = until_known(caller, 1)
    assert gone <= at_most_s, "gone after %.1f s only" % gone
    return "gone after %.2f s" % gone


def app_unwell(d, begin, end, at_most_s):
    """The app of one of the two, from one word to the other."""
    one, _, caller = shop(d)
    with d.calling(caller) as calls:
        begin(one.app)
        gone = gone_within(caller, at_most_s)
        calls.more(d.size(50, 1000))
        end(one.app)
        d.note("%s, back after %.2f s" % (gone, until_known(caller, 2)))
        d.until_used(one.app)
    d.only(calls, "200")


@drill("app crashes (SIGKILL)", "its record goes within the checks' time and comes back with it; no call fails")
def app_crashes(d):
    app_unwell(d, lambda app: app.kill(), lambda app: app.back(), FALL * CHECK_S + 2)


@drill("app hangs (SIGSTOP)", "its record goes when checks time out and comes back when it goes on; no call fails")
def app_hangs(d):
    app_unwell(d, lambda app: app.hang(), lambda app: app.go_on(), FALL * (CHECK_S + 0.3) + 2)


@drill("SIGKILL to a callee's sidecar", "its record is gone at once, no call fails")
def sidecar_killed(d):
    one, _, caller = shop(d)
    with d.calling(caller) as calls:
        one.sidecar.kill()
        d.note("gone after %.2f s" % until_known(caller, 1, 2))
        calls.more(d.size(100, 2000))
    d.only(calls, "200")


@drill("SIGTERM to a callee's sidecar in full load", "deregistered first, no call fails, exit 0")
def callee_drained(d):
    one, _, caller = shop(d)
    with d.calling(caller, count=32, pause=0.001) as calls:
        one.sidecar.process.terminate()
        assert one.sidecar.process.wait(10) == 0
        calls.more(d.size(100, 2000))
    d.only(calls, "200")


@drill("SIGSTOP and SIGCONT of a callee's sidecar", "no call fails, it is called again")
def callee_stopped(d):
    one, _, caller = shop(d)
    with d.calling(caller) as calls:
        one.sidecar.signal(signal.SIGSTOP)
        calls.more(d.size(200, 3000))
        one.sidecar.signal(signal.SIGCONT)
        d.until_used(one.app)
    d.only(calls, "200")
    d.note("slowest call %.2f s" % calls.slowest)
