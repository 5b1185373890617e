import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rnnbench.training.provenance import PeakMemory, provenance


def test_says_where_a_result_came_from():
    found = json.loads(json.dumps(provenance(threads=3)))
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["packages"]["torch"] == torch.__version__
    assert found["hardware"]["threads"] == 3
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True)
    if head.returncode == 0:
        assert found["commit"] in (head.stdout.strip(), None)  # None: the tests run on an installed wheel


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_peak_memory_is_of_this_run_alone():
    before = torch.zeros(30_000_000)  # 120 MB that belong to an earlier run
    memory = PeakMemory()
    during = torch.zeros(10_000_000)
    del during
    found = memory.bytes()
    assert found is not None
    assert 38e6 < found < 80e6
    del before


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_a_run_is_charged_for_memory_that_an_earlier_one_has_freed():
    pieces = [torch.zeros(20_000) for _ in range(1_000)]  # 80 MB in pieces that malloc keeps when they are freed
    last = torch.zeros(20_000)
    del pieces
    memory = PeakMemory()
    again = [torch.zeros(20_000) for _ in range(1_000)]
    found = memory.bytes()
    del again, last
    assert found is not None
    assert found > 72e6
