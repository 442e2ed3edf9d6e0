"""A reload: all or nothing, with connections and the registration kept."""

import json
import signal

import pytest

from .apps import FAST, PYTHON, SERVER, settings
from .lib import eventually, merge, ok, service, stall


@pytest.fixture
def beside(sidecar, registry):
    def start(app, args=(), **more):
        s = sidecar(settings("web", app.port, **more), args=args, environment=registry.environment)
        registry.wait_for("web")
        return s

    return start


def write(s, change):
    s.settings = json.dumps(merge(json.loads(s.settings), change))
    s.config.write_text(s.settings)


def reload(s, change):
    done, failed = s.log().count("reload.done"), s.log().count("reload.failed")
    write(s, change)
    s.process.send_signal(signal.SIGHUP)
    eventually(lambda: s.log().count("reload.done") > done or s.log().count("reload.failed") > failed, "the reload")
    return s.log().count("reload.done") > done


def test_new_services_are_there_and_old_ones_gone(sidecar, upstream):
    old, new = upstream(ok("old")), upstream(ok("new"))
    s = sidecar(users=old)
    assert s.get("/users/").body == b"old"
    assert reload(s, {"services": {"users": service(new), "more": service(old)}})
    eventually(lambda: s.get("/users/").body == b"new", "the new instance")
    eventually(lambda: s.get("/more/").body == b"old", "the new service")


def test_a_policy_holds_for_the_next_request(sidecar, upstream):
    s = sidecar(users=upstream(stall))
    assert reload(s, {"services": {"users": {"timeout": "100ms", "retries": {"max": 0}}}})
    assert eventually(lambda: s.get("/users/"), "an answer").status == 504


def test_a_connection_stays(sidecar, upstream, client):
    s = sidecar(users=upstream())
    c = client(s)
    assert c.request("/users/").response().status == 200
    assert reload(s, {"services": {"more": service(upstream())}})
    assert c.request("/users/").response().status == 200


def test_the_registration_stays(app, beside, registry):
    s = beside(app())
    before = registry.records("web")
    assert reload(s, {"defaults": {"timeout": "3s"}})
    assert registry.records("web") == before
    assert s.log().count("app.registered") == 1


def test_metadata_changes_in_place(app, beside, registry):
    s = beside(app())
    (before,) = registry.records("web")
    assert reload(s, {"metadata": {"zone": "eu-2"}, "version": "2"})
    eventually(lambda: registry.records("web")[0]["metadata"].get("zone") == "eu-2", "the new metadata")
    (after,) = registry.records("web")
    assert after["id"] == before["id"] and after["version"] == "2"
    assert "app.down" not in s.log() and "lease.lost" not in s.log()


def test_another_check_judges_from_then_on(app, beside, registry):
    web = app()
    s = beside(web)
    assert reload(s, {"app": {"health": {**FAST, "tcp": True}}})
    web.health = ok("unwell", status="500 Unwell")
    checks = web.checks
    connections = web.connections
    eventually(lambda: web.connections > connections + 5, "checks by connecting")
    assert web.checks <= checks + 1
    assert len(registry.records("web")) == 1


def test_a_check_that_fails_after_the_reload_takes_it_out(app, beside, registry):
    s = beside(app())
    assert reload(s, {"app": {"health": {**FAST, "exec": ["false"]}}})
    registry.wait_for("web", 0)


def test_to_stop_publishing_and_to_publish_again(app, beside, registry):
    s = beside(app())
    assert reload(s, {"registry": {"publish": False}})
    registry.wait_for("web", 0)
    assert s.admin("/ready")[0] == 200
    assert reload(s, {"registry": {"publish": True}})
    registry.wait_for("web", 1)


def test_another_address_to_advertise(app, beside, registry):
    web = app()
    s = beside(web)
    assert reload(s, {"advertise": "127.0.0.1:%d" % app("other").port})
    eventually(lambda: registry.records("web")[0]["address"] != web.address, "the other address")


def test_a_registry_that_others_read_wants_another_address(app, beside, registry):
    """What was right for `local` alone is not right for it."""
    s = beside(app())
    assert reload(s, {"registry": {"url": ["local", "mdns"]}})
    s.wait_for_log("app.unreachable")
    registry.wait_for("web", 0)
    assert reload(s, {"registry": {"url": ["local"]}})
    registry.wait_for("web", 1)


def test_what_needs_a_restart_is_refused_and_nothing_changes(app, beside, registry):
    web = app()
    s = beside(web)
    before = registry.records("web")
    assert not reload(s, {"name": "other", "app": {"port": web.port + 1}, "metadata": {"zone": "x"}})
    assert registry.records("web") == before
    assert s.get("/web/").body == b"app"


def test_a_broken_file_changes_nothing_and_the_next_good_one_does(sidecar, upstream):
    s = sidecar(users=upstream())
    good = s.settings
    s.config.write_text("proxy: [")
    s.process.send_signal(signal.SIGHUP)
    s.wait_for_log("reload.failed")
    assert s.get("/users/").status == 200
    s.settings = good
    assert reload(s, {"services": {"more": service(upstream())}})
    eventually(lambda: s.get("/more/").status == 200, "the new service")


def test_over_http(sidecar, upstream):
    s = sidecar(users=upstream())
    write(s, {"services": {"more": service(upstream())}})
    assert s.admin("/reload", "POST")[0] == 200
    eventually(lambda: s.get("/more/").status == 200, "the new service")
    s.config.write_text("nonsense: 1")
    status, body = s.admin("/reload", "POST")
    assert status >= 400 and b"nonsense" in body


def test_when_the_file_changes(sidecar, upstream):
    s = sidecar({"watch_config": True}, users=upstream())
    write(s, {"services": {"more": service(upstream())}})
    eventually(lambda: s.get("/more/").status == 200, "the new service")


def test_when_another_file_takes_its_place(sidecar, upstream):
    s = sidecar({"watch_config": True}, users=upstream())
    more = json.dumps(merge(json.loads(s.settings), {"services": {"more": service(upstream())}}))
    (s.folder / "new").write_text(more)
    (s.folder / "new").rename(s.config)
    eventually(lambda: s.get("/more/").status == 200, "the new service")


def test_a_port_chosen_for_the_child_stays(sidecar, registry):
    s = sidecar(settings("web"), args=["--", PYTHON, "-c", SERVER], environment=registry.environment)
    (before,) = registry.wait_for("web", patience=15)
    assert reload(s, {"metadata": {"zone": "eu-2"}})
    eventually(lambda: registry.records("web")[0]["metadata"].get("zone") == "eu-2", "the new metadata")
    assert registry.records("web")[0]["address"] == before["address"]


def test_many_reloads_leave_nothing_behind(app, beside, registry):
    s = beside(app())
    for i in range(20):
        assert reload(s, {"metadata": {"round": str(i)}, "app": {"health": {**FAST, "fall": 2 + i % 3}}})
    eventually(lambda: registry.records("web")[0]["metadata"].get("round") == "19", "the last metadata")
    assert len(registry.records()) == 1
