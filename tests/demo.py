"""Four services in two languages, a sidecar beside each, no registry server; then 2,000 calls while
one of two replicas is killed with kill -9. Exits 0 only if none of them failed."""

import collections
import http.client
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[0]))
from ports import free_ports  # noqa: E402

ROOT = pathlib.Path(__file__).parents[1]
CSIDECAR = os.environ.get("CSIDECAR", str(ROOT / "build/release/csidecar"))
CALLS, CALLERS, KILL_AFTER = 2000, 8, 700

COMMANDS = {
    "shop-orders": ("examples-python", [".venv/bin/gunicorn", "orders:app"]),
    "shop-catalog": ("examples-python", [".venv/bin/python", "catalog.py"]),
    "shop-cart": ("examples-node", ["node", "cart.js"]),
    "shop-prices": ("examples-node", ["node", "prices.js"]),
}


def say(text=""):
    print(text, flush=True)


def step(text):
    say(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}")


def wait_for(what, condition, seconds=30):
    """Seconds it took until condition() was true."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            raise SystemExit(f"demo: waited {seconds} s in vain for {what}")
        time.sleep(0.02)
    return time.monotonic() - start


def descendants(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children] + [
        below for child in children for below in descendants(int(child))]


class Instance:
    """One copy of a service with the sidecar beside it: `csidecar run -- command`."""

    def __init__(self, shop, name):
        folder, command = COMMANDS[name]
        self.name = name
        app, self.port, admin = free_ports(3)
        self.address, self.admin = f"127.0.0.1:{app}", f"127.0.0.1:{admin}"
        self.process = subprocess.Popen(
            [CSIDECAR, "run", "--name", name, "--app-port", str(app), "--port", str(self.port),
             "--admin", self.admin, "--", *command],
            cwd=ROOT / folder, env=dict(shop.environment, PORT=str(app)),
            stdin=subprocess.DEVNULL, stdout=shop.log, stderr=shop.log, start_new_session=True)

    def kill(self):
        """kill -9, the app and its sidecar at once: neither can say goodbye."""
        for pid in [self.process.pid, *descendants(self.process.pid)]:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            return "killed: it did not stop by itself in 15 s"


class Shop:
    def __init__(self, directory):
        self.directory = directory
        os.mkdir(directory / "run", 0o700)
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=str(directory / "run"),
                                XDG_STATE_HOME=str(directory / "state"))
        self.log = open(directory / "log", "w")
        self.instances = []

    def start(self, name):
        instance = Instance(self, name)
        self.instances.append(instance)
        return instance

    def ask(self, *question):
        """What csidecar says when it asks the sidecar that was started first."""
        return subprocess.run([CSIDECAR, *question, "--admin", self.instances[0].admin], text=True,
                              env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout

    def lists(self, instance):
        if instance.process.poll() not in (None, -signal.SIGKILL):
            raise SystemExit(f"demo: the sidecar of {instance.name} ended: "
                             f"exit status {instance.process.returncode}")
        return instance.address in self.ask("get", instance.name)

    def close(self):
        for instance in self.instances:
            if instance.process.poll() is None:
                instance.process.terminate()
        codes = [(instance.name, instance.stop()) for instance in self.instances]
        self.log.close()
        return [f"{name}: {code}" for name, code in codes if code not in (0, -signal.SIGKILL)]


class Load:
    """Calls of one idempotent method from several callers; what failed, and who answered."""

    def __init__(self, port, path):
        self.port, self.path = port, path
        self.failures, self.answered_by = [], collections.Counter()
        self.started, self.lock = itertools.count(1), threading.Lock()

    def run(self, calls, at={}):
        """Makes the calls; at maps a call's number to what is done just before that call."""
        self.calls, self.at = calls, at
        callers = [threading.Thread(target=self.call_until_done) for _ in range(CALLERS)]
        start = time.monotonic()
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        return time.monotonic() - start

    def call_until_done(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while (number := next(self.started)) <= self.calls:
            if number in self.at:
                self.at[number]()
            try:
                connection.request("GET", self.path)
                answer = connection.getresponse()
                self.note(answer.status, answer.read())
            except (OSError, http.client.HTTPException) as failure:
                self.note(repr(failure), b"")
                connection.close()
        connection.close()

    def note(self, status, body):
        with self.lock:
            if status == 200:
                self.answered_by[json.loads(body)["by"][1]] += 1
            else:
                self.failures.append(f"{status}: {body[:200].decode(errors='replace')}")


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def indented(text):
    return "\n".join("   " + line for line in text.rstrip().splitlines())


def demo(shop):
    step("Four services, a sidecar beside each, no registry server")
    first = {name: shop.start(name) for name in COMMANDS}
    replica = shop.start("shop-cart")
    for instance in shop.instances:
        wait_for(f"{instance.name} at {instance.address}", lambda: shop.lists(instance))
    say(indented(shop.ask("services")))

    endpoint, path = first["shop-orders"].port, "/shop-orders/quotes/ada"
    step("One call: shop-orders (Python) -> shop-cart (Node) -> shop-catalog (Python) -> shop-prices (Node)")
    say(f"   curl http://127.0.0.1:{endpoint}{path}")
    wait_for("the first answer", lambda: get(endpoint, path)[0] == 200)
    say(indented(get(endpoint, path)[1]))

    step(f"{CALLS} such calls, {CALLERS} at a time; kill -9 of one shop-cart and its sidecar "
         f"after {KILL_AFTER}")
    load = Load(endpoint, path)
    seconds = load.run(CALLS, {KILL_AFTER: replica.kill})
    say(f"   {CALLS} calls in {seconds:.1f} s: {len(load.failures)} failed")
    say("   answered by: " + ", ".join(
        f"{who} {count}" for who, count in sorted(load.answered_by.items())))
    for failure in load.failures[:10]:
        say(f"   failed: {failure}")

    step(f"The dead instance, {replica.address}, is gone")
    took = wait_for("the dead instance to go", lambda: not shop.lists(replica))
    say(indented(shop.ask("services")))
    say(f"   (it was gone {'at once' if took < 0.5 else f'after {took:.1f} s'})")

    step("It comes back")
    back = shop.start("shop-cart")
    took = wait_for("the new instance", lambda: shop.lists(back))
    say(indented(shop.ask("services")))
    again = Load(endpoint, path)
    again.run(100)
    say(f"   at {back.address}, {took:.1f} s after its start; 100 more calls: "
        f"{len(again.failures)} failed, answered by {len(again.answered_by)} instances")
    return load.failures + again.failures + (
        [] if len(again.answered_by) == 2 else ["the new instance was not called"])


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    directory = pathlib.Path(tempfile.mkdtemp(prefix="csidecar-demo-"))
    shop = Shop(directory)
    problems = ["it did not come to its end"]
    try:
        problems = demo(shop)
    finally:
        left = shop.close()
        problems += left
        step("All stopped" if not left else "Not all stopped well")
        if problems:
            say((directory / "log").read_text()[-4000:])
        shutil.rmtree(directory)
    say("\ndemo: 0 failed calls" if not problems else f"\ndemo: FAILED: {problems}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
