"""What was measured, in Markdown: the aims, then the figures they are made of."""

import statistics

import figures
from goals import goals_table
from table import flat_table, table

BASES = ("haproxy", "nginx", "floor_pool")


def ratio_text(rounds, name, base):
    if name == base:
        return "1"
    return "**%.2f** [%.2f-%.2f]" % figures.ratio(rounds, name, base)


def burst_row(rounds, name, bases):
    def median(key):
        return figures.median_of(rounds, name, key)

    errors = sum(figures.bursts_of(rounds, name, "errors")) + sum(figures.bursts_of(rounds, name, "unfinished"))
    cells = [name + (" (%d errors)" % errors if errors else ""), "%.0f" % median("rps"), "%.0f" % median("p50"), "%.0f" % median("p99")]
    if not median("cpu_us"):  # direct: no proxy
        return cells + ["-"] * (2 + len(bases))
    peak = max(r[name]["peak_kib"] for r in rounds) / 1024
    return cells + ["%.1f" % median("cpu_us"), "%.1f" % peak, *(ratio_text(rounds, name, base) for base in bases)]


def workload_table(name, rounds):
    names = sorted(rounds[0], key=lambda n: statistics.median(figures.bursts_of(rounds, n, "cpu_us")))
    bases = [b for b in BASES if b in names]
    heads = ["", "requests/s", "p50 µs", "p99 µs", "CPU µs/request", "peak RSS MiB", *("CPU / " + b for b in bases)]
    return "### %s\n\n%s\n" % (name, table(heads, [burst_row(rounds, n, bases) for n in names]))


FLAT = {"counts": "Instructions and system calls of one request", "memory": "Memory", "scale": "Many services"}


def report(run):
    parts = ["### The aims\n\n%s\n" % goals_table(run)]
    parts += [workload_table(name, rounds) for name, rounds in run["bursts"].items()]
    parts += ["### %s\n\n%s\n" % (title, flat_table(run[part])) for part, title in FLAT.items() if run[part]]
    return "\n".join(parts)
