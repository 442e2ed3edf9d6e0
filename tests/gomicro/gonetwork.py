"""A network namespace with multicast on its loopback, and go-micro v2 programs to run in it."""

import json
import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).parents[2]
CSIDECAR = os.environ.get("CSIDECAR", str(ROOT / "build/release/csidecar"))
PROGRAMS = ROOT / "build/gomicro"

LOOPBACK = "ip link set lo up multicast on && ip route add 224.0.0.0/4 dev lo"


def wait_for(condition, seconds=10, every=0.1):
    """What condition() gives, as soon as that is true."""
    limit = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < limit, f"waited {seconds} s in vain"
        time.sleep(every)
    return value


class Network:
    """A network namespace of its own: nothing in it reaches the machine's networks, or is reached."""

    def __init__(self):
        self.processes = []
        self.holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", f"{LOOPBACK} && echo up && exec sleep infinity"],
            stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "up\n"

    def command(self, *arguments):
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "--", *map(str, arguments)]

    def start(self, *arguments, **options):
        process = subprocess.Popen(self.command(*arguments), text=True, **options)
        self.processes.append(process)
        return process

    def run(self, *arguments):
        return subprocess.run(self.command(*arguments), text=True, capture_output=True, timeout=20)

    def find(self, *question):
        """What a go-micro client gets: a list (of services), where Go says null an empty one."""
        done = self.run(PROGRAMS / "find", *question)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) or []

    def watch(self, path):
        """A go-micro watcher that writes what it sees to the file, a result a line."""
        return self.start(PROGRAMS / "find", "watch", stdout=open(path, "w"))

    def service(self, *arguments):
        """A go-micro service, registered when this returns. Its id and address are in .said."""
        process = self.start(PROGRAMS / "service", *arguments, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
        # go-micro logs to standard output as well.
        process.said = json.loads(next(line for line in process.stdout if line.startswith("{")))
        return process

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.holder.kill()
        self.holder.wait()
