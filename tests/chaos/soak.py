#!/usr/bin/env python3
"""The soak: soak.py [--into docs/reliability.md], for SOAK_SECONDS (3600) at SOAK_RATE (5000) requests a second.

An open loop of requests over instances that come, leave and die in two registries, with a reload every ten seconds.
Prints what was measured in Markdown. Ends with 1 when memory grew, descriptors are left, or a call failed.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.machine import LoadGenerator  # noqa: E402
from chaos import document, stage  # noqa: E402
from chaos.churn import Churn  # noqa: E402
from registries.etcd import Etcd  # noqa: E402
from scenario.lib import ROOT, eventually  # noqa: E402

SLICE_S = 10  # of load, one after the other on the same connections
RELOAD_S = 10
CONNECTIONS = 64
FLAT = 0.05
ANSWER = 128


class Every:
    """Calls it every so many seconds until stop()."""

    def __init__(self, seconds, call):
        self.seconds, self.call, self.ending, self.error = seconds, call, threading.Event(), None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while not self.ending.wait(self.seconds):
                self.call()
        except Exception as e:  # noqa: BLE001 (the soak tells)
            self.error = e

    def stop(self):
        self.ending.set()
        self.thread.join(30)


class Soak:
    def __init__(self, d, seconds, rate):
        self.d, self.seconds, self.rate = d, seconds, rate
        self.warm_s = min(60, seconds // 4)
        self.samples, self.slices, self.reloads = [], [], 0
        etcd = d.stack.enter_context(Etcd())
        runtime = d.folder / "shared"
        runtime.mkdir(mode=0o700)
        shared = {"XDG_RUNTIME_DIR": str(runtime)}
        self.churn = Churn(d.folder, ["local", etcd.url], shared)
        d.stack.callback(self.churn.stop)
        settings = {"name": "soaked", "proxy": {"allowed_hosts": ["bench.local"]}, "registry": {"url": ["local", etcd.url]},
                    "advertise": "127.0.0.1", "app": {"port": d.upstream().port, "health": {"interval": "1s"}}, "state": {"max_age": "1h"}}  # fmt: skip
        self.sidecar = d.sidecar(settings, environment=shared)
        eventually(lambda: self.known() == len(self.churn.instances), "all instances", 20)

    def known(self):
        status, body = self.sidecar.admin("/services/users")
        return len(json.loads(body)["instances"]) if status == 200 else 0

    def reload(self):
        self.reloads += 1
        self.sidecar.change({"defaults": {"timeout": "%ds" % (5 + self.reloads % 5)}, "metadata": {"reload": str(self.reloads)}})
        self.sidecar.signal(signal.SIGHUP)

    def sample(self):
        self.samples.append((time.monotonic(), self.sidecar.rss_kib(), self.sidecar.descriptors()))

    def load(self, seconds, into):
        """For so long, in slices. None is begun when something is wrong with the run itself."""
        length = min(SLICE_S, seconds)
        load = LoadGenerator(["-p", self.sidecar.port, "-u", "/users/b/%d" % ANSWER, "-e", ANSWER, "-c", CONNECTIONS, "-w", CONNECTIONS,
                              "-r", self.rate, "-n", self.rate * length], os.sched_getaffinity(0))  # fmt: skip
        try:
            assert not load.warm_up_errors, load.warm_up_errors
            for _ in range(seconds // length):
                into.append(load.run())
                self.check(into)
        finally:
            load.close()

    def check(self, slices):
        assert self.sidecar.process.poll() is None, "csidecar ended: %s" % self.d.logs()
        assert not slices[-1]["unfinished"], slices[-1]
        assert not self.churn.error, self.churn.error
        if slices is self.slices and len(slices) % 30 == 0:
            print("%d min: %d calls failed, %d KiB" % (len(slices) * SLICE_S // 60, self.failed(), self.sidecar.rss_kib()), file=sys.stderr)

    def run(self):
        self.load(3, [])
        self.fds_before = self.d.at_rest(self.sidecar)
        self.cpu, self.begin = self.sidecar.cpu_s(), time.monotonic()
        self.churn.start()
        beside = [Every(RELOAD_S, self.reload), Every(1, self.sample)]
        self.load(self.seconds, self.slices)
        self.took = time.monotonic() - self.begin
        self.cpu = self.sidecar.cpu_s() - self.cpu
        for each in beside:
            each.stop()
        self.churn.ending.set()
        self.churn.thread.join(30)
        for each in (*beside, self.churn):
            assert not each.error, each.error
        eventually(lambda: self.sidecar.metric("csidecar_reloads_total") >= self.reloads, "the last reload")
        self.fds_after = self.d.at_rest(self.sidecar)
        self.errors = self.errors_by_code()

    def errors_by_code(self):
        _, text = self.sidecar.admin("/metrics")
        lines = [line for line in text.decode().splitlines() if line.startswith("csidecar_errors_total{")]
        codes = {line.split('code="')[1].split('"')[0]: float(line.rsplit(" ", 1)[1]) for line in lines if 'service="users"' in line}
        return {code: int(n) for code, n in codes.items() if n}

    # ---- what it comes to ----

    def sum(self, name):
        return sum(s[name] for s in self.slices)

    def rss(self):
        """KiB: median of the first tenth after the warm-up, and of the last."""
        after = [rss for at, rss, _ in self.samples if at - self.begin >= self.warm_s]
        tenth = max(1, len(after) // 10)
        return statistics.median(after[:tenth]), statistics.median(after[-tenth:])

    def grown(self):
        first, last = self.rss()
        return last / first - 1

    def failed(self):
        """Calls that were not answered by an instance's 200, whole."""
        return self.sum("errors") + self.sum("unfinished")

    def complaints(self, flat):
        """What was not as it must be."""
        explained = self.errors.get("response_truncated", 0)  # an instance was killed in the middle of its answer
        return list(filter(None, [
            self.failed() > explained and "%d calls failed: %s" % (self.failed(), self.errors or "csidecar counted none"),
            abs(self.grown()) > flat and "memory changed by %+.1f %%" % (100 * self.grown()),
            self.fds_after > self.fds_before and "%d descriptors, before it were %d" % (self.fds_after, self.fds_before),
        ]))  # fmt: skip

    def rows(self):
        first, last = self.rss()
        all_rss, fds = [s[1] for s in self.samples], [s[2] for s in self.samples]
        p99 = [s["p99"] / 1000 for s in self.slices]
        yield "requests", "{:,} in {:,.0f} s, {:,.0f}/s".format(self.sum("n"), self.took, self.sum("n") / self.took)
        yield "calls that failed", "{:,} ({})".format(self.failed(), ", ".join("%d × %s" % (n, c) for c, n in self.errors.items()) or "none")
        yield "further attempts that saved a call", "{:,.0f}".format(self.sidecar.metric("csidecar_retries_total"))
        yield "p99 from when a request was due", "%.2f ms in the middle of %d slices, %.2f ms in the worst" % (
            statistics.median(p99), len(p99), max(p99))  # fmt: skip
        yield "instances", ", ".join("{:,} {}".format(n, what) for what, n in self.churn.counts.items())
        yield "reloads", "{:,}".format(self.reloads)
        yield "memory", "{:,.0f} KiB after the warm-up of {:,} s, {:,.0f} KiB at the end ({:+.1f} %); {:,} to {:,} KiB in all".format(
            first, self.warm_s, last, 100 * self.grown(), min(all_rss), max(all_rss))  # fmt: skip
        yield "descriptors", "%d at rest before, %d at rest after; up to %d in between" % (self.fds_before, self.fds_after, max(fds))
        yield "CPU of csidecar", "%.0f %% of one" % (100 * self.cpu / self.took)

    def report(self, flat):
        complaints = self.complaints(flat)
        table = ["| | |", "|---|---|", *("| %s | %s |" % row for row in self.rows())]
        return "\n".join(["`make soak SOAK_SECONDS=%d`, %s, %s" % (self.seconds, time.strftime("%F"), document.machine()), "", *table, "",
                          "**%s**" % ("; ".join(complaints) or "flat, and nothing lost")])  # fmt: skip


def build():
    subprocess.run([sys.executable, ROOT / "tests/bench/bench.py", "build"], check=True)


def run(d, seconds, rate):
    build()
    soak = Soak(d, seconds, rate)
    soak.run()
    return soak


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path)
    options = parser.parse_args()
    stage.want_descriptors()
    with stage.Stage() as d:
        soak = run(d, int(os.environ.get("SOAK_SECONDS", 3600)), int(os.environ.get("SOAK_RATE", 5000)))
        text = soak.report(FLAT)
        print(text)
        if soak.complaints(FLAT):
            print(d.logs(), file=sys.stderr)
    if options.into:
        document.replace(options.into, "soak", text)
    return 1 if soak.complaints(FLAT) else 0


if __name__ == "__main__":
    sys.exit(main())
