"""The newest rows of a table as the input of a trained forecaster: what a run's artifacts say, and nothing else.

Shape suffixes: R rows of the table, T rows looked at, H rows to predict, I features, V columns of values,
S numbers that the head is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnbench.data.calendar import cycles
from rnnbench.data.filling import fill
from rnnbench.data.labels import last_marks
from rnnbench.data.table import Table
from rnnbench.errors import UserError


def newest_window(table: Table, artifacts: Mapping[str, Any]) -> Tensor:
    """The last ``window`` rows, ``(1, T, I)``, scaled as in training.

    Args:
        table: a series of the same kind; it may have more columns and other rows than that of the run.
        artifacts: of ``rnnbench.data.TimeSeries``, from the run.

    Raises:
        UserError: a column is missing or holds no numbers, or there are too few rows.
    """
    T, features = artifacts["window"], artifacts["features"]
    values_RV = table.values(features)
    if len(values_RV) < T:
        raise UserError(f"{table.path}: has {len(values_RV)} rows; the run looks at {T}")
    missing_RV = np.isnan(values_RV)
    _check_missing(table, features, missing_RV, artifacts["impute"])
    if artifacts["time_column"] in table.columns:  # a file whose newest rows come first is refused, as in training
        table.times(artifacts["time_column"], artifacts["time_format"])
    if artifacts["log"]:
        table.require_positive(features, values_RV)
        values_RV = np.log(values_RV)
    if artifacts["impute"] is not None:
        R = len(values_RV)
        values_RV = fill(values_RV, artifacts["impute"], (R, R, R), _means(features, values_RV, artifacts))
    shift_V, scale_V = (np.array([artifacts[part][name] for name in features]) for part in ("shift", "scale"))
    parts = [(values_RV - shift_V) / scale_V, missing_RV[:, [features.index(name) for name in artifacts["masked"]]]]
    if artifacts["calendar"] and not _at_head(artifacts):
        times_R = table.times(artifacts["time_column"], artifacts["time_format"])
        horizon = artifacts["horizon"] + artifacts.get("gap", 0)
        parts.append(cycles(following(times_R, horizon), artifacts["calendar"], horizon)[: len(times_R)])
    rows_TI = np.concatenate([part[-T:] for part in parts], axis=1)
    return torch.from_numpy(rows_TI).float()[None]


def newest_side(table: Table, artifacts: Mapping[str, Any]) -> Tensor | None:
    """What the head is told beside the window, ``(1, S)``; None where it is told nothing.

    The calendar of the first row to predict, and the labels of the last row.

    Raises:
        UserError: a column is missing, or a label unknown.
    """
    parts = []
    if artifacts["calendar"] and _at_head(artifacts):
        times_R = table.times(artifacts["time_column"], artifacts["time_format"])
        parts.append(cycles(following(times_R, 1 + artifacts.get("gap", 0))[-1:], artifacts["calendar"]))
    if known := artifacts.get("side_labels"):  # absent from runs of before there were any
        parts.append(last_marks(table, known))
    return torch.from_numpy(np.concatenate(parts, axis=1)).float() if parts else None


def _at_head(artifacts: Mapping[str, Any]) -> bool:
    return artifacts.get("calendar_at", "steps") == "head"  # absent from runs of before there was a choice


def following(times_R: np.ndarray, horizon: int) -> np.ndarray:
    """The times and ``horizon`` more, ``(R + H,)``: at their frequency (months count as such), or at the last step."""
    import pandas as pd

    index = pd.DatetimeIndex(times_R)
    frequency = pd.infer_freq(index[-100:]) if len(index) >= 3 else None
    step = index[-1] - index[-2] if frequency is None else frequency
    later = pd.date_range(index[-1], periods=horizon + 1, freq=step)[1:]
    return np.concatenate([times_R, later.to_numpy().astype(times_R.dtype)])


def _check_missing(table: Table, features: list[str], missing_RV: np.ndarray, impute: str | None) -> None:
    for name, missing_R in zip(features, missing_RV.T):
        rows = np.flatnonzero(missing_R)
        if len(rows) and (impute is None or len(rows) == len(missing_R)):
            raise UserError(f"{table.path}: column {name!r} has missing values, on line {table.lines(rows)}")


def _means(features: list[str], values_RV: np.ndarray, artifacts: Mapping[str, Any]) -> np.ndarray:
    """Those of the training rows; of these rows for runs of before they were kept."""
    if "mean" not in artifacts:
        return np.nanmean(values_RV, axis=0)
    return np.array([artifacts["mean"][name] for name in features])
