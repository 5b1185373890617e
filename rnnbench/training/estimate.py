"""What the cells of a paper would take: a few steps of each, and how many there are."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from rnnbench.data.module import SequenceDataModule
from rnnbench.errors import UserError
from rnnbench.records.estimates import ESTIMATES, Estimate, read_estimates, write_estimates
from rnnbench.records.paper import Paper
from rnnbench.records.series import read_runs
from rnnbench.training.callbacks import StopFlag
from rnnbench.training.compose import Composer
from rnnbench.training.plan import Plan, make_plan
from rnnbench.training.run import run

# Two epochs of three steps; the better one counts, because the first waits for compilers and caches.
TRIAL = ("trainer.max_epochs=2", "debug.limit_batches=3", "logger=none")


def estimate(paper: Paper, archive: Path, config_dir: Path | None = None) -> None:
    """Measure every cell of ``paper`` that has no run in ``archive``, into ``estimates.csv`` beside it.

    A cell whose data file is not there stays without an estimate.
    """
    composer, path = Composer(config_dir), archive.with_name(ESTIMATES)
    runs, found = read_runs(archive), read_estimates(path)
    started = {(r.job.model, r.job.dataset) for r in runs}
    with tempfile.TemporaryDirectory() as folder:
        for table in paper.tables:
            for place in table.places:
                if place in started:
                    found.pop(place, None)
                    continue
                print(f"{place[0]} on {place[1]}: ", end="", flush=True)
                one = _measure(composer, place, table.overrides(*place), folder)
                if one is not None:
                    found[place] = one
    write_estimates(list(found.values()), path)


def _measure(composer: Composer, place: tuple[str, str], overrides: Sequence[str], folder: str) -> Estimate | None:
    plan = _plan(composer, overrides)
    try:
        data = SequenceDataModule(plan.dataset, plan.job.seed)
        data.prepare_data()
        data.setup()
    except UserError as error:
        print(error)
        return None
    trainer = plan.config["trainer"]
    steps = trainer["max_epochs"] * len(data.train_dataloader())
    if trainer["max_steps"] is not None:
        steps = min(steps, trainer["max_steps"])
    trial = _plan(composer, [*overrides, *TRIAL, f"paths.runs_dir={folder}"])
    _, record = run(trial, StopFlag())
    if record is None or not record["steps_per_second"]:
        print("the trial failed")
        return None
    print(f"{steps} steps of {1 / record['steps_per_second']:.3g} s", flush=True)
    return Estimate(*place, steps, 1 / record["steps_per_second"], record["hardware"])


def _plan(composer: Composer, overrides: Sequence[str]) -> Plan:
    return make_plan(composer.one(overrides), overrides)
