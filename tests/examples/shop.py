"""The example shop with a sidecar beside each service, on free ports and a registry of its own."""

import os
import pathlib
import subprocess
import sys
import time

import requests

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from ports import free_port  # noqa: E402

ROOT = pathlib.Path(__file__).parents[2]
CSIDECAR = os.environ.get("CSIDECAR", str(ROOT / "build/release/csidecar"))

SERVICES = {
    "shop-orders": ("examples-python", [".venv/bin/gunicorn", "orders:app"]),
    "shop-catalog": ("examples-python", [".venv/bin/python", "catalog.py"]),
    "shop-cart": ("examples-node", ["node", "cart.js"]),
    "shop-prices": ("examples-node", ["node", "prices.js"]),
}


def wait_for(condition, seconds=20, every=0.05):
    """What condition() gives, as soon as that is true."""
    limit = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < limit, f"waited {seconds} s in vain for {condition}"
        time.sleep(every)
    return value


def answers(url):
    try:
        return requests.get(url, timeout=2).ok
    except requests.ConnectionError:
        return False


class Shop:
    """url, admin: a sidecar's endpoints; direct: each app's own address, past its sidecar."""

    def __init__(self, directory):
        runtime = directory / "run"
        runtime.mkdir(mode=0o700)
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=str(runtime),
                                XDG_STATE_HOME=str(directory / "state"))
        self.log = open(directory / "log", "w+")
        self.processes, self.direct = {}, {}
        for name in SERVICES:
            self.start(name)

    def start(self, name):
        folder, command = SERVICES[name]
        endpoint, app = free_port(), free_port()
        self.url, self.admin = f"http://127.0.0.1:{endpoint}", f"127.0.0.1:{free_port()}"
        self.direct[name] = f"http://127.0.0.1:{app}"
        self.processes[name] = subprocess.Popen(
            [CSIDECAR, "run", "--name", name, "--app-port", str(app), "--port", str(endpoint),
             "--admin", self.admin, "--", *command],
            cwd=ROOT / folder, env=dict(self.environment, PORT=str(app)),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def stop(self):
        for process in self.processes.values():
            process.terminate()
        codes = {name: process.wait(20) for name, process in self.processes.items()}
        self.log.close()
        return codes
