"""What a running sidecar takes."""

import os
import re
from pathlib import Path


def status(sidecar, what):
    text = Path("/proc/%d/status" % sidecar.process.pid).read_text()
    return int(re.search(what + r":\s+(\d+)", text)[1])


def memory_mib(sidecar):
    return status(sidecar, "VmRSS") / 1024


def peak_mib(sidecar):
    return status(sidecar, "VmHWM") / 1024


def descriptors(sidecar):
    return len(os.listdir("/proc/%d/fd" % sidecar.process.pid))
