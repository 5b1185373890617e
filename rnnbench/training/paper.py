"""Running what is missing of a paper: its stages, against the records that are committed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from rnnbench.records.archive import read_archive, write_archive
from rnnbench.records.identity import identity
from rnnbench.records.load import load_run
from rnnbench.records.paper import ARCHIVE, Paper
from rnnbench.records.record import Run
from rnnbench.training.command import Outcome, run_jobs
from rnnbench.training.compose import Composer, is_installed
from rnnbench.training.plan import Plan
from rnnbench.training.sweep import plan_all


def recipe(science: dict) -> str:
    """The identity of a run whatever engine carries it out: a committed record counts on every machine."""
    return identity({k: v for k, v in science.items() if k != "engine"})


def family(science: dict, key: str) -> str:
    """The identity of what is searched and reported together: seed and the value of ``key`` apart."""
    group, _, name = key.partition(".")
    kept = {k: v for k, v in science.items() if k not in ("engine", "seed")}
    kept[group] = {k: v for k, v in kept[group].items() if k != name}
    return identity(kept)


def run_paper(
    paper: Paper, archive: Path, launcher: Sequence[str], train: bool = True, config_dir: Path | None = None
) -> tuple[list[Run], Outcome | None]:
    """Run every stage, as far as ``archive`` does not hold it, and add the new records to ``archive``.

    Args:
        paper: what to run.
        archive: its records; made when absent.
        launcher: overrides that choose where the jobs run.
        train: False collects finished runs and trains nothing.
        config_dir: a user's own configurations, before ours.

    Returns:
        the records of the paper, and how the last launch ended (None when nothing had to be run).
    """
    composer = Composer(config_dir)
    outcome = None
    for stage in ("search", "report"):
        records = read_archive(archive) if archive.exists() else []
        overrides = paper.search_jobs() if stage == "search" else paper.report_jobs(records)
        if not overrides:
            break
        master, _ = composer.sweep(launcher)
        plans = plan_all(composer, master, overrides)
        if stage == "search" and train:
            records = _drop_outdated(records, plans, paper.search.key, archive)
        archived = {recipe(r.record["science"]) for r in records if r.record}
        missing = [i for i, plan in enumerate(plans) if recipe(plan.science) not in archived]
        if missing and train:
            jobs = [overrides[i] for i in missing]
            outcome = run_jobs(
                composer, master, jobs, [plans[i] for i in missing], ["rnnbench", "reproduce", paper.name]
            )
        _collect([plans[i] for i in missing], records, archive)
        if outcome is not None and outcome.stopped:
            break
    return (read_archive(archive) if archive.exists() else []), outcome


def _drop_outdated(records: list[Run], plans: Sequence[Plan], key: str, archive: Path) -> list[Run]:
    """Take records out of the archive that were made before a row of the paper was changed."""
    families = {family(plan.science, key) for plan in plans}
    kept = [run for run in records if run.record and family(run.record["science"], key) in families]
    if len(kept) < len(records):
        print(f"{archive}: {len(records) - len(kept)} records of rows that the paper no longer has are taken out")
        write_archive(kept, archive)
    return kept


def _collect(plans: Sequence[Plan], records: list[Run], archive: Path) -> None:
    """Add the runs of ``plans`` that have ended to the archive."""
    new = [load_run(plan.path) for plan in plans if (plan.path / "result.json").exists()]
    if new:
        write_archive([*records, *new], archive)


def default_archive(paper: Paper, quick: bool, runs_dir: Path) -> Path:
    """The committed records; for the quick form a file beside the runs, and so for a paper that came with a wheel."""
    if quick:
        return runs_dir / "quick" / paper.name / ARCHIVE
    if not is_installed(paper.folder):
        return paper.folder / ARCHIVE
    archive = runs_dir / "papers" / paper.name / ARCHIVE
    if not archive.exists() and (paper.folder / ARCHIVE).exists():
        archive.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(paper.folder / ARCHIVE, archive)
    return archive
