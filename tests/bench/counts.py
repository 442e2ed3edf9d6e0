"""What does not depend on the noise of the machine: instructions, system calls, memory."""

import re
import signal
import statistics
import subprocess
import time

from machine import Load, Origin, Proxy, memory_kib
from proxies import KINDS
from workloads import WORKLOADS

IDLE = (1000, 5000)
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
        load = Load(proxy, workload)
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
        load = Load(proxy, changed)
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


def memory_row(kind, origin):
    workload = WORKLOADS["get128"]
    proxy = Proxy(kind, origin.ports[:1], workload)
    row = {}
    try:
        load = Load(proxy, workload, connections=1, requests=50, warm=50)
        load.run()
        load.close()
        start = row["RSS KiB after 100 requests"] = memory_kib(proxy.pids())
        for count in IDLE:
            load = Load(proxy, workload, connections=count, idle=True)
            row["KiB per idle connection of %d" % count] = (memory_kib(proxy.pids()) - start) / count
            load.close()
    finally:
        proxy.close()
    return row


def memory(names, rounds):
    origin, results = Origin(), {}
    try:
        for name in names:
            rows = [memory_row(KINDS[name], origin) for _ in range(rounds)]
            results[name] = {key: statistics.median(r[key] for r in rows) for key in rows[0]}
    finally:
        origin.close()
    return results


def scale(names, sizes):
    """Start and memory with many services; {"proxy SxI": {figure: number}}"""
    origin, results = Origin(), {}
    try:
        for kind in (KINDS[n] for n in names if KINDS[n].services):
            for size in sizes:
                workload = WORKLOADS["svc1k"].changed(services=size)
                proxy = Proxy(kind, origin.ports, workload, limit=120)
                try:
                    load = Load(proxy, workload)
                    load.close()
                    results["%s %dx%d" % (kind.name, *size)] = {
                        "start s": proxy.start_s, "peak RSS MiB": memory_kib(proxy.pids(), "VmHWM") / 1024}
                finally:
                    proxy.close()
    finally:
        origin.close()
    return results
