"""Every case of the corpus is one test. HOSTILE_TARGET names another proxy than csidecar."""

import pytest

from . import corpus


def each(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


def holds(case, hostile):
    wrong, seconds = hostile[0][case.name]
    assert wrong is None, "%s [%s %s] after %.2f s" % (wrong, getattr(case, "level", "MUST"), case.rule, seconds)


@each(corpus.REQUESTS)
def test_request(case, hostile):
    holds(case, hostile)


@each(corpus.RESPONSES)
def test_response(case, hostile):
    holds(case, hostile)


@each(corpus.BROWSER)
def test_browser(case, hostile):
    holds(case, hostile)


@each(corpus.SLOW)
def test_slow_peer(case, hostile):
    holds(case, hostile)


def test_the_proxy_lives_through_it_all(hostile):
    assert hostile[1] is None
