"""shop.sh: the whole shop from one command, at the ports that are free, until Ctrl-C."""

import os
import pty
import subprocess

import pytest

from shop import CSIDECAR, ROOT, SERVICES, wait_for


@pytest.fixture
def terminal(tmp_path):
    """shop.sh in a terminal of its own: process, the terminal's other end, environment."""
    environment = dict(os.environ, XDG_RUNTIME_DIR=str(tmp_path), XDG_STATE_HOME=str(tmp_path))
    outer, inner = pty.openpty()
    process = subprocess.Popen(["setsid", "--ctty", ROOT / "examples-python/shop.sh"], stdin=inner,
                               stdout=open(tmp_path / "log", "w"), stderr=subprocess.STDOUT,
                               env=environment)
    yield process, outer, environment
    process.terminate()
    process.wait(20)
    os.close(outer)
    os.close(inner)


def services(environment):
    return subprocess.run([CSIDECAR, "services", "--registry", "local"], env=environment, text=True,
                          capture_output=True).stdout


def test_it_starts_all_and_control_c_ends_all(terminal, tmp_path):
    process, keyboard, environment = terminal
    wait_for(lambda: all(name in services(environment) for name in SERVICES))
    os.write(keyboard, b"\x03")
    process.wait(20)
    assert not any(name in services(environment) for name in SERVICES), (tmp_path / "log").read_text()
