"""The registrar: who is registered, when, as what, and for how long."""

import contextlib
import signal
import socket
import threading

import pytest

from .apps import FAST, UNWELL, csidecar, settings
from .lib import eventually, free_port, ok, refusing, takes


@pytest.fixture
def beside(sidecar, registry):
    """beside(app, name="web", ...): a sidecar beside an app, at the shared registry."""

    def start(app, name="web", health=None, args=(), environment=None, **more):
        environment = registry.environment | (environment or {})
        return sidecar(settings(name, app and app.port, health, **more), args=args, environment=environment)

    return start


@pytest.fixture
def caller(sidecar, registry):
    """A sidecar without an app, at the shared registry."""
    return lambda **more: sidecar({"name": "caller", "registry": {"url": "local"}, **more}, environment=registry.environment)


def state(s, at=0):
    return s.admin_json("/health")["apps"][at]["state"]


# ---- when ----


def test_registers_after_the_first_pass(app, beside, registry, caller):
    web = app(health=UNWELL)
    s = beside(web)
    eventually(lambda: web.checks > 2, "some checks")
    assert registry.records() == []
    assert s.admin("/ready")[0] == 503
    web.health = ok()
    (record,) = registry.wait_for("web")
    assert record["address"] == web.address
    eventually(lambda: s.admin("/ready")[0] == 200, "readiness")
    assert caller().get("/web/x").body == b"app"


def test_an_app_that_starts_late_is_found_soon(sidecar, registry):
    port = free_port()
    s = sidecar({"name": "web", "registry": {"url": "local"}, "app": {"port": port}}, environment=registry.environment)
    s.wait_for_log("app.waiting")
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(3)
        listener.accept()[0].close()
        assert registry.records() == []


def test_failing_checks_take_it_out_and_passing_ones_put_it_back(app, beside, registry):
    web = app()
    beside(web)
    (first,) = registry.wait_for("web")
    web.health = UNWELL
    registry.wait_for("web", 0)
    web.health = ok()
    assert registry.wait_for("web")[0]["id"] == first["id"]


def test_an_app_that_comes_and_goes_waits_longer(app, beside, registry):
    web = app()
    s = beside(web)
    registry.wait_for("web")
    for damped in (False, True):
        web.health = UNWELL
        registry.wait_for("web", 0)
        web.health = ok()
        with takes(0.9 if damped else 0, 3):
            registry.wait_for("web")
    assert "app.damped" in s.log()


def test_one_failure_does_not_matter(app, beside, registry):
    web = app()
    beside(web, health={"fall": 5})
    registry.wait_for("web")
    web.health = UNWELL
    checks = web.checks
    eventually(lambda: web.checks >= checks + 2, "two failing checks")
    web.health = ok()
    eventually(lambda: web.checks >= checks + 6, "more checks")
    assert len(registry.records("web")) == 1


def test_nothing_is_left_when_it_ends(app, beside, registry):
    s = beside(app())
    registry.wait_for("web")
    s.stop()
    assert registry.records() == []


def test_kill_9_of_a_sidecar_is_seen_at_once(app, beside, registry, caller):
    s, c = beside(app()), caller()
    registry.wait_for("web")
    eventually(lambda: c.get("/web/").status == 200, "the first answer")
    s.process.kill()
    s.process.wait()
    s.expected_exit = -signal.SIGKILL
    with takes(0, 1.5):
        eventually(lambda: c.get("/web/").status in (503, 404), "the record's end")


def test_one_sidecar_of_two_killed_leaves_the_other(app, beside, registry, caller):
    dies, c = beside(app("dies")), caller()
    beside(app("stays"))
    registry.wait_for("web", 2)
    eventually(lambda: {c.get("/web/").body for _ in range(10)} == {b"dies", b"stays"}, "both")
    dies.process.kill()
    dies.process.wait()
    dies.expected_exit = -signal.SIGKILL
    eventually(lambda: {c.get("/web/").body for _ in range(10)} == {b"stays"}, "the other alone")


# ---- which checks ----


def test_without_a_health_page_connecting_is_enough(app, beside, registry):
    beside(app(health=ok("nothing here", status="404 Not Found")))
    registry.wait_for("web")


def test_a_configured_page_must_be_there(app, beside):
    web = app(health=ok("nothing here", status="404 Not Found"))
    s = beside(web, health={"http": "/healthz"})
    eventually(lambda: web.checks > 3, "some checks")
    assert state(s) == "waiting"
    assert "404" in s.admin_json("/health")["apps"][0]["reason"]


def test_tcp(app, beside, registry):
    web = app(health=UNWELL)
    beside(web, health={"tcp": True})
    registry.wait_for("web")
    assert web.checks == 0


def test_a_command(app, beside, registry, tmp_path):
    flag = tmp_path / "well"
    beside(app(), health={"exec": ["test", "-e", str(flag)]})
    flag.touch()
    registry.wait_for("web")
    flag.unlink()
    registry.wait_for("web", 0)


def test_no_check_at_all(app, beside, registry):
    web = app(health=UNWELL)
    beside(web, health={"off": True})
    registry.wait_for("web")
    assert web.checks == 0


def test_no_check_but_nobody_there(beside):
    s = beside(type("Nobody", (), {"port": free_port()}), health={"off": True})
    s.wait_for_log("app.unreachable")
    assert state(s) in ("unreachable", "checking")


# ---- as what ----


