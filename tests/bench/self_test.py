"""A/A: every proxy against itself under a second name. A ratio other than 1.00 is the method's, or the machine's."""

import bursts
import figures
from proxies import KINDS
from table import table

NAMES = [n for n in KINDS if n.endswith("_aa")]


def rows(results):
    """(workload, proxy, ratio, low, high)"""
    for load, rounds in results.items():
        for name in NAMES:
            yield load, name[:-3], *figures.ratio(rounds, name, name[:-3])


def aa(loads, rounds, blocks):
    """Of twenty true intervals one misses 1.00 by chance: so many may (of fewer, one), and no more."""
    names = [n for name in NAMES for n in (name[:-3], name)]
    found = list(rows(bursts.run(names, loads, rounds, blocks, lambda results: None)))
    off = [r for r in found if not r[3] <= 1 <= r[4]]
    print("\n" + table(["workload", "proxy", "CPU / itself", "holds 1.00"],
                       [[load, name, "%.3f [%.3f-%.3f]" % (ratio, low, high), "yes" if low <= 1 <= high else "**no**"]
                        for load, name, ratio, low, high in found]))
    allowed = -(-len(found) // 20)
    print("\nworst %.1f %%; %d of %d intervals do not hold 1.00 (at most, by chance: %d)" % (
        100 * max(abs(r[2] - 1) for r in found), len(off), len(found), allowed))
    return len(off) <= allowed
