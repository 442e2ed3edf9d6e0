"""What follows from a run: medians, ratios inside blocks, and how sure they are."""

import random
import statistics

QUIET_PART = 8  # the median of the quietest quarter is the one after the quietest eighth


def interval(values, draws=2000):
    """Bootstrap 95 % interval of the median."""
    chance = random.Random(1)
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(draws))
    return medians[int(0.025 * draws)], medians[int(0.975 * draws)]


def bursts_of(rounds, name, key):
    return [b[key] for r in rounds for b in r[name]["bursts"]]


def median_of(rounds, name, key):
    return statistics.median(bursts_of(rounds, name, key))


def has(rounds, *names):
    return bool(rounds) and all(n in rounds[0] for n in names)


def paired(rounds, name, base, key, of):
    """Median and interval of what `of` makes of each block's two bursts."""
    pairs = zip(bursts_of(rounds, name, key), bursts_of(rounds, base, key))
    values = [of(a, b) for a, b in pairs if b]
    return statistics.median(values), *interval(values)


def ratio(rounds, name, base, key="cpu_us"):
    return paired(rounds, name, base, key, lambda a, b: a / b)


def difference(rounds, name, base, key):
    return paired(rounds, name, base, key, lambda a, b: a - b)


def quiet_p99(rounds, name):
    """Of the quietest quarter of bursts: what others do to the machine is in all the rest."""
    values = sorted(bursts_of(rounds, name, "p99"))
    return values[len(values) // QUIET_PART]
