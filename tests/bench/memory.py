"""Memory, which depends on the noise of the machine hardly at all: idle, with many connections, with many services."""

import statistics
import time

from machine import Origin, Proxy, load_for, memory_kib
from proxies import KINDS
from workloads import WORKLOADS

IDLE = (1000, 5000)
BUSY = "conn1000"
SETTLE_S = 1.2  # for what a wave of requests needed to be given back


def median_rows(rows):
    return {key: statistics.median(r[key] for r in rows) for key in rows[0]}


def answered(proxy, workload, **changed):
    load = load_for(proxy, workload, **changed)
    load.run()
    load.close()


def idle_row(kind, origin, counts=IDLE):
    """After start and 100 requests, and per idle connection."""
    workload, row = WORKLOADS["get128"], {}
    proxy = Proxy(kind, origin.ports[:1], workload)
    try:
        answered(proxy, workload, connections=1, requests=50, warm=50)
        start = row["RSS KiB after 100 requests"] = memory_kib(proxy.pids())
        for count in counts:
            load = load_for(proxy, workload, connections=count, idle=True)
            time.sleep(SETTLE_S)
            row["KiB per idle connection of %d" % count] = (memory_kib(proxy.pids()) - start) / count
            load.close()
    finally:
        proxy.close()
    return row


def busy_row(kind, origin):
    workload = WORKLOADS[BUSY]
    proxy = Proxy(kind, origin.ports[:1], workload)
    try:
        answered(proxy, workload)
        return {"peak MiB, %d busy" % workload.connections: memory_kib(proxy.pids(), "VmHWM") / 1024}
    finally:
        proxy.close()


def workers_row(kind, origin):
    """How much more two workers take than one, after the same requests."""
    taken = []
    for workload in (WORKLOADS["w1"], WORKLOADS["w2"]):
        proxy = Proxy(kind, origin.ports[:1], workload)
        try:
            answered(proxy, workload)
            taken.append(memory_kib(proxy.pids()))
        finally:
            proxy.close()
    return {"RSS of 2 workers / 1": taken[1] / taken[0]}


def row(kind, origin):
    return {**idle_row(kind, origin), **busy_row(kind, origin), **(workers_row(kind, origin) if kind.workers else {})}


def memory(names, rounds):
    """{proxy: {figure: number}}"""
    origin, results = Origin(), {}
    try:
        for kind in (KINDS[n] for n in names if KINDS[n].command and KINDS[n].loads is None):
            results[kind.name] = median_rows([row(kind, origin) for _ in range(rounds)])
            print(kind.name, {k: round(v, 2) for k, v in results[kind.name].items()}, flush=True)
    finally:
        origin.close()
    return results


def scale_row(kind, origin, size):
    workload = WORKLOADS["svc1k"].changed(services=size)
    proxy = Proxy(kind, origin.ports, workload, limit=120)
    try:
        first_s = proxy.first_answer_s()
        answered(proxy, workload)
        return {"first answer s": first_s, "RSS MiB": memory_kib(proxy.pids()) / 1024,
                "peak MiB": memory_kib(proxy.pids(), "VmHWM") / 1024}
    finally:
        proxy.close()


def scale(names, sizes, rounds):
    """Start and memory with many services; {"proxy SxI": {figure: number}}"""
    origin, results = Origin(), {}
    try:
        for kind in (KINDS[n] for n in names if KINDS[n].services and KINDS[n].configure and KINDS[n].loads is None):
            for size in sizes:
                name = "%s %dx%d" % (kind.name, *size)
                results[name] = median_rows([scale_row(kind, origin, size) for _ in range(rounds)])
                print(name, {k: round(v, 2) for k, v in results[name].items()}, flush=True)
    finally:
        origin.close()
    return results
