"""What must hold for every registry: checks.py has the checks, matrix.py runs all of them at the same time.

A pair of backend and check that cannot be is no test; the table at the end says why.
"""

import pytest

from . import checks
from .base import every_class, names

LIMIT_S = 560  # for all that runs beside it, too
QUICK = {"register", "hostile records", "garbage", "half-open", "slow by 5 s", "stopped"}  # also with sanitizers


def cells():
    for name in names():
        for check in checks.CHECKS:
            if not checks.why_not(every_class(name), check):
                marks = [pytest.mark.sanitized] if check in QUICK else []
                yield pytest.param(name, check, marks=marks, id="%s-%s" % (name, check.replace(" ", "-")))


@pytest.mark.timeout(LIMIT_S + 20)
@pytest.mark.parametrize("backend, check", cells())
def test(matrix, backend, check):
    matrix.result(backend, check, LIMIT_S)
