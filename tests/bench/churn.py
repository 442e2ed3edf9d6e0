#!/usr/bin/env python3
"""What a busy registry costs a sidecar: churn.py [SECONDS].

A real etcd with 10,000 instances of 500 services, all of them in use; then 1,000 changes a second, while an open loop of
calls to one service goes through the local endpoint. Prints latencies (from when a call was due; of each second in which the
host took no processor away, then the median of those) before and during, how far behind the sidecar was at the end, and its
CPU and memory.

The etcd and whoever changes it would be elsewhere: they have one processor and no disk, and client, sidecar and app the other
processor. The same calls without a sidecar, at the same time, show what the machine alone does to them.
"""
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from machine import BUILD, LoadGenerator, cpu_time, end, machine_time, start  # noqa: E402
from registries import beside  # noqa: E402
from registries.etcd import Etcd, b64  # noqa: E402
from ports import free_port  # noqa: E402
from registries.test_etcd import EACH, PREFIX, SERVICES, fill, instances, node  # noqa: E402
from scenario.lib import ROOT, eventually  # noqa: E402

RATE, CHANGES, BATCH, ANSWER = 2000, 1000, 4, 128  # as they come from many hosts, not in one bundle
HERE, ELSEWHERE = 0, 1  # processors
STOLEN_S = 0.01  # of a second: more, and it says nothing


def pin(pid, cpu):
    """All threads of it."""
    for task in os.listdir("/proc/%d/task" % pid):
        os.sched_setaffinity(int(task), {cpu})


class Calls(threading.Thread):
    """RATE calls a second through the sidecar or past it, second by second."""

    def __init__(self, port, path, seconds):
        super().__init__(daemon=True)
        self.seconds, self.slices = seconds, []
        self.load = LoadGenerator(["-p", port, "-u", path, "-e", ANSWER, "-c", 8, "-r", RATE, "-n", RATE, "-w", 100], {HERE})
        assert not self.load.warm_up_errors, self.load.warm_up_errors

    def run(self):
        for _ in range(self.seconds):
            _, before = machine_time()
            result = self.load.run()
            self.slices.append({**result, "stolen": machine_time()[1] - before})
        self.load.close()

    def result(self):
        self.join()
        assert len(self.slices) == self.seconds, self.slices  # or it has said why
        good = [s for s in self.slices if s["stolen"] <= STOLEN_S] or self.slices
        return {"good": len(good), **{k: statistics.median(s[k] for s in good) for k in ("p50", "p99")},
                **{k: sum(s[k] for s in self.slices) for k in ("n", "errors")}}  # fmt: skip


def both(sidecar, app_port, seconds, meanwhile=lambda: None):
    """Calls through the sidecar and past it, at the same time; and what was done meanwhile."""
    calls = [Calls(sidecar.port, "/steady/b/%d" % ANSWER, seconds), Calls(app_port, "/b/%d" % ANSWER, seconds)]
    for c in calls:
        c.start()
    done = meanwhile()
    return [c.result() for c in calls], done


def churn(etcd_port, seconds):
    """Changes of addresses, round and round, at an even pace; how many there were, and the last one's mark."""
    os.sched_setaffinity(0, {ELSEWHERE})
    connection = http.client.HTTPConnection("127.0.0.1", etcd_port, timeout=10)
    begin, made = time.monotonic(), 0
    while time.monotonic() - begin < seconds:
        puts = []
        for _ in range(BATCH):
            service, ident, port = "s%d" % (made % SERVICES), made // SERVICES % EACH, 20000 + made % 40000
            puts.append({"request_put": {"key": b64("%s%s/%s-%d" % (PREFIX, service, service, ident)),
                                         "value": b64(node(service, "%s-%d" % (service, ident), port))}})
            made += 1
        connection.request("POST", "/v3/kv/txn", json.dumps({"success": puts}))
        connection.getresponse().read()
        time.sleep(max(0, begin + made / CHANGES - time.monotonic()))
    return made, time.monotonic() - begin, service, port


def changes(sidecar, etcd_port, seconds):
    """As a process of its own; and for how long the sidecar has not known of the last one."""
    with ProcessPoolExecutor(1) as producer:
        made, took, service, port = producer.submit(churn, etcd_port, seconds).result()
    end = time.monotonic()
    eventually(lambda: any(i["address"].endswith(":%d" % port) for i in beside.sees(sidecar, service)), "the last", 30)
    return made, took, time.monotonic() - end


def say(when, result, before=None):
    text = "%-26s p50 %3.0f us  p99 %4.0f us (of %d seconds)  %d of %d failed" % (
        when, result["p50"], result["p99"], result["good"], result["errors"], result["n"])  # fmt: skip
    print(text + ("; p99 is %.2f times the quiet one" % (result["p99"] / before["p99"]) if before else ""))


def main(seconds):
    subprocess.run([sys.executable, ROOT / "tests/bench/bench.py", "build"], check=True)
    if os.access("/dev/shm", os.W_OK):
        tempfile.tempdir = "/dev/shm"
    with Etcd() as server, tempfile.TemporaryDirectory() as folder:
        app_port = free_port()
        app = start([BUILD / "origin", app_port], {HERE}, stdout=subprocess.DEVNULL)
        fill(server)
        server.put(PREFIX + "steady/steady-1", node("steady", "steady-1", app_port))
        sidecar = beside.start(Path(folder) / "one", server.url, proxy={"allowed_hosts": ["bench.local"]}, log={"access": False})
        eventually(lambda: instances(sidecar) == SERVICES * EACH + 1, "all instances", 60)
        pin(server.process.pid, ELSEWHERE)
        pin(sidecar.process.pid, HERE)
        at_first = cpu_time([sidecar.process.pid])[0]
        (quiet, quiet_direct), _ = both(sidecar, app_port, seconds)
        say("quiet", quiet)
        say("quiet, without a sidecar", quiet_direct)
        rss, cpu = sidecar.rss_kib(), cpu_time([sidecar.process.pid])[0]
        (busy, busy_direct), (made, took, behind) = both(sidecar, app_port, seconds, lambda: changes(sidecar, server.port, seconds))
        used = cpu_time([sidecar.process.pid])[0] - cpu - (cpu - at_first)
        say("during", busy, quiet)
        say("during, without a sidecar", busy_direct, quiet_direct)
        print("%d changes in %.1f s: %.0f a second; the last was known after %.3f s" % (made, took, made / took, behind))
        print("CPU more than quiet: %.0f %% of one, %.0f us a change; memory %+d KiB" % (
            100 * used / took, 1e6 * used / made, sidecar.rss_kib() - rss))
        sidecar.stop()
        end(app)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
