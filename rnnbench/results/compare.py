"""Mean and band over seeds as TensorBoard runs of their own, and as a picture."""

from __future__ import annotations

import io
import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any, Literal

from rnnbench.errors import UserError, nearest
from rnnbench.records.events import write_layout, write_scalars
from rnnbench.records.files import write_whole
from rnnbench.records.record import Run
from rnnbench.records.store import slug, write_json
from rnnbench.results.curves import Curve, Curves, average

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WRITTEN = "compare.json"
CORE = ("tanh", "gru", "lstm")  # rows that papers have in common
# Okabe and Ito's colours, which the colour-blind tell apart; the line styles help in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":")
LEAST_SPAN = 2.0  # of a logarithmic axis
TICKS = (
    (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8),
    (1, 1.5, 2, 3, 5, 7),
    (1, 2, 5),
    (1, 3),
    (1,),
)  # of a decade, the finest first
MOST_TICKS = 7  # whose numbers find room side by side in a panel


@dataclass(frozen=True)
class Comparison:
    """What ``compare`` wrote.

    Attributes:
        path: to serve with TensorBoard.
        runs: folders below it, ``<dataset>/<model>``, a line with a band each.
        notes: what was left out, a line each.
    """

    path: Path
    runs: tuple[str, ...]
    notes: tuple[str, ...]


def compare(
    runs: Sequence[Run],
    out_dir: str | os.PathLike[str],
    rows: str = "model",
    cols: str = "dataset",
    metric: str | None = None,
) -> Comparison:
    """Write the mean over seeds of every series, and the 95 % t interval around it, for TensorBoard.

    Five models with ten seeds each become five lines with bands. The Custom Scalars page has a category for each data
    set and a chart for each metric, validation first, in which the models lie over each other.

    Args:
        runs: their finished ones count; what was left out stands in the notes.
        out_dir: what an earlier comparison wrote there is replaced.
        rows: any field of a run; a line for each value.
        cols: another; a category of charts for each value.
        metric: one that must be there, because it is to be drawn.

    Raises:
        UserError: no finished runs, a folder that holds something else, or no such metric; nothing is written.
    """
    curves = average(runs, rows, cols)
    for panel in dict.fromkeys(one.panel for one in curves) if metric else ():
        _series([one for one in curves if one.panel == panel], metric or "")
    out = Path(out_dir)
    _clear(out)
    write_json(out / WRITTEN, {"runs": [one.label for one in curves]})
    written: list[str] = []
    for one in curves:
        stem = f"{slug(one.panel)}/{slug(one.label.replace(' (', '-').replace(', ', '-').replace(')', ''))}"
        names = (f"{stem}-{number}" if number > 1 else stem for number in count(1))  # a long label is cut
        name = next(name for name in names if name not in written)
        scalars = {}
        for metric, curve in one.by_metric.items():
            for tag, values in zip(_tags(one.panel, metric), (curve.mean, curve.lo, curve.hi)):
                scalars[tag] = list(zip(curve.steps, values))
        write_scalars(out / name, scalars)
        written.append(name)
    write_layout(out / "layout", _layout(curves))
    return Comparison(out, tuple(written), tuple(note for one in curves for note in one.notes))


def plot(
    runs: Sequence[Run],
    path: str | os.PathLike[str],
    metric: str | None = None,
    rows: str = "model",
    cols: str = "dataset",
    log: bool | None = None,
) -> Path:
    """Draw the curves of ``compare`` into a picture: a panel for each data set, a line with a band for each model.

    Args:
        runs: as for ``compare``.
        path: of the picture; its suffix says which kind.
        metric: a metric on validation (``mse``) or any series (``train/loss``); by default the primary one.
        rows: any field of a run; a line for each value.
        cols: another; a panel for each value.
        log: whether the vertical axis is logarithmic; by default where a positive curve spans more than 1.5 decades.

    Raises:
        UserError: no finished runs, or a series that none of them has.
    """
    curves = average(runs, rows, cols)
    titles = list(dict.fromkeys(one.panel for one in curves))
    figure = canvas(1.2 + 4.6 * len(titles), 4.0)
    axes = figure.subplots(1, len(titles), squeeze=False)[0]
    labels = list(dict.fromkeys(one.label for one in curves))
    looks = appearances(labels)
    for axis, title in zip(axes, titles):
        panel = [one for one in curves if one.panel == title]
        draw_curves(axis, panel, metric or primary(panel), looks, log)
        axis.legend(fontsize="small")
    path, picture = Path(path), io.BytesIO()
    figure.savefig(picture, dpi=150, format=path.suffix.removeprefix(".") or None)
    write_whole(path, picture.getvalue())
    return path


