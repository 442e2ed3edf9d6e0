"""Fixtures of the tests of registries."""

import pytest
from scenario.apps import App

from . import beside
from .matrix import TABLE, Matrix


def pytest_configure(config):
    config.addinivalue_line("markers", "sanitized: worth running against a sanitized csidecar, too")


def wanted(session):
    """The pairs of test_every.py that were chosen."""
    calls = [item.callspec.params for item in session.items if "matrix" in getattr(item, "fixturenames", ())]
    return {(p["backend"], p["check"]) for p in calls}


@pytest.fixture(scope="session")
def matrix(request):
    m = request.config.matrix = Matrix(wanted(request.session))
    yield m
    m.stop()
    m.write()


@pytest.fixture(scope="module")
def app():
    app = App()
    yield app
    app.stop()


@pytest.fixture
def sidecar(tmp_path, app):
    """sidecar(url, name, ...) starts one (beside.py)."""
    started = []

    def start(url, name=None, **more):
        started.append(beside.start(tmp_path / ("sidecar%d" % len(started)), url, app.port, name, **more))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def pytest_terminal_summary(terminalreporter, config):
    if hasattr(config, "matrix"):
        terminalreporter.section("registries: %s" % TABLE)
        terminalreporter.write(config.matrix.table())
