"""What a running sidecar has given up, and that it does its work without."""

import ctypes
import json
import os
import re
import signal
import struct
from pathlib import Path

import pytest

from .apps import FAST, settings
from .lib import Client, Sidecar, binary, eventually, free_port, merge, ok, service

pytestmark = pytest.mark.skipif("san" in binary(), reason="a sanitizer needs what is given up here")

STRICT = {"sandbox": "strict"}


def tasks(sidecar):
    """/proc/PID/status of all its threads."""
    return [dict(re.findall(r"^(\w+):\s*(.*)$", (task / "status").read_text(), re.M))
            for task in Path("/proc/%d/task" % sidecar.process.pid).iterdir()]


def sandbox(sidecar):
    return sidecar.admin_json("/health")["sandbox"]


def reload(s, change):
    done, failed = s.log().count("reload.done"), s.log().count("reload.failed")
    s.settings = json.dumps(merge(json.loads(s.settings), change))
    s.config.write_text(s.settings)
    s.process.send_signal(signal.SIGHUP)
    eventually(lambda: s.log().count("reload.done") > done or s.log().count("reload.failed") > failed, "the reload")
    return s.log().count("reload.done") > done


@pytest.mark.parametrize("mode, filtered", [("auto", "0"), ("strict", "2")])
def test_all_its_threads_are_bound(sidecar, upstream, mode, filtered):
    s = sidecar({"sandbox": mode, "proxy": {"workers": 3}}, users=upstream())
    assert s.get("/users/").status == 200
    assert len(tasks(s)) >= 4
    for task in tasks(s):
        assert (task["NoNewPrivs"], task["Seccomp"], task["CapInh"]) == ("1", filtered, "0" * 16)
        assert int(task["CapEff"], 16) & ~(1 << 10 | (1 << 1 if mode == "auto" else 0)) == 0


def test_off_it_keeps_all_it_was_given(sidecar, upstream):
    s = sidecar({"sandbox": "off"}, users=upstream())
    assert {task["NoNewPrivs"] for task in tasks(s)} == {"0"}
    assert set(sandbox(s).values()) == {"off"}


def test_what_holds_is_said(sidecar, upstream):
    s = sidecar(STRICT, users=upstream())
    said = sandbox(s)
    assert said["mode"] == "strict" and said["no_new_privs"] == "on" and said["memory"] == "hidden"
    assert re.search("sandbox mode=strict .*landlock=version-", s.log())
    assert s.admin_json("/config")["sandbox"] == "strict"


def test_a_crash_leaves_no_core_file(sidecar, upstream):
    limits = Path("/proc/%d/limits" % sidecar(users=upstream()).process.pid).read_text()
    assert int(re.search(r"Max core file size\s+(\d+)", limits)[1]) <= 1


# ---- its work ----


def test_strict_calls_registers_reloads_and_leaves(sidecar, app, registry, upstream):
    web = app()
    s = sidecar(settings("web", web.port, **STRICT), users=upstream(), environment=registry.environment)
    registry.wait_for("web")
    assert s.get("/users/").status == 200 and s.get("/web/").body == b"app"
    assert reload(s, {"services": {"more": service(upstream(ok("more")))}, "metadata": {"zone": "eu"}})
    eventually(lambda: s.get("/more/").body == b"more", "the new service")
    eventually(lambda: registry.records("web")[0]["metadata"].get("zone") == "eu", "the new metadata")
    assert s.admin("/metrics")[0] == 200
    s.stop()
    assert registry.records("web") == []


def test_strict_sees_its_file_change(sidecar, upstream):
    s = sidecar({**STRICT, "watch_config": True}, users=upstream())
    new = merge(json.loads(s.settings), {"services": {"more": service(upstream())}})
    (s.folder / "new").write_text(json.dumps(new))
    (s.folder / "new").rename(s.config)
    eventually(lambda: s.get("/more/").status == 200, "the new service")


def test_strict_resolves_names(sidecar, upstream):
    web = upstream(ok("by name"))
    s = sidecar({**STRICT, "egress": True})
    with s.connect() as client:
        answer = client.request("http://localhost:%d/" % web.port, host="localhost:%d" % web.port).response()
    assert answer.body == b"by name"


def test_strict_listens_on_a_unix_socket_and_removes_it(sidecar, upstream, tmp_path):
    path = tmp_path / "sockets" / "s.sock"
    path.parent.mkdir()
    s = sidecar({**STRICT, "proxy": {"listen": ["unix:%s" % path, "127.0.0.1:%d" % free_port()]}}, wait=False, users=upstream())
    eventually(path.exists, "the socket")
    with Client(str(path)) as client:
        assert client.request("/users/").response().status == 200
    s.stop()
    assert not path.exists()


