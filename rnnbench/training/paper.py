"""Running what is missing of a paper: its stages, against the records that are committed."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig

from rnnbench.errors import UserError
from rnnbench.records.archive import write_archive
from rnnbench.records.contents import CONTENTS
from rnnbench.records.estimates import ESTIMATES
from rnnbench.records.files import alone
from rnnbench.records.identity import identity
from rnnbench.records.load import load_run
from rnnbench.records.paper import ARCHIVE, Paper
from rnnbench.records.paper_table import PaperTable
from rnnbench.records.record import Run
from rnnbench.records.series import SERIES, read_runs, write_series
from rnnbench.records.store import RunDirectory
from rnnbench.tasks.success import METRIC as SEQUENCES_TO_SUCCESS
from rnnbench.training.command import FAILED, Outcome, refuse_idle, run_jobs
from rnnbench.training.compose import Composer, is_installed, packaged
from rnnbench.training.contents import count
from rnnbench.training.plan import Plan
from rnnbench.training.sweep import data_mistakes, plan_all

OF_A_LAUNCH = ("replicas", "dry_run")


def recipe(science: dict) -> str:
    """The identity of a run whatever engine carries it out: a committed record counts on every machine."""
    return identity({k: v for k, v in science.items() if k != "engine"})


def family(science: dict, *keys: str) -> str:
    """The identity of what is searched and reported together: seed and the values of ``keys`` apart."""
    kept = {k: v for k, v in science.items() if k not in ("engine", "seed")}
    for key in keys:
        kept = _without(kept, key.split("."))
    return identity(kept)


def _without(values: dict, path: Sequence[str]) -> dict:
    """A copy that lacks what ``path`` leads to; as it is where nothing does."""
    first, *rest = path
    if not rest:
        return {k: v for k, v in values.items() if k != first}
    inner = values.get(first)
    return {**values, first: _without(inner, rest)} if isinstance(inner, dict) else values


def run_paper(
    paper: Paper,
    archive: Path,
    launcher: Sequence[str],
    train: bool = True,
    config_dir: Path | None = None,
    only: Sequence[str] = (),
) -> tuple[list[Run], list[Outcome]]:
    """Run every stage, as far as ``archive`` does not hold it, and add the new records to ``archive``.

    Args:
        paper: what to run.
        archive: its records; made when absent.
        launcher: overrides that choose where the jobs run.
        train: False collects finished runs and trains nothing.
        config_dir: a user's own configurations, before ours.
        only: names of rows and columns to run; all where there are none.

    Returns:
        the records of the paper, and how each launch ended: none where nothing had to be run. Columns whose data cannot
        be had are said and left out, and end as a launch that failed.

    Raises:
        UserError: a mistake in the paper, found before anything is trained; it was changed while it was run.
    """
    part, composer = paper.only(only), Composer(config_dir)
    master, _ = composer.sweep(["replicas=auto", *launcher])
    outcomes, planned = [], []
    _check_later(part, composer, master)
    for stage in ("search", "report"):
        records = read_runs(archive)
        jobs = [
            (table, job)
            for table in part.tables
            for job in (table.search_jobs() if stage == "search" else table.report_jobs(records))
        ]
        overrides = [job for _, job in jobs]
        plans = _plan(paper, composer, master, overrides)
        planned += plans
        missing = _missing(paper, records, [(table, plan) for (table, _), plan in zip(jobs, plans)], archive, train)
        if missing and train:
            outcomes += _launch(paper, composer, master, [(overrides[i], plans[i]) for i in missing])
        _collect(paper, [plans[i] for i in missing], archive)
        _find_curves(paper, plans, archive)
        if any(outcome.stopped for outcome in outcomes):
            break
    if not any(table.last for table in paper.tables):  # a quick form reads less
        with alone(archive):
            count(paper, planned, archive)
    return read_runs(archive), outcomes


def _missing(
    paper: Paper, records: Sequence[Run], planned: Sequence[tuple[PaperTable, Plan]], archive: Path, train: bool
) -> list[int]:
    """Which of a stage's plans the records lack; records that the paper would not make any more are taken out."""
    _check_plans(paper, planned)
    kept = current(paper, records, planned)
    if old := {run.job.identity for run in records} - {run.job.identity for run in kept}:
        _take_out(paper, old, archive, train)
    archived = {recipe(run.record["science"]) for run in kept if run.record}
    return [i for i, (_, plan) in enumerate(planned) if recipe(plan.science) not in archived]


