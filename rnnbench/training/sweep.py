"""Sweeps: every job checked before the first starts, one line a job while they run, a list of what failed.

The jobs go through Hydra's launchers (basic, joblib, submitit …). What a launcher does with an exception does not
matter, because a job raises none: its status lies in its directory.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from rnnbench.data.module import SequenceDataModule
from rnnbench.errors import UserError
from rnnbench.records.events import write_experiment
from rnnbench.records.record import Job
from rnnbench.records.store import RUNS, RunBusy, RunDirectory
from rnnbench.records.sweep import Sweep, create_sweep, distinguishing
from rnnbench.training.callbacks import Interrupted, StopFlag
from rnnbench.training.check import Problems
from rnnbench.training.compose import Composer
from rnnbench.training.plan import HEAD, Plan, make_plan

log = logging.getLogger("rnnbench")
_STOP = StopFlag()  # one for each process, because signals are


@dataclass(frozen=True)
class Progress:
    """What a job must know to print its line: the directories of all jobs, how things stood, whose it is.

    ``mates``: for the identity of a job that leads a group, configuration and overrides of the others in it.
    """

    directories: tuple[Path, ...]
    finished_before: int
    mates: Mapping[str, Sequence[tuple[dict[str, Any], list[str]]]] = field(default_factory=dict)
    started: float = field(default_factory=time.time)
    pid: int = field(default_factory=os.getpid)

    @property
    def stop_file(self) -> Path:
        """Where the process of the sweep tells its workers to stop."""
        return self.directories[0].parent / f".stop-{self.pid}"

    def line(self, job: Job, status: str, record: dict[str, Any] | None, error: str = "") -> str:
        """``n/N model dataset seed metric seconds, time left``."""
        done = sum((d / "result.json").exists() or (d / "failure.json").exists() for d in self.directories)
        total, left = len(self.directories), self._left(done)
        head = f"[{done:>{len(str(total))}}/{total}] {job.model:<12} {job.dataset:<12} seed {job.seed:<3}"
        if record is None:
            return f"{head} {status}: {error}"
        metric = record["primary_metric"]
        value = record["metrics"].get("test", {}).get(metric)
        shown = "diverged" if value is None else f"test {metric} {value:.4g}"
        return f"{head} {shown:<22} {record['seconds']:7.1f} s   {_duration(left)} left"

    def _left(self, done: int) -> float:
        """Seconds to the end, at the pace since the first job began; start-up is no part of it."""
        times = [p.stat().st_mtime for d in self.directories if (p := d / "attempts.json").exists()]
        begun = [t for t in times if t >= self.started]
        here = max(done - self.finished_before, 1)
        under_way = max(len(begun) - here, 0) / 2  # of other workers; half done, on average
        pace = (time.time() - min(begun, default=self.started)) / (here + under_way)
        return pace * max(len(self.directories) - done - under_way, 0)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def plan_all(composer: Composer, master: DictConfig, jobs: Sequence[Sequence[str]]) -> list[Plan]:
    """The plan of every job.

    Raises:
        Problems: every mistake of every job, each once, with the number of jobs that have it.
    """
    plans, found = [], {}
    for overrides in jobs:
        try:
            plans.append(make_plan(composer.job(master, overrides), overrides))
        except UserError as error:
            for line in error.lines if isinstance(error, Problems) else [str(error)]:
                found.setdefault(line, []).append(list(overrides))
    if found:
        raise Problems(
            [f"{line}  [{len(who)} of {len(jobs)} jobs, first: {' '.join(who[0])}]" for line, who in found.items()]
        )
    return plans


def check_data(plans: Sequence[Plan]) -> None:
    """Read the files of every data set of jobs without a result once: a mistake in them would fail each of its jobs.

    Raises:
        Problems: every mistake, each once.
    """
    if found := dict.fromkeys(mistake for mistake in data_mistakes(plans) if mistake):
        raise Problems(list(found))


def data_mistakes(plans: Sequence[Plan]) -> list[str | None]:
    """For each of ``plans``, what is wrong with the files of its data set; None for nothing, or if it has a result."""
    found: dict[str, str | None] = {}
    keys = [json.dumps(plan.config["dataset"], sort_keys=True) for plan in plans]
    for key, plan in zip(keys, plans):
        if key in found or not plan.dataset.fingerprint() or RunDirectory(plan.path).result() is not None:
            continue
        found[key] = None
        try:
            SequenceDataModule(copy(plan.dataset), plan.job.seed).setup()  # what the copy keeps of them goes with it
        except UserError as error:
            found[key] = str(error)
        except Exception as error:
            log.debug("%s fails, as its runs will, which keep the traceback: %s", plan.job.dataset, error)
    return [found.get(key) for key in keys]


def open_sweep(plans: Sequence[Plan], command: Sequence[str]) -> Sweep:
    """Write the sweep's manifest, links and HParams columns before its first job."""
    runs_dir = Path(plans[0].config["paths"]["runs_dir"])
    sets = list(dict.fromkeys(p.job.dataset for p in plans))
    models = list(dict.fromkeys(p.job.model for p in plans))
    name = f"{'+'.join(sets[:3])}-{models[0] if len(models) == 1 else f'{len(models)}models'}"
    jobs = list({p.job.identity: p.job for p in plans}.values())
    sweep = create_sweep(runs_dir, name, jobs, command)
    name_columns(sweep.path, plans)
    name_columns(runs_dir / RUNS, plans, extend=True)
    return sweep


