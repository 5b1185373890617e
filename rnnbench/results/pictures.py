"""Pictures of a paper from its committed records: curves, what quality costs, what trials came to or took.

A picture carries the sum of what it was drawn from and that of its pixels, so that one which does not belong to the
records, or was changed by hand, is found out.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from rnnbench.records.files import write_whole
from rnnbench.records.paper import Paper
from rnnbench.records.record import Run
from rnnbench.results.compare import STYLES, appearances, canvas, draw_curves, log_ticks, primary
from rnnbench.results.curves import average
from rnnbench.results.panels import (
    Panel,
    costs,
    no_better,
    panels_of,
    published,
    sequences,
    tested,
    to_success,
    to_success_with_curves,
    with_curves,
    with_series,
    with_trials,
)
from rnnbench.results.statistics import Interval, as_factor, mean_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Looks = dict[str, tuple[str, str]]

CURVES = "learning_curves.png"
COST = "quality_and_cost.png"
SUCCESS = "sequences_to_success.png"
TRIAL_CURVES = "curves_of_trials.png"
TRIAL_COST = "seconds_to_success.png"
TRIED = "trials.png"
TEXTS = {
    CURVES: "What each axis names, on validation, over steps and over seconds: mean and 95 % band over the runs "
    "reported (of logarithms where the axis is logarithmic, an error of 0 at the least above it), as far as the "
    "shortest of the runs; a linear axis shows what comes after the first tenth of the steps, without peaks of "
    "divergence",
    COST: "Test metric against the seconds of a run: mean and 95 % interval over the runs reported "
    "(of logarithms where the axis is logarithmic)",
    TRIED: "Test metric of every trial: in colour the best by validation, with their mean and its 95 % interval; "
    "in grey the others, a cross at the constant prediction for each that is no better or has diverged",
    SUCCESS: "Sequences to success: a dot a trial, a cross where one ended without success, a line at the mean of "
    "those that succeeded, a diamond at the paper's number",
    TRIAL_CURVES: "What each axis names, on validation, over sequences and over seconds: a line a trial, since each "
    "ends on its own, with a dot at its end where it succeeded and a cross where it did not",
    TRIAL_COST: "Sequences to success against the seconds of a trial: a dot a trial, a cross where one ended without "
    "success",
}
ACROSS = 4  # panels side by side
MARKERS: dict[str, str] = dict(zip(STYLES, "os^D"))  # rows that share a colour
KEYWORD = "Description"  # of the PNG chunk that holds the sum


def drawn(paper: Paper, runs: Sequence[Run]) -> dict[str, str]:
    """File name to description of each picture that ``runs`` are enough for."""
    panels = panels_of(paper, runs)
    return {name: text for name, text in TEXTS.items() if _SHOWN[name](panels)}


def draw_pictures(paper: Paper, runs: Sequence[Run], folder: Path) -> None:
    """Draw what ``folder`` has not, or has of other records, and remove what can no longer be drawn."""
    panels = panels_of(paper, runs)
    for name in TEXTS:
        path = folder / name
        if not (shown := _SHOWN[name](panels)):
            path.unlink(missing_ok=True)
        elif not is_of(path, digest := _sum(name, panels)):
            save(_DRAW[name](paper, shown), path, digest)


def check_pictures(paper: Paper, runs: Sequence[Run]) -> list[Path]:
    """The pictures of the paper that are missing, were drawn from something else, or are not on its page."""
    panels, wrong = panels_of(paper, runs), []
    for name in TEXTS:
        path, shown = paper.folder / name, _SHOWN[name](panels)
        if (shown and not is_of(path, _sum(name, panels))) or (not shown and path.exists()):
            wrong.append(path)
    return wrong


def save(figure: Any, path: Path, digest: str) -> None:
    """Save a figure with the sum of what it shows and that of its pixels."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    picture, whole, text = io.BytesIO(), io.BytesIO(), PngInfo()
    figure.savefig(picture, dpi=110, format="png")
    with Image.open(picture) as image:
        text.add_text(KEYWORD, f"{digest} {_pixels(image)}")
        image.save(whole, "PNG", pnginfo=text, dpi=(110, 110))
    write_whole(path, whole.getvalue())


