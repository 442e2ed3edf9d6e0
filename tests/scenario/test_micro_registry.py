"""The micro sidecar's /registry at the local endpoint: its words, its WebSocket, and who leaves."""

import json
import socket
import time

import pytest

from .lib import eventually

MICRO = {"compat": ["micro"], "services": {}}


@pytest.fixture
def micro(sidecar, registry):
    return sidecar({**MICRO, "registry": {"url": "local"}}, environment=registry.environment)


def service(name, address, metadata=None, **more):
    node = {"id": name + "-1", "address": address, "metadata": metadata}
    return {"name": name, "version": "1.2", "nodes": [node], **more}


def say(sidecar, method, body, query=""):
    answer = sidecar.request("/registry" + query, method, body=json.dumps(body).encode())
    assert answer.status == 200, answer
    return answer


def found(sidecar, name=""):
    answer = sidecar.get("/registry" + (f"?service={name}" if name else ""))
    return answer.json() if answer.status == 200 else answer.status


def test_what_is_posted_is_listed_called_and_deleted(micro, upstream):
    app = upstream()
    endpoints = [{"name": "Users.Get", "request": None, "response": None, "metadata": {"method": "GET"}}]
    say(micro, "POST", service("users", app.address, {"zone": "eu"}, endpoints=endpoints))
    [listed] = found(micro, "users")
    assert (listed["name"], listed["version"], listed["endpoints"]) == ("users", "1.2", endpoints)
    assert listed["nodes"] == [{"id": "users-1", "address": app.address,
                                "metadata": {"protocol": "http", "zone": "eu"}}]
    assert found(micro) == [listed]
    assert micro.get("/users/x").status == 200
    say(micro, "DELETE", service("users", app.address))
    assert found(micro, "users") == 404
    assert found(micro) == []


def test_it_takes_the_words_of_old_clients(micro, upstream):
    host, port = upstream().address.split(":")
    say(micro, "POST", {"Name": "foo.bar", "Nodes": [{"Id": "foo.bar-9", "Address": host, "Port": int(port)}]})
    assert found(micro, "foo.bar")[0]["nodes"][0]["address"] == f"{host}:{port}"


def test_refusals_are_a_line_of_text(micro):
    absent = micro.get("/registry?service=nobody")
    assert (absent.status, absent.body) == (404, b"Service not found\n")
    for body in (b"", b"{}", b'{"name":"a"}', b'{"name":"a","nodes":[{"id":"x","address":"nowhere"}]}'):
        answer = micro.request("/registry", "POST", body=body)
        assert answer.status == 500 and answer["content-type"].startswith("text/plain"), answer
    assert micro.request("/registry", "PUT", body=b"{}").status == 405


def test_a_ttl_must_be_renewed(micro, upstream):
    body = service("users", upstream().address)
    for _ in range(3):
        say(micro, "POST", body, "?ttl=1s")
        time.sleep(0.5)
        assert found(micro, "users") != 404
    eventually(lambda: found(micro, "users") == 404, "the end of its time")


def test_a_ttl_may_be_written_as_go_does(micro, upstream):
    say(micro, "POST", service("users", upstream().address), "?ttl=0h0m1s")
    eventually(lambda: found(micro, "users") == 404, "the end of its time")


def test_no_more_is_taken_out_at_once_than_is_kept(micro):
    nodes = [{"id": f"n{i}", "address": "127.0.0.1:9"} for i in range(1100)]
    answer = micro.request("/registry", "DELETE", body=json.dumps({"name": "users", "nodes": nodes}).encode())
    assert (answer.status, b"1000 records" in answer.body) == (500, True), answer


def test_without_a_ttl_it_goes_when_nobody_listens(micro, upstream):
    app = upstream()
    say(micro, "POST", service("users", app.address))
    time.sleep(1.5)  # its first check
    app.stop()
    eventually(lambda: found(micro, "users") == 404, "its end", 60)


class WebSocket:
    def __init__(self, address, target):
        self.socket = socket.create_connection(address, 10)
        self.socket.sendall((f"GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        head = b"".join(iter(self.file.readline, b"\r\n"))
        assert b" 101 " in head and b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, head

    def frame(self):
        opcode, size = self.file.read(2)
        if size == 126:
            size = int.from_bytes(self.file.read(2), "big")
        return opcode & 15, self.file.read(size)

    def result(self):
        opcode, text = self.frame()
        assert opcode == 1
        result = json.loads(text)
        return result["Action"], result["Service"]["name"], result["Service"]["nodes"][0]

    def say(self, opcode, payload=b""):
        self.socket.sendall(bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload)


def test_a_watch_tells_of_what_comes_changes_and_goes(micro, upstream):
    app = upstream()
    everything, users = WebSocket(micro.address, "/registry"), WebSocket(micro.address, "/registry?service=users")
    say(micro, "POST", service("cart", app.address))
    assert everything.result()[:2] == ("create", "cart")
    for method, metadata, action in (("POST", None, "create"), ("POST", {"zone": "eu"}, "update"),
                                     ("DELETE", {"zone": "eu"}, "delete")):
        say(micro, method, service("users", app.address, metadata))
        assert everything.result()[:2] == users.result()[:2] == (action, "users")


def test_a_watch_answers_pings_and_closes(micro):
    watch = WebSocket(micro.address, "/registry")
    watch.say(9, b"there?")
    assert watch.frame() == (10, b"there?")
    watch.say(8, b"\x03\xe8")
    assert watch.frame() == (8, b"\x03\xe8")
    assert watch.file.read() == b""


@pytest.mark.parametrize("fields, status", [
    ("Sec-WebSocket-Version: 13\r\n", 400),
    ("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n", 400),
    ("Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 426)])
def test_a_handshake_that_is_none_is_refused(micro, fields, status):
    """RFC 6455 4.2.1, 4.4."""
    with socket.create_connection(micro.address, 10) as s:
        s.sendall(("GET /registry HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
                   fields + "\r\n").encode())
        head = s.recv(4096)
    assert f" {status} ".encode() in head.split(b"\r\n")[0], head
    assert (b"Sec-WebSocket-Version: 13" in head) == (status == 426)


def test_what_is_no_websocket_frame_ends_the_watch(micro):
    watch = WebSocket(micro.address, "/registry")
    watch.socket.sendall(b"\x81\x05Hello")
    assert watch.file.read() == b""


def test_records_go_with_the_sidecar(micro, sidecar, upstream, registry):
    say(micro, "POST", service("users", upstream().address))
    micro.stop()
    other = sidecar({**MICRO, "registry": {"url": "local"}}, environment=registry.environment)
    assert found(other, "users") == 404


def test_without_compat_it_is_a_service_like_any_other(sidecar, upstream):
    s = sidecar({"services": {}}, registry=upstream())
    assert s.get("/registry").status == 200
    assert s.get("/registry")["csidecar-instance"] != "_micro"


def test_a_folder_open_to_others_is_not_listened_in(sidecar, tmp_path):
    folder = tmp_path / "open"
    (folder / "csidecar").mkdir(parents=True)
    (folder / "csidecar").chmod(0o777)
    s = sidecar({**MICRO, "registry": {"url": "static:"}}, environment={"XDG_RUNTIME_DIR": str(folder)})
    assert s.get("/registry").status == 503
    s.wait_for_log("micro.unavailable")
    assert "must be 0700" in s.log()
