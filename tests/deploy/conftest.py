import os

import pytest

from deployed import CSIDECAR


@pytest.fixture(scope="session")
def binary():
    assert os.access(CSIDECAR, os.X_OK), f"{CSIDECAR} is not built"
    return CSIDECAR
