import subprocess

import pytest

from gonetwork import PROGRAMS, ROOT, Network


@pytest.fixture(scope="session", autouse=True)
def programs():
    subprocess.run(["go", "build", "-o", f"{PROGRAMS}/", "./..."], cwd=ROOT / "tests/gomicro",
                   check=True)


@pytest.fixture
def network():
    network = Network()
    yield network
    network.close()
