"""What a translator wrote and where it looked, as a text and a picture.

Shape suffixes: T words of a translation with its end, S words of the sentence.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rnnbench.data.module import SequenceDataModule
from rnnbench.data.parallel import END, Pairs, words_of, written_text
from rnnbench.data.spec import EDGE, Batch
from rnnbench.data.text import user_texts
from rnnbench.errors import UserError
from rnnbench.models import Translator
from rnnbench.records.events import write_image, write_text
from rnnbench.records.files import write_whole
from rnnbench.tasks.module import SequenceModule
from rnnbench.tasks.translation import Translation
from rnnbench.training.plan import Plan

if TYPE_CHECKING:
    from rnnbench.training.predict import Trained

PANELS, EXAMPLES = 4, 20  # sentences that are drawn, and that are printed
DPI = 100


@dataclass
class Looked:
    """One translation: where the decoder looked ``(T, S)`` when it wrote the words of the rows."""

    weights_TS: np.ndarray
    source: list[str]
    written: list[str]


def draw_attention(trained: Trained, source: str, path: Path) -> None:
    """A PNG of the first translations of ``source``, a file or a sentence.

    Raises:
        UserError: the run does not translate, or its decoder has no attention.
    """
    task, model = trained.task, trained.model
    if not isinstance(task, Translation) or not isinstance(model, Translator):
        raise UserError(f"--picture: the run is of {trained.spec.task}, only a translation has one")
    if model.lookup is None:
        raise UserError("--picture: the run has task.composition.attention=none, its decoder looks nowhere")
    batch = trained.dataset.read(source, trained.artifacts).batch(torch.arange(len(user_texts(source)[:PANELS])))
    png, _ = _figure(look(model, task, batch, user_texts(source)))
    write_whole(path, png)


@torch.no_grad()
def look(model: Translator, task: Translation, batch: Batch, sources: Sequence[list[str]]) -> list[Looked]:
    """Translate the sentences of a batch, then read them again to see where each word looked."""
    written = [
        torch.cat([ids.cpu(), torch.tensor([EDGE])])  # pairs are put together there, from wherever they were written
        for ids in task.predictions(model.run(batch), batch, per_step=False)
    ]
    told = Pairs(written, written).batch(torch.arange(len(written)))
    assert told.mask is not None
    device = batch.inputs_BTI.device
    again = replace(batch, targets=told.targets.to(device), mask=told.mask.to(device))
    weights_BTS = model.attention_weights(again).cpu().numpy()
    return [
        Looked(weights_TS[: len(ids), : len(words)], words, words_of(ids, task.words))
        for weights_TS, ids, words in zip(weights_BTS, written, sources)
    ]


@torch.no_grad()
def show_translations(plan: Plan, module: SequenceModule, data: SequenceDataModule, folder: Path, step: int) -> None:
    """Write ``attention.png``, where there is attention, and in TensorBoard the same and the first validation pairs."""
    task, model, valid = plan.task, module.model, data.splits.valid
    assert isinstance(task, Translation)
    known: Any = plan.dataset.artifacts()["words"]
    batch = valid.batch(torch.arange(min(EXAMPLES, len(valid)))).to(module.device)
    sources = [words_of(ids_S1[:, 0], known) for ids_S1 in batch.inputs_BTI]
    tensorboard = plan.config["logger"]["tensorboard"]
    if tensorboard:
        texts = [written_text(ids, task.words) for ids in task.predictions(model.run(batch), batch, per_step=False)]
        rows = [" | ".join(row) for row in zip(map(" ".join, sources), texts, batch.texts or [""] * len(texts))]
        head = "sentence | translation | reference\n--- | --- | ---\n"
        write_text(folder, "translations", head + "\n".join(rows), step)
    if model.lookup is not None:
        few = valid.batch(torch.arange(min(PANELS, len(valid)))).to(module.device)
        png, size = _figure(look(model, task, few, sources))
        (folder / "attention.png").write_bytes(png)
        if tensorboard:
            write_image(folder, "attention", png, size, step)


def _figure(looked: Sequence[Looked]) -> tuple[bytes, tuple[int, int]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    heights = [1.2 + 0.27 * len(one.written) for one in looked]
    width = 2.5 + 0.4 * max(len(one.source) for one in looked)
    figure = Figure(figsize=(width, sum(heights)), layout="constrained", dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots(len(looked), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, one in zip(axes, looked):
        axis.imshow(one.weights_TS, cmap="Greys", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        turned: dict[str, Any] = {"rotation": 45, "ha": "left", "rotation_mode": "anchor"}
        written = ["(end)" if word == END else word for word in one.written]
        axis.set_xticks(range(len(one.source)), one.source, **turned, parse_math=False)  # "$" is a word
        axis.set_yticks(range(len(one.written)), written, parse_math=False)
        axis.xaxis.tick_top()
        axis.tick_params(length=0)
    buffer = io.BytesIO()
    canvas.print_png(buffer)
    columns, rows = canvas.get_width_height()
    return buffer.getvalue(), (columns, rows)
