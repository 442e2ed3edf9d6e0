"""What is deployed, and the binary it is tested with."""

import os
import pathlib
import socket
import time

ROOT = pathlib.Path(__file__).parents[2]
CSIDECAR = os.environ.get("CSIDECAR", str(ROOT / "build/release/csidecar"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, process, seconds=10):
    """Waits until condition() is true, as long as the process lives."""
    limit = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, f"exit status {process.returncode}"
        assert time.monotonic() < limit
        time.sleep(0.02)