def test_what_is_registered(app, beside, registry):
    web = app()
    beside(web, version="1.4.0", metadata={"zone": "eu-1"})
    (record,) = registry.wait_for("web")
    assert record["version"] == "1.4.0"
    assert record["metadata"] == {"zone": "eu-1", "protocol": "http", "server": "http", "transport": "http"}
    assert record["id"].startswith("web-") and len(record["id"]) == len("web-") + 8


def test_a_protocol_of_ones_own(app, beside, registry):
    beside(app(), metadata={"protocol": "grpc"})
    assert registry.wait_for("web")[0]["metadata"]["protocol"] == "grpc"


def test_several_apps(app, sidecar, registry, caller):
    one, two = app("one"), app("two", health=UNWELL)
    s = sidecar(
        {
            "registry": {"url": "local"},
            "app": {"health": FAST},
            "apps": [{"name": "one", "port": one.port, "id": "one-1"}, {"name": "two", "port": two.port, "weight": 3}],
        },
        environment=registry.environment,
    )
    assert registry.wait_for("one")[0]["id"] == "one-1"
    assert s.admin("/ready")[0] == 503
    two.health = ok()
    assert registry.wait_for("two")[0]["weight"] == 3
    eventually(lambda: s.admin("/ready")[0] == 200, "readiness")
    c = caller()
    assert (c.get("/one/").body, c.get("/two/").body) == (b"one", b"two")


def test_a_sidecar_that_only_calls_registers_nothing_and_is_ready(caller, registry):
    c = caller()
    eventually(lambda: c.admin("/ready")[0] == 200, "readiness")
    assert registry.records() == []


def test_publish_off(app, beside, registry):
    s = beside(app(), registry={"url": "local", "publish": False})
    eventually(lambda: s.admin("/ready")[0] == 200, "readiness")
    assert registry.records() == []
    assert state(s) == "unpublished"


def test_an_app_on_ipv6_loopback(sidecar, registry, has_ipv6, caller):
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        port = listener.getsockname()[1]
        sidecar(settings("web", port, {"tcp": True}), environment=registry.environment)
        assert registry.wait_for("web")[0]["address"] == "[::1]:%d" % port


# ---- where ----


def own_ip():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this host has no way out")
        return s.getsockname()[0]


def test_a_loopback_app_and_a_registry_of_many_is_an_error_that_names_the_ingress(app, beside):
    ip, web = own_ip(), app()
    s = beside(web, registry={"url": "mdns"})
    s.wait_for_log("app.unreachable")
    line = next(line for line in s.log().splitlines() if "app.unreachable" in line)
    assert "%s:%d" % (ip, web.port) in line and "ingress.listen" in line and "loopback" in line
    assert s.admin("/ready")[0] == 503


def test_loopback_when_it_is_written(app, beside):
    s = beside(app(), registry={"url": "mdns"}, advertise="127.0.0.1")
    s.wait_for_log("app.registered")


def test_an_address_that_is_written_must_answer(app, beside):
    nobody = refusing()
    s = beside(app(), advertise=nobody)
    s.wait_for_log("app.unreachable")
    assert nobody in s.admin_json("/health")["apps"][0]["reason"]


def test_the_ingress_is_what_is_registered(app, beside, registry, caller):
    web, port = app(), free_port()
    beside(web, ingress={"listen": "0.0.0.0:%d" % port})
    assert registry.wait_for("web")[0]["address"] == "127.0.0.1:%d" % port
    answer = caller().get("/web/x")
    assert answer.body == b"app"
    assert len(web.last.all("via")) == 2 or web.last["via"].count("csidecar") == 2


def test_the_ingress_publishes_a_loopback_app(app, beside):
    ip, web, port = own_ip(), app(), free_port()
    s = beside(web, registry={"url": "mdns"}, ingress={"listen": "0.0.0.0:%d" % port})
    s.wait_for_log("app.registered")
    assert "address=%s:%d" % (ip, port) in s.log()


def test_an_ingress_on_loopback_publishes_nothing(app, beside):
    s = beside(app(), registry={"url": "mdns"}, ingress={"listen": "127.0.0.1:%d" % free_port()})
    s.wait_for_log("app.unreachable")
    assert "the ingress listens on 127.0.0.1" in s.log()


def test_in_a_pod_the_pods_address_is_registered(app, beside):
    web = app()
    s = beside(web, registry={"url": "mdns"}, environment={"POD_IP": "127.0.0.1"})
    s.wait_for_log("app.registered")
    assert "address=%s" % web.address in s.log()


def test_an_app_on_a_unix_socket_behind_the_ingress(sidecar, registry, tmp_path, caller):
    path, port = str(tmp_path / "web.sock"), free_port()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection = listener.accept()[0]
                if connection.recv(65536):
                    connection.sendall(ok("by path", "Connection: close"))
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    own = settings("web", ingress={"listen": "127.0.0.1:%d" % port})
    own["app"]["host"] = "unix:" + path
    sidecar(own, environment=registry.environment)
    assert registry.wait_for("web")[0]["address"] == "127.0.0.1:%d" % port
    assert caller().get("/web/").body == b"by path"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_a_check_on_a_port_of_its_own(app, beside, registry):
    web, health = app(health=UNWELL), app("health")
    beside(web, health={"port": health.port})
    assert registry.wait_for("web")[0]["address"] == web.address
    health.health = UNWELL
    registry.wait_for("web", 0)


# ---- wait ----


def test_wait_returns_when_the_app_is_registered(app, beside, registry):
    web = app(health=UNWELL)
    s = beside(web)
    assert csidecar(s, "wait", "--timeout", "300ms").returncode != 0
    web.health = ok()
    assert csidecar(s, "wait", "--timeout", "5s").returncode == 0
    assert len(registry.records("web")) == 1
