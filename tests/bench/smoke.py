"""A few seconds for CI: does all of it run and answer right, and do the figures hold that no noise can move?

The limits are what was measured when they were written; a value may pass its limit by the margin. Who makes
csidecar better lowers them; who makes it worse must have a reason.
"""

import dataclasses
import shutil

import bursts
import counts
import memory
from machine import Origin, load_for, open_proxy
from proxies import KINDS
from workloads import WORKLOADS

OURS = KINDS["csidecar"]
TRIES = 6
ANSWERED = ("get128", "get64k", "chunk16k", "post10k", "newconn", "rate5k")


@dataclasses.dataclass(frozen=True)
class Gate:
    figure: str
    limit: float
    margin: float
    measure: object  # of an origin: a number; None: no tool may count it here
    tool: str = None
    tries: int = 1  # the least of them is the program's own: others only add to it


def instructions(load):
    return lambda origin: counts.instructions(OURS, origin, WORKLOADS[load])


def calls(load, connections):
    return lambda origin: counts.system_calls(OURS, origin, WORKLOADS[load], connections)


def idle(figure):
    return lambda origin: memory.idle_row(OURS, origin, counts=(5000,))[figure]


def busy(origin):
    return next(iter(memory.busy_row(OURS, origin).values()))


def endpoints(origin):
    return memory.scale_row(OURS, origin, (1000, 10))["RSS MiB"]


GATES = [
    Gate("user instructions of a get128", 9740, 0.02, instructions("get128"), "valgrind"),
    Gate("system calls of it, 1 connection", 6.0, 0.03, calls("get128", 1), "perf", TRIES),
    Gate("system calls of it, 32 connections", 4.15, 0.1, calls("get128", 32), "perf", TRIES),
    Gate("system calls of a newconn", 11.0, 0.02, calls("newconn", 1), "perf", TRIES),
    Gate("RSS after 100 requests, KiB", 3100, 0.05, idle("RSS KiB after 100 requests"), tries=3),
    Gate("KiB for each of 5,000 idle connections", 0.45, 0.05, idle("KiB per idle connection of 5000"), tries=3),
    Gate("peak RSS with 1,000 busy connections, MiB", 5.9, 0.05, busy, tries=TRIES),
    Gate("RSS with 10,000 endpoints, MiB", 4.0, 0.05, endpoints, tries=3),
]


def most(gate):
    return gate.limit * (1 + gate.margin)


def best_of(gate, origin):
    """Tried again while it is past what is allowed."""
    best = None
    for _ in range(gate.tries):
        found = gate.measure(origin)
        best = found if best is None else min(best, found or best)
        if best is None or best <= most(gate):
            break
    return best


def holds(gate, origin):
    if gate.tool and not shutil.which(gate.tool):
        print("smoke: %-42s not counted: no %s" % (gate.figure, gate.tool))
        return True
    value = best_of(gate, origin)
    if value is None:
        print("smoke: %-42s not counted: %s may not" % (gate.figure, gate.tool))
        return True
    good = 0 < value <= most(gate)
    print("smoke: %-42s %10.2f (at most %.6g)%s" % (gate.figure, value, most(gate), "" if good else "  WRONG"), flush=True)
    return good


def gates_hold():
    origin = Origin()
    try:
        return all([holds(gate, origin) for gate in GATES])
    finally:
        origin.close()


def answers_right(names):
    """Every proxy, every kind of body, without one error."""
    origin, bad = Origin(), 0
    try:
        for workload in (WORKLOADS[w] for w in ANSWERED):
            for kind in bursts.kinds_for(workload, names):
                bad += errors_of(kind, origin, workload)
    finally:
        origin.close()
    return bad == 0


def errors_of(kind, origin, workload):
    few = workload.changed(requests=300, warm=64)
    proxy = open_proxy(kind, origin.ports[:1], few)
    try:
        load = load_for(proxy, few)
        result = load.run()
        load.close()
        errors = load.warm_up_errors + result["errors"] + result["unfinished"]
    finally:
        proxy.close()
    if errors:
        print("smoke: %s %s: %d errors" % (kind.name, workload.name, errors))
    return errors


def is_here(name):
    program = name.split("_")[0]
    return program not in ("haproxy", "nginx") or shutil.which(program, path="/usr/sbin:/usr/bin")


def smoke(names):
    right = answers_right([n for n in names if is_here(n)])
    return gates_hold() and right
