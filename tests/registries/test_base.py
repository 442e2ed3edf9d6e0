"""The bench itself: servers end with whoever started them, and say why they did not start."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .base import HERE, Process, Server, ServerError, names, server_class, wait_until


def is_gone(pid):
    """Ended; a zombie counts, whoever has to reap it."""
    try:
        return Path("/proc/%d/stat" % pid).read_text().rpartition(") ")[2][0] == "Z"
    except FileNotFoundError:
        return True


def test_a_server_dies_with_its_test(tmp_path):
    code = "from registries.base import Process; print(Process(['sleep', '60'], 'log').pid, flush=True); input()"
    test = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            env={**os.environ, "PYTHONPATH": str(HERE.parent)})
    pid = int(test.stdout.readline())
    assert not is_gone(pid)
    test.send_signal(signal.SIGKILL)
    test.communicate()
    wait_until(lambda: is_gone(pid), "its end", 5)


def test_an_end_at_the_start_is_told_with_the_log(tmp_path):
    process = Process(["sh", "-c", "echo no such thing; exit 3"], tmp_path / "log")
    with pytest.raises(ServerError, match="(?s)ended with 3.*no such thing"):
        process.wait_until(lambda: False, "it to answer", 5)


def test_what_ignores_sigterm_is_killed(tmp_path):
    process = Process(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], tmp_path / "log")
    process.wait_until(lambda: "ready" in process.log_end(), "its trap", 5)
    process.stop(grace=0.1)
    assert process.popen.returncode == -signal.SIGKILL


def test_what_a_class_does_not_define_it_cannot():
    class Some(Server):
        def lose_all(self):
            pass

    assert [what for what in ("away", "lose_all", "fresh", "hostile") if Some.can(what)] == ["lose_all", "fresh"]


def serve(name, lines):
    done = subprocess.run([sys.executable, "-B", HERE / "serve.py", name], input=lines, capture_output=True, text=True,
                          timeout=60)
    return done.stdout.splitlines()


def test_serve_obeys_and_ends():
    url, can, *answers = serve("file", "fresh\naway\nback\nhostile 0 x\nlose\npublish users []\nnonsense\n")
    assert url.startswith("url file:/") and can == "can away publish"
    assert answers[:4] == ["ok", "ok", "ok", "no"]
    assert answers[4].startswith("error ") and answers[5] == "ok" and answers[6].startswith("error no such word")


def test_serve_says_that_there_is_no_such_server():
    assert serve("nonsense", "")[0].startswith("error ")


def test_every_backend_with_a_server_here_is_found():
    assert {"file", "local"} <= set(names())
    assert all(server_class(name).name == name for name in names())