def _pixels(image: Any) -> str:
    """16 digits of the SHA-256 of what a picture looks like."""
    return hashlib.sha256(image.tobytes()).hexdigest()[:16]


def is_of(path: Path, digest: str) -> bool:
    """Whether the picture there is whole, was not painted over, and shows what has this sum."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.info.get(KEYWORD) == f"{digest} {_pixels(image)}"
    except (OSError, SyntaxError, ValueError):  # what Pillow raises for a PNG that is broken
        return False


def _sum(name: str, panels: Sequence[Panel]) -> str:
    """16 digits of the SHA-256 of what a picture shows."""
    shown: list[Any] = []
    for panel in panels:
        shown += [_shown(name, panel.table.metric, run) for run in panel.members]
        if name == SUCCESS:
            shown.append(published(panel.table, panel.col))
        if name == TRIED:
            shown += [_shown(name, panel.table.metric, run) for run in panel.tried]
    return hashlib.sha256(json.dumps([name, shown], sort_keys=True).encode()).hexdigest()[:16]


def _shown(name: str, metric: str, run: Run) -> list[Any]:
    record: Mapping[str, Any] = run.record or {}
    who = [run.job.dataset, run.job.model, run.job.seed]
    if name == SUCCESS:
        return [*who, sequences(run)]
    if name == TRIAL_COST:
        return [*who, record["seconds"], sequences(run)]
    if name == TRIAL_CURVES:
        return [*who, record["seconds"], record["series"], record["steps"], sequences(run)[1]]
    if name == CURVES:
        return [metric, *who, record["seconds"], record["series"], record["steps"]]
    if name == TRIED:
        return [metric, *who, run.metric("test", metric), no_better(run, metric)]
    return [metric, *who, record["seconds"], run.metric("test", metric)]


def _looks(paper: Paper, panels: Sequence[Panel]) -> Looks:
    """Of the rows of ``panels`` that have runs; a row looks alike in all pictures of a paper, whatever has been run."""
    looks = appearances(list(dict.fromkeys(row for table in paper.tables for row in table.rows)))
    seen = {run.job.model for panel in panels for run in panel.members}
    return {row: look for row, look in looks.items() if row in seen}


def _draw_all_curves(paper: Paper, shown: Sequence[Panel]) -> Any:
    """A panel over steps, under it one over seconds; the next panels below these."""
    looks = _looks(paper, shown)
    figure, axes = _grid(len(shown), heights=2, height=3.2)
    for at, panel in enumerate(shown):
        curves = average(with_series(panel), free=panel.table.free)
        of_labels = {one.label: looks[one.label.split(" (")[0]] for one in curves}
        below, across = divmod(at, ACROSS)
        draw_curves(axes[2 * below, across], curves, primary(curves), of_labels)
        draw_curves(axes[2 * below + 1, across], curves, primary(curves), of_labels, seconds=True)
    _name_lines(figure, looks)
    return figure


def _grid(panels: int, heights: int, height: float) -> tuple[Any, Any]:
    """A figure and its axes, ``ACROSS`` panels in a row; each panel is ``heights`` axes high."""
    across, rows = min(panels, ACROSS), heights * -(-panels // ACROSS)
    figure = canvas(1.0 + 4.0 * across, 0.4 + height * rows)
    axes = figure.subplots(rows, across, squeeze=False)
    for at in range(panels, across * rows // heights):
        for part in range(heights):
            axes[heights * (at // ACROSS) + part, at % ACROSS].set_axis_off()
    return figure, axes


def _name_lines(figure: Any, looks: Looks) -> None:
    lines: dict[str, dict[str, Any]] = {
        row: {"color": colour, "linestyle": dash} for row, (colour, dash) in looks.items()
    }
    _legend(figure, {**lines, "baseline": {"color": "0.4", "linewidth": 1, "linestyle": (0, (1, 2))}})


def _legend(figure: Any, styles: Mapping[str, Mapping[str, Any]]) -> None:
    """One legend above all panels, where it hides nothing, with room of its own for each line."""
    from matplotlib.lines import Line2D

    width, height = figure.get_size_inches()
    widest = 0.7 + 0.08 * max(map(len, styles))  # inches, of a mark and a name
    across = max(1, min(8, int(width / widest)))
    figure.set_size_inches(width, height + 0.2 * (-(-len(styles) // across) - 1))
    lines = [Line2D([], [], **style) for style in styles.values()]
    figure.legend(lines, list(styles), loc="outside upper center", ncols=across, fontsize="small", frameon=False)


def _draw_cost(paper: Paper, shown: Sequence[Panel]) -> Any:
    looks = _looks(paper, shown)
    marks = {row: {"color": colour, "marker": MARKERS[dash]} for row, (colour, dash) in looks.items()}
    figure, axes = _grid(len(shown), heights=1, height=3.2)
    named = set()
    for axis, panel in zip(axes.flat, shown):
        points = {row: points for row in looks if (points := costs(panel, row))}
        named |= set(points)
        values = [value for own in points.values() for _, value in own]
        means = [fmean(value for _, value in own) for own in points.values()]
        log = bool(values) and min(values) > 0 and max(means) / min(means) > 10**1.5
        for row, own in points.items():
            seconds, found = fmean(cost for cost, _ in own), _interval([value for _, value in own], log)
            axis.errorbar([seconds], [found.mean], yerr=whiskers(found), linestyle="", capsize=3, **marks[row])
        if log:
            axis.set_yscale("log")
            axis.set_ylim(min(values) / 2, max(values) * 2)  # the bars of a few runs may go far beyond
        log_ticks(axis)
        axis.set_title(panel.col)
        axis.set_xlabel("seconds of a run")
        axis.set_ylabel(f"test {panel.table.metric}")
        axis.grid(alpha=0.25)
    if named:
        _legend(figure, {row: {**mark, "linestyle": ""} for row, mark in marks.items() if row in named})
    return figure


def _interval(values: Sequence[float], log: bool = False) -> Interval:
    """The mean and its 95 % interval, of the logarithms on a logarithmic axis."""
    return as_factor(mean_interval([math.log(value) for value in values])) if log else mean_interval(values)


def whiskers(found: Interval) -> list[list[float]] | None:
    """How far an interval reaches to either side, as matplotlib takes it; None where one run has none."""
    return None if found.lo is None or found.hi is None else [[found.mean - found.lo], [found.hi - found.mean]]


def _draw_tried(paper: Paper, shown: Sequence[Panel]) -> Any:
    looks = _looks(paper, shown)
    figure, axes = _grid(len(shown), heights=1, height=0.9 + 0.34 * len(looks))
    for axis, panel in zip(axes.flat, shown):
        metric = panel.table.metric
        rows = [row for row in panel.table.rows if row in looks]
        others = [run for run in panel.tried if not any(run is best for best in panel.members)]
        for at, row in enumerate(rows):
            rest = [run for run in others if run.job.model == row]
            for run, height in zip(rest, _apart(at, len(rest))):
                value, baseline = run.metric("test", metric), no_better(run, metric)
                if baseline is not None:
                    axis.plot([baseline], [height], "x", ms=3, color="0.75")
                elif value is not None:
                    axis.plot([value], [height], ".", ms=4, color="0.6")
            if best := [value for _, value in costs(panel, row)]:
                found = _interval(best)
                axis.plot(best, [at] * len(best), "o", ms=4, color=looks[row][0], zorder=3)
                axis.errorbar([found.mean], [at], xerr=whiskers(found), fmt="|", color="black", capsize=3)
        _name_rows(axis, rows)
        axis.set_title(panel.col)
        axis.set_xlabel(f"test {metric}")
    return figure


def _apart(at: int, count: int) -> list[float]:
    """Heights around ``at``, so that marks of one value can be counted."""
    return [at + 0.3 * (2 * i / max(count - 1, 1) - 1) for i in range(count)]


def _name_rows(axis: Axes, rows: Sequence[str]) -> None:
    """Rows from the top down, with lines for the values."""
    axis.set_yticks(range(len(rows)), rows)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.grid(alpha=0.25, axis="x")


def _draw_success(paper: Paper, shown: Sequence[Panel]) -> Any:
    looks = _looks(paper, shown)
    figure, axes = _grid(len(shown), heights=1, height=2.6)
    for axis, (table, col, members, _) in zip(axes.flat, shown):
        rows = [row for row in table.rows if any(run.job.model == row for run in members)]
        for at, row in enumerate(rows):
            found = [sequences(run) for run in members if run.job.model == row]
            reached, ended = ([n / 1000 for n, done in found if done is wanted] for wanted in (True, False))
            heights = _apart(at, len(found))
            axis.plot(reached, heights[: len(reached)], "o", ms=4, color=looks[row][0])
            axis.plot(ended, heights[len(reached) :], "x", ms=5, color="0.5")
            if reached:
                axis.vlines(fmean(reached), at - 0.35, at + 0.35, color=looks[row][0])
            if (number := published(table, col).get(row)) is not None:
                axis.plot([number / 1000], [at], "D", ms=7, mfc="none", mec="black")
        log_ticks(axis)
        _name_rows(axis, rows)
        axis.set_title(col)
        axis.set_xlabel("thousand sequences")
    return figure


def _draw_curves_to_success(paper: Paper, shown: Sequence[Panel]) -> Any:
    """A line a trial: a mean over trials would end with the first that succeeds."""
    looks = _looks(paper, shown)
    figure, axes = _grid(len(shown), heights=2, height=3.2)
    for at, panel in enumerate(shown):
        below, across = divmod(at, ACROSS)
        of_sequences, of_seconds = axes[2 * below, across], axes[2 * below + 1, across]
        for run in with_series(panel):
            record: Mapping[str, Any] = run.record or {}
            series, name = record["series"], f"valid/{record['primary_metric']}"
            colour, dash = looks[run.job.model]
            _, done = sequences(run)
            a_step = run.job.hparams.get("dataset.batch_size", 1) / 1000, record["seconds"] / record["steps"]
            for axis, width in zip((of_sequences, of_seconds), a_step):
                xs = [step * width for step in series["step"]]
                axis.plot(xs, series[name], color=colour, linestyle=dash, linewidth=0.8, alpha=0.7)
                axis.plot(xs[-1:], series[name][-1:], "o" if done else "x", ms=4, color=colour)
                axis.set_ylabel(name)
        for axis, label in ((of_sequences, "thousand sequences"), (of_seconds, "seconds")):
            log_ticks(axis)
            log_ticks(axis, "y")
            axis.set_title(panel.col)
            axis.set_xlabel(label)
            axis.grid(alpha=0.25)
    _legend(figure, {row: {"color": colour, "linestyle": dash} for row, (colour, dash) in looks.items()})
    return figure


def _draw_seconds_to_success(paper: Paper, shown: Sequence[Panel]) -> Any:
    looks = _looks(paper, shown)
    figure, axes = _grid(len(shown), heights=1, height=3.2)
    for axis, panel in zip(axes.flat, shown):
        for run in panel.members:
            (total, done), seconds = sequences(run), (run.record or {})["seconds"]
            axis.plot([seconds], [total / 1000], "o" if done else "x", ms=4, alpha=0.7, color=looks[run.job.model][0])
        log_ticks(axis)
        log_ticks(axis, "y")
        axis.set_title(panel.col)
        axis.set_xlabel("seconds of a trial")
        axis.set_ylabel("thousand sequences")
        axis.grid(alpha=0.25)
    _legend(figure, {row: {"color": colour, "marker": "o", "linestyle": ""} for row, (colour, _) in looks.items()})
    return figure


_SHOWN: dict[str, Callable[[Sequence[Panel]], list[Panel]]] = {
    CURVES: with_curves,
    COST: tested,
    TRIED: with_trials,
    SUCCESS: to_success,
    TRIAL_CURVES: to_success_with_curves,
    TRIAL_COST: to_success,
}
_DRAW: dict[str, Callable[[Paper, Sequence[Panel]], Any]] = {
    CURVES: _draw_all_curves,
    COST: _draw_cost,
    TRIED: _draw_tried,
    SUCCESS: _draw_success,
    TRIAL_CURVES: _draw_curves_to_success,
    TRIAL_COST: _draw_seconds_to_success,
}
