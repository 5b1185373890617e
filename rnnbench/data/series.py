"""Windows of a time series, for forecasting: of any CSV file, published series and simulations.

Shape suffixes: R rows of the series, C columns, N windows, T steps of a window, I features, O numbers to predict,
H rows to predict.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from rnnbench.data import references
from rnnbench.data.calendar import CYCLES, cycles
from rnnbench.data.dataset import Dataset, Sequences, Splits, at_least, names_once, one_of, three_parts
from rnnbench.data.filling import IMPUTE, SCALING, Scaler, fill, fit_scaler
from rnnbench.data.labels import known_labels, marks
from rnnbench.data.newest import newest_side, newest_window
from rnnbench.data.sources import CsvFile, Source
from rnnbench.data.spec import DataSpec, Window
from rnnbench.data.table import Table
from rnnbench.errors import UserError

SPLITS = ("train", "valid", "test")
UNITS = ("scaled", "original")


@dataclass(frozen=True)
class _Rows:
    """The series as windows are cut from it.

    Attributes:
        inputs: ``(R, I)``: scaled features, marks of filled cells, calendar where steps have it.
        side: ``(R, S)``, what the head is told of a forecast that begins in this row: calendar where the head has it,
            labels of the last row looked at.
        outputs: ``(R, C)``: scaled targets.
        cuts: the rows where train, validation and test end.
        starts: for each of them the first row that each window predicts.
        scaler: of all columns in use.
        mase_scale: ``(C,)``, see ``references.scale_of_errors``.
    """

    inputs: np.ndarray
    side: np.ndarray
    outputs: np.ndarray
    cuts: tuple[int, int, int]
    starts: tuple[np.ndarray, ...]
    scaler: Scaler
    mase_scale: np.ndarray


class TimeSeries(Dataset):
    """``window`` rows of the features predict the next ``horizon`` rows of the targets.

    Rows are split by time: train, then validation, then test. The rows that a window predicts lie in one split; the
    rows it looks at may reach back into the split before. Scaling is fitted on the training rows. O = horizon x
    targets, the targets of the first row first.

    Missing cells are refused unless ``impute`` is set; windows that would have to predict a filled cell are left out.

    Args:
        name: what tables call it.
        path: a CSV file of the user's own; or else
        source: where the series comes from, see ``rnnbench.data.sources``.
        targets: columns to predict; None: all that hold numbers.
        features: columns to look at; None: the targets.
        window: rows looked at (T).
        horizon: rows predicted (H).
        gap: rows between those looked at and the first predicted: horizon 1 and gap 5 predict the sixth row alone.
        stride: rows from one window to the next.
        scaling: ``standard`` (mean 0, variance 1), ``minmax`` (0 to 1), ``maxabs`` (within -1 to 1) or ``none``.
        log: take logarithms first; the columns must be positive.
        units: whether mse, mae and rmse are of ``scaled`` values (logarithms, with ``log``) or of the ``original``.
        split: shares of the rows for train, validation and test, that sum to 1, or three row counts.
        origins: of rolling-origin cross-validation: the test rows are cut into so many equal parts, and ...
        origin: ... this one is tested, counted from 0. As many rows as ever before it validate, and all before these
            train: a sweep ``dataset.origin=0,1,2`` is the cross-validation, and tables average over it.
        season: rows of a season, for the seasonal naive forecast and MASE; None: none is known.
        ar_order: order of the autoregression that models are compared with; None: no such.
        calendar: inputs from the time column (UTC where times have an offset), see ``rnnbench.data.calendar.CYCLES``.
        calendar_at: ``steps``: each step is told the calendar of the row ``horizon`` later; ``head``: the head is told
            that of the first row to predict, beside what the network makes of the series.
        labels: columns of words, such as the kind of weather: the head is told which label of each the last row looked
            at has. Known are those of the training rows; of another one it is told nothing.
        impute: ``ffill``, ``linear`` or ``mean``, see ``rnnbench.data.filling.fill``; None: refuse missing cells.
        mask: with ``impute``, one more feature for each feature with missing cells: 1 where it was filled.
        time_column: of the file at ``path``: times or numbers, checked to increase.
        time_format: how to read it, as for ``strptime``; None: guessed.
        encoding: of the file at ``path``.
        separator: between its fields.
        header: whether its first line names the columns; otherwise they are called 0, 1, ...
        batch_size: windows of a training step.
        eval_batch_size: windows of an evaluation step; None: as ``batch_size``.
        data_dir: where published files are looked for and downloaded to.
    """

    def __init__(
        self,
        name: str = "csv",
        path: str | None = None,
        source: Source | None = None,
        targets: str | Sequence[str | int] | None = None,
        features: str | Sequence[str | int] | None = None,
        window: int = 24,
        horizon: int = 1,
        gap: int = 0,
        stride: int = 1,
        scaling: Literal["standard", "minmax", "maxabs", "none"] = "standard",
        log: bool = False,
        units: Literal["scaled", "original"] = "scaled",
        split: Sequence[float] = (0.7, 0.1, 0.2),
        origins: int = 1,
        origin: int = 0,
        season: int | None = None,
        ar_order: int | None = None,
        calendar: Sequence[str] = (),
        calendar_at: Literal["steps", "head"] = "steps",
        labels: Sequence[str] = (),
        impute: Literal["ffill", "linear", "mean"] | None = None,
        mask: bool = False,
        time_column: str | None = None,
        time_format: str | None = None,
        encoding: str = "utf-8",
        separator: str = ",",
        header: bool = True,
        batch_size: int = 64,
        eval_batch_size: int | None = None,
        data_dir: str | Path | None = None,
    ):
        super().__init__(name, batch_size, eval_batch_size, data_dir)
        if source is None and path is None:
            raise ValueError("path=null: name the CSV file, dataset.path=FILE.csv")
        source = source or CsvFile(str(path), time_column, time_format, encoding, separator, header)
        self.source, self.files = source, source.files
        self.targets, self.features = names_once("targets", targets), names_once("features", features)
        self.window, self.stride = at_least("window", window, 1), at_least("stride", stride, 1)
        self.horizon, self.gap = at_least("horizon", horizon, 1), at_least("gap", gap, 0)
        self._first = window + gap  # row that can be predicted
        self.scaling, self.log, self.units = one_of("scaling", scaling, SCALING), log, one_of("units", units, UNITS)
        self.split = three_parts(split)
        self.origins, self.origin = at_least("origins", origins, 1), at_least("origin", origin, 0)
        if origin >= origins:
            raise ValueError(f"origin={origin}: must be below origins={origins}")
        self.season = None if season is None else at_least("season", season, 1)
        self.ar_order = None if ar_order is None else at_least("ar_order", ar_order, 1)
        self.calendar = [one_of("calendar", cycle, CYCLES) for cycle in calendar]
        self.calendar_at = one_of("calendar_at", calendar_at, ("steps", "head"))
        if calendar_at == "head" and not self.calendar:
            raise ValueError("calendar_at=head: name what it is told, as dataset.calendar=[month]")
        if self.calendar and source.time_column is None:
            raise ValueError(f"calendar={self.calendar}: needs a column of dates, dataset.time_column")
        self.labels = names_once("labels", labels or None) or []
        self.impute = None if impute is None else one_of("impute", impute, IMPUTE)
        if mask and impute is None:
            raise ValueError("mask=True: marks filled cells, so set impute to ffill, linear or mean")
        self.mask, self._seed = mask, 0

    @property
    def spec(self) -> DataSpec:
        """Sizes by the names given, or by the table where names, masks or labels depend on it."""
        if self.targets is None or self.mask:
            targets, features = self._columns
        else:
            targets, features = self.targets, self.features or self.targets
        masks, told = len(self._masked) if self.mask else 0, 2 * len(self.calendar)
        calendar, side = (told, 0) if self.calendar_at == "steps" else (0, told)
        at = tuple(features.index(name) if name in features else None for name in targets)
        window = Window(self.window, self.horizon, at, len(features), calendar, self.season, self.gap)
        sizes = len(features) + masks + calendar, self.horizon * len(targets)
        side += sum(len(known) for known in self._labels.values())
        return DataSpec("forecasting", *sizes, window=window, side_size=side)

    def fingerprint(self) -> dict[str, str]:
        """The sums of the files."""
        return super().fingerprint() | self.source.fingerprint()

    def prepare(self) -> list[Path]:
        """Make published files present; check that there is a table."""
        return super().prepare() or [self._table.path]

    def load(self, seed: int) -> Splits:
        """The windows of each split. Raises ``UserError`` for a table that does not serve."""
        if seed != self._seed:  # a simulation is another one
            self._seed = seed
            for name in ("_table", "_columns", "_raw", "_labels", "_rows"):
                self.__dict__.pop(name, None)
        rows = self._rows
        inputs, outputs = (torch.from_numpy(np.ascontiguousarray(part)).float() for part in (rows.inputs, rows.outputs))
        parts = {}
        for part, starts_N, (start, end) in zip(SPLITS, rows.starts, itertools.pairwise((self._first, *rows.cuts))):
            kept_N = torch.from_numpy((starts_N - start) // self.stride)
            seen = _strided(inputs[start - self._first : end - self.gap - self.horizon], self.window, self.stride)
            targets_NO = _strided(outputs[start:end], self.horizon, self.stride)
            if len(kept_N) < len(seen):  # else views, so that overlap costs no memory
                seen, targets_NO = seen[kept_N], targets_NO[kept_N]
            side = torch.from_numpy(rows.side[starts_N]).float() if rows.side.shape[1] else None
            parts[part] = Sequences(seen.unflatten(1, (self.window, inputs.shape[1])), targets_NO, side=side)
        return Splits(**parts)

    def references(self) -> dict[str, Tensor]:
        """Forecasts ``(N, O)`` for the test windows, scaled, from all rows before each: see ``data.references``."""
        rows, H = self._rows, self.gap + self.horizon
        series_RC, starts_N = rows.outputs, rows.starts[2] - self.gap
        found = {"naive": references.naive(series_RC, starts_N, H)}
        if self.season is not None:
            self._check_past("season", self.season, starts_N[0])
            found["seasonal naive"] = references.seasonal_naive(series_RC, starts_N, H, self.season)
        found["drift"] = references.drift(series_RC, starts_N, H)
        if self.ar_order is not None:
            self._check_past("ar_order", 2 * self.ar_order + 1, rows.cuts[0])
            found["AR"] = references.autoregression(series_RC, starts_N, H, self.ar_order, rows.cuts[0])
        return {name: torch.from_numpy(of_NHC[:, self.gap :]).flatten(1) for name, of_NHC in found.items()}

    @property
    def test_rows(self) -> np.ndarray:
        """The first row that each test window predicts, ``(N,)``."""
        return self._rows.starts[2]

    def artifacts(self) -> dict[str, Any]:
        """What turns rows of a table into inputs, and outputs into values of the table."""
        rows, scaler = self._rows, self._rows.scaler
        targets, features = self._columns
        return {
            "targets": targets,
            "features": features,
            "impute": self.impute,
            "masked": self._masked if self.mask else [],
            "calendar": self.calendar,
            "calendar_at": self.calendar_at,
            "side_labels": self._labels,
            "time_column": self.source.time_column,
            "time_format": self.source.time_format,
            "window": self.window,
            "horizon": self.horizon,
            "gap": self.gap,
            "season": self.season,
            "units": self.units,
            "log": self.log,
            "shift": dict(zip(scaler.columns, scaler.shift.tolist())),
            "scale": dict(zip(scaler.columns, scaler.scale.tolist())),
            "mean": dict(zip(scaler.columns, scaler.mean.tolist())),
            "mase_scale": rows.mase_scale.tolist(),
        }

    def read(self, source: str, artifacts: dict[str, Any]) -> Sequences:
        """The newest rows of a CSV file, in the form of the one that the run was trained on."""
        table = self.source.user_table(source)
        return Sequences(newest_window(table, artifacts), torch.zeros(1, 1), side=newest_side(table, artifacts))

    def answer(self, prediction: Any, artifacts: dict[str, Any]) -> dict[str, Any]:
        """The next rows of each target, as the task names them."""
        return prediction

    # --- rows

    @cached_property
    def _table(self) -> Table:
        return self.source.read(self._seed, self.data_dir)

    @cached_property
    def _columns(self) -> tuple[list[str], list[str]]:
        """Targets and features by name."""
        targets = self.targets or [name for name in self._table.numeric() if name != self.source.time_column]
        if not targets:
            raise UserError(f"{self._table.path}: no column holds numbers")
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

    @cached_property
    def _labels(self) -> dict[str, list[str]]:
        """Those of the training rows, by column."""
        return known_labels(self._table, self.labels, self._cuts(len(self._raw[0]))[0]) if self.labels else {}

    @cached_property
    def _rows(self) -> _Rows:
        targets, features = self._columns
        raw_RC, used = self._raw
        missing_RC = np.isnan(raw_RC)
        cuts = self._cuts(len(raw_RC))
        self._check_missing(used, missing_RC, cuts[0])
        if self.log:
            self._table.require_positive(used, raw_RC, "; set dataset.log=false")
        values_RC = np.log(raw_RC) if self.log else raw_RC
        scaler = fit_scaler(used, values_RC[: cuts[0]], self.scaling)
        filled_RC = values_RC if self.impute is None else fill(values_RC, self.impute, cuts, scaler.mean)
        scaled_RC = scaler(filled_RC)
        features_at, targets_at = [used.index(f) for f in features], [used.index(t) for t in targets]
        inputs = [scaled_RC[:, features_at]]
        if self.mask:
            inputs.append(missing_RC[:, [used.index(m) for m in self._masked]])
        train_RC, calendar_RK = filled_RC[: cuts[0], targets_at], self._cycles(len(raw_RC))
        steps_RK, side_RK = np.split(calendar_RK, [calendar_RK.shape[1] if self.calendar_at == "steps" else 0], axis=1)
        marks_RS = marks(self._table, self._labels)
        before_RS = np.roll(marks_RS, self.gap + 1, axis=0)  # no forecast begins in the first rows, which get the last
        return _Rows(
            np.concatenate([*inputs, steps_RK], axis=1),
            np.concatenate([side_RK, before_RS], axis=1),
            scaled_RC[:, targets_at],
            cuts,
            tuple(
                self._starts(part, missing_RC[:, targets_at], *bounds)
                for part, bounds in zip(SPLITS, itertools.pairwise((self._first, *cuts)))
            ),
            scaler,
            self._mase_scale(np.exp(train_RC) if self.log else train_RC),
        )

    def _cycles(self, rows: int) -> np.ndarray:
        if self.source.time_column is None:
            return np.zeros((rows, 0))
        times_R = self._table.times(self.source.time_column, self.source.time_format)
        if not self.calendar:
            return np.zeros((rows, 0))
        if times_R.dtype.kind != "M":
            raise UserError(
                f"{self._table.path}: time column {self.source.time_column!r} holds numbers, and dataset.calendar "
                "needs dates; set dataset.time_format if they are dates (such as %Y)"
            )
        return cycles(times_R, self.calendar, ahead=self.gap + self.horizon if self.calendar_at == "steps" else 0)

    def _mase_scale(self, train_RC: np.ndarray) -> np.ndarray:
        self._check_past("season", self.season or 1, len(train_RC) - 1)
        scale_C = references.scale_of_errors(train_RC, self.season or 1)
        return np.where(scale_C == 0, 1.0, scale_C)

    def _starts(self, part: str, missing_RC: np.ndarray, start: int, end: int) -> np.ndarray:
        """The first rows that the windows of ``part`` predict, without those that would predict a filled cell."""
        starts_N = np.arange(start, end - self.horizon + 1, self.stride)
        gaps = np.concatenate([[0], missing_RC.any(axis=1).cumsum()])
        whole_N = gaps[starts_N + self.horizon] == gaps[starts_N]
        if not whole_N.any():
            raise UserError(f"{self._table.path}: every window of {part} has to predict a missing value")
        return starts_N[whole_N]

    def _cuts(self, rows: int) -> tuple[int, int, int]:
        """The rows where train, validation and test end."""
        if isinstance(self.split[0], int):
            train, valid, test = itertools.accumulate(self.split)
        else:
            train, valid, test = round(rows * self.split[0]), round(rows * (self.split[0] + self.split[1])), rows
        if test > rows:
            raise UserError(f"{self._table.path}: split={list(self.split)} asks for {test} rows; the file has {rows}")
        back = (self.origins - 1 - self.origin) * ((test - valid) // self.origins)
        begin = test - (test - valid) // self.origins
        train, valid, test = train + begin - valid - back, begin - back, test - back
        have = dict(zip(SPLITS, (train, valid - train, test - valid), strict=True))
        need = {"train": self._first + self.horizon, "valid": self.horizon, "test": self.horizon}
        for part in SPLITS:
            if have[part] < need[part]:
                raise UserError(
                    f"{self._table.path}: {part} has {have[part]} of {rows} rows, but window={self.window} and "
                    f"horizon={self.horizon} need {need[part]}; shorten them or change dataset.split"
                )
        return int(train), int(valid), int(test)

    def _check_missing(self, used: list[str], missing_RC: np.ndarray, train_end: int) -> None:
        for name, column_R in zip(used, missing_RC.T, strict=True):
            rows = np.flatnonzero(column_R)
            if len(rows) and self.impute is None:
                raise UserError(
                    f"{self._table.path}: column {name!r} has {len(rows)} missing values, on line "
                    f"{self._table.lines(rows)}; fill them, or set dataset.impute to ffill, linear or mean"
                )
            if column_R[:train_end].all():
                raise UserError(f"{self._table.path}: column {name!r} has no value in the training rows")

    def _check_past(self, key: str, needed: int, rows: int) -> None:
        if rows < needed:
            need = f"{key}={getattr(self, key)} needs {needed} rows before the first forecast, and there are {rows}"
            raise UserError(f"{self._table.path}: {need}; set dataset.{key}=null or a smaller one")


def _strided(rows_RC: Tensor, width: int, stride: int) -> Tensor:
    """All runs of ``width`` rows, ``stride`` rows apart, each flattened: a view ``(N, width * C)``."""
    columns = rows_RC.shape[1]
    return rows_RC.flatten().unfold(0, width * columns, stride * columns)
