"""The process as its user sees it: what a start says on a terminal, and ports that are taken."""

import contextlib
import os
import pty
import re
import signal
import subprocess

from .cli import ask, clean_environment, csidecar, refused, told
from .lib import binary, eventually, free_port


class Terminal:
    """csidecar with a terminal for its standard error; `text` is what has appeared there."""

    def __init__(self, words, folder):
        self.outer, inner = pty.openpty()
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        environment = clean_environment(XDG_RUNTIME_DIR=str(runtime), XDG_STATE_HOME=str(runtime))
        self.process = subprocess.Popen([binary(), *words], stdin=inner, stdout=inner, stderr=inner, cwd=folder,
                                        env=environment, start_new_session=True)
        os.close(inner)
        os.set_blocking(self.outer, False)
        self.text = ""

    def shows(self, what):
        with contextlib.suppress(BlockingIOError, OSError):
            self.text += os.read(self.outer, 65536).decode()
        return what in self.text

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(10)
        finally:
            os.close(self.outer)


def test_a_start_on_a_terminal_says_how_to_call(tmp_path):
    port, admin = free_port(), free_port()
    t = Terminal(["--app-port", "5000", "--name", "web", "--port", str(port), "--admin", "127.0.0.1:%d" % admin], tmp_path)
    eventually(lambda: t.shows("csidecar services"), "a welcome")
    for part in ("for web", "the app on port 5000", "curl http://127.0.0.1:%d/SERVICE/path" % port,
                 "http://127.0.0.1:%d/" % admin, "local"):
        assert part in t.text, t.text
    assert t.close() == 0


def test_a_start_into_a_file_is_log_lines_alone(sidecar):
    s = sidecar()
    s.wait_for_log("listening")
    assert all(re.match(r"\d{4}-\d\d-\d\dT", line) for line in s.log().splitlines())


def test_a_port_that_is_taken_is_a_failure_that_says_who_has_it(sidecar):
    s = sidecar()
    done = csidecar("--port", str(s.port), "--admin", "127.0.0.1:%d" % free_port(), environment=s.environment, cwd=s.folder.parent)
    assert done.returncode == 125 and str(s.port) in done.stderr and "csidecar" in done.stderr


def test_the_first_sidecar_at_a_default_port_is_found(tmp_path):
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    environment = clean_environment(XDG_RUNTIME_DIR=str(runtime), XDG_STATE_HOME=str(runtime))
    process = subprocess.Popen([binary(), "--name", "by-default"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        admin = re.search(r"admin=(\S+)", process.stderr.readline())[1]
        told(csidecar("wait", "--timeout", "5s", environment=environment, cwd=tmp_path))
        told(csidecar("health", "--admin", admin, environment=environment, cwd=tmp_path))
    finally:
        process.terminate()
        assert process.wait(10) == 0
        process.stderr.close()


def test_a_command_that_asks_hears_of_the_end(sidecar):
    s = sidecar(settings={"drain": {"settle": "300ms"}, "registry": {"url": "local"}})
    told(ask(s, "drain"))
    refused(ask(s, "wait", "--timeout", "100ms"), 1, "not ready: shutting down")
    assert s.process.wait(10) == 0
