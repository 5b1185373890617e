"""The end of a sweep: its table, what failed, where it lies, and how to look at it."""

from __future__ import annotations

from pathlib import Path

from rnnbench.errors import UserError
from rnnbench.records.load import runs_of
from rnnbench.records.sweep import load_sweep, tensorboard
from rnnbench.results.formats import print_table
from rnnbench.results.table import build


def conclude(folder: Path, stopped: str | None = None, table: bool = True) -> int:
    """Print what a sweep came to.

    Args:
        folder: of the sweep.
        stopped: in a line, why not every job was run; None when every job was.
        table: whether to print the comparison.

    Returns:
        the exit code: 0 when every job has a result, else 1.
    """
    sweep = load_sweep(folder)
    runs = runs_of(sweep)
    done = [run for run in runs if run.record is not None]
    failed = [run for run in runs if run.status == "failed"]
    if table and done:
        print()
        try:
            print_table(build(runs))
        except UserError as error:  # runs that no one table has: those of two metrics
            print(f"no table: {error}")
    for run in failed:
        error = (run.failure or {}).get("error", "")
        print(f"failed: {run.job.model} {run.job.dataset} seed {run.job.seed}: {error}")
        print(f"        traceback in {run.path / 'failure.json'}")
    print(f"\nsweep:       {folder}\ntensorboard: {tensorboard(folder)}")
    if sweep.unlinked:
        print(sweep.unlinked)
    left = len(runs) - len(done) - len(failed)
    if left or stopped:
        print(f"{stopped or 'incomplete'}: {left} of {len(runs)} jobs are left; the same command goes on with them")
    return 1 if failed or left or stopped else 0
