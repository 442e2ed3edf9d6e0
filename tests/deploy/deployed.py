"""What is deployed, and the binary it is tested with."""

import os
import pathlib

ROOT = pathlib.Path(__file__).parents[2]
CSIDECAR = os.environ.get("CSIDECAR", str(ROOT / "build/release/csidecar"))
