"""What the cells of a paper would take: a few steps of each, and how many there are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean

import torch

from rnnbench.data.module import SequenceDataModule
from rnnbench.errors import UserError
from rnnbench.records.estimates import ESTIMATES, Estimate, read_estimates, write_estimates
from rnnbench.records.files import alone
from rnnbench.records.paper import Paper
from rnnbench.records.series import read_runs
from rnnbench.training.compose import Composer
from rnnbench.training.devices import use_processor
from rnnbench.training.plan import Plan, make_plan
from rnnbench.training.provenance import device_name
from rnnbench.training.run import build_module

STEPS = 3  # that are timed, after one that waits for compilers and caches


def estimate(paper: Paper, archive: Path, config_dir: Path | None = None) -> None:
    """Measure every cell of ``paper`` that has no run in ``archive``, into ``estimates.csv`` beside it.

    A cell whose data file is not there stays without an estimate.
    """
    composer, path = Composer(config_dir), archive.with_name(ESTIMATES)
    started = {(r.job.model, r.job.dataset) for r in read_runs(archive)}
    for table in paper.tables:
        for place in table.places:
            if place in started:
                _put(path, place, None)
                continue
            print(f"{place[0]} on {place[1]}: ", end="", flush=True)
            if (one := _measure(composer, place, table.overrides(*place))) is not None:
                _put(path, place, one)


def _put(path: Path, place: tuple[str, str], one: Estimate | None) -> None:
    with alone(path):  # others may measure other cells
        found = read_estimates(path)
        if found.get(place) == one:
            return
        found.pop(place, None)
        if one is not None:
            found[place] = one
        write_estimates(list(found.values()), path)


def _measure(composer: Composer, place: tuple[str, str], overrides: Sequence[str]) -> Estimate | None:
    plan = make_plan(composer.one(overrides), overrides)
    data = SequenceDataModule(plan.dataset, plan.job.seed)
    try:
        data.prepare_data()
        data.setup()
    except UserError as error:
        print(error)
        return None
    trainer = plan.config["trainer"]
    steps = trainer["max_epochs"] * len(data.train_dataloader())
    if trainer["max_steps"] is not None:
        steps = min(steps, trainer["max_steps"])
    seconds = seconds_per_step(plan, data)
    print(f"{steps} steps of {seconds:.3g} s", flush=True)
    return Estimate(*place, steps, seconds, device_name(torch.device("cpu")))


def seconds_per_step(plan: Plan, data: SequenceDataModule) -> float:
    """Seconds of the processor for a training step, which on an idle machine with one thread are those of the clock.

    Forward, backward and update; not what Lightning and validation add.
    """
    use_processor(plan.config["threads"])
    module = build_module(plan)
    optimizer = plan.optimizer(module.model.parameters())
    times = []
    for batch in islice(data.train_dataloader(), STEPS + 1):
        begin = time.process_time()
        module.training_step(batch, 0).backward()
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.process_time() - begin)
    return fmean(times[1:] or times)
