"""python3 -m tests.hostile.run [--target csidecar|naive|haproxy|nginx] [--only TEXT] [--part PART]

Runs the corpus and ends in `N passed, N failed`. The failures come before, one a line: name, level, what was
wrong, and the rule. Exit status 1 if there were any, or if the proxy did not live through it.
"""

import argparse
import asyncio
import collections
import resource
import sys
import time

from . import corpus
from .runner import Run
from .targets import TARGETS

PARTS = {"requests": corpus.REQUESTS, "responses": corpus.RESPONSES, "browser": corpus.BROWSER, "slow": corpus.SLOW}


async def run(target, cases, **how):
    """({name: (what is wrong or None, seconds)}, what is wrong with the process or None)."""
    quick = [c for c in cases if c not in corpus.SLOW]
    slow = [c for c in cases if c in corpus.SLOW]
    results, ill = {}, None
    for part, short in ((quick, False), (slow, True)):
        if part:
            some, alive = await Run(part, TARGETS[target](short), **how).run()
            results |= some
            ill = ill or alive
    return results, ill


def run_now(target, cases, **how):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    return asyncio.run(run(target, cases, **how))


def main():
    parser = argparse.ArgumentParser(prog="tests.hostile.run", description=__doc__)
    parser.add_argument("--target", choices=sorted(TARGETS), default="csidecar")
    parser.add_argument("--part", choices=sorted(PARTS), action="append")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    options = parser.parse_args()
    cases = [c for part in options.part or PARTS for c in PARTS[part] if options.only in c.name]
    began = time.monotonic()
    results, ill = run_now(options.target, cases)
    failed = [(case, results[case.name][0]) for case in cases if results[case.name][0]]
    for case, wrong in failed:
        print("FAIL %-42s %-6s %s  [%s]" % (case.name, getattr(case, "level", "MUST"), wrong, case.rule))
    kinds = collections.Counter(type(case).__name__.lower() for case in cases)
    print("%s: %s, %.1f s" % (options.target, ", ".join("%d %s" % (n, k) for k, n in kinds.items()), time.monotonic() - began))
    if ill:
        print("not alive afterwards: " + ill)
    print("%d passed, %d failed" % (len(cases) - len(failed), len(failed) + bool(ill)))
    sys.exit(1 if failed or ill else 0)


if __name__ == "__main__":
    main()
