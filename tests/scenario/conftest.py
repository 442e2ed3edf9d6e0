"""Fixtures of the scenario tests: `upstream(*answers)`, `app(body)` and `sidecar(**services)` clean up and check."""

import contextlib
import socket

import pytest

from .apps import App, Registry
from .lib import Client, Sidecar, Upstream, service


def pytest_configure(config):
    config.addinivalue_line("markers", "threads: several workers; run under ThreadSanitizer, too")


def starter(kind):
    """Makes them for a test, and stops them after it."""
    started = []

    def start(*args, **more):
        started.append(kind(*args, **more))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def upstream():
    yield from starter(Upstream)


@pytest.fixture
def app():
    """An upstream with a health check, as a sidecar stands beside it."""
    yield from starter(App)


@pytest.fixture
def registry(tmp_path):
    """The `local` registry in a folder of the test's own."""
    return Registry(tmp_path)


@pytest.fixture
def sidecar(tmp_path):
    """sidecar(users=upstream, settings={...}) starts one; keyword arguments are services."""
    started = []

    def start(settings=None, args=(), environment=None, wait=True, **services):
        folder = tmp_path / ("sidecar%d" % len(started))
        folder.mkdir()
        if not isinstance(settings, str):
            settings = dict(settings or {})
            settings["services"] = {n: service(v) for n, v in services.items()} | settings.get("services", {})
        started.append(Sidecar(folder, settings, args, environment))
        return started[-1].start(wait)

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def client():
    """client(sidecar) is a raw connection that is closed afterwards."""
    with contextlib.ExitStack() as stack:
        yield lambda s: stack.enter_context(Client(s if isinstance(s, (tuple, str)) else s.address))


@pytest.fixture
def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 on this host")
