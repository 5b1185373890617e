"""One line a job: what became of it, and why it failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnbench.errors import UserError, nearest
from rnnbench.records.record import Run

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {"finished": "green", "diverged": "yellow", "failed": "red", "running": "cyan"}


@dataclass(frozen=True)
class StatusRow:
    """One job.

    Attributes:
        number: from 1, in the order of the jobs.
        metric: its name and value on test, ``mse=0.0123``; empty without one.
        seconds: over all attempts; None without a record.
        directory: of the run.
        error: the last line of a failed run's traceback.
    """

    number: int
    model: str
    dataset: str
    seed: int
    status: str
    metric: str
    seconds: float | None
    directory: str
    error: str


def status_rows(runs: Sequence[Run], metric: str | None = None) -> list[StatusRow]:
    """A row for each run, in their order.

    Args:
        runs: of any status.
        metric: shown; each run's primary metric by default.

    Raises:
        UserError: there are records, and none of them has ``metric``.
    """
    names = {name for run in runs if run.record for name in run.record["metrics"].get("test", {})}
    if metric is not None and names and metric not in names:
        raise UserError(f"metric={metric}: no run has it on test; {nearest(metric, names)}")
    return [_row(number, run, metric) for number, run in enumerate(runs, start=1)]


def summary(rows: Sequence[StatusRow]) -> str:
    """``4 jobs: 2 finished, 1 failed, 1 pending``."""
    counts = Counter(row.status for row in rows)
    listed = ", ".join(f"{number} {status}" for status, number in counts.most_common())
    return f"{len(rows)} {'job' if len(rows) == 1 else 'jobs'}: {listed}"


def print_status(runs: Sequence[Run], metric: str | None = None, console: Console | None = None) -> None:
    """A line a run, the errors of the failed, and the counts, in the terminal; ``metric`` as for ``status_rows``."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = status_rows(runs, metric)
    console = console or Console()
    if not console.is_terminal:
        console.width = max(console.width, 80 + max((len(row.directory) for row in rows), default=0))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("n", "model", "dataset", "seed", "status", "metric", "seconds"):
        table.add_column(name, justify="right" if name in ("n", "seed", "seconds") else "left", no_wrap=True)
    table.add_column("directory", overflow="fold")
    for row in rows:
        seconds = "" if row.seconds is None else f"{row.seconds:.1f}"
        status = Text(row.status, STYLES.get(row.status, ""))
        texts = [Text(text) for text in (row.metric, seconds, row.directory)]
        table.add_row(str(row.number), Text(row.model), Text(row.dataset), str(row.seed), status, *texts)
    console.print(table)
    for row in rows:
        if row.error:
            console.print(Text(f"{row.number} {row.model} {row.dataset} seed {row.seed}: {row.error}", "red"))
    console.print(summary(rows))


def _row(number: int, run: Run, metric: str | None) -> StatusRow:
    record = run.record
    name = metric or (record["primary_metric"] if record else "")
    value = run.metric("test", name)
    return StatusRow(
        number=number,
        model=run.job.model,
        dataset=run.job.dataset,
        seed=run.job.seed,
        status=run.status,
        metric="" if value is None else f"{name}={value:.4g}",
        seconds=record["seconds"] if record else None,
        directory=str(run.path),
        error=_last_line(run.failure) if run.failure else "",
    )


def _last_line(failure: dict[str, object]) -> str:
    lines = str(failure.get("traceback") or failure.get("error") or "").strip().splitlines()
    return lines[-1].strip() if lines else "no traceback was kept"
