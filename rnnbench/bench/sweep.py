"""Seconds that a job adds inside a sweep beyond its training."""

from __future__ import annotations

import contextlib
import io
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rnnbench.bench.bare import train_bare
from rnnbench.bench.overhead import FIXED, check_same_work, finished, merged
from rnnbench.bench.timing import Seconds, timed
from rnnbench.training.command import INTERRUPTED, run_jobs
from rnnbench.training.compose import Composer
from rnnbench.training.plan import Plan
from rnnbench.training.sweep import plan_all

# jobs of half a second, so that what is not training is most of them
DEFAULTS = ("dataset=digits", "model=torch_lstm", "trainer.max_epochs=2", "trainer.clip_norm=1.0")


@dataclass(frozen=True)
class SweepCost:
    """A sweep of ``jobs`` seeds, one after the other in one process.

    Attributes:
        planning: composing and checking all jobs before the first one starts.
        running: everything after that, to the last record.
        bare: each job's training by the bare loop.
    """

    overrides: list[str]
    jobs: int
    planning: Seconds
    running: Seconds
    bare: list[Seconds]

    def per_job(self, part: str, clock: str = "wall") -> float:
        """Seconds a job of ``planning``, ``running``, ``bare`` (its median), or ``added``: all but the bare loop."""
        if part == "bare":
            return statistics.median(getattr(seconds, clock) for seconds in self.bare)
        if part == "added":
            return self.per_job("planning", clock) + self.per_job("running", clock) - self.per_job("bare", clock)
        return getattr(getattr(self, part), clock) / self.jobs

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        parts = ("planning", "running", "bare", "added")
        return {**asdict(self), "per_job": {p: {c: self.per_job(p, c) for c in ("wall", "cpu")} for p in parts}}


def measure_sweep(overrides: Sequence[str] = (), jobs: int = 20) -> SweepCost:
    """Run a sweep of ``jobs`` seeds, then the bare loop for each of them.

    Args:
        overrides: as for ``rnnbench train``, in place of ``DEFAULTS`` where they name the same key.
        jobs: seeds 0, 1, ….

    Raises:
        UserError: a configuration that ``train`` refuses, or one that the bare loop cannot do.
        DifferentWork: a job did not end with the weights of its bare loop.
    """
    chosen = merged(merged(DEFAULTS, overrides), [f"seed=range({jobs})"])
    composer = Composer()
    _sweep(composer, merged(chosen, ["seed=range(1)", "trainer.max_epochs=1", "debug.limit_batches=2"]))
    return _sweep(composer, chosen)


def _sweep(composer: Composer, overrides: Sequence[str]) -> SweepCost:
    with tempfile.TemporaryDirectory(prefix="rnnbench-bench-") as runs_dir:
        plans, planning = timed(lambda: _plan(composer, [*overrides, *FIXED, f"paths.runs_dir={runs_dir}"]))
        _, running = timed(lambda: _run(composer, *plans))
        seconds = []
        for plan in plans[2]:
            bare, taken = timed(lambda plan=plan: train_bare(plan))
            check_same_work(plan, bare)
            seconds.append(taken)
    return SweepCost(list(overrides), len(plans[2]), planning, running, seconds)


def _plan(composer: Composer, overrides: Sequence[str]) -> tuple[Any, list[list[str]], list[Plan]]:
    master, jobs = composer.sweep(overrides)
    return master, jobs, plan_all(composer, master, jobs)


def _run(composer: Composer, master: Any, jobs: list[list[str]], plans: list[Plan]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        outcome = run_jobs(composer, master, jobs, plans, ["rnnbench", "bench", "sweep"])
    if outcome.code == INTERRUPTED:
        raise KeyboardInterrupt
    for plan in plans:
        finished(plan)
