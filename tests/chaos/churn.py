"""Instances of one service that come, leave and die, in two registries: each an own process that answers, and another
that keeps its record (`csidecar register`)."""

import contextlib
import itertools
import random
import threading
import time

from ports import free_port
from registries.base import Process, accepts
from scenario.lib import ROOT, binary

ORIGIN = ROOT / "build/bench/origin"
LEAST, MOST = 4, 8
LISTED_S = 1.5  # until everybody has heard of a change


class Instance:
    """Answers on its port, and is listed in one registry."""

    def __init__(self, folder, number, url, environment):
        self.port, self.log = free_port(), folder / "instances"
        self.name = "instance-%d" % number
        self.answer()
        command = [binary(), "register", "users", "127.0.0.1:%d" % self.port, "--id", self.name, "--registry", url]
        self.record = Process(command, self.log, environment)

    def answer(self):
        self.process = Process([ORIGIN, self.port], self.log)
        self.process.wait_until(lambda: accepts(self.port), "the instance")

    def leave(self):
        """In the right order."""
        self.record.stop()
        time.sleep(LISTED_S)
        self.process.stop()

    def die(self):
        """Its record is there for some time yet."""
        self.process.kill()
        time.sleep(random.uniform(0.2, 2))

    def stop(self):
        self.record.kill()
        self.process.kill()


class Churn:
    """Runs in a thread of its own from start() to stop(). `counts` says what was done."""

    def __init__(self, folder, urls, environment):
        self.folder, self.environment = folder, environment
        self.urls, self.numbers = itertools.cycle(urls), itertools.count(1)
        self.dice, self.ending = random.Random(5), threading.Event()
        self.counts = {"come": 0, "leave": 0, "killed, and replaced": 0, "killed, and back": 0}
        self.instances, self.error = [], None
        self.thread = threading.Thread(target=self.run, daemon=True)
        for _ in range(MOST - 2):
            self.come()

    def start(self):
        self.thread.start()

    def run(self):
        try:
            while not self.ending.wait(self.dice.uniform(0.5, 2.5)):
                self.step()
        except Exception as e:  # noqa: BLE001 (the soak tells)
            self.error = e

    def step(self):
        choices = [self.replace, self.kill]
        choices += [self.come] if len(self.instances) < MOST else []
        choices += [self.leave] if len(self.instances) > LEAST else []
        self.dice.choice(choices)()

    def any(self):
        return self.dice.choice(self.instances)

    def come(self):
        self.instances.append(Instance(self.folder, next(self.numbers), next(self.urls), self.environment))
        self.counts["come"] += 1

    def leave(self):
        leaving = self.any()
        self.instances.remove(leaving)
        leaving.leave()
        self.counts["leave"] += 1

    def replace(self):
        dying = self.any()
        dying.die()
        self.instances.remove(dying)
        dying.record.stop()
        self.counts["killed, and replaced"] += 1
        self.come()

    def kill(self):
        dying = self.any()
        dying.die()
        dying.answer()
        self.counts["killed, and back"] += 1

    def stop(self):
        self.ending.set()
        with contextlib.suppress(RuntimeError):  # never started
            self.thread.join(30)
        for each in self.instances:
            each.stop()
