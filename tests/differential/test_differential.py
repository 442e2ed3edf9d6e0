"""What goes on means the same to two parsers, or it was refused. DIFFERENTIAL_COUNT and DIFFERENTIAL_SEED choose the corpus."""

import os

import pytest

from .run import run_now
from .twists import TWISTS

COUNT = int(os.environ.get("DIFFERENTIAL_COUNT", "10000"))
SEED = int(os.environ.get("DIFFERENTIAL_SEED", "1"))
TARGET = os.environ.get("HOSTILE_TARGET", "csidecar")


@pytest.fixture(scope="module")
def sums():
    return run_now(TARGET, range(COUNT), SEED)


@pytest.fixture(scope="module")
def naive():
    return run_now("naive", range(600), SEED, patience=0.4)


def test_what_goes_on_means_the_same_to_two_parsers(sums):
    assert [(seen.case.number, wrong[0]) for seen, wrong in sums.wrong] == []


def test_no_case_is_lost(sums):
    assert sums.cases == COUNT


def test_enough_goes_on_to_be_read(sums):
    assert sums.passed_on > COUNT / 5 and sums.requests > sums.passed_on


def test_enough_is_refused(sums):
    assert sums.cases - sums.passed_on > COUNT / 5


@pytest.mark.parametrize("family", sorted(TWISTS))
def test_every_family_takes_part(sums, family):
    cases, passed_on, _ = sums.families[family]
    assert cases > COUNT / 200 and passed_on < cases


def test_untwisted_requests_go_on(sums):
    cases, passed_on, _ = sums.families["none"]
    assert passed_on > 0.95 * cases


def test_the_naive_proxy_is_found_out(naive):
    assert len(naive.wrong) > naive.cases / 4


@pytest.mark.parametrize("family", ["6-coding", "6-length", "7-size", "desync-te-cl", "desync-0-cl", "2-line-ends"])
def test_the_naive_proxy_is_found_out_by_family(naive, family):
    assert naive.families[family][2] > 0
