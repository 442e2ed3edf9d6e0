"""A start that does not come off: a reason, an exit status, and nothing left behind; and one that does all the same."""

import os
import resource
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from .lib import SANITIZED, binary, eventually, free_port

NO_IPV6 = "ip link set lo up && echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && exec \"$@\""
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith("CSIDECAR_")}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def run(tmp_path):
    """run(*options) -> (exit status, log) of a sidecar beside a child that ends soon."""
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)

    def start(*options, before=(), child=("sleep", "0.2"), environment=None, **more):
        done = subprocess.run(
            [*before, binary(), "run", "--name", "web", "--app-health-off=true", *options, "--", *child],
            env={**CLEAN, "XDG_RUNTIME_DIR": str(runtime), "XDG_STATE_HOME": str(runtime), **(environment or {})},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20, cwd=tmp_path, **more
        )
        assert not SANITIZED.search(done.stdout), done.stdout
        return done.returncode, done.stdout

    return start


def test_a_port_that_is_taken_is_named_with_its_holder_and_its_setting(run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for option, setting in [
            ("--port=%d" % port, "proxy.listen"),
            ("--admin=127.0.0.1:%d" % port, "admin.listen"),
            ("--set=services.users.listen=127.0.0.1:%d" % port, "services.users.listen"),
        ]:
            status, log = run(option)
            assert status == 125
            assert "%s: 127.0.0.1:%d is in use by" % (setting, port) in log and str(os.getpid()) in log


def test_the_reason_is_said_once(run):
    for options in [], ["--log-level", "off"]:
        status, log = run("--registry", "local:relative", *options)
        assert status == 125 and log.count("must be an absolute path") == 1


@needs_root
@pytest.mark.parametrize("options", [
    ["--port", "9000"],
    ["--proxy-listen", "127.0.0.1:9000,[::1]:9000"],
    ["--proxy-listen", "localhost:9000"],
    [],
])
def test_without_ipv6(run, options):
    status, log = run(*options, before=["unshare", "-n", "sh", "-c", NO_IPV6, "sh"])
    if "unshare" in log:
        pytest.skip(log)
    assert status == 0 and "listening" in log


@needs_root
def test_ipv6_alone_must_be_there(run):
    status, log = run("--proxy-listen", "[::1]:9000", before=["unshare", "-n", "sh", "-c", NO_IPV6, "sh"])
    if "unshare" in log:
        pytest.skip(log)
    assert status == 125 and "[::1]:9000" in log


def test_too_few_descriptors(run):
    """However many there are: it runs with its endpoint, or ends with a reason."""
    for count in range(12, 32, 2):
        status, log = run(
            "--port", str(free_port()), preexec_fn=lambda n=count: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))
        )
        failed = "could not" in log or "start.failed" in log
        assert status == (125 if failed else 0), "%d descriptors: %d\n%s" % (count, status, log)


@needs_root
def test_a_runtime_folder_of_somebody_else(run, tmp_path):
    folder = tmp_path / "theirs" / "csidecar"
    folder.mkdir(parents=True, mode=0o700)
    os.chown(folder, 65534, -1)
    status, log = run(environment={"XDG_RUNTIME_DIR": str(folder.parent)})
    assert status == 125 and "belongs to another user" in log


def test_a_runtime_folder_that_is_not_there(run):
    status, log = run(environment={"XDG_RUNTIME_DIR": "/nowhere/run"})
    assert status == 0 and "listening" in log


def test_no_home_and_no_folders(run, tmp_path):
    environment = {"HOME": "", "XDG_RUNTIME_DIR": "", "XDG_STATE_HOME": ""}
    assert run("--registry", "static:", environment=environment)[0] == 0


def test_a_signal_as_soon_as_the_child_runs_ends_both(tmp_path):
    for _ in range(5):
        told = tmp_path / "pid"
        told.unlink(missing_ok=True)
        command = ["sh", "-c", 'echo $$ > pid.new; mv pid.new pid; exec sleep 60']
        s = subprocess.Popen(
            [binary(), "run", "--registry", "static:", "--port", str(free_port()), "--", *command], env=CLEAN, cwd=tmp_path
        )
        pid = eventually(lambda: told.exists() and told.read_text().strip(), "the child")
        s.send_signal(signal.SIGTERM)
        assert s.wait(10) == 0
        assert not Path("/proc", pid).exists()


def test_a_crowd_finds_ports_at_once(tmp_path):
    """Each of them finds the ports of those before taken; who holds them is nobody's question."""
    logs = [open(tmp_path / ("log%d" % i), "w+b") for i in range(20)]
    command = [binary(), "run", "--registry", "static:", "--name", "crowd", "--state-max-age", "0"]
    crowd = [subprocess.Popen(command, stderr=log, env=CLEAN, cwd=tmp_path) for log in logs]
    try:
        eventually(lambda: all(b"listening" in Path(log.name).read_bytes() for log in logs), "all of them", 10)
        endpoints = [line for log in logs for line in Path(log.name).read_text().split() if line.startswith("endpoint=")]
        assert len(set(endpoints)) == 20
    finally:
        for each in crowd:
            each.terminate()
    assert [each.wait(10) for each in crowd] == [0] * 20
