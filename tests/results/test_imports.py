"""Status and tables come at once, because they import nothing heavy."""

import subprocess
import sys

CODE = """
import sys
{imports}
heavy = ("torch", "lightning", "torchmetrics", "pandas", "matplotlib", "tensorboard", "scipy.stats", "sklearn", "hydra")
print([name for name in heavy if name in sys.modules], [name for name in ("numpy", "rich") if name in sys.modules])
"""
TABLE = "import rnnbench.records, rnnbench.results.table, rnnbench.results.formats, rnnbench.results.compare"
STATUS = "import rnnbench.records, rnnbench.results.status"


def imported(line):
    command = [sys.executable, "-c", CODE.format(imports=line)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_tables_need_scipy_special_and_nothing_heavier():
    assert imported(TABLE) == "[] ['numpy']"


def test_status_needs_nothing_at_all():
    assert imported(STATUS) == "[] []"


def test_events_are_written_and_read_without_torch(tmp_path):
    line = f"from rnnbench.records.events import *; write_hparams_session({str(tmp_path)!r}, dict(a=1), dict(m=1.0))"
    assert "'torch'" not in imported(line + f"; assert read_scalars({str(tmp_path)!r})")
