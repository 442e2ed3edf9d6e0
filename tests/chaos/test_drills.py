"""Each drill, small: `make chaos` runs them in full."""

import pytest

from . import table
from .stage import run


@pytest.mark.parametrize("which", table.DRILLS, ids=lambda d: d.name)
def test_drill(which):
    row = run(which)
    if row.verdict == "not here":
        pytest.skip(row.why)
    assert row.verdict == "survived", "%s: %s\n%s" % (which.fault, row.saw, row.why)
