"""Sequences in memory, their splits, and what every data set is.

Shape suffixes: N sequences, G batches, B batch, T time, I features, O targets, S steps of several sequences in a row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence, pad_sequence

from rnnbench.data.spec import Batch, DataSpec
from rnnbench.errors import UserError

IDS = (torch.int32, torch.int64)


@dataclass(frozen=True, eq=False)
class Sequences:
    """One split. Storage may be narrow (``bool``, ``uint8``) or a view; a batch is always float32 and int64.

    Attributes:
        inputs: ``(N, T, I)`` when all lengths are equal, else N tensors ``(T_n, I)``; int32 and int64 are ids of
            tokens, any other type holds numbers.
        targets: ``(N,)``, ``(N, O)``, ``(N, T)``, ``(N, T, O)``, or N tensors ``(T_n,)`` or ``(T_n, O)``; integers
            are class indices, floats and bools are numbers. ``(N, L)`` too where places are not known, see ``Batch``.
        mask: bool, like the leading dimensions of ``targets``: where a target counts. None: everywhere.
        streams: long sequences that are cut into the rows here, where state is carried: row ``c * streams + b`` goes on
            from row ``(c - 1) * streams + b``, and a batch has ``streams`` rows. None: rows do not follow each other.
        side: ``(N, S)``, numbers that belong to a whole sequence; None: there are none.
    """

    inputs: Tensor | list[Tensor]
    targets: Tensor | list[Tensor]
    mask: Tensor | list[Tensor] | None = None
    streams: int | None = None
    side: Tensor | None = None

    def __post_init__(self) -> None:
        for name in ("targets", "mask", "side"):
            part = getattr(self, name)
            if part is not None and len(part) != len(self.inputs):
                raise ValueError(f"{name}: {len(part)} for {len(self.inputs)} sequences of inputs")

    def __len__(self) -> int:
        return len(self.inputs)

    @cached_property
    def lengths(self) -> Tensor | None:
        """Steps of each sequence, int64 ``(N,)``; None when all are equal."""
        return None if isinstance(self.inputs, Tensor) else torch.tensor([len(x) for x in self.inputs])

    @cached_property
    def _rows(self) -> dict[str, Tensor]:
        """Ragged parts as one tensor ``(S + 1, …)`` each: all steps in a row, then a zero step to pad with."""
        parts = {"inputs": self.inputs, "targets": self.targets, "mask": self.mask}
        return {name: _joined(part) for name, part in parts.items() if isinstance(part, list)}

    @cached_property
    def _starts(self) -> Tensor:
        lengths = self.lengths
        assert lengths is not None
        return lengths.cumsum(0) - lengths

    def batch(self, indices: Tensor) -> Batch:
        """The sequences at ``indices`` (int64 ``(B,)``), padded with zeros to the longest of them."""
        lengths_B, steps_BT = (None, indices) if self.lengths is None else self._steps(self.lengths[indices], indices)

        def take(name: str, part: Any) -> Tensor:
            if isinstance(part, Tensor):
                return part.index_select(0, indices)
            return self._rows[name].index_select(0, steps_BT.flatten()).unflatten(0, steps_BT.shape)

        inputs = take("inputs", self.inputs)
        return Batch(
            inputs_BTI=inputs.long() if inputs.dtype in IDS else inputs.float(),
            targets=_typed(take("targets", self.targets)),
            lengths_B=lengths_B,
            mask=None if self.mask is None else take("mask", self.mask),
            side_BS=None if self.side is None else take("side", self.side).float(),
        )

    def packed(self, groups: Sequence[Tensor]) -> list[tuple[PackedSequence, Tensor, Tensor | None]]:
        """What ``batch`` gives of sequences that differ in length and have a target for every step, without padding.

        Args:
            groups: the sequences of each of several batches, all of which are gathered at once.

        Returns:
            For each batch its inputs, packed; targets and mask, a row for each of theirs.
        """
        assert self.lengths is not None
        indices_GB = pad_sequence(list(groups), batch_first=True)
        real_GB = torch.arange(indices_GB.shape[1]) < torch.tensor([len(indices) for indices in groups])[:, None]
        lengths_GB, order_GB = (self.lengths[indices_GB] * real_GB).sort(descending=True, stable=True)
        steps_T = torch.arange(int(lengths_GB.max()))
        real_GTB = steps_T[:, None] < lengths_GB[:, None]
        starts_GB = self._starts[indices_GB.gather(1, order_GB)]
        rows_S = (starts_GB[:, None] + steps_T[:, None])[real_GTB]
        sizes_GT = real_GTB.sum(2)
        counts = sizes_GT.sum(1).tolist()
        inputs = self._rows["inputs"].index_select(0, rows_S).float().split(counts)
        targets = _typed(self._rows["targets"].index_select(0, rows_S)).split(counts)
        masks = [None] * len(counts) if self.mask is None else self._rows["mask"].index_select(0, rows_S).split(counts)
        sizes = (sizes_T[:longest] for sizes_T, longest in zip(sizes_GT, lengths_GB[:, 0].tolist()))
        return [(PackedSequence(x, n), y, mask) for x, n, y, mask in zip(inputs, sizes, targets, masks)]

    def _steps(self, lengths_B: Tensor, indices: Tensor) -> tuple[Tensor | None, Tensor]:
        """Lengths, None if all are equal, and rows ``(B, T)`` of ``_rows``; the zero step beyond each length."""
        t_T = torch.arange(int(lengths_B.max()))
        last = self._rows["inputs"].shape[0] - 1
        within_BT = t_T < lengths_B[:, None]
        steps_BT = torch.where(within_BT, self._starts[indices][:, None] + t_T, last)
        return (None if bool(within_BT.all()) else lengths_B), steps_BT


def _typed(targets: Tensor) -> Tensor:
    numbers = targets.is_floating_point() or targets.dtype is torch.bool
    return targets.float() if numbers else targets.long()


def _joined(parts: list[Tensor]) -> Tensor:
    rows = torch.cat(parts)
    return F.pad(rows, (0, 0) * (rows.dim() - 1) + (0, 1))


@dataclass(frozen=True)
class Splits:
    """Training, validation and test sequences. Validation selects; test is read once, at the end."""

    train: Sequences
    valid: Sequences
    test: Sequences


class Dataset:
    """What a data set is; a subclass has explicit constructor arguments and reads no file in its constructor.

    Attributes:
        version: raised when a fix changes the numbers that ``load`` gives.
        name: what tables and run names call it.
        batch_size: sequences of a training step, over all devices together.
        eval_batch_size: sequences of an evaluation step.
        data_dir: the folder with published files.
        files: names, in the manifest, of the published files that it reads.
    """

    version: ClassVar[int] = 1
    files: tuple[str, ...] = ()

    def __init__(
        self,
        name: str,
        batch_size: int,
        eval_batch_size: int | None = None,
        data_dir: str | Path | None = None,
    ):
        self.name = name
        self.batch_size = at_least("batch_size", batch_size, 1)
        self.eval_batch_size = at_least(
            "eval_batch_size", batch_size if eval_batch_size is None else eval_batch_size, 1
        )
        self.data_dir = data_dir

    @property
    def spec(self) -> DataSpec:
        """Sizes and kind of problem."""
        raise NotImplementedError(f"{type(self).__name__} declares no spec")

    def load(self, seed: int) -> Splits:
        """All splits. ``seed`` counts for generated data only. Raises ``UserError`` for files that do not serve."""
        raise NotImplementedError(f"{type(self).__name__} loads nothing")

    def fingerprint(self) -> dict[str, str]:
        """sha256 by file, of the unpacked bytes; empty for generated data."""
        from rnnbench.data.manifest import entry

        return {entry(name).file: entry(name).expected for name in self.files}

    def baseline(self) -> dict[str, float] | None:
        """Test metrics, in closed form, of the best prediction that ignores its input; None where data decide."""
        return None

    def artifacts(self) -> dict[str, Any]:
        """What a trained model needs beside its weights to read an input and name its answer; JSON holds it.

        A vocabulary, names of classes, means and scales. Called after ``load``; kept with the run.
        """
        return {}

    def read(self, source: str, artifacts: dict[str, Any]) -> Sequences:
        """The sequences of a user's own input, with targets that say nothing, for ``rnnbench predict``.

        Here one sequence of numbers from a CSV file; a data set with vocabulary, scales or a format reads its own.

        Args:
            source: a path, or the input itself where that is a text.
            artifacts: what ``artifacts`` kept when the model was trained; no data file is read.

        Raises:
            UserError: in one line, for an input that does not serve.
        """
        from rnnbench.data.steps import read_steps

        if self.spec.vocabulary is not None:
            raise UserError(f"{self.name}: its kind of data has no form in which an input could be given")
        return read_steps(source, self.spec)

    def answer(self, prediction: Any, artifacts: dict[str, Any]) -> dict[str, Any]:
        """What the prediction for one sequence means, by name; JSON holds it. For ``prediction`` see the task."""
        return {"prediction": prediction.tolist() if isinstance(prediction, Tensor) else prediction}

    def answers(self, predictions: list[Any], source: str, artifacts: dict[str, Any]) -> list[dict[str, Any]]:
        """An answer for each sequence of ``source``; a data set whose answers show their input says more here."""
        return [self.answer(prediction, artifacts) for prediction in predictions]

    def references(self) -> dict[str, Tensor]:
        """Outputs ``(N, O)`` of methods that need no training, for the test sequences in their order, by name."""
        return {}

    def prepare(self) -> list[Path]:
        """Make the files present and verified; their paths. Raises ``UserError``."""
        from rnnbench.data.files import fetch

        return [fetch(name, self.data_dir) for name in self.files]


def named(prediction: Tensor, labels: Sequence[str]) -> dict[str, Any]:
    """The likeliest class and the probability of each, by name."""
    return {
        "label": labels[int(prediction.argmax())],
        "probabilities": dict(zip(labels, prediction.tolist(), strict=True)),
    }


def at_least(name: str, value: int, low: int) -> int:
    """``value``, or ``ValueError`` when it is below ``low``."""
    if value < low:
        raise ValueError(f"{name}={value}: must be at least {low}")
    return value


def one_of(name: str, value: Any, choices: Iterable[Any]) -> Any:
    """``value``, or ``ValueError`` when it is not among ``choices``."""
    if value not in (known := list(choices)):
        raise ValueError(f"{name}={value!r}: choose one of {', '.join(map(str, known))}")
    return value


def names_once(key: str, names: str | Sequence[str | int] | None) -> list[str] | None:
    """Column names as a list; None stays. Raises ``ValueError`` for none at all, or one named twice."""
    if names is None:
        return None
    listed = [names] if isinstance(names, str) else [str(name) for name in names]
    if not listed or len(set(listed)) < len(listed):
        raise ValueError(f"{key}={listed}: name each column once, or set null")
    return listed


def three_parts(split: Sequence[float]) -> tuple[float, float, float]:
    """Shares of train, validation and test, or row counts of them. Raises ``ValueError`` for anything else."""
    counts = all(isinstance(part, int) for part in split)
    if len(split) != 3 or min(split) <= 0 or not (counts or math.isclose(sum(split), 1, abs_tol=1e-9)):
        raise ValueError(f"split={list(split)}: three shares above 0 that sum to 1, or three row counts")
    train, valid, test = split
    return train, valid, test
