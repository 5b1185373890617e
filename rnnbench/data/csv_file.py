"""Forecasting on a CSV file of the user's own.

Shape suffixes: R rows of the file, C columns, N windows, T steps of a window, I features, O numbers to predict.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from rnnbench.data.dataset import Dataset, Sequences, Splits, at_least, one_of
from rnnbench.data.filling import IMPUTE, SCALING, Scaler, fill, fit_scaler
from rnnbench.data.spec import DataSpec
from rnnbench.data.table import Table
from rnnbench.errors import UserError

SPLITS = ("train", "valid", "test")


class CsvFile(Dataset):
    """``window`` rows of the features predict the next ``horizon`` rows of the targets, all at once.

    Rows are split by time: train, then validation, then test. The rows that a window predicts lie in one split; the
    rows it looks at may reach back into the split before. Scaling is fitted on the training rows, and the metrics are
    those of scaled values (``scaler`` leads back). O = horizon x targets, the targets of the first row first.

    Missing cells are refused unless ``impute`` is set; windows that would have to predict a filled cell are left out.

    Args:
        name: what tables call it.
        path: the CSV file.
        targets: columns to predict; None: all that hold numbers.
        features: columns to look at; None: the targets.
        window: rows looked at (T).
        horizon: rows predicted.
        stride: rows from one window to the next.
        scaling: ``standard`` (mean 0, variance 1), ``minmax`` (0 to 1) or ``none``.
        split: shares of the rows for train, validation and test, that sum to 1, or three row counts.
        impute: ``ffill``, ``linear`` or ``mean``, see ``rnnbench.data.filling.fill``; None: refuse missing cells.
        mask: with ``impute``, one more feature for each feature with missing cells: 1 where it was filled.
        time_column: a column of times or numbers, checked to increase and not used otherwise.
        time_format: how to read it, as for ``strptime``; None: guessed.
        encoding: of the file.
        separator: between its fields.
        header: whether its first line names the columns; otherwise they are called 0, 1, ...
        batch_size: windows of a training step.
        eval_batch_size: windows of an evaluation step; None: as ``batch_size``.
    """

    def __init__(
        self,
        name: str = "csv",
        path: str | None = None,
        targets: str | Sequence[str | int] | None = None,
        features: str | Sequence[str | int] | None = None,
        window: int = 24,
        horizon: int = 1,
        stride: int = 1,
        scaling: Literal["standard", "minmax", "none"] = "standard",
        split: Sequence[float] = (0.7, 0.1, 0.2),
        impute: Literal["ffill", "linear", "mean"] | None = None,
        mask: bool = False,
        time_column: str | None = None,
        time_format: str | None = None,
        encoding: str = "utf-8",
        separator: str = ",",
        header: bool = True,
        batch_size: int = 64,
        eval_batch_size: int | None = None,
    ):
        super().__init__(name, batch_size, eval_batch_size)
        if path is None:
            raise ValueError("path=null: name the CSV file, dataset.path=FILE.csv")
        self.path = path
        self.targets, self.features = _names("targets", targets), _names("features", features)
        self.window = at_least("window", window, 1)
        self.horizon = at_least("horizon", horizon, 1)
        self.stride = at_least("stride", stride, 1)
        self.scaling = one_of("scaling", scaling, SCALING)
        self.split = _split(split)
        self.impute = None if impute is None else one_of("impute", impute, IMPUTE)
        if mask and impute is None:
            raise ValueError("mask=True: marks filled cells, so set impute to ffill, linear or mean")
        self.mask = mask
        self.time_column, self.time_format = time_column, time_format
        self.encoding, self.separator, self.header = encoding, separator, header
        self.scaler: Scaler | None = None

    @property
    def spec(self) -> DataSpec:
        """Sizes by the names given, or by the file where names or masks depend on it."""
        if self.targets is None or self.mask:
            targets, features = self._columns
            return self._spec(len(targets), len(features) + (len(self._masked) if self.mask else 0))
        return self._spec(len(self.targets), len(self.features or self.targets))

    def _spec(self, targets: int, features: int) -> DataSpec:
        return DataSpec("regression", input_size=features, target_size=self.horizon * targets)

    def fingerprint(self) -> dict[str, str]:
        """The sum of the user's file."""
        return {Path(self.path).name: self._table.sha256()}

    def prepare(self) -> list[Path]:
        """Check that the file is there and is a table."""
        return [self._table.path]

    def load(self, seed: int) -> Splits:
        """The windows of each split; ``seed`` has no effect. Raises ``UserError`` for a file that does not serve."""
        targets, features = self._columns
        if self.time_column is not None:
            self._table.check_times(self.time_column, self.time_format)
        raw_RC, used = self._raw
        missing_RC = np.isnan(raw_RC)
        cuts = self._cuts(len(raw_RC))
        self._check_missing(used, missing_RC, cuts[0])
        self.scaler = fit_scaler(used, raw_RC[: cuts[0]], self.scaling)
        scaled_RC = self.scaler(raw_RC if self.impute is None else fill(raw_RC, self.impute, cuts))
        features_at, targets_at = [used.index(f) for f in features], [used.index(t) for t in targets]
        inputs_RI = scaled_RC[:, features_at]
        if self.mask:
            inputs_RI = np.concatenate([inputs_RI, missing_RC[:, [used.index(m) for m in self._masked]]], axis=1)
        inputs = torch.from_numpy(np.ascontiguousarray(inputs_RI)).float()
        outputs = torch.from_numpy(np.ascontiguousarray(scaled_RC[:, targets_at])).float()
        filled = torch.from_numpy(missing_RC[:, targets_at])
        bounds = itertools.pairwise((self.window, *cuts))
        parts = zip(SPLITS, bounds, strict=True)
        return Splits(**{part: self._windows(part, inputs, outputs, filled, *rows) for part, rows in parts})

    @cached_property
    def _table(self) -> Table:
        return Table(self.path, self.encoding, self.separator, self.header)

    @cached_property
    def _columns(self) -> tuple[list[str], list[str]]:
        """Targets and features by name."""
        targets = self.targets or [name for name in self._table.numeric() if name != self.time_column]
        if not targets:
            raise UserError(f"{self.path}: no column holds numbers")
        features = self.features or targets
        self._table.require([*targets, *features])
        return targets, features

    @cached_property
    def _raw(self) -> tuple[np.ndarray, list[str]]:
        """Values ``(R, C)`` of all columns in use, NaN where missing, and their names."""
        targets, features = self._columns
        used = list(dict.fromkeys([*features, *targets]))
        return self._table.values(used), used

    @property
    def _masked(self) -> list[str]:
        """Features with missing cells."""
        raw_RC, used = self._raw
        gaps = np.asarray(np.isnan(raw_RC).any(axis=0))
        return [name for name in self._columns[1] if gaps[used.index(name)]]

    def _cuts(self, rows: int) -> tuple[int, int, int]:
        """The rows where train, validation and test end."""
        if isinstance(self.split[0], int):
            train, valid, test = itertools.accumulate(self.split)
        else:
            train, valid, test = round(rows * self.split[0]), round(rows * (self.split[0] + self.split[1])), rows
        if test > rows:
            raise UserError(f"{self.path}: split={list(self.split)} asks for {test} rows; the file has {rows}")
        have = dict(zip(SPLITS, (train, valid - train, test - valid), strict=True))
        need = {"train": self.window + self.horizon, "valid": self.horizon, "test": self.horizon}
        for part in SPLITS:
            if have[part] < need[part]:
                raise UserError(
                    f"{self.path}: {part} has {have[part]} of {rows} rows, but window={self.window} and "
                    f"horizon={self.horizon} need {need[part]}; shorten them or change dataset.split"
                )
        return int(train), int(valid), int(test)

    def _check_missing(self, used: list[str], missing_RC: np.ndarray, train_end: int) -> None:
        for name, column_R in zip(used, missing_RC.T, strict=True):
            rows = np.flatnonzero(column_R)
            if len(rows) and self.impute is None:
                raise UserError(
                    f"{self.path}: column {name!r} has {len(rows)} missing values, on line {self._table.lines(rows)}; "
                    "fill them, or set dataset.impute to ffill, linear or mean"
                )
            if column_R[:train_end].all():
                raise UserError(f"{self.path}: column {name!r} has no value in the training rows")

    def _windows(self, part: str, inputs: Tensor, outputs: Tensor, filled: Tensor, start: int, end: int) -> Sequences:
        """The windows whose targets lie in rows ``start`` to ``end``; views, so that overlap costs no memory."""
        seen = _strided(inputs[start - self.window : end - self.horizon], self.window, self.stride)
        inputs_NTI = seen.unflatten(1, (self.window, inputs.shape[1]))
        targets_NO = _strided(outputs[start:end], self.horizon, self.stride)
        whole_N = ~_strided(filled[start:end], self.horizon, self.stride).any(dim=1)
        if not whole_N.any():
            raise UserError(f"{self.path}: every window of {part} has to predict a missing value")
        if whole_N.all():
            return Sequences(inputs_NTI, targets_NO)
        return Sequences(inputs_NTI[whole_N], targets_NO[whole_N])


def _strided(rows_RC: Tensor, width: int, stride: int) -> Tensor:
    """All runs of ``width`` rows, ``stride`` rows apart, each flattened: a view ``(N, width * C)``."""
    columns = rows_RC.shape[1]
    return rows_RC.flatten().unfold(0, width * columns, stride * columns)


def _names(key: str, names: str | Sequence[str | int] | None) -> list[str] | None:
    if names is None:
        return None
    listed = [names] if isinstance(names, str) else [str(name) for name in names]
    if not listed or len(set(listed)) < len(listed):
        raise ValueError(f"{key}={listed}: name each column once, or set null")
    return listed


def _split(split: Sequence[float]) -> tuple[float, float, float]:
    counts = all(isinstance(part, int) for part in split)
    if len(split) != 3 or min(split) <= 0 or not (counts or math.isclose(sum(split), 1, abs_tol=1e-9)):
        raise ValueError(f"split={list(split)}: three shares above 0 that sum to 1, or three row counts")
    train, valid, test = split
    return train, valid, test
