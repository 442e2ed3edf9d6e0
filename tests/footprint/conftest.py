"""The fixtures of the scenario tests serve here, too."""

import resource

import pytest
from scenario.conftest import sidecar, upstream  # noqa: F401
from scenario.lib import binary

DESCRIPTORS = 12000  # ten thousand connections, and some more


def pytest_collection_modifyitems(items):
    if "release" not in binary() and "san" in binary():
        for item in items:
            item.add_marker(pytest.mark.skip(reason="a sanitizer has a footprint of its own"))


@pytest.fixture(scope="session", autouse=True)
def descriptors():
    """For this process and, inherited, for the sidecar."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < DESCRIPTORS:
        pytest.skip("no more than %d descriptors here" % hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))
