"""All backends at once: each has a thread that starts its server, then one thread for each check of the first phase;
the checks that restart the server follow, one by one. Most of it is waiting.

The results make the conformance table: a line for each check, a column for each backend.
"""

import os
import threading
from concurrent.futures import Future

from scenario.lib import binary

from . import checks
from .base import ROOT, every_class
from .bench import Bench

TABLE = ROOT / "build/registries.md"
ADAPTERS = ROOT / "build/logs/registry-adapters"  # of tests/run: "test_conformance_<name> <passed> <failed>"


class Backend(threading.Thread):
    """One backend's checks: `cells` has a Future for each."""

    def __init__(self, name, wanted):
        super().__init__(daemon=True)
        self.name_, self.cells = name, {check: Future() for check in wanted}
        self.start()

    def run(self):
        try:
            with every_class(self.name_)() as server:
                self.run_all(Bench(server))
        except BaseException as e:  # noqa: BLE001 (each cell says so)
            self.fail_all(e)

    def fail_all(self, error):
        for cell in self.cells.values():
            if not cell.done():
                cell.set_exception(error)

    def run_all(self, bench):
        try:
            first = [threading.Thread(target=self.check, args=(bench, c)) for c in self.cells if checks.phase(c) == 1]
            for thread in first:
                thread.start()
            for thread in first:
                thread.join()
            for c in self.cells:
                if checks.phase(c) == 2:
                    self.check(bench, c)
        finally:
            bench.stop()

    def check(self, bench, name):
        cell = self.cells[name]
        try:
            cell.set_result(checks.run(bench, name))
        except BaseException as e:  # noqa: BLE001 (it is the test's)
            cell.set_exception(e)


class Matrix:
    def __init__(self, wanted):
        """`wanted`: pairs of backend and check; none of them is one that cannot be."""
        self.backends = {}
        for name in sorted({b for b, _ in wanted}):
            self.backends[name] = Backend(name, [c for c in checks.CHECKS if (name, c) in wanted])

    def result(self, backend, check, seconds):
        return self.backends[backend].cells[check].result(seconds)

    def stop(self):
        for backend in self.backends.values():
            backend.join(120)

    # ---- the table ----

    def cell(self, name, check):
        """(short, long): for the table, and what there is to say below it."""
        if why := checks.why_not(every_class(name), check):
            return "-", why
        future = self.backends[name].cells.get(check)
        if not future or not future.done():
            return "not run", ""
        if error := future.exception():
            return "**FAILED**", str(error).strip().split("\n")[0][:300]
        return "yes", future.result()

    def table(self):
        names = list(self.backends)
        lines = ["| check | %s |" % " | ".join("%s (%s)" % (n, every_class(n).real) for n in names),
                 "|---|%s" % ("---|" * len(names)),
                 "| conformance suite | %s |" % " | ".join(suite(n) for n in names)]
        for check in checks.CHECKS:
            lines.append("| %s | %s |" % (check, " | ".join(self.cell(n, check)[0] for n in names)))
        return "\n".join(lines + [""] + [self.notes(n) for n in names]) + "\n"

    def notes(self, name):
        """What was seen, and why some could not be."""
        cells = [(check, *self.cell(name, check)) for check in checks.CHECKS]
        seen = ["%s: %s" % (check, text if short == "yes" else "%s %s" % (short, text)) for check, short, text in cells if text and short != "-"]
        why = {}
        for check, short, text in cells:
            if short == "-":
                why.setdefault(text, []).append(check)
        return "**%s**: %s.%s\n" % (name, "; ".join(seen), "".join(
            " Not %s: %s." % (", ".join(those), text) for text, those in why.items()))

    def write(self):
        """The sanitized program is not tried on all of it."""
        if "san" not in binary():
            os.makedirs(TABLE.parent, exist_ok=True)
            TABLE.write_text(self.table())


def suite(name):
    """What the suite in C has said: its adapter, and those for a backend's other ways (test_conformance_<name>_<way>)."""
    lines = [line.split() for line in ADAPTERS.read_text().splitlines()] if ADAPTERS.exists() else []
    own = [(int(good), int(bad)) for n, good, bad in lines if (n + "_").startswith("test_conformance_%s_" % name)]
    if any(bad for _, bad in own):
        return "**FAILED**"
    if not own and (ROOT / ("tests/discovery/test_conformance_%s.c" % name)).exists():
        return "in `unit`"
    return "%d tests" % sum(good for good, _ in own) if own else "not run"
