"""What a dataset promises (``DataSpec``) and what a step receives (``Batch``).

Shape suffixes: B batch, T time, I features of one input step, O targets of one step or sequence,
S numbers that belong to a whole sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

NO_TARGET = -1  # among class indices: none stands here
EDGE = 2  # the id that ends a target sequence, and that a decoder reads before its first word


@dataclass(frozen=True)
class Window:
    """What the inputs of a forecast are made of.

    Attributes:
        length: rows looked at (T).
        horizon: rows predicted; there are ``target_size / horizon`` targets.
        targets: for each target its column among the inputs; None for one that is not looked at.
        values: columns that hold values; after them come marks of filled cells and the calendar.
        calendar: columns at the end that say when the row ``gap + horizon`` later is, see ``rnnbench.data.calendar``.
        season: rows of a season; None: none is known.
        gap: rows between those looked at and the first predicted.
    """

    length: int
    horizon: int
    targets: tuple[int | None, ...]
    values: int
    calendar: int = 0
    season: int | None = None
    gap: int = 0


@dataclass(frozen=True)
class DataSpec:
    """Everything that encoders, models, heads and metrics are sized from; known without reading data.

    Attributes:
        task: the kind of problem, a name in ``conf/task``: ``classification``, ``forecasting`` and so on.
        input_size: features of one step (I).
        target_size: classes of a classification; numbers predicted at once otherwise (O).
        per_step: whether every step has a target (``targets_BT…``) or the sequence has one (``targets_B…``).
        carries_state: whether the state at the end of a batch is the initial state of the next.
        vocabulary: ids of tokens in the first input of a step, ``0 <= id < vocabulary``, where 0 pads; None: inputs
            are numbers.
        characters: likewise ids of the characters of a word, in all further inputs of a step; None: there are none.
        labels: names of the classes, by number, where metrics go by them; None elsewhere.
        window: what the inputs are made of, where they are the past of a series.
        looks_ahead: whether targets are inputs of later steps: a network that reads both ways would be told them.
        side_size: numbers that belong to a whole sequence, the second input of a model (S).
        writes: whether a sequence is to be answered by another one, of ``target_size`` ids, see ``Batch.targets``.
    """

    task: str
    input_size: int
    target_size: int
    per_step: bool = False
    carries_state: bool = False
    vocabulary: int | None = None
    characters: int | None = None
    labels: tuple[str, ...] | None = None
    window: Window | None = None
    looks_ahead: bool = False
    side_size: int = 0
    writes: bool = False


@dataclass
class Batch:
    """A padded mini-batch.

    Attributes:
        inputs_BTI: float inputs, or int64 ids where the data have a vocabulary; zero beyond each sequence's length.
        targets: class indices (int64) ``(B,)`` or ``(B, T)``; numbers ``(B, O)`` or ``(B, T, O)`` otherwise. ``(B, L)``
            class indices, ``NO_TARGET`` beyond the end, where a sequence has several whose places are not known. Where
            a sequence is to be answered by another one, ids ``(B, T)`` of another T than that of the inputs.
        lengths_B: steps of each sequence, int64, always on the CPU; None when every sequence fills T.
        mask: bool, like the leading dimensions of ``targets``: where a target counts. None: all within length.
        side_BS: numbers that belong to the whole sequence; None where the data have none.
        texts: the targets as they stand in the file, for metrics that go by texts; None: there are none.
    """

    inputs_BTI: Tensor
    targets: Tensor
    lengths_B: Tensor | None = None
    mask: Tensor | None = None
    side_BS: Tensor | None = None
    texts: list[str] | None = None

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """The batch on ``device``; lengths stay on the CPU, where packing needs them."""
        moved = [
            t if t is None else t.to(device, non_blocking=non_blocking)
            for t in (self.inputs_BTI, self.targets, self.mask, self.side_BS)
        ]
        return replace(self, inputs_BTI=moved[0], targets=moved[1], mask=moved[2], side_BS=moved[3])

    def __len__(self) -> int:
        return self.inputs_BTI.shape[0]

    def valid_BT(self) -> Tensor:
        """Bool ``(B, T)``: steps within length and, for per-step targets, within ``mask``."""
        B, T = self.inputs_BTI.shape[:2]
        device = self.inputs_BTI.device
        if self.lengths_B is None:
            valid = torch.ones(B, T, dtype=torch.bool, device=device)
        else:
            valid = torch.arange(T, device=device)[None] < self.lengths_B.to(device)[:, None]
        return valid if self.mask is None or self.mask.dim() < 2 else valid & self.mask


@dataclass
class Outputs:
    """What a model makes of a batch.

    Attributes:
        values: ``(B, O)``, or ``(B, T, O)`` for every step.
        lengths_B: steps of each sequence of ``values``, int64 on the CPU; None when every sequence fills T.
        state: of the backbone after the last step, with which the next batch may begin.
        decode: of a model that answers by sequences of its own, called with the number of hypotheses and the power of
            the length that scores are divided by: int64 ids ``(T_b,)`` for each sequence. None: it does not.
    """

    values: Tensor
    lengths_B: Tensor | None = None
    state: Any = None
    decode: Callable[[int, float], list[Tensor]] | None = None
