"""The control: a naive proxy passes what is harmless and fails what is not, so the corpus tests something."""

import pytest

from . import corpus
from .case import ACCEPT, REFUSE
from .run import run_now


@pytest.fixture(scope="module")
def naive():
    results, _ = run_now("naive", corpus.EVERY, patience=0.8)
    return {case: results[case.name][0] is None for case in corpus.EVERY}


def share(naive, cases, expect):
    passed = [naive[case] for case in cases if case.expect == expect]
    return sum(passed) / len(passed)


def test_the_naive_proxy_passes_most_good_requests(naive):
    assert share(naive, corpus.REQUESTS, ACCEPT) > 0.6


def test_the_naive_proxy_passes_most_good_answers(naive):
    assert share(naive, corpus.RESPONSES, ACCEPT) > 0.5


def test_the_naive_proxy_fails_most_bad_requests(naive):
    assert share(naive, corpus.REQUESTS, REFUSE) < 0.2


def test_the_naive_proxy_fails_most_bad_answers(naive):
    assert share(naive, corpus.RESPONSES, REFUSE) < 0.3


def test_the_corpus_is_as_large_as_promised():
    bad = [case for case in corpus.REQUESTS if case.expect != ACCEPT]
    assert len(bad) >= 300
    assert len([case for case in corpus.RESPONSES if case.expect != ACCEPT]) >= 100
    assert len(corpus.SLOW) >= 10 and len(corpus.BROWSER) >= 4
