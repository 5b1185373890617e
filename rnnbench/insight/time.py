"""``rnnbench inspect``: what a trained network does with time, as a picture.

Shape suffixes: B sequences, T steps, I inputs of a step, H backbone outputs, U units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnbench.cells import LSTM, Stage
from rnnbench.data.seeding import derive
from rnnbench.data.spec import Batch
from rnnbench.errors import UserError
from rnnbench.layers import Recurrent
from rnnbench.layers.wrappers import Around
from rnnbench.training.pictures import save_picture
from rnnbench.training.predict import Trained

GATES = ("i", "f", "o", "r", "z", "u")  # names under which cells write gates that lie in 0..1


def gradient_flow(trained: Trained, batch: Batch) -> np.ndarray:
    """How strongly the last output still depends on the input k steps before, relative to k = 0; ``(T,)`` over k.

    The norm of the gradient of the sum of the backbone's outputs at the last step with respect to its input at each
    step, averaged over the sequences that are long enough; NaN where none is.
    """
    model = trained.model
    x_BTI, lengths_B = model.reads(batch.inputs_BTI, batch.lengths_B)
    x_BTI = x_BTI.detach().requires_grad_()
    y_BTH, _ = model.backbone(x_BTI, lengths=lengths_B)
    B, T = y_BTH.shape[:2]
    lengths = torch.full((B,), T) if lengths_B is None else lengths_B
    (gradient_BTI,) = torch.autograd.grad(y_BTH[torch.arange(B), lengths - 1].sum(), x_BTI)
    norm_BT = gradient_BTI.norm(dim=-1)
    back_BT = lengths[:, None] - 1 - torch.arange(T)  # for each k the step that lies k before the last
    norms = norm_BT.gather(1, back_BT.clamp(min=0)).masked_fill(back_BT < 0, float("nan")).nanmean(0)
    return (norms / norms[0]).numpy()


@dataclass(frozen=True, kw_only=True)
class Recorder(Around):
    """A cell as it is, that keeps what its gates are at each step, in ``kept`` by name."""

    kept: Any = field(compare=False)

    def stages(self) -> tuple[Stage, ...]:
        """The inner cell's, watched."""
        return tuple(replace(stage, pointwise=self._watched(stage)) for stage in self.inner.stages())

    def _watched(self, stage: Stage) -> Any:
        def pointwise(*arguments: Tensor) -> tuple[Tensor, ...]:
            written = stage.pointwise(*arguments)
            # A linear recurrence writes two coefficients in place of its state
            named = zip(stage.writes[1:], written[2:]) if stage.recurrence else zip(stage.writes, written)
            found = {name: value for name, value in named if name in GATES and name not in self.inner.state}
            if isinstance(self.inner, LSTM) and stage.joint:  # its gates are used where they are made
                i, f, _, o = arguments[0].chunk(4, -1)
                found |= {"i": torch.sigmoid(i), "f": torch.sigmoid(f), "o": torch.sigmoid(o)}
            for name, value in found.items():
                self.kept.setdefault(name, []).append(value)
            return written

        return pointwise


@torch.no_grad()
def gates(trained: Trained, batch: Batch) -> dict[str, Tensor]:
    """The gates ``(T, U)`` of the first layer while it reads the first sequence of ``batch``, by name.

    Empty for a network whose cell names no gates; what goes by a gate's name and leaves 0..1 is none (a candidate, or
    a gate that a later stage squashes).
    """
    model, backbone = trained.model, trained.model.backbone
    if not isinstance(backbone, Recurrent):
        return {}
    length = batch.inputs_BTI.shape[1] if batch.lengths_B is None else int(batch.lengths_B[0])
    x_BTI, _ = model.reads(batch.inputs_BTI[:1, :length], None)
    kept: dict[str, list[Tensor]] = {}
    backbone.replay(Recorder.of(backbone.cells[0], kept=kept), x_BTI)
    found = {name: torch.cat(values) for name, values in kept.items()}
    return {name: values for name, values in found.items() if bool(((values >= 0) & (values <= 1)).all())}


def labels(runs: Sequence[Path]) -> list[str]:
    """A name for each run directory: without the identity, unless that is what tells them apart."""
    names = [run.resolve().name for run in runs]
    for found in ([name.rpartition("-")[0] or name for name in names], names):
        if len(set(found)) == len(found):
            return found
    return [str(run) for run in runs]


def told(label: str, flow: np.ndarray) -> str:
    """The gradient flow of a run in a line: how much is left at the earliest step."""
    known = flow[~np.isnan(flow)]
    if not len(known):
        return f"{label:<32} no gradient: the last output does not depend on its input, or is not a number"
    return f"{label:<32} gradient {len(known) - 1} steps back: {known[-1]:.3g} of that at the last step"


def inspect(runs: Sequence[tuple[str, Trained]], sequences: int, path: Path) -> dict[str, np.ndarray]:
    """Draw gradient flow and gates of trained runs on validation sequences of their own data.

    Args:
        runs: labels and runs.
        sequences: how many are looked at.
        path: of the PNG.

    Returns:
        the gradient flow of each run, by label.

    Raises:
        UserError: a run whose model has other parts than encoder, backbone and head.
    """
    flows: dict[str, np.ndarray] = {}
    pictures: list[tuple[str, str, Tensor]] = []
    for label, trained in runs:
        if trained.task.composition is not None:
            raise UserError(f"{label}: task {trained.task.name} composes its model otherwise: nothing to look at")
        batch = _batch(trained, sequences)
        flows[label] = gradient_flow(trained, batch)
        pictures += [(label, name, gate_TU) for name, gate_TU in gates(trained, batch).items()]
    _draw(flows, pictures, path)
    return flows


def _batch(trained: Trained, sequences: int) -> Batch:
    split = trained.dataset.load(derive(trained.config["seed"], "data")).valid
    return split.batch(torch.arange(min(sequences, len(split))))


def _draw(flows: dict[str, np.ndarray], pictures: Sequence[tuple[str, str, Tensor]], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5 + 1.6 * len(pictures)), layout="constrained")
    FigureCanvasAgg(figure)
    ratios = [2.2, *[1.0] * len(pictures)]
    axes = figure.subplots(len(ratios), 1, squeeze=False, height_ratios=ratios)[:, 0]
    for label, flow in flows.items():
        axes[0].semilogy(np.maximum(flow, 1e-12), label=label)
    axes[0].set(xlabel="steps back", ylabel="gradient, relative", title="What reaches the input k steps before")
    axes[0].legend()
    for ax, (label, name, gate_TU) in zip(axes[1:], pictures):
        image = ax.imshow(gate_TU.T.numpy(), aspect="auto", vmin=0, vmax=1, interpolation="nearest")
        ax.set(ylabel=f"{label}: {name}", xlabel="step")
        figure.colorbar(image, ax=ax)
    save_picture(figure, path)
