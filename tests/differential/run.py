"""python3 -m tests.differential.run [--count N] [--seed N] [--target csidecar|naive|haproxy|nginx] [--number N]

Sends N generated cases (100,000), from --first on, and compares what went on as two parsers read it. Prints a line for each
disagreement, a table by family, and ends in `N passed, N failed`. --number: that case alone, with all it said and all that was seen.
"""

import argparse
import asyncio
import collections
import resource
import sys
import time

from . import generate, judge
from .drive import PATIENCE, Drive

BATCH = 2000


class Sums:
    def __init__(self):
        self.cases = self.passed_on = self.requests = self.broken_off = self.bytes = 0
        self.wrong, self.families = [], collections.defaultdict(lambda: [0, 0, 0])

    def add(self, seen, wrong):
        self.cases += 1
        self.passed_on += bool(seen.serials)
        self.requests += len(seen.serials)
        self.broken_off += len(seen.serials) < len(seen.upstream)
        self.bytes += len(seen.sent)
        if wrong:
            self.wrong.append((seen, wrong))
        for family in seen.case.families:
            for i, happened in enumerate((True, bool(seen.serials), bool(wrong))):
                self.families[family][i] += happened

    def __str__(self):
        head = "%-20s %8s %10s %12s" % ("family", "cases", "passed on", "disagreed")
        lines = ["%-20s %8d %10d %12d" % (name, *counts) for name, counts in sorted(self.families.items())]
        return "\n".join([head, *lines])


async def run(target, numbers, seed, patience=PATIENCE, each=lambda sums: None):
    sums, numbers = Sums(), list(numbers)
    async with Drive(target, patience) as drive:
        for at in range(0, len(numbers), BATCH):
            seen = await drive.run(generate.case(seed, n) for n in numbers[at : at + BATCH])
            for s, wrong in zip(seen, await asyncio.to_thread(judge.judge, seen)):
                sums.add(s, wrong)
            each(sums)
    return sums


def run_now(target, numbers, seed, **how):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    return asyncio.run(run(target, numbers, seed, **how))


def show(seen, wrong):
    print("said  %r" % (seen.case.pieces,))
    print("heard %r" % seen.answer)
    for raw in seen.upstream:
        print("went  %r" % raw)
    print("wrong %r" % wrong)


def main():
    parser = argparse.ArgumentParser(prog="tests.differential.run", description=__doc__)
    parser.add_argument("--target", default="csidecar")
    parser.add_argument("--count", type=int, default=100000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--number", type=int)
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.count) if options.number is None else [options.number]
    began = time.monotonic()
    told = lambda sums: print("%d cases, %d s" % (sums.cases, time.monotonic() - began), file=sys.stderr)  # noqa: E731
    sums = run_now(options.target, numbers, options.seed, each=told)
    for seen, wrong in sums.wrong:
        print("FAIL %d %s: %s" % (seen.case.number, ",".join(seen.case.families), wrong[0]))
        if options.number is not None:
            show(seen, wrong)
    print(sums)
    print(
        "%s, seed %d: %d cases (%d bytes), %d passed on in whole or in part as %d requests, %d broken off, %d refused or answered here, %d disagreements, %.0f s"
        % (options.target, options.seed, sums.cases, sums.bytes, sums.passed_on, sums.requests, sums.broken_off, sums.cases - sums.passed_on, len(sums.wrong), time.monotonic() - began)
    )  # fmt: skip
    print("%d passed, %d failed" % (sums.cases - len(sums.wrong), len(sums.wrong)))
    sys.exit(1 if sums.wrong else 0)


if __name__ == "__main__":
    main()
