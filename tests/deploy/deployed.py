"""What is deployed, and the binary it is tested with."""

import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from ports import free_port  # noqa: E402

ROOT = pathlib.Path(__file__).parents[2]
CSIDECAR = os.environ.get("CSIDECAR", str(ROOT / "build/release/csidecar"))


def wait_for(condition, process, seconds=10):
    """Waits until condition() is true, as long as the process lives."""
    limit = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, f"exit status {process.returncode}"
        assert time.monotonic() < limit
        time.sleep(0.02)
