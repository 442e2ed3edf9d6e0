"""The aims, line by line, and whether a run reaches them. Less is better everywhere."""

import dataclasses

import figures
from table import table

OURS = "csidecar"


@dataclasses.dataclass(frozen=True)
class Goal:
    line: str
    metric: str
    must: float
    moonshot: float
    measure: object  # of a run: (value, low, high) or (value,); None: not in this run
    digits: int = 2


def cpu(load, base):
    def measure(run):
        rounds = run["bursts"].get(load)
        return figures.ratio(rounds, OURS, base) if figures.has(rounds, OURS, base) else None

    return measure


def added_p50(load, base="floor_pool"):
    def measure(run):
        rounds = run["bursts"].get(load)
        return figures.difference(rounds, OURS, base, "p50") if figures.has(rounds, OURS, base) else None

    return measure


def quiet_p99(load, base):
    def measure(run):
        rounds = run["bursts"].get(load)
        if not figures.has(rounds, OURS, base):
            return None
        return (figures.quiet_p99(rounds, OURS) / figures.quiet_p99(rounds, base),)

    return measure


def number(part, key, row=OURS, scale=1):
    def measure(run):
        value = run[part].get(row, {}).get(key)
        return None if value is None else (value * scale,)

    return measure


GOALS = [
    Goal("1", "CPU of get128 / haproxy", 0.90, 0.84, cpu("get128", "haproxy")),
    Goal("2", "the same / haproxy_rt", 0.87, 0.81, cpu("get128", "haproxy_rt")),
    Goal("3", "the same / nginx_rt", 0.88, 0.82, cpu("get128", "nginx_rt")),
    Goal("4", "the same / floor_pool", 1.15, 1.08, cpu("get128", "floor_pool")),
    Goal("5", "CPU at 20,000 requests/s / haproxy", 0.90, 0.86, cpu("rate20k", "haproxy")),
    Goal("", "the same / nginx", 0.97, 0.93, cpu("rate20k", "nginx")),
    Goal("6", "CPU of get64k / haproxy", 0.70, 0.65, cpu("get64k", "haproxy")),
    Goal("", "the same / nginx_big", 0.92, 0.86, cpu("get64k", "nginx_big")),
    Goal("7", "CPU of get1m / haproxy", 0.60, 0.48, cpu("get1m", "haproxy")),
    Goal("8", "CPU of post10k / haproxy", 0.90, 0.84, cpu("post10k", "haproxy")),
    Goal("", "CPU of chunk16k / haproxy", 0.78, 0.70, cpu("chunk16k", "haproxy")),
    Goal("9", "CPU of conn1000 / haproxy", 0.80, 0.70, cpu("conn1000", "haproxy")),
    Goal("10", "CPU of newconn / nginx", 1.00, 0.90, cpu("newconn", "nginx")),
    Goal("11", "user instructions of a get128", 11000, 8500, number("counts", "get128 instructions"), 0),
    Goal("12", "system calls of a get128, 1 connection", 6.0, 6.0, number("counts", "get128 calls, c=1")),
    Goal("", "the same, 32 connections", 4.5, 4.3, number("counts", "get128 calls, c=32")),
    Goal("", "of a newconn, one at a time", 13, 11, number("counts", "newconn calls, c=1")),
    Goal("13", "p50 added to floor_pool's, 1 connection, µs", 12, 6, added_p50("c1"), 0),
    Goal("", "the same at 5,000 requests/s", 12, 6, added_p50("rate5k"), 0),
    Goal("14", "quiet p99 at 5,000 requests/s / haproxy's", 1.3, 1.1, quiet_p99("rate5k", "haproxy")),
    Goal("15", "RSS after start and 100 requests, MiB", 4, 2.5, number("memory", "RSS KiB after 100 requests", scale=1 / 1024)),
    Goal("16", "peak RSS with 1,000 busy connections, MiB", 6, 3.5, number("memory", "peak MiB, 1000 busy")),
    Goal("17", "KiB for each of 5,000 idle connections", 0.8, 0.45, number("memory", "KiB per idle connection of 5000")),
    Goal("18", "RSS with 10,000 endpoints, MiB", 12, 6, number("scale", "RSS MiB", "csidecar 1000x10")),
    Goal("", "CPU of svc1k / haproxy", 0.90, 0.82, cpu("svc1k", "haproxy")),
    Goal("19", "RSS with 100,000 endpoints, MiB", 64, 32, number("scale", "RSS MiB", "csidecar 10000x10")),
    Goal("", "start to first answer, s", 0.6, 0.25, number("scale", "first answer s", "csidecar 10000x10")),
    Goal("", "CPU of svc10k / haproxy", 0.88, 0.80, cpu("svc10k", "haproxy")),
    Goal("20", "CPU of inst1k / haproxy", 0.90, 0.75, cpu("inst1k", "haproxy")),
    Goal("", "CPU of inst1kleast / nginx", 0.65, 0.50, cpu("inst1kleast", "nginx")),
    Goal("21", "CPU of lb8 / haproxy", 0.90, 0.84, cpu("lb8", "haproxy")),
    Goal("", "CPU of lb8least / haproxy", 0.90, 0.84, cpu("lb8least", "haproxy")),
    Goal("22", "CPU with 2 workers / haproxy's", 0.90, 0.85, cpu("w2", "haproxy")),
    Goal("", "RSS of 2 workers / of 1", 1.6, 1.3, number("memory", "RSS of 2 workers / 1")),
]


def verdict(goal, value, low=None, high=None):
    if value <= goal.moonshot:
        return "moonshot"
    if value <= goal.must:
        return "must"
    return "no, within the noise" if low is not None and low <= goal.must else "**no**"


def number_text(value, digits):
    return "{:,.{}f}".format(value, digits)


def value_text(goal, value, low=None, high=None):
    text = "**%s**" % number_text(value, goal.digits)
    return text if low is None else "%s [%s to %s]" % (text, number_text(low, goal.digits), number_text(high, goal.digits))


def limit_text(goal, limit):
    return "≤ " + ("{:,.0f}".format(limit) if limit == int(limit) and limit > 2 else "{:g}".format(limit))


def goal_row(goal, run):
    found = goal.measure(run)
    measured = (value_text(goal, *found), verdict(goal, *found)) if found else ("-", "not measured")
    return [goal.line, goal.metric, limit_text(goal, goal.must), limit_text(goal, goal.moonshot), *measured]


def goals_table(run):
    return table(["#", "figure", "must", "moonshot", "measured", "holds"], [goal_row(g, run) for g in GOALS])