def appearances(labels: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and line style of each label: solid for the first round of colours, dashed for the second, and so on.

    Labels of ``CORE`` keep theirs, so that a model looks alike in all pictures.
    """
    styles = [style for style in STYLES for _ in COLOURS] * 8
    order = [*CORE, *(label for label in labels if label not in CORE)]
    looks = {label: (colour, style) for label, colour, style in zip(order, cycle(COLOURS), styles)}
    return {label: looks[label] for label in labels}


def canvas(width: float, height: float) -> Any:
    """A figure without pyplot, which would keep a global list of them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def draw_curves(
    axis: Axes,
    panel: list[Curves],
    metric: str,
    looks: dict[str, tuple[str, str]],
    log: bool | None = None,
    seconds: bool = False,
) -> None:
    """Lines and bands of ``panel`` over steps, or over the seconds that the runs took for them on the mean.

    On a logarithmic axis they are the mean and the interval of the logarithms.
    """
    metric = _series(panel, metric)
    drawn = {one.label: one for one in panel if metric in one.by_metric}
    curves = {label: one.by_metric[metric] for label, one in drawn.items()}
    baseline = _baseline(panel, metric)
    values = [value for curve in curves.values() for value in curve.mean]
    # a line far away would make one line of all curves
    far = baseline if baseline is not None and _far(baseline, values) else None
    lines = [] if baseline is None or far is not None else [baseline]
    rises = _rises(panel, metric)
    own = [value for curve in curves.values() for at in curve.seeds for value in at]
    # an error of 0 is one that its numbers do not resolve: it stands at the least that they did
    least = 0.0 if rises else min((value for value in own if value > 0), default=0.0)
    positive = min(own) >= 0 < max(min(own), least)
    if log is None:
        shown = [max(value, least) for value in values + lines]
        log = positive and min(shown) > 0 and max(shown) / min(shown) > 10**1.5
    if log and positive:
        curves = {label: curve.on_log_scale(least) for label, curve in curves.items()}
    for label, curve in curves.items():
        colour, style = looks[label]
        alone = len(curve.steps) == 1  # a line and a band of one point cannot be seen
        pace = _seconds_per_step(drawn[label].runs) if seconds else 1
        xs = [step * pace for step in curve.steps]
        name = f"{label} (n={curve.n})"
        axis.plot(xs, curve.mean, color=colour, linestyle=style, marker="o" if alone else None, label=name)
        axis.fill_between(xs, curve.lo, curve.hi, color=colour, alpha=0.2, linewidth=2 if alone else 0)
    if far is not None:
        y, side = (0.96, "top") if far > max(values) else (0.04, "bottom")
        text = f"baseline {far:.3g}"
        axis.text(0.98, y, text, transform=axis.transAxes, ha="right", va=side, color="0.4")
    for value in lines:
        axis.axhline(value, color="0.4", linewidth=1, linestyle=(0, (1, 2)), label="baseline")
    if log:
        axis.set_yscale("log")
        axis.set_ylim(*_limits(list(curves.values()), lines, rises))
    else:
        axis.set_ylim(*_after_the_start(list(curves.values()), lines, rises))
    axis.set_title(panel[0].panel)
    axis.set_xlabel("seconds" if seconds else "step")
    if seconds:
        log_ticks(axis)
    else:
        axis.locator_params(axis="x", nbins=MOST_TICKS)
    axis.set_ylabel(metric)
    axis.grid(alpha=0.25)


def _series(panel: list[Curves], metric: str) -> str:
    """The full name of ``metric``, a series or a metric on validation. Raises ``UserError``: no run has it."""
    known = {name for one in panel for name in one.by_metric}
    full = metric if metric in known else f"valid/{metric}"
    if full not in known:
        raise UserError(f"metric={full}: no run of {panel[0].panel} has this series; {nearest(full, known)}")
    return full


def _limits(curves: Sequence[Curve], lines: list[float], rises: bool) -> tuple[float, float]:
    """Of a logarithmic axis: all means, without what diverged, which would press the rest into one line."""
    shown = [value for value in [*(v for curve in curves for v in curve.mean), *lines] if value > 0]
    sane = math.inf if rises else 30 * max([curve.mean[0] for curve in curves] + lines)
    return min(shown) / 2, min(max(shown) * 2, sane)


def _after_the_start(curves: Sequence[Curve], lines: list[float], rises: bool) -> tuple[float, float]:
    """Of a linear axis: means after a tenth of the steps, without peaks; these press the rest into one line."""
    begin = max(curve.steps[-1] for curve in curves) / 10
    late = [[value for step, value in zip(curve.steps, curve.mean) if step >= begin] for curve in curves]
    own = [values or [curve.mean[-1]] for values, curve in zip(late, curves)]
    shown = [*(value for values in own for value in _without_peaks(values, rises)), *lines]
    margin = 0.1 * (max(shown) - min(shown)) or 0.1 * abs(shown[0]) or 1.0
    return min(shown) - margin, max(shown) + margin


def _without_peaks(values: Sequence[float], rises: bool) -> list[float]:
    """Without what is far worse than most (Tukey's "far out"): a short divergence of one run."""
    if len(values) < 2:
        return list(values)
    low, _, high = quantiles(values, method="inclusive")
    return [value for value in values if (low - value if rises else value - high) <= 3 * (high - low)]


def _rises(panel: list[Curves], metric: str) -> bool:
    """Whether more of a series is better, so that it does not diverge by rising."""
    records = [run.record for one in panel for run in one.runs if run.record]
    return records[0]["metric_modes"].get(metric.rpartition("/")[2]) == "max"


def _far(value: float, values: Sequence[float]) -> bool:
    low, high = min(values), max(values)
    return max(value - high, low - value) > 4 * (high - low) > 0


def log_ticks(axis: Axes, which: Literal["x", "y"] = "x") -> None:
    """A logarithmic axis over a factor of ``LEAST_SPAN`` or more, with plain numbers, as many as can be read."""
    from matplotlib.ticker import FixedLocator, NullFormatter

    axis.set(**{f"{which}scale": "log"})
    low, high = getattr(axis, f"get_{which}lim")()
    wider = math.sqrt(max(1.0, LEAST_SPAN * low / high))  # points that lie close together are not to look far apart
    low, high = low / wider, high * wider
    axis.set(**{f"{which}lim": (low, high)})
    decades = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    choices = [[ten * own for ten in decades for own in digits if low <= ten * own <= high] for digits in TICKS]
    ticks = next((found for found in choices if len(found) <= MOST_TICKS), choices[-1])
    of_axis = axis.xaxis if which == "x" else axis.yaxis
    of_axis.set_major_locator(FixedLocator(ticks))
    of_axis.set_major_formatter("{x:g}")
    of_axis.set_minor_formatter(NullFormatter())


def _seconds_per_step(runs: Sequence[Run]) -> float:
    records = [run.record for run in runs if run.record]
    return sum(r["seconds"] / r["steps"] for r in records) / len(records)


def primary(panel: list[Curves]) -> str:
    """The metric that selects on the data set of a panel."""
    records = [run.record for one in panel for run in one.runs if run.record]
    return records[0]["primary_metric"]


def _baseline(panel: list[Curves], metric: str) -> float | None:
    split, _, name = metric.partition("/")
    records = [run.record for one in panel for run in one.runs if run.record]
    values = [value for r in records if (value := (r["baseline"] or {}).get(name)) is not None]
    return sum(values) / len(values) if values and split != "train" else None


def _tags(panel: str, metric: str) -> tuple[str, str, str]:
    """Tags of mean, lower and upper end. A chart draws every run that has its tags, so the panel is in them."""
    stem = f"{slug(panel)}/{metric}"
    return f"{stem}/mean", f"{stem}/lo", f"{stem}/hi"


def _layout(curves: list[Curves]) -> dict[str, dict[str, list[tuple[str, str, str]]]]:
    """A category of validation charts for each panel, then those of training; TensorBoard sorts within them."""
    layout: dict[str, dict[str, list[tuple[str, str, str]]]] = {}
    for validation in (True, False):
        for one in curves:
            for metric in one.by_metric:
                if metric.startswith("valid/") == validation:
                    charts = layout.setdefault(one.panel if validation else f"{one.panel}: training", {})
                    charts[metric] = [_tags(one.panel, metric)]
    return layout


def _clear(out: Path) -> None:
    """Remove an earlier comparison, and nothing that is not one."""
    if not out.exists() or not any(out.iterdir()):
        return
    if not (out / WRITTEN).exists():
        raise UserError(f"{out} is not empty and holds no comparison: name another folder for it")
    for child in out.iterdir():  # not the folder, which may be the one that the user is in
        shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()
