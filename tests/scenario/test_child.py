"""`csidecar run -- command`: the app as our child."""

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from .apps import PYTHON, SERVER, settings
from .lib import binary, eventually


@pytest.fixture
def run(sidecar, registry):
    """run("sh", "-c", ...): a sidecar with this child; it is not waited for."""

    def start(*command, expect=0, wait=False, args=(), **more):
        s = sidecar(settings("web", **more), args=[*args, "--", *command], environment=registry.environment, wait=wait)
        s.expected_exit = expect
        return s

    return start


@pytest.fixture
def server(run, registry):
    """A child that serves, once it is registered."""

    def start(**more):
        s = run(PYTHON, "-c", SERVER, wait=True, **more)
        registry.wait_for("web", patience=15)
        return s

    return start


def clean_environment(more):
    return {k: v for k, v in os.environ.items() if not k.startswith("CSIDECAR_")} | more


def status_of(s):
    return s.process.wait(10)


def is_alive(pid):
    with contextlib.suppress(OSError):
        return "\nState:\tZ" not in open("/proc/%d/status" % pid).read()
    return False


# ---- its end is ours ----


@pytest.mark.parametrize(
    "command, code",
    [
        (["true"], 0),
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -9 $$"], 137),
        (["sh", "-c", "kill -INT $$"], 130),
        (["no-such-command"], 127),
        (["/etc/passwd"], 126),
        (["/"], 126),
    ],
)
def test_exit_code(run, command, code):
    assert status_of(run(*command, expect=code)) == code


def test_our_own_failure_is_125(run):
    assert status_of(run("true", expect=125, run={"directory": "/no/such/directory"})) == 125


def test_a_command_that_is_not_there_is_named(run):
    s = run("no-such-command", expect=127)
    status_of(s)
    assert "no-such-command: command not found" in s.log()


def test_it_is_taken_out_as_soon_as_it_exits(server, registry):
    s = server()
    os.kill(child_of(s), signal.SIGKILL)
    s.expected_exit = 137
    assert status_of(s) == 137
    assert registry.records() == []


def test_0_after_a_drain_that_was_asked_for(server):
    s = server()
    s.process.terminate()
    assert status_of(s) == 0


def child_of(s):
    return int(open("/proc/%d/task/%d/children" % (s.process.pid, s.process.pid)).read().split()[0])


# ---- what it gets ----


def test_a_port_and_our_addresses(server, registry):
    s = server()
    port = registry.records("web")[0]["address"].split(":")[1]
    assert s.get("/web/").body == port.encode()
    assert s.get("/web/ask/web/").body == port.encode()  # through CSIDECAR_URL


@pytest.mark.parametrize("port, is_said", [(None, True), (1, False)])
def test_a_child_that_is_not_on_its_port_is_told_about(run, port, is_said):
    s = run("sleep", "60", **({"port": port} if port else {}))
    s.wait_for_log("app.waiting")
    assert ("say --app-port" in s.log()) == is_said


def test_a_registry_that_nobody_asked_is_not_down(run):
    s = run("sleep", "60")
    s.wait_for_log("app.waiting")
    assert s.admin_json("/health")["registries"][0]["heard"] is False
    assert b"csidecar_registry_up{registry=\"local\"} 1" in s.admin("/metrics")[1]


def test_a_port_that_was_said_is_not_ours_to_hand_over(run, tmp_path):
    out = tmp_path / "out"
    status_of(run("sh", "-c", "echo ${PORT-none} $CSIDECAR_URL $CSIDECAR_ADMIN_URL > %s" % out, port=1))
    assert out.read_text().startswith("none http://127.0.0.1:")


def test_a_sidecar_in_a_sidecar_takes_no_offence_at_its_environment(run, tmp_path):
    out = tmp_path / "out"
    inner = [binary(), "run", "--registry", "static:", "--", "sh", "-c", "echo $CSIDECAR_URL > %s" % out]
    s = run(*inner, run={"directory": "/usr"})  # not where the outer one's csidecar.yaml is
    assert status_of(s) == 0
    assert out.read_text().startswith("http://127.0.0.1:")


def test_its_own_directory(run, tmp_path):
    out = tmp_path / "out"
    assert status_of(run("sh", "-c", "pwd > %s" % out, run={"directory": "/usr"})) == 0
    assert out.read_text() == "/usr\n"


# ---- stopping it ----

STUBBORN = "trap 'echo heard > %s' TERM; echo up > %s; while :; do sleep 0.05; done"


def test_a_child_that_ignores_sigterm_is_killed(run, tmp_path):
    heard, up = tmp_path / "heard", tmp_path / "up"
    s = run("sh", "-c", STUBBORN % (heard, up), drain={"settle": "0s", "finish": "500ms"})
    eventually(up.exists, "the child", 10)
    child, start = child_of(s), time.monotonic()
    s.process.terminate()
    assert status_of(s) == 0
    assert heard.exists() and not is_alive(child)
    assert 0.4 < time.monotonic() - start < 4


def test_a_stop_signal_of_ones_own(run, tmp_path):
    up, out = tmp_path / "up", tmp_path / "out"
    script = "trap 'echo usr1 > %s; exit' USR1; echo > %s; while :; do sleep 0.05; done" % (out, up)
    s = run("sh", "-c", script, run={"stop_signal": "USR1"})
    eventually(up.exists, "the child", 10)
    s.process.terminate()
    assert status_of(s) == 0
    assert out.read_text() == "usr1\n"