def name_columns(folder: Path, plans: Sequence[Plan], extend: bool = False) -> None:
    """The columns of TensorBoard's HParams page, for whoever serves ``folder``; the metrics that select come first."""
    metrics = [p.task.primary for p in plans] + sorted(m for p in plans for m in p.task.modes)
    rows, tags = [p.shown() for p in plans], [f"test/{m}" for m in metrics]
    write_experiment(folder, rows, tags, first=_swept(plans), extend=extend)


def _swept(plans: Sequence[Plan]) -> list[str]:
    """What a reader looks for in a list of runs: which they are, how large, and what else differs within a model."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for plan in plans:
        settings = {key: value for key, value in plan.shown().items() if key not in HEAD}
        groups.setdefault((plan.job.model, plan.job.dataset), []).append(settings)
    return [*HEAD, *distinguishing(groups.values())]


def run_sweep(composer: Composer, master: DictConfig, jobs: Sequence[Sequence[str]], plans: Sequence[Plan]) -> None:
    """Run the jobs that have no result yet through the configured launcher."""
    from hydra._internal.callbacks import Callbacks
    from hydra.core.plugins import Plugins
    from hydra.types import HydraContext

    first = {p.job.identity: i for i, p in reversed(list(enumerate(plans)))}  # two spellings of one run: train it once
    unique = sorted(first.values())
    directories = tuple(plans[i].path.resolve() for i in unique)
    todo = [i for i in unique if RunDirectory(plans[i].path).result() is None]
    for i in todo:
        (plans[i].path / "failure.json").unlink(missing_ok=True)
    groups = _groups(master, [plans[i] for i in todo])
    mates = {group[0].job.identity: [(p.config, p.job.overrides) for p in group[1:]] for group in groups}
    progress = Progress(directories, len(unique) - len(todo), mates)
    todo = [i for i in todo if plans[i].job.identity in mates]
    if progress.finished_before:
        print(f"{progress.finished_before} of {len(unique)} jobs have a result already", flush=True)
    if not todo:
        return
    context = HydraContext(config_loader=composer.loader, callbacks=Callbacks())  # type: ignore[arg-type]
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=partial(sweep_job, progress=progress), config=master
    )
    with _STOP.listening(tell=progress.stop_file):
        try:
            launcher.launch([list(jobs[i]) for i in todo], initial_job_idx=0)
        except Exception:
            _STOP.check()  # Ctrl-C kills a worker that is just starting, and joblib says only that it died
            raise
        _STOP.check()


def _groups(master: DictConfig, plans: Sequence[Plan]) -> list[list[Plan]]:
    """The jobs of each program; says which run together, and what keeps others from it."""
    if not plans or master.replicas in ("off", False):
        return [[plan] for plan in plans]
    from rnnbench.training.grouping import group_plans

    workers = OmegaConf.select(master, "hydra.launcher.n_jobs") or 1  # joblib's -1: one for each core
    groups, alone = group_plans(plans, master.replicas, workers if workers > 0 else os.cpu_count() or 1)
    for reason, who in alone.items():
        print(f"alone: {len(who)} jobs, {reason}", flush=True)
    for group in groups:
        if len(group) > 1:
            print(f"together: {len(group)} jobs of {group[0].job.model} on {group[0].job.dataset}", flush=True)
    return groups


def sweep_job(cfg: DictConfig, progress: Progress) -> str:
    """One job, in whatever process the launcher gives it; returns its status.

    Raises:
        Interrupted: the sweep is to stop, and this is the process that runs it. A worker returns instead, because
            joblib kills the others, which may still be saving, when one raises.
    """
    from hydra.core.hydra_config import HydraConfig

    from rnnbench.training.run import run

    worker, overrides = os.getpid() != progress.pid, list(HydraConfig.get().overrides.task)
    if worker:
        _STOP.obey(progress.stop_file)
    try:
        _STOP.check()
        plan = make_plan(cfg, overrides)
        if plan.job.identity not in progress.mates:
            raise UserError("differs from what was planned: a value, as ${now:%H%M%S}, is another one each time")
        if mates := progress.mates[plan.job.identity]:
            return _group_job([plan, *(make_plan(OmegaConf.create(config), own) for config, own in mates)], progress)
        status, record = run(plan, _STOP)
        error = "" if record else (RunDirectory(plan.path).failure() or {}).get("error", "")
        print(progress.line(plan.job, status, record, error), flush=True)
        _STOP.check()
    except RunBusy as busy:
        print(f"skipped: {busy}", flush=True)
        return "running"
    except Interrupted:
        if worker:
            return "interrupted"
        raise
    except Exception as error:  # launchers keep it to themselves; what fails inside a run does not come here
        print(f"not run: {' '.join(overrides)}: {error or type(error).__name__}", flush=True)
        return "failed"
    return status


def _group_job(plans: Sequence[Plan], progress: Progress) -> str:
    """Runs trained as one program; the worst status of any."""
    from rnnbench.training.grouping import run_group

    found: list[str] = []

    def report(plan: Plan, status: str, record: dict[str, Any] | None, error: str) -> None:
        found.append(status)
        print(progress.line(plan.job, status, record, error), flush=True)

    run_group(plans, _STOP, report)
    _STOP.check()
    return next((status for status in ("failed", "running", "diverged") if status in found), "finished")


def pin_threads() -> None:
    """One thread for the libraries that read these variables when they are loaded, unless the user set them."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
