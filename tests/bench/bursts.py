"""Paired bursts: measurements that stand the noise of a small, shared machine.

The proxy is alone on CPU 0, origin and load generator on another. A round starts every proxy afresh and
warms it up. Inside a round there are blocks: in each every proxy gets one short burst of a fixed number of
requests, the order rotated and every second block reversed. Ratios are formed inside a block, between bursts
that ran within a second or two, so slow drift of the machine cancels. A burst begins when nobody else wants to
run, if that comes soon; one during which the proxy had to wait for its CPU, or others used much of the machine, is
repeated and the cleanest one kept.
"""

import statistics
import time

from machine import Origin, Patience, cpu_time, load_for, machine_time, memory_kib, open_proxy
from proxies import KINDS
from workloads import WORKLOADS

TRIES = 3
PATIENCE_S = 20  # of a round, for quiet moments


class Stopwatch:
    """What the machine did during a burst."""

    def __init__(self, proxy, others):
        self.proxy, self.others = proxy, others
        self.begun = self.read()

    def read(self):
        return (time.time(), *cpu_time(self.proxy.pids()), *cpu_time(self.others), *machine_time())

    def stop(self):
        wall, ran, waited, others, _, busy, stolen = (b - a for a, b in zip(self.begun, self.read()))
        return {"seconds": wall, "cpu_s": ran, "used": ran / wall, "wait": waited / wall,
                "foreign": max(0.0, busy - ran - others) / wall, "steal": stolen / wall}


def burst_once(proxy, load, origin):
    watch = Stopwatch(proxy, [load.process.pid, origin.process.pid])
    result = load.run()
    spent = watch.stop()
    result.update(spent, cpu_us=spent["cpu_s"] / max(1, result["n"]) * 1e6)
    return result


def disturbance(burst):
    return burst["wait"] + burst["steal"] + burst["foreign"]


def burst(proxy, load, origin, patience):
    best = None
    for _ in range(TRIES):
        patience.wait()
        result = burst_once(proxy, load, origin)
        if best is None or disturbance(result) < disturbance(best):
            best = result
        if proxy.workload.cpus or (best["wait"] < 0.04 and best["steal"] < 0.05 and best["foreign"] < 0.2):
            break
    return best


class Round:
    """Every proxy afresh, and their bursts."""

    def __init__(self, kinds, workload, origin):
        self.workload, self.origin, self.patience = workload, origin, Patience(PATIENCE_S)
        self.proxies, self.loads, self.bursts = {}, {}, {}
        try:
            for kind in kinds:
                self.open(kind)
        except Exception:
            self.close()
            raise

    def open(self, kind):
        proxy = self.proxies[kind.name] = open_proxy(kind, self.origin.ports[: self.workload.origins], self.workload)
        self.loads[kind.name] = load_for(proxy, self.workload)
        self.bursts[kind.name] = []

    def block(self, number, turn):
        names = list(self.proxies)
        at = (number + turn) % len(names)
        order = names[at:] + names[:at]
        for name in reversed(order) if number % 2 else order:
            self.bursts[name].append(burst(self.proxies[name], self.loads[name], self.origin, self.patience))

    def results(self):
        def memory(name, what):
            return memory_kib(self.proxies[name].pids(), what)

        return {name: {"bursts": bursts, "peak_kib": memory(name, "VmHWM"), "rss_kib": memory(name, "VmRSS")}
                for name, bursts in self.bursts.items()}

    def close(self):
        for load in self.loads.values():
            load.close()
        for proxy in self.proxies.values():
            proxy.close()


def kinds_for(workload, names):
    return [KINDS[n] for n in names if KINDS[n].takes(workload)]


def tell(workload, turn, results):
    for name, result in results.items():
        median = {key: statistics.median(b[key] for b in result["bursts"]) for key in ("rps", "cpu_us", "p50", "p99", "wait", "foreign", "steal")}
        errors = sum(b["errors"] + b["unfinished"] for b in result["bursts"])
        print("%-9s round %d %-11s %8.0f/s  cpu %6.2f us  p50 %7.1f  p99 %7.1f  errors %d  wait %.2f foreign %.2f steal %.2f" % (
            workload.name, turn, name, median["rps"], median["cpu_us"], median["p50"], median["p99"], errors,
            median["wait"], median["foreign"], median["steal"]), flush=True)


def run_round(kinds, workload, origin, blocks, turn):
    one = Round(kinds, workload, origin)
    try:
        for number in range(blocks):
            one.block(number, turn)
        return one.results()
    finally:
        one.close()


def run(names, workload_names, rounds, blocks, taken):
    """{workload: [{proxy: results} of each round]}; taken(results so far) after each workload."""
    origin, all_results = Origin(), {}
    try:
        for workload in (WORKLOADS[n] for n in workload_names):
            kinds = kinds_for(workload, names)
            for turn in range(rounds):
                results = run_round(kinds, workload, origin, blocks, turn)
                tell(workload, turn, results)
                all_results.setdefault(workload.name, []).append(results)
            taken(all_results)
    finally:
        origin.close()
    return all_results
