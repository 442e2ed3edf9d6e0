"""The drain: not ready, deregister, settle, stop the child, let requests finish, exit 0."""

import signal
import threading
import time

import pytest

from .apps import PYTHON, SERVER, csidecar, settings
from .lib import Client, Ended, eventually, free_port, ok, takes


@pytest.fixture
def beside(sidecar, registry):
    def start(app, args=(), services=None, **more):
        s = sidecar(settings("web", app and app.port, **more), args=args, environment=registry.environment, **(services or {}))
        registry.wait_for("web", patience=15)
        return s

    return start


def held(release):
    """An answer that waits for an event."""

    def answer(peer, request):
        release.wait(10)
        peer.send(ok("late"))

    return answer


def has_ended(s):
    return s.process.poll() is not None


def test_with_nothing_to_do_it_takes_no_time(app, beside, registry):
    s = beside(app())
    with takes(0, 1.5):
        s.process.terminate()
        assert s.process.wait(5) == 0
    assert registry.records() == []


def test_sigint_is_the_same(app, beside):
    s = beside(app())
    s.process.send_signal(signal.SIGINT)
    assert s.process.wait(5) == 0


def test_first_it_is_out_of_the_registry_and_still_serves(app, beside, registry):
    web, port = app(), free_port()
    s = beside(web, ingress={"listen": "127.0.0.1:%d" % port}, drain={"settle": "1s", "finish": "1s"})
    with takes(1, 3):
        s.process.terminate()
        registry.wait_for("web", 0)
        assert s.admin("/ready")[0] == 503
        assert s.admin("/live")[0] == 200
        with Client(("127.0.0.1", port)) as late:
            assert late.request("/").response().body == b"app"
        assert s.process.wait(5) == 0


def test_a_request_under_way_may_finish(app, beside):
    release, web, port = threading.Event(), app(), free_port()
    web.answers = (held(release),)
    s = beside(web, ingress={"listen": "127.0.0.1:%d" % port}, drain={"settle": "0s", "finish": "5s"})
    with Client(("127.0.0.1", port)) as caller:
        caller.request("/")
        eventually(lambda: web.requests, "the request")
        s.process.terminate()
        s.wait_for_log("drain.started")
        time.sleep(0.2)
        assert not has_ended(s)
        release.set()
        answer = caller.response()
        assert answer.body == b"late"
        assert answer["connection"].lower() == "close"
        assert s.process.wait(3) == 0


def test_a_request_that_does_not_finish_is_cut(app, beside):
    release, web, port = threading.Event(), app(), free_port()
    web.answers = (held(release),)
    s = beside(web, ingress={"listen": "127.0.0.1:%d" % port}, drain={"settle": "0s", "finish": "500ms"})
    with Client(("127.0.0.1", port)) as caller, takes(0.4, 3):
        caller.request("/")
        eventually(lambda: web.requests, "the request")
        s.process.terminate()
        with pytest.raises((Ended, ConnectionResetError)):
            caller.response()
        assert s.process.wait(3) == 0
    release.set()


def test_a_second_signal_cuts_it_short(app, beside):
    release, web, port = threading.Event(), app(), free_port()
    web.answers = (held(release),)
    s = beside(web, ingress={"listen": "127.0.0.1:%d" % port}, drain={"settle": "30s", "finish": "30s"})
    s.process.terminate()
    s.wait_for_log("drain.started")
    time.sleep(0.3)  # sooner it would be taken for the same signal
    s.process.terminate()
    assert s.process.wait(3) == 0
    assert "drain.cut" in s.log()
    release.set()


def test_the_same_signal_twice_in_a_row_is_one(app, beside):
    """timeout(1) signals the process, and then its group."""
    s = beside(app(), drain={"settle": "300ms", "finish": "1s"})
    s.process.terminate()
    start = time.monotonic()
    s.wait_for_log("drain.started")
    s.process.terminate()
    if time.monotonic() - start > 0.15:
        pytest.skip("this machine is too slow just now to do two things in a row")
    assert s.process.wait(5) == 0
    assert "drain.cut" not in s.log()


def test_outbound_stays_open_until_the_child_has_gone(sidecar, registry, upstream, tmp_path):
    """The child makes its last call after its SIGTERM."""
    last, up = upstream(ok("last words")), tmp_path / "up"
    script = """
import os, signal, sys, time, urllib.request
def leave(*_):
    time.sleep(0.3)
    open(%r, "w").write(urllib.request.urlopen(os.environ["CSIDECAR_URL"] + "/last/").read().decode())
    sys.exit(5)
signal.signal(signal.SIGTERM, leave)
open(%r, "w").close()
while True:
    time.sleep(0.05)
"""
    out = tmp_path / "out"
    s = sidecar(
        settings("web", drain={"settle": "0s", "finish": "5s"}),
        args=["--", PYTHON, "-c", script % (str(out), str(up))], environment=registry.environment, last=last,
    )  # fmt: skip
    eventually(up.exists, "the child", 15)
    s.process.terminate()
    assert s.process.wait(6) == 0
    assert out.read_text() == "last words"


def test_the_child_is_stopped_after_the_settle_time(sidecar, registry):
    s = sidecar(
        settings("web", drain={"settle": "700ms", "finish": "5s"}),
        args=["--", PYTHON, "-c", SERVER], environment=registry.environment,
    )  # fmt: skip
    registry.wait_for("web", patience=15)
    with takes(0.7, 3):
        s.process.terminate()
        assert s.process.wait(6) == 0
    log = s.log()
    assert log.index("drain.started") < log.index("child.exited")


def test_drain_by_command(app, beside, registry):
    s = beside(app())
    assert csidecar(s, "drain").returncode == 0
    assert s.process.wait(5) == 0
    assert registry.records() == []


def test_drain_over_http_is_idempotent(app, beside, registry):
    s = beside(app(), drain={"settle": "700ms", "finish": "1s"})
    assert s.admin("/drain", "POST")[0] < 300
    assert s.admin("/drain", "POST")[0] < 300
    registry.wait_for("web", 0)
    assert not has_ended(s)
    assert s.process.wait(5) == 0


def test_no_reload_while_draining(app, beside):
    s = beside(app(), drain={"settle": "700ms", "finish": "1s"})
    s.process.terminate()
    s.wait_for_log("drain.started")
    s.process.send_signal(signal.SIGHUP)
    s.wait_for_log("reload.failed")
    assert s.process.wait(5) == 0


def test_an_app_that_recovers_is_not_put_back(app, beside, registry):
    web = app()
    s = beside(web, drain={"settle": "800ms", "finish": "1s"})
    web.health = ok("no", status="500 No")
    registry.wait_for("web", 0)
    s.process.terminate()
    web.health = ok()
    checks = web.checks
    eventually(lambda: web.checks > checks + 3, "more checks")
    assert registry.records() == []
    assert s.process.wait(5) == 0