def _launch(
    paper: Paper, composer: Composer, master: DictConfig, jobs: Sequence[tuple[list[str], Plan]]
) -> list[Outcome]:
    """Run jobs as one sweep, but those whose data cannot be had."""
    mistakes = data_mistakes([plan for _, plan in jobs])
    for mistake in dict.fromkeys(filter(None, mistakes)):
        print(f"not run: {mistake}")
    outcomes = [Outcome(FAILED)] if any(mistakes) else []
    if ready := [job for job, mistake in zip(jobs, mistakes) if not mistake]:
        command = ["rnnbench", "reproduce", *shlex.split(paper.called)]
        outcomes.append(run_jobs(composer, master, [words for words, _ in ready], [plan for _, plan in ready], command))
    return outcomes


def _plan(paper: Paper, composer: Composer, master: DictConfig, jobs: Sequence[list[str]]) -> list[Plan]:
    """Plan all ``jobs``; what is wrong with one is said of the paper."""
    try:
        for job in jobs:
            refuse_idle(job)
            for override in job:
                if override.lstrip("+~").partition("=")[0] in OF_A_LAUNCH:
                    raise UserError(f"{override}: has no effect here; it is of a launch, and a paper declares runs")
        return plan_all(composer, master, list(jobs)) if jobs else []
    except UserError as error:
        file = paper.folder / "paper.yaml"
        raise UserError("\n".join(f"{file}: {line}" for line in str(error).splitlines())) from error


def _check_later(paper: Paper, composer: Composer, master: DictConfig) -> None:
    """Check, before a search, the tables that have none: their runs begin when it has ended."""
    later = [table for table in paper.tables if not table.searched]
    if len(later) < len(paper.tables):
        jobs = [(table, [*table.overrides(*at), f"seed={table.seeds[0]}"]) for table in later for at in table.places]
        plans = _plan(paper, composer, master, [words for _, words in jobs])
        _check_plans(paper, [(table, plan) for (table, _), plan in zip(jobs, plans)])


def _check_plans(paper: Paper, planned: Sequence[tuple[PaperTable, Plan]]) -> None:
    """Raise, before anything is trained, where a table would not find its runs or its metrics in their records."""
    for table, plan in planned:
        where, job = f"{paper.folder / 'paper.yaml'}: {table.title}", plan.job
        if job.model not in table.rows or job.dataset not in table.cols:
            raise UserError(f"{where}: a run would be called {job.model} on {job.dataset}; set no names in overrides")
        for key, values in table.tried().items():
            if job.hparams.get(key) not in values:
                raise UserError(f"{where}: {key} is no hyperparameter of {job.model} that runs differ in by it alone")
        known = {"loss", *plan.task.modes}
        if plan.config["success"]["metric"] is not None or plan.config["success"]["error"] is not None:
            known.add(SEQUENCES_TO_SUCCESS)
        asked = {"metric": [table.metric], "also": table.also}
        asked |= {"search.metric": [table.search.metric]} if table.search else {}
        asked |= {"trials.metric": [table.trials.metric]} if table.trials else {}
        for key, names in asked.items():
            for name in names:
                if name not in known:
                    raise UserError(f"{where}: {key}={name}: {job.dataset} has {', '.join(sorted(known))}")


def _take_out(paper: Paper, old: Collection[str], archive: Path, train: bool) -> None:
    """Take the identities ``old`` out of the archive; where nothing is to be run, say that they are outdated."""
    if not train:
        raise _would_not_make(paper, archive, len(old))
    with alone(archive):
        _write(paper, [run for run in read_runs(archive) if run.job.identity not in old], archive)
    print(f"{archive}: {len(old)} records that paper.yaml, as it is now, would not make are taken out")


def _would_not_make(paper: Paper, archive: Path, count: int) -> UserError:
    return UserError(
        f"{archive}: {count} records that paper.yaml, as it is now, would not make; "
        f"`rnnbench reproduce {paper.called}` takes them out and runs what is declared now"
    )


def check_declared(paper: Paper, config_dir: Path | None = None) -> None:
    """Compare the committed records with the declaration.

    Raises:
        UserError: it was changed, and not run since.
    """
    archive = paper.folder / ARCHIVE
    if old := outdated(paper, archive, config_dir):
        raise _would_not_make(paper, archive, len(old))


