import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2]
CSIDECAR = os.environ.get("CSIDECAR", str(ROOT / "build/release/csidecar"))


@pytest.fixture(scope="session")
def binary():
    assert os.access(CSIDECAR, os.X_OK), f"{CSIDECAR} is not built"
    return CSIDECAR
