#!/usr/bin/env python3
"""What a busy registry costs a sidecar: churn.py [SECONDS].

A real etcd with 10,000 instances of 500 services, all of them in use; then 1,000 changes a second, while calls to one
service go through the local endpoint at a steady pace. Prints latencies before and during, how far behind the sidecar was
at the end, and its CPU and memory. The etcd and whoever changes it get what the others leave of the processors: they would
be elsewhere. The same calls without a sidecar, at the same time, show what the machine alone does to them.
"""
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from registries import beside  # noqa: E402
from registries.etcd import Etcd, b64  # noqa: E402
from registries.test_etcd import EACH, PREFIX, SERVICES, fill, instances, node  # noqa: E402
from scenario.apps import App  # noqa: E402
from scenario.lib import eventually  # noqa: E402

PACE, CHANGES, BATCH = 200, 1000, 20


class Calls(threading.Thread):
    """PACE calls a second on one connection; latencies from when each was due."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.taken, self.failed, self.ending = port, [], 0, False
        self.start()

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        due = time.monotonic()
        while not self.ending:
            due += 1 / PACE
            time.sleep(max(0, due - time.monotonic()))
            connection.request("GET", "/steady/x")
            answer = connection.getresponse()
            answer.read()
            self.failed += answer.status != 200
            self.taken.append(time.monotonic() - due)

    def stop(self):
        self.ending = True
        self.join()
        taken = sorted(self.taken)
        return {q: 1000 * taken[int(len(taken) * q / 100)] for q in (50, 99)}, self.failed, len(taken)


def cpu_s(pid):
    fields = Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def churn(etcd_port, seconds):
    """Changes of addresses, round and round, at an even pace; how many there were, and the last one's mark."""
    os.nice(19)
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


def main(seconds):
    with Etcd() as server, tempfile.TemporaryDirectory() as folder:
        app = App()
        fill(server)
        server.put(PREFIX + "steady/steady-1", node("steady", "steady-1", app.port))
        sidecar = beside.start(Path(folder) / "one", server.url)
        eventually(lambda: instances(sidecar) == SERVICES * EACH + 1, "all instances", 60)
        subprocess.run(["renice", "-n", "19", "-p", str(server.process.pid)], check=True, stdout=subprocess.DEVNULL)
        quiet, direct = Calls(sidecar.port), Calls(app.port)
        time.sleep(seconds / 2)
        (before, failed, count), (before_direct, _, _) = quiet.stop(), direct.stop()
        print("quiet   p50 %.2f ms  p99 %.2f ms  %d of %d failed" % (before[50], before[99], failed, count))
        rss, cpu, busy = sidecar.rss_kib(), cpu_s(sidecar.process.pid), Calls(sidecar.port)
        direct = Calls(app.port)
        with ProcessPoolExecutor(1) as beside_the_calls:  # which would else wait for this one's Python
            made, took, service, port = beside_the_calls.submit(churn, server.port, seconds).result()
        end = time.monotonic()
        eventually(lambda: any(i["address"].endswith(":%d" % port) for i in beside.sees(sidecar, service)), "the last", 30)
        behind = time.monotonic() - end
        (during, failed, count), (during_direct, _, _) = busy.stop(), direct.stop()
        used = cpu_s(sidecar.process.pid) - cpu
        print("%d changes in %.1f s: %.0f a second; the last was known after %.3f s" % (made, took, made / took, behind))
        print("during  p50 %.2f ms  p99 %.2f ms  %d of %d failed; p99 is %.2f times the quiet one" % (
            during[50], during[99], failed, count, during[99] / before[99]))
        print("without a sidecar p99 %.2f, then %.2f ms: %.2f times" % (
            before_direct[99], during_direct[99], during_direct[99] / before_direct[99]))
        print("CPU %.0f %% of a core, %.0f us a change; memory %+d KiB" % (
            100 * used / took, 1e6 * used / made, sidecar.rss_kib() - rss))
        sidecar.stop()
        app.stop()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30)
