"""Which of the real registries are tried: Kubernetes's API server only where it was asked for (tests/run says so)."""

import os

from registries.conftest import app, pytest_configure, sidecar  # noqa: F401 (fixtures)

collect_ignore_glob = [] if os.environ.get("KUBERNETES") else ["test_kubernetes*.py"]
