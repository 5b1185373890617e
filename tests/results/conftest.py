"""The same factory as for ``tests/records``."""

import runpy
from pathlib import Path

make = runpy.run_path(str(Path(__file__).parents[1] / "records" / "conftest.py"))["make"]