def test_strict_takes_a_file_in_reach_and_refuses_one_out_of_it(sidecar, upstream, tmp_path):
    s = sidecar(STRICT, users=upstream())
    (s.folder / "services.json").write_text(json.dumps({"items": [upstream().address]}))
    assert reload(s, {"registry": {"url": ["static:", "file:%s/services.json" % s.folder]}})
    eventually(lambda: s.get("/items/").status == 200, "the file's service")
    (tmp_path / "far").mkdir()
    assert not reload(s, {"registry": {"url": ["static:", "file:%s/far/services.json" % tmp_path]}})
    assert "/far is out of reach since the sandbox was closed: it needs a restart" in s.log()
    assert s.get("/items/").status == 200


# ---- what others run ----


SHOW = "cat /proc/self/status > status; ulimit -c > cores; exec sleep 60"


def test_the_app_it_runs_is_not_bound(sidecar, tmp_path):
    s = sidecar(merge(STRICT, {"app": {"port": free_port(), "health": {"off": True}}, "run": {"directory": str(tmp_path)}}),
                args=["--", "sh", "-c", SHOW])
    eventually(lambda: (tmp_path / "cores").exists() and (tmp_path / "cores").read_text(), "its word")
    status = (tmp_path / "status").read_text()
    assert re.search(r"NoNewPrivs:\s+0", status) and re.search(r"Seccomp:\s+0", status)
    ours = Path("/proc/self/status").read_text()
    assert re.findall(r"Cap(?:Prm|Bnd):\s+(\w+)", status) == re.findall(r"Cap(?:Prm|Bnd):\s+(\w+)", ours)
    assert "kill" in sandbox(s)["capabilities"] or os.geteuid()


def check_by(command, **more):
    return {"app": {"port": free_port(), "health": {**FAST, "exec": command}}, **more}


def test_nor_is_a_command_that_checks_it(sidecar, tmp_path):
    file = tmp_path / "written"
    s = sidecar(check_by(["sh", "-c", "cat /proc/self/status > %s" % file]))
    eventually(lambda: file.exists() and "NoNewPrivs:\t0" in file.read_text(), "its word")
    assert sandbox(s)["no_new_privs"] == "off" and sandbox(s)["core_files"] == "none"
    assert "a command checks an app: it is not to be bound" in s.log()


def test_one_that_a_reload_brings_is_bound_and_that_is_said(sidecar):
    s = sidecar(settings("web", free_port(), registry={"url": "static:"}))
    assert reload(s, {"app": {"health": {**FAST, "exec": ["sh", "-c", "exec 2>/dev/null; test -r /etc/passwd"]}}})
    assert "sandbox.binds_commands" in s.log()
    eventually(lambda: s.admin_json("/health")["apps"][0]["check"]["passes"] > 0, "a pass")


# ---- a kernel that lacks something ----

LANDLOCK, ENOSYS_ANSWER, ALLOW = 444, 0x00050000 | 38, 0x7FFF0000


def without_landlock():
    """In the new process: the kernel seems not to know it."""
    program = b"".join(struct.pack("HBBI", *each) for each in [
        (0x20, 0, 0, 0), (0x15, 0, 1, LANDLOCK), (0x06, 0, 0, ENOSYS_ANSWER), (0x06, 0, 0, ALLOW)])
    code = ctypes.create_string_buffer(program)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    filter_ = struct.pack("HxxxxxxQ", 4, ctypes.addressof(code))
    assert libc.prctl(22, 2, ctypes.c_char_p(filter_), 0, 0) == 0


@pytest.fixture
def old_kernel(monkeypatch):
    popen = Sidecar.popen
    monkeypatch.setattr(Sidecar, "popen", staticmethod(lambda *args, **more: popen(*args, preexec_fn=without_landlock, **more)))


def test_auto_goes_on_without_it_and_says_so(old_kernel, sidecar, upstream):
    s = sidecar(users=upstream())
    assert s.get("/users/").status == 200
    assert sandbox(s)["landlock"] == "unavailable" and sandbox(s)["no_new_privs"] == "on"


def test_strict_does_not_start_without_it(old_kernel, sidecar, upstream):
    s = sidecar(STRICT, wait=False, users=upstream())
    assert s.process.wait(10) == 125
    assert "sandbox: strict: landlock: this kernel has none" in s.log()
    s.expected_exit = 125
