import subprocess

import pytest

from shop import ROOT, SERVICES, Shop, answers, wait_for


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    subprocess.run([ROOT / "tests/setup", "examples"], check=True)
    shop = Shop(tmp_path_factory.mktemp("shop"))
    try:
        for name in SERVICES:
            wait_for(lambda: answers(f"{shop.url}/{name}/healthz"))
        yield shop
    finally:
        shop.stop()
