"""Runs trained as one program against the same runs one after the other, each by its fastest engine."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rnnbench.bench.overhead import FIXED, finished, largest_difference, last_weights, merged
from rnnbench.bench.timing import Seconds, timed
from rnnbench.training.callbacks import StopFlag
from rnnbench.training.compose import Composer
from rnnbench.training.grouping import run_group
from rnnbench.training.plan import Plan, make_plan
from rnnbench.training.run import run

# name -> (runs, configuration, times wanted)
_ADDING = ("dataset=adding", "model=gru", "trainer.clip_norm=1.0", "dataset.valid_size=64", "dataset.test_size=64")
CASES: dict[str, tuple[int, tuple[str, ...], float]] = {
    "20 x 8 units, T 100, batch 1": (
        20,
        (*_ADDING, "model.hidden_size=8", "dataset.batch_size=1", "dataset.train_size=1000", "trainer.max_epochs=2"),
        10.0,
    ),
    "10 x 46 units, JSB, batch 8": (
        10,
        ("dataset=jsb", "dataset.batch_size=8", "model=gru", "model.hidden_size=46", "trainer.max_epochs=10"),
        2.0,
    ),
    "4 x 128 units, T 100, batch 32": (
        4,
        (*_ADDING, "model.hidden_size=128", "dataset.batch_size=32", "dataset.train_size=1000", "trainer.max_epochs=3"),
        1.0,
    ),
}


@dataclass(frozen=True)
class ReplicaCost:
    """One configuration under ``replicas`` seeds.

    Attributes:
        alone: seconds of each run that was trained by itself; the first ``len(alone)`` seeds.
        together: seconds of all runs as one program.
        steps: training steps a second (forward, backward, clipping, optimiser, logging), as the records say: the median
            of the runs in ``alone``, and the mean of the group's, each by its share of the time.
        difference: largest difference of a last weight between the two ways, over the runs in ``alone``.
        wanted: ratio that is aimed at.
    """

    name: str
    replicas: int
    alone: list[Seconds]
    together: Seconds
    steps: tuple[float, float]
    difference: float
    wanted: float

    def ratio_of_steps(self) -> float:
        """How many times as long the training steps take one after the other; opening, scoring and files apart."""
        alone, together = self.steps
        return together / alone

    def ratio(self, clock: str = "wall") -> float:
        """How many times as long the runs take one after the other, from the median of those measured."""
        one = statistics.median(getattr(seconds, clock) for seconds in self.alone)
        return one * self.replicas / getattr(self.together, clock)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            **asdict(self),
            "ratio_wall": self.ratio("wall"),
            "ratio_cpu": self.ratio("cpu"),
            "ratio_steps": self.ratio_of_steps(),
        }


def measure_replicas(overrides: Sequence[str] = (), singles: int = 3) -> list[ReplicaCost]:
    """Whole runs of every case, files and records included.

    Args:
        overrides: as for ``rnnbench train``, in place of a case's own where they name the same key.
        singles: runs of each case that are trained alone.
    """
    composer = Composer()
    return [
        _measure(composer, name, replicas, merged(case, overrides), min(singles, replicas), wanted)
        for name, (replicas, case, wanted) in CASES.items()
    ]


def _measure(
    composer: Composer, name: str, replicas: int, chosen: list[str], singles: int, wanted: float
) -> ReplicaCost:
    with tempfile.TemporaryDirectory(prefix="rnnbench-bench-") as folder:
        warm = merged(chosen, ("trainer.max_epochs=1", "debug.limit_batches=2"))
        run(_plan(composer, warm, 0, f"{folder}/warm"), StopFlag())
        alone = [_plan(composer, chosen, seed, f"{folder}/alone") for seed in range(singles)]
        taken = [timed(lambda plan=plan: run(plan, StopFlag()))[1] for plan in alone]
        group = [_plan(composer, chosen, seed, f"{folder}/group") for seed in range(replicas)]
        _, together = timed(lambda: run_group(group, StopFlag(), lambda *told: None))
        rates = [[finished(plan)["steps_per_second"] for plan in plans] for plans in (alone, group)]
        steps = statistics.median(rates[0]), statistics.fmean(rates[1])
        apart = [largest_difference(last_weights(a), last_weights(b)) for a, b in zip(alone, group)]
    return ReplicaCost(name, replicas, taken, together, steps, max(apart), wanted)


def _plan(composer: Composer, chosen: list[str], seed: int, runs_dir: str) -> Plan:
    words = [*chosen, *FIXED, f"seed={seed}", f"paths.runs_dir={runs_dir}"]
    return make_plan(composer.one(words), words)
