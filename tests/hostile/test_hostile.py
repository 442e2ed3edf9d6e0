"""Every case of the corpus is one test. HOSTILE_TARGET names another proxy than csidecar."""

import os
import random

import pytest

from . import corpus, mutate
from .run import run_now


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


@pytest.mark.parametrize("seed", range(3))
def test_mutants(seed):
    """500 each of what nobody thought of; `python3 -m tests.hostile.mutate` goes on."""
    made = list(mutate.cases(random.Random(seed), 500))
    results, ill = run_now(os.environ.get("HOSTILE_TARGET", "csidecar"), made, patience=3)
    wrong = [(results[c.name][0], getattr(c, "send", None) or c.answer) for c in made if results[c.name][0]]
    assert wrong == [] and ill is None


def test_the_proxy_lives_through_it_all(hostile):
    assert hostile[1] is None
