#!/usr/bin/env python3
"""The drill, in full: run.py [--small] [--into docs/reliability.md] [WORD...], only drills with one of the words in their names.

Prints a line a drill, and the table in Markdown. Ends with 1 when one did not survive.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chaos import document, stage, table  # noqa: E402

HEAD = "| fault | what must hold | callers saw | beside that | memory, descriptors after it |\n|---|---|---|---|---|"


def cell(row):
    failed = "" if row.verdict == "survived" else "**%s**: %s" % (row.verdict, row.why.split("\n")[0][:200])
    beside = "; ".join(filter(None, [row.notes, failed]))
    return "| %s | %s | %s | %s | %s |" % (row.drill.fault, row.drill.expects, row.saw or "–", beside or "–", row.kept or "–")


def verdict(rows):
    survived = sum(r.verdict == "survived" for r in rows)
    absent = sum(r.verdict == "not here" for r in rows)
    return "**%d of %d survived**%s" % (survived, len(rows) - absent, ", %d not possible on this machine" % absent if absent else "")


def report(rows, words, took):
    calls = sum(r.calls for r in rows)
    return "\n".join([
        "`%s`, %s, %s: {:,} calls in %d s".format(calls) % (words, time.strftime("%F"), document.machine(), took), "",
        HEAD, *map(cell, rows), "", verdict(rows)])  # fmt: skip


def run_all(drills, full):
    rows = []
    for each in drills:
        rows.append(stage.run(each, full))
        print("%-9s %5.1f s  %s: %s" % (rows[-1].verdict, rows[-1].seconds, each.fault, rows[-1].saw), flush=True)
        if rows[-1].why:
            print(rows[-1].why, flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--into", type=Path)
    options = parser.parse_args()
    stage.want_descriptors()
    drills = [d for d in table.DRILLS if not options.words or any(w in d.name for w in options.words)]
    begin = time.monotonic()
    rows = run_all(drills, not options.small)
    text = report(rows, "make chaos", time.monotonic() - begin)
    print("\n" + text)
    if options.into:
        document.replace(options.into, "drill", text)
    return 0 if all(r.verdict != "FAILED" for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
