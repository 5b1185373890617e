"""Whole-run time of ``rnnbench train`` against a bare PyTorch loop that does the same work."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from rnnbench.bench.bare import Bare, train_bare
from rnnbench.bench.timing import Seconds, timed
from rnnbench.records.store import RunDirectory
from rnnbench.training.callbacks import StopFlag
from rnnbench.training.compose import Composer
from rnnbench.training.plan import Plan, make_plan
from rnnbench.training.run import run

# adding comes with batches of 64 and 100 steps, torch_lstm with 64 units: a model that hides nothing slow
DEFAULTS = ("dataset=adding", "model=torch_lstm", "trainer.max_epochs=10", "trainer.clip_norm=1.0")
FIXED = ("trainer.accelerator=cpu", "trainer.devices=1")
TOLERANCE = 1e-6  # largest difference of a weight; the two loops are expected to agree to the last bit


class DifferentWork(RuntimeError):
    """A run did not end, or not with the weights of the bare loop, so that their times say nothing."""


@dataclass(frozen=True)
class Pair:
    """One repeat: the run and, right after it, the bare loop; and how far their last weights are apart."""

    ours: Seconds
    bare: Seconds
    difference: float


@dataclass(frozen=True)
class Overhead:
    """All repeats of one configuration; ``steps`` is of one run."""

    overrides: list[str]
    steps: int
    pairs: list[Pair]

    def median(self, who: str, clock: str = "wall") -> float:
        """Median seconds of ``ours`` or ``bare``."""
        return statistics.median(getattr(getattr(pair, who), clock) for pair in self.pairs)

    def ratio(self, clock: str = "wall") -> float:
        """Median over the repeats of ours / bare: neighbours in time share the machine's mood."""
        return statistics.median(getattr(p.ours, clock) / getattr(p.bare, clock) for p in self.pairs)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        medians = {who: {c: self.median(who, c) for c in ("wall", "cpu")} for who in ("ours", "bare")}
        ratios = {"ratio_wall": self.ratio("wall"), "ratio_cpu": self.ratio("cpu")}
        return {"overrides": self.overrides, "steps": self.steps, **ratios, "median": medians} | {
            "pairs": [asdict(pair) for pair in self.pairs]
        }


def measure_overhead(overrides: Sequence[str] = (), repeats: int = 5) -> Overhead:
    """Run both loops in turn, ``repeats`` times, in this process, after a short turn of each that does not count.

    Args:
        overrides: as for ``rnnbench train``, in place of ``DEFAULTS`` where they name the same key.
        repeats: pairs.

    Raises:
        UserError: a configuration that ``train`` refuses, or one that the bare loop cannot do.
        DifferentWork: the weights differ by more than ``TOLERANCE``.
    """
    composer, chosen = Composer(), merged(DEFAULTS, overrides)
    _pair(composer, merged(chosen, ("trainer.max_epochs=1", "debug.limit_batches=2")))
    pairs, steps = [], 0
    for _ in range(repeats):
        pair, steps = _pair(composer, chosen)
        pairs.append(pair)
    return Overhead(chosen, steps, pairs)


def merged(defaults: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """``overrides`` after those of ``defaults`` whose key they do not name."""
    named = {o.split("=", 1)[0] for o in overrides}
    return [*(d for d in defaults if d.split("=", 1)[0] not in named), *overrides]


def _pair(composer: Composer, overrides: Sequence[str]) -> tuple[Pair, int]:
    with tempfile.TemporaryDirectory(prefix="rnnbench-bench-") as runs_dir:
        fixed = [*overrides, *FIXED, f"paths.runs_dir={runs_dir}"]
        (plan, record), ours = timed(lambda: _ours(composer, fixed))
        bare, bare_seconds = timed(lambda: train_bare(plan))
        difference = check_same_work(plan, bare)
    return Pair(ours, bare_seconds, difference), record["steps"]


def _ours(composer: Composer, overrides: list[str]) -> tuple[Plan, dict[str, Any]]:
    """What ``rnnbench train`` does after its imports: compose, check, train, score, record."""
    plan = make_plan(composer.one(overrides), overrides)
    run(plan, StopFlag())
    return plan, finished(plan)


def finished(plan: Plan) -> dict[str, Any]:
    """The record of a run that trained to its end. Raises ``DifferentWork`` for any other."""
    directory = RunDirectory(plan.path)
    record = directory.result()
    if record is None or record["status"] != "finished":
        failure = directory.failure() or {}
        raise DifferentWork(failure.get("traceback") or f"{plan.path.name}: {directory.status()}, not finished")
    return record


def check_same_work(plan: Plan, bare: Bare) -> float:
    """The largest difference of a weight between a run and its bare loop.

    Raises:
        DifferentWork: it is above ``TOLERANCE``.
    """
    difference = largest_difference(last_weights(plan), bare.weights)
    if not difference <= TOLERANCE:  # NaN, too
        raise DifferentWork(f"last weights differ by {difference:.2g} between the run and the bare loop")
    return difference


def last_weights(plan: Plan) -> dict[str, Tensor]:
    """The model's weights at the end of a run's training, by their names in the model."""
    path = RunDirectory(plan.path).checkpoints / "last.ckpt"
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    return {k.removeprefix("model."): v for k, v in state.items() if k.startswith("model.")}


def largest_difference(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    """The largest absolute difference of any weight. Raises ``DifferentWork`` when the names differ."""
    if first.keys() != second.keys():
        raise DifferentWork(f"weights {sorted(first.keys() ^ second.keys())} exist on one side only")
    return float(torch.stack([(first[name] - second[name]).abs().max() for name in first]).max())  # NaN stays NaN
