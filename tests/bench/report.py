"""Tables of what was measured, in Markdown."""

import random
import statistics

BASES = ("haproxy", "nginx", "floor_pool")


def interval(values, draws=2000):
    """Bootstrap 95 % interval of the median."""
    chance = random.Random(1)
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(draws))
    return medians[int(0.025 * draws)], medians[int(0.975 * draws)]


def bursts_of(rounds, name, key):
    return [b[key] for r in rounds for b in r[name]["bursts"]]


def ratio(rounds, name, base):
    """Median and interval of the ratios inside blocks, of CPU time per request."""
    pairs = zip(bursts_of(rounds, name, "cpu_us"), bursts_of(rounds, base, "cpu_us"))
    ratios = [a / b for a, b in pairs if b]
    return statistics.median(ratios), *interval(ratios)


def ratio_text(rounds, name, base):
    return "1" if name == base else "**%.2f** [%.2f-%.2f]" % ratio(rounds, name, base)


def row(rounds, name, bases):
    def median(key):
        return statistics.median(bursts_of(rounds, name, key))

    peak = max(r[name]["peak_kib"] for r in rounds) / 1024
    errors = sum(bursts_of(rounds, name, "errors")) + sum(bursts_of(rounds, name, "unfinished"))
    cells = [name + (" (%d errors)" % errors if errors else ""), "%.0f" % median("rps"), "%.1f" % median("cpu_us"),
             "%.0f" % median("p50"), "%.0f" % median("p99"), "%.1f" % peak]
    return cells + [ratio_text(rounds, name, base) for base in bases]


def table(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def workload_table(name, rounds):
    names = sorted(rounds[0], key=lambda n: statistics.median(bursts_of(rounds, n, "cpu_us")))
    bases = [b for b in BASES if b in names]
    heads = ["", "requests/s", "CPU µs/request", "p50 µs", "p99 µs", "peak RSS MiB", *("CPU / " + b for b in bases)]
    return "### %s\n\n%s\n" % (name, table(heads, [row(rounds, n, bases) for n in names]))


def report(results):
    return "\n".join(workload_table(name, rounds) for name, rounds in results.items())


def flat_table(results):
    """{row: {column: number}}"""
    columns = list(dict.fromkeys(c for r in results.values() for c in r))
    return table(["", *columns], [[name, *("%.4g" % r[c] if c in r else "-" for c in columns)] for name, r in results.items()])
