"""What does not depend on the noise of the machine: instructions and system calls of one request."""

import re
import signal
import subprocess
import time

from machine import Origin, Proxy, load_for
from proxies import KINDS
from workloads import WORKLOADS

TRACED = {"get1m": 40, "get64k": 200}  # requests under valgrind; 500 for the others


def callgrind_total(folder):
    total = 0
    for file in folder.glob("callgrind.*"):
        sums = re.findall(r"^(?:summary|totals): (\d+)", file.read_text(), re.M)
        total += int(sums[-1]) if sums else 0
    return total


def instructions_of(kind, origin, workload):
    """User instructions of a whole life with that many requests; None: it did not end."""
    ports = origin.ports[: workload.origins]
    proxy = Proxy(kind, ports, workload, wrap=["valgrind", "--tool=callgrind", "-q", "--callgrind-out-file=callgrind.%p"], limit=120)
    try:
        load = load_for(proxy, workload)
        load.run()
        load.close()
        proxy.process.send_signal(signal.SIGTERM)
        proxy.process.wait(30)
        return callgrind_total(proxy.folder)
    except subprocess.TimeoutExpired:
        return None
    finally:
        proxy.close()


def instructions(kind, origin, workload):
    """Of one request: the difference of two lives."""
    n = TRACED.get(workload.name, 500)
    one = workload.changed(connections=1, warm=50, rate=0)
    lives = [instructions_of(kind, origin, one.changed(requests=count)) for count in (n, 2 * n)]
    return None if None in lives else (lives[1] - lives[0]) / n


def system_calls(kind, origin, workload, connections):
    """Of one request, counted by perf in the kernel; None where it may not."""
    changed = workload.changed(connections=connections, requests=min(2000, workload.requests), warm=max(connections, 200), rate=0)
    proxy = Proxy(kind, origin.ports[: workload.origins], changed)
    counts = proxy.folder / "perf"
    try:
        load = load_for(proxy, changed)
        pids = ",".join(map(str, proxy.pids()))
        perf = subprocess.Popen(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", pids, "-o", counts])
        time.sleep(0.5)
        result = load.run()
        perf.send_signal(signal.SIGINT)
        perf.wait(10)
        load.close()
        found = counts.exists() and re.search(r"^(\d+),.*raw_syscalls", counts.read_text(), re.M)
        return int(found[1]) / result["n"] if found else None
    finally:
        proxy.close()


def calls(names, workload_names):
    """{proxy: {figure: number}}"""
    origin, results = Origin(), {}
    try:
        for name in names:
            row = results[name] = {}
            for workload in (WORKLOADS[w] for w in workload_names):
                figures = {workload.name + " instructions": instructions(KINDS[name], origin, workload)}
                for connections in sorted({1, workload.connections}):
                    figures["%s calls, c=%d" % (workload.name, connections)] = system_calls(KINDS[name], origin, workload, connections)
                row.update({figure: value for figure, value in figures.items() if value is not None})
            print(name, {k: round(v, 2) for k, v in row.items()}, flush=True)
    finally:
        origin.close()
    return results
