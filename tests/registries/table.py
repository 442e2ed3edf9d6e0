#!/usr/bin/env python3
"""Puts the last conformance table (build/registries.md, of `tests/run registries`) into docs/registries.md."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- conformance: tests/registries/table.py -->", "<!-- end of conformance -->"


def main():
    docs, table = ROOT / "docs/registries.md", (ROOT / "build/registries.md").read_text()
    if "FAILED" in table or "not run" in table:
        print("build/registries.md has failures, or checks that were not run: run all of tests/run registries", file=sys.stderr)
        return 1
    text, count = re.subn(re.escape(BEGIN) + ".*" + re.escape(END), lambda _: "%s\n%s\n%s" % (BEGIN, table, END),
                          docs.read_text(), flags=re.S)
    assert count == 1, "docs/registries.md has not one place between its marks"
    docs.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
