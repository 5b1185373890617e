"""What a run of a group is said to take, against what the system counts."""

import subprocess
import sys

import pytest

MEASURE = """
import sys
from rnnbench.training.callbacks import StopFlag
from rnnbench.training.compose import Composer
from rnnbench.training.grouping import run_group
from rnnbench.training.memory import needs
from rnnbench.training.plan import make_plan
from rnnbench.training.provenance import PeakMemory
from rnnbench.training.replica import Replica
from rnnbench.training.replicas import kind_of

words = ["dataset=adding", "dataset.length=200", "dataset.train_size=200", "dataset.valid_size=20", "model=gru"]
words += ["dataset.test_size=20", "logger=none", "trainer.max_epochs=1", *sys.argv[3:]]
count, folder = int(sys.argv[1]), sys.argv[2]
composer = Composer()

def plan(seed, where):
    own = [*words, f"seed={seed}", f"paths.runs_dir={folder}/{where}"]
    return make_plan(composer.one(own), own)

run_group([plan(0, "warm"), plan(1, "warm")], StopFlag(), lambda *told: None)
first = Replica(plan(0, "said"))
said = needs(first, kind_of(first), False)
del first
memory = PeakMemory()
run_group([plan(seed, "group") for seed in range(count)], StopFlag(), lambda *told: None)
print(*said, memory.bytes())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("model.hidden_size=32", "dataset.batch_size=50"),
        ("model.hidden_size=600", "dataset.batch_size=10"),
        ("model.hidden_size=100", "dataset.batch_size=1", "dataset.train_size=4", "dataset.valid_size=128"),
    ],
    ids=["side by side", "in turn", "scored, more than a step"],
)
def test_memory_grows_by_what_is_said(tmp_path, words):
    def measured(count):
        command = [sys.executable, "-c", MEASURE, str(count), str(tmp_path / str(count)), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [float(word) for word in done.stdout.split()[-3:]]

    (_, each, two), (_, _, six) = measured(2), measured(6)
    if six is None or two is None:
        pytest.skip("the system does not tell the peak of a process")
    grown = (six - two) / 4
    assert 1 / 1.5 < each / grown < 1.5