def current(paper: Paper, records: Sequence[Run], planned: Sequence[tuple[PaperTable, Plan]]) -> list[Run]:
    """Those of ``records`` that the paper as it is declared would make; only what is in ``planned`` is compared."""
    families: dict[tuple[str, str], set[str]] = {}
    keys: dict[tuple[str, str], tuple[str, ...]] = {}
    for table, plan in planned:
        place = plan.job.model, plan.job.dataset
        keys[place] = table.searched
        families.setdefault(place, set()).add(family(plan.science, *keys[place]))
    known = {place for table in paper.tables for place in table.places}

    def is_current(run: Run) -> bool:
        place = run.job.model, run.job.dataset
        if run.record is None or place not in known:
            return False
        return place not in families or family(run.record["science"], *keys[place]) in families[place]

    return [run for run in records if is_current(run)]


def outdated(paper: Paper, archive: Path, config_dir: Path | None = None) -> list[Run]:
    """The records of ``archive`` that the paper as it is declared would not make."""
    records, composer, jobs = read_runs(archive), Composer(config_dir), []
    for table in paper.tables:
        begun = {(r.job.model, r.job.dataset) for r in table.own(records)}
        for row, col in [place for place in table.places if place in begun]:
            words = [*table.overrides(row, col), "seed=0"]
            if table.search is not None:
                words.append(f"{table.search.key}={table.search.values()[0]}")
            if table.trials is not None:
                words += table.trials.jobs()[0]
            jobs.append((table, words))
    master, _ = composer.sweep([])
    plans = _plan(paper, composer, master, [words for _, words in jobs])
    planned = [(table, plan) for (table, _), plan in zip(jobs, plans)]
    kept = {run.job.identity for run in current(paper, records, planned)}
    return [run for run in records if run.job.identity not in kept]


def _collect(paper: Paper, plans: Sequence[Plan], archive: Path) -> None:
    """Add the runs of ``plans`` that have ended to the archive, as it is now: others may have written to it."""
    new = {recipe(plan.science): run for plan in plans if (run := _ended(plan.path)) is not None}
    with alone(archive):
        records = read_runs(archive)
        known = {recipe(run.record["science"]) for run in records if run.record}
        added = [run for made, run in new.items() if made not in known]
        if added:
            _write(paper, [*records, *added], archive)


def _find_curves(paper: Paper, plans: Sequence[Plan], archive: Path) -> None:
    """Take curves that ``series.csv`` has lost from the run directories, where these are still there."""
    paths = {plan.job.identity: plan.path for plan in plans}
    with alone(archive):
        records, found = read_runs(archive), {}
        shown = {run.job.identity for table in paper.tables for run in table.reported(records)}
        for run in records:
            if run.record and not run.record["series"] and run.job.identity in shown & paths.keys():
                ended = _ended(paths[run.job.identity])
                if ended and ended.record and ended.record["series"].get("step"):
                    found[run.job.identity] = replace(run, record={**run.record, "series": ended.record["series"]})
        if found:
            _write(paper, [found.get(run.job.identity, run) for run in records], archive)


def _ended(path: Path) -> Run | None:
    """The run there, if it has left a whole record."""
    if RunDirectory(path).result() is None:
        return None
    return load_run(path)


def _write(paper: Paper, runs: Sequence[Run], archive: Path) -> None:
    """The records, and the thinned curves of those that are reported."""
    paper.check_unchanged()
    if not runs:
        archive.unlink(missing_ok=True)
        archive.with_name(SERIES).unlink(missing_ok=True)
        return
    write_archive(runs, archive)
    write_series([run for table in paper.tables for run in table.reported(runs)], archive.with_name(SERIES))


def default_archive(paper: Paper, quick: bool, runs_dir: Path) -> Path:
    """The committed records; for the quick form a file beside the runs, and so for a paper that came with a wheel."""
    if quick:
        ours = paper.folder.resolve().parent == packaged("experiments").resolve()
        name = paper.name if ours else f"{paper.name}-{identity({'folder': str(paper.folder.resolve())})[:8]}"
        return runs_dir / "quick" / name / ARCHIVE
    if not is_installed(paper.folder):
        return paper.folder / ARCHIVE
    archive = runs_dir / "papers" / paper.name / ARCHIVE
    for name in (SERIES, CONTENTS, ESTIMATES, ARCHIVE):
        if not archive.with_name(name).exists() and (paper.folder / name).exists():
            archive.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(paper.folder / name, archive.with_name(name))
    return archive