def test_what_the_child_started_gets_the_signal_too(run, tmp_path):
    up = tmp_path / "up"
    s = run("sh", "-c", "sleep 600 & echo $! > %s; wait" % up)
    eventually(lambda: up.exists() and up.read_text().strip(), "the grandchild", 10)
    grandchild = int(up.read_text())
    s.process.terminate()
    assert status_of(s) == 0
    eventually(lambda: not is_alive(grandchild), "the end of the grandchild")


def test_a_second_signal_ends_it_at_once(run, tmp_path):
    heard, up = tmp_path / "heard", tmp_path / "up"
    s = run("sh", "-c", STUBBORN % (heard, up), drain={"settle": "0s", "finish": "60s"})
    eventually(up.exists, "the child", 10)
    child = child_of(s)
    s.process.terminate()
    eventually(heard.exists, "the first signal")
    time.sleep(0.3)  # sooner it would be taken for the same one
    s.process.terminate()
    s.process.wait(3)
    s.expected_exit = s.process.returncode
    eventually(lambda: not is_alive(child), "the end of the child")


# ---- PID 1 ----


def in_a_pid_namespace():
    return shutil.which("unshare") and subprocess.run(["unshare", "-fp", "true"], capture_output=True).returncode == 0


def children_of(pid):
    """{child: state}, as this PID namespace sees them."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(") ")[2].split()[:2]
            if int(parent) == pid:
                found[int(stat.parent.name)] = state
    return found


@pytest.mark.skipif(not in_a_pid_namespace(), reason="no PID namespaces here")
def test_as_pid_1_it_reaps_orphans_and_leaves_its_own_checks_alone(tmp_path, registry):
    over, go = tmp_path / "over", tmp_path / "go"
    # Orphans die while an exec check runs all the time.
    script = "for i in 1 2 3 4 5 6 7 8; do (sleep 0.0$i &) ; done; sleep 1; : > %s; until [ -e %s ]; do sleep 0.05; done; exit 3"
    config = tmp_path / "c.yaml"
    config.write_text(
        "{name: web, registry: {url: 'local'}, app: {health: {exec: ['true'], interval: 100ms, first_interval: 10ms}},"
        " proxy: {listen: '127.0.0.1:0'}, admin: {listen: '127.0.0.1:0'}}"
    )
    unshare = subprocess.Popen(
        ["unshare", "-fp", binary(), "run", "-c", str(config), "--", "sh", "-c", script % (over, go)],
        env=clean_environment(registry.environment), stderr=subprocess.PIPE, text=True,
    )
    eventually(over.exists, "the orphans to end", patience=15)
    (init,) = children_of(unshare.pid)
    eventually(lambda: "Z" not in children_of(init).values(), "all to be reaped")
    go.touch()
    assert unshare.communicate(timeout=20) and unshare.returncode == 3


# ---- at a terminal ----


class Terminal:
    """A shell with job control, of a few lines: starts one job in the foreground of a terminal of its own."""

    SHELL = """
import json, os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
os.setpgid(0, 0) if os.getpgrp() != os.getpid() else None
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
while True:
    _, status = os.waitpid(pid, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpgrp())
    if not os.WIFSTOPPED(status):
        print("ended", os.waitstatus_to_exitcode(status), flush=True)
        break
    print("stopped", flush=True)
    input()
    os.tcsetpgrp(0, pid)
    os.kill(-pid, signal.SIGCONT)
"""

    def __init__(self, command, environment):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(PYTHON, [PYTHON, "-c", self.SHELL, *command], clean_environment(environment))
        os.set_blocking(self.fd, False)
        self.text = ""

    def read(self):
        with contextlib.suppress(OSError):
            self.text += os.read(self.fd, 65536).decode(errors="replace")
        return self.text

    def expect(self, text):
        eventually(lambda: text in self.read(), "%r at the terminal, which says %r" % (text, self.text), 10)

    def press(self, key):
        os.write(self.fd, key)

    def close(self):
        os.close(self.fd)
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGHUP)
        os.waitpid(self.pid, 0)


@pytest.fixture
def terminal(tmp_path, registry):
    opened = []

    def start(script):
        command = [
            binary(), "run", "--name", "web", "--registry", "static:", "--proxy-listen", "127.0.0.1:0",
            "--admin-listen", "127.0.0.1:0", "--log-level", "warn", "--", "sh", "-c", script,
        ]  # fmt: skip
        opened.append(Terminal(command, registry.environment))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def test_ctrl_c_reaches_the_child_and_its_end_is_ours(terminal):
    t = terminal("trap 'echo caught; exit 9' INT; echo up; while :; do sleep 0.05; done")
    t.expect("up")
    t.press(b"\x03")
    t.expect("caught")
    t.expect("ended 9")


def test_the_child_reads_from_the_terminal(terminal):
    t = terminal("echo up; read line; echo got $line")
    t.expect("up")
    t.press(b"hello\n")
    t.expect("got hello")
    t.expect("ended 0")


def test_ctrl_z_stops_both_and_fg_continues_both(terminal):
    t = terminal("echo up; read line; echo got $line; exit 6")
    t.expect("up")
    t.press(b"\x1a")
    t.expect("stopped")
    t.press(b"\n")  # to the shell: fg
    t.press(b"again\n")
    t.expect("got again")
    t.expect("ended 6")
