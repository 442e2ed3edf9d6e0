"""Several registries at once, one of them away; a restart without the registry; an app that moves."""

import json
import socket
import threading

from .apps import Registry, settings
from .lib import eventually, free_port, ok, problem


def test_one_of_several_is_away(sidecar, upstream, tmp_path):
    file = tmp_path / "services.json"
    s = sidecar({"registry": {"url": ["local", "file:%s" % file, "static:"]}}, users=upstream())
    assert s.get("/users/x").status == 200
    problem(s.get("/cart/x"), 503, "registry_unavailable")
    file.write_text(json.dumps({"items": [upstream().address]}))
    eventually(lambda: s.get("/items/x").status == 200, "the registry")
    eventually(lambda: s.get("/cart/x").status == 404, "its word on others")


def test_what_was_known_serves_after_a_restart_without_the_registry(sidecar, upstream, tmp_path):
    file = tmp_path / "services.json"
    file.write_text(json.dumps({"users": [upstream().address]}))
    s = sidecar({"registry": {"url": "file:%s" % file}, "state": {"dir": str(tmp_path / "state")}})
    assert s.get("/users/x").status == 200
    eventually(lambda: list((tmp_path / "state").glob("*.json")), "the state file")
    s.process.kill()
    s.process.wait()
    file.rename(tmp_path / "away")
    s.start()
    assert s.get("/users/x").status == 200
    assert s.admin_json("/services/users")["authority"] == "suspect"
    (tmp_path / "away").rename(file)
    eventually(lambda: s.admin_json("/services/users")["authority"] == "confirmed", "the registry")


def serve(listener, body):
    def run():
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            connection.recv(65536)
            connection.sendall(ok(body, "Connection: close"))
            connection.close()

    threading.Thread(target=run, daemon=True).start()


def test_the_ingress_follows_an_app_that_is_on_the_other_loopback(sidecar, tmp_path, has_ipv6):
    registry, entrance = Registry(tmp_path), free_port()
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as six:
        port = six.getsockname()[1]
        serve(six, "six")
        s = sidecar(
            settings("web", port, ingress={"listen": "127.0.0.1:%d" % entrance}, services={}),
            environment=registry.environment,
        )
        registry.wait_for("web")
        assert s.get("/web/x").body == b"six", s.log()
        six.shutdown(socket.SHUT_RDWR)
    with socket.create_server(("127.0.0.1", port)) as four:
        serve(four, "four")
        eventually(lambda: s.get("/web/x").body == b"four", "the app at its other address")
        four.shutdown(socket.SHUT_RDWR)
