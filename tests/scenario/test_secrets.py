"""Secrets are told to whom they are meant for, and to nobody else: not to the log, the admin port, callers, or errors."""

import base64
import contextlib
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from .cli import csidecar
from .lib import eventually, free_port, ok, refusing

# Each is looked for as it is. The gossip key has 16 characters.
MARK = "Mark3r"
URLS = [
    "consul://%s?token={}", "etcd://me:{}@%s", "etcd+tls://me:{}@%s", "zookeeper://me:{}@%s", "eureka://me:{}@%s/eureka",
    "nats://me:{}@%s", "nats://:{}@%s", "gossip://%s?key={}", "kubernetes+http://%s/shop?token={}",
]
ADMIN = ["/", "/config", "/health", "/services", "/services/users", "/stats", "/pools", "/metrics", "/register",
         "/explain?service=users"]


class Secrets:
    """Hands them out, and finds them again."""

    def __init__(self):
        self.all = []

    def new(self):
        self.all.append("%s-%09d" % (MARK, len(self.all)))
        return self.all[-1]

    def assert_none_in(self, text, where):
        coded = [base64.b64encode(("me:" + each).encode()).decode() for each in self.all]
        for line in text.splitlines():
            assert MARK not in line and not any(each in line for each in coded), "%s: %s" % (where, line[:500])


@pytest.fixture
def secrets():
    return Secrets()


@contextlib.contextmanager
def repeating():
    """A server of nothing: it refuses in HTTP, and repeats what it was told, as some do."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                peer = listener.accept()[0]
                with contextlib.suppress(OSError), peer:
                    peer.settimeout(5)
                    told = peer.recv(65536)
                    peer.sendall(ok(b"You said: " + told.replace(b"\r\n", b" "), status="403 Forbidden"))

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield "127.0.0.1:%d" % listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def file_of(tmp_path, name, text):
    file = tmp_path / name
    file.write_text(text)
    file.chmod(0o600)
    return str(file)


def all_it_says(s, token):
    """The log, and what the admin port answers."""
    told = {"the log": s.log()}
    headers = {"csidecar-token": token}
    for path in ADMIN:
        told[path] = s.admin(path, headers=headers)[1].decode(errors="replace")
    assert '"mode"' in told["/health"] and "csidecar_build_info" in told["/metrics"]
    return told


def urls_with(secrets, address):
    return [url.format(quote(secrets.new())) % address for url in URLS]


def test_of_every_registry_however_it_answers(sidecar, upstream, app, secrets):
    web, token = app(), secrets.new()
    with repeating() as address:
        s = sidecar({"registry": {"url": urls_with(secrets, refusing()) + urls_with(secrets, address), "token": secrets.new()},
                     "name": "web", "app": {"port": web.port, "health": {"first_interval": "20ms"}}, "advertise": "127.0.0.1",
                     "admin": {"token": token}, "log": {"level": "debug"}}, users=upstream())
        assert s.get("/users/").status == 200
        assert s.get("/cart/").status in (404, 503)
        eventually(lambda: s.log().count("registry=") > len(URLS), "words on the registries", 10)
        eventually(lambda: "X-Consul-Token: ***" in s.log(), "what a registry was told")
        assert s.admin("/reload", "POST", headers={"csidecar-token": token})[0] == 200
        for where, text in all_it_says(s, token).items():
            secrets.assert_none_in(text, where)


def test_in_files_variables_and_flags(sidecar, upstream, tmp_path, secrets):
    admin, files = secrets.new(), tmp_path / "files"
    files.mkdir()
    key = "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n" % secrets.new()
    s = sidecar({"registry": {"url": ["static:", "etcd://" + refusing()], "token_file": file_of(files, "token", secrets.new())},
                 "proxy": {"token_file": file_of(files, "proxy", secrets.new())}, "log": {"level": "debug"}},
                args=["--admin-token=" + admin], environment={"CSIDECAR_STATE_MAX_AGE": "0s"}, users=upstream())
    proxy = (files / "proxy").read_text()
    assert s.get("/users/").status == 401
    assert s.get("/users/", "csidecar-token: " + proxy).status == 200
    assert s.get("/users/", "csidecar-token: wrong-" + MARK).status == 401
    tls = {"registry": {"url": ["static:", "etcd+tls://" + refusing()],
                        "tls": {"cert_file": file_of(files, "cert", key), "key_file": file_of(files, "key", key)}}}
    s.config.write_text(json.dumps(json.loads(s.settings) | {"registry": tls["registry"]}))
    status, body = s.admin("/reload", "POST", headers={"csidecar-token": admin})
    assert status == 409
    secrets.assert_none_in(body.decode(), "the refused reload")
    for where, text in all_it_says(s, admin).items():
        secrets.assert_none_in(text, where)


def test_of_callers(sidecar, upstream, secrets):
    s = sidecar({"log": {"level": "debug"}, "services": {"gone": {"instances": [refusing()]}}}, users=upstream())
    fields = ["Authorization: Bearer " + secrets.new(), "Cookie: session=" + secrets.new(), "X-Api-Key: " + secrets.new()]
    assert s.get("/users/", *fields).status == 200
    failed = s.get("/gone/", *fields)
    assert failed.status == 502
    assert s.post("/nobody/", *fields, body=secrets.new().encode()).status == 404
    secrets.assert_none_in(failed.body.decode(), "the error")
    eventually(lambda: "nobody" in s.log(), "the access log")
    for where, text in all_it_says(s, "").items():
        secrets.assert_none_in(text, where)


def refused_files(secrets):
    one = secrets.new
    yield "registry: {url: 'etcd://me:%s@h:99999'}" % one()
    yield "registry: {url: 'ectd://me:%s@h'}" % one()
    yield "registry: {url: 'consul://h?token=%s&nonsense=1'}" % one()
    yield "registry: {url: 'nats://me:%s@h/path'}" % one()
    yield "registry: {url: 'gossip://h?key=%s&suspect=x'}" % one()
    yield "registry: {token: [%s]}" % one()
    yield "registry: {token: %s, ttl: 1}" % one()
    yield "registry: {token: %s, token_file: /x}" % one()
    yield "proxy: {token: {%s: 1}}" % one()


def test_when_settings_are_refused_or_shown(secrets, tmp_path):
    file = tmp_path / "csidecar.yaml"
    for text in refused_files(secrets):
        file.write_text(text)
        done = csidecar("check", str(file))
        started = csidecar("run", "-c", str(file), "--port", str(free_port()), "--admin", "127.0.0.1:%d" % free_port(), "--", "true")
        assert started.returncode == 125, text
        for each in (done, started):
            secrets.assert_none_in(each.stdout + each.stderr, text)
    file.write_text(json.dumps({"registry": {"url": urls_with(secrets, "h:1"), "token": secrets.new()}, "proxy": {"token": secrets.new()}}))
    done = csidecar("check", str(file))
    assert done.returncode == 0 and "***" in done.stdout
    secrets.assert_none_in(done.stdout + done.stderr, "check")


def test_of_registries_that_are_asked_by_hand(secrets):
    with repeating() as address, ThreadPoolExecutor(len(URLS)) as pool:
        asked = pool.map(lambda url: csidecar("services", "--registry", url), urls_with(secrets, address))
        said = "".join(done.stdout + done.stderr for done in asked)
    assert "403 You said: GET" in said
    secrets.assert_none_in(said, "services")
