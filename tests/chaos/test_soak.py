"""The soak for a moment: `make soak` is the real one."""

from . import soak
from .stage import Stage

SECONDS, RATE = 20, 1000
FLAT = 0.15  # the heap has not come to rest yet


def test_twenty_seconds_of_load_churn_and_reloads():
    with Stage() as d:
        s = soak.run(d, SECONDS, RATE)
        assert not s.complaints(FLAT), "%s\n%s\n%s" % (s.complaints(FLAT), s.report(FLAT), d.logs())
        assert s.sum("n") == SECONDS * RATE and s.reloads >= 1
