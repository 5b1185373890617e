"""Pictures: of a run, its forecast against the truth on the test rows; and how any is saved.

Shape suffixes: N test windows, W windows drawn, S rows predicted by each, C targets.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from rnnbench.data.module import SequenceDataModule
from rnnbench.errors import UserError
from rnnbench.records.events import write_image
from rnnbench.records.files import write_whole
from rnnbench.tasks.forecasting import Forecasting
from rnnbench.tasks.module import SequenceModule, predict
from rnnbench.training.plan import Plan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS, PANELS = 400, 4  # the most test rows and targets that are drawn
DPI = 100


def draw_forecast(plan: Plan, module: SequenceModule, data: SequenceDataModule, folder: Path, step: int) -> None:
    """Write ``forecast.png`` and, where the run has TensorBoard, the same there: windows that do not overlap."""
    task, dataset = plan.task, plan.dataset
    assert isinstance(task, Forecasting)
    starts_N = dataset.test_rows
    drawn = _apart(starts_N[starts_N < starts_N[0] + ROWS], dataset.horizon)
    outputs = predict(module, [data.splits.test.batch(drawn)])
    references = dataset.references()
    simple = "seasonal naive" if "seasonal naive" in references else "naive"
    lines = {
        "truth": data.splits.test.targets[drawn],
        simple: references[simple][drawn],
        plan.job.model: task.point(outputs),
    }
    values = {name: _values(task, dataset.horizon, line) for name, line in lines.items()}
    ends = task.interval(outputs)
    band = None if ends is None else [_values(task, dataset.horizon, end) for end in ends]
    title = f"{plan.job.dataset}, {dataset.horizon} ahead, seed {plan.job.seed}"
    png, size = _figure(starts_N[drawn], values, band, dataset.artifacts()["targets"], title)
    (folder / "forecast.png").write_bytes(png)
    if plan.config["logger"]["tensorboard"]:
        write_image(folder, "forecast", png, size, step)


def _apart(starts_N: np.ndarray, horizon: int) -> Tensor:
    """Windows of which none predicts a row that another one predicts."""
    import torch

    kept, free = [], -1
    for i, start in enumerate(starts_N.tolist()):
        if start >= free:
            kept.append(i)
            free = start + horizon
    return torch.tensor(kept)


def _values(task: Forecasting, horizon: int, scaled: Tensor) -> np.ndarray:
    """``(W, S, C)`` in the units of the file."""
    return task.original(scaled.double()).unflatten(-1, (horizon, -1)).numpy()


def _figure(
    starts_W: np.ndarray, values: dict[str, np.ndarray], band: list[np.ndarray] | None, targets: list[str], title: str
) -> tuple[bytes, tuple[int, int]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = targets[:PANELS]
    figure = Figure(figsize=(9, 1 + 2.5 * len(names)), layout="constrained", dpi=DPI)
    canvas = FigureCanvasAgg(figure)  # without pyplot there is no global list of figures to be closed
    looks: list[dict[str, Any]] = [
        {"color": "black", "linewidth": 1.2},
        {"color": "0.6", "linewidth": 0.9, "linestyle": ":"},
        {"color": "#D55E00", "linewidth": 1.2},
    ]
    axes = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for c, (axis, target) in enumerate(zip(axes, names)):
        for (name, line), look in zip(values.items(), looks):
            axis.plot(*_joined(starts_W, line[..., c], whole=name == "truth"), label=name, **look)
        if band is not None:
            rows, low = _joined(starts_W, band[0][..., c])
            axis.fill_between(rows, low, _joined(starts_W, band[1][..., c])[1], color="#D55E00", alpha=0.2, linewidth=0)
        axis.set_ylabel(target)
        axis.grid(alpha=0.25)
    axes[0].set_title(title)
    axes[0].legend(fontsize="small", ncols=3)
    axes[-1].set_xlabel("row")
    buffer = io.BytesIO()
    canvas.print_png(buffer)
    width, height = canvas.get_width_height()
    return buffer.getvalue(), (width, height)


def _joined(starts_W: np.ndarray, line_WS: np.ndarray, whole: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Rows and values in a line; forecasts of several rows are a line each."""
    rows_WS = starts_W[:, None] + np.arange(line_WS.shape[1])
    if line_WS.shape[1] > 1 and not whole:
        rows_WS = np.concatenate([rows_WS, rows_WS[:, -1:]], axis=1)
        line_WS = np.concatenate([line_WS, np.full((len(line_WS), 1), np.nan)], axis=1)
    return rows_WS.flatten(), line_WS.flatten()


def save_picture(figure: Figure, path: Path) -> None:
    """Save a figure, as PNG unless the name says otherwise; folders are made. Raises ``UserError``: it is a folder."""
    if path.is_dir():
        raise UserError(f"--out {path}: is a folder; name the picture, as {path / 'picture.png'}")
    kind = path.suffix.lower().removeprefix(".")
    picture = io.BytesIO()
    figure.savefig(picture, dpi=100, format=kind if kind in figure.canvas.get_supported_filetypes() else "png")
    write_whole(path, picture.getvalue())
