"""Filling of missing values, and scaling, without a look into what is to be predicted.

Shape suffixes: R rows of the table, C columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

IMPUTE = ("ffill", "linear", "mean")
SCALING = ("standard", "minmax", "maxabs", "none")


def fill(values_RC: np.ndarray, how: str, cuts: tuple[int, int, int], means_C: np.ndarray) -> np.ndarray:
    """A copy without NaN.

    - ``mean``: the column's mean.
    - ``ffill``: the last observed value; a gap at the very start, which has none, gets the mean.
    - ``linear``: on the line between the neighbouring observed values; where the next one lies beyond the end of the
      split it is not used and the last one is held. Inside a split a filled input does depend on the value after
      the gap; ``ffill`` is the choice where that matters.

    Args:
        values_RC: the columns, NaN where missing.
        how: ``ffill``, ``linear`` or ``mean``.
        cuts: the row where train ends, where validation ends, where test ends.
        means_C: of each column, over the observed training rows.
    """
    filled_RC = values_RC.copy()
    for column_R, mean in zip(filled_RC.T, means_C.tolist(), strict=True):
        known = np.flatnonzero(~np.isnan(column_R))
        gaps = np.flatnonzero(np.isnan(column_R))
        if how == "mean":
            column_R[gaps] = mean
        elif how == "ffill":
            before = np.searchsorted(known, gaps) - 1
            column_R[gaps] = np.where(before >= 0, column_R[known[before]], mean)
        else:
            for start, end in zip((0, *cuts), cuts, strict=False):
                inside = gaps[(gaps >= start) & (gaps < end)]
                anchors = known[known < end]
                column_R[inside] = np.interp(inside, anchors, column_R[anchors], left=mean)
    return filled_RC


@dataclass(frozen=True)
class Scaler:
    """``scaled = (value - shift) / scale`` by column, fitted on the observed training rows; constant columns: scale 1.

    Attributes:
        columns: their names.
        shift: ``(C,)``, in the units of the file.
        scale: ``(C,)``, likewise.
        mean: ``(C,)``, of the observed training rows.
    """

    columns: tuple[str, ...]
    shift: np.ndarray
    scale: np.ndarray
    mean: np.ndarray

    def __call__(self, values_RC: np.ndarray) -> np.ndarray:
        """Scaled values, ``(R, C)``."""
        return (values_RC - self.shift) / self.scale


def fit_scaler(columns: list[str], train_RC: np.ndarray, how: str) -> Scaler:
    """``standard``: mean 0 and variance 1; ``minmax``: 0 to 1; ``maxabs``: within -1 to 1; ``none``: as in the file."""
    shift, scale, mean = np.zeros(len(columns)), np.ones(len(columns)), np.nanmean(train_RC, axis=0)
    if how == "standard":
        shift, scale = mean, np.nanstd(train_RC, axis=0)
    elif how == "minmax":
        shift = np.nanmin(train_RC, axis=0)
        scale = np.nanmax(train_RC, axis=0) - shift
    elif how == "maxabs":
        scale = np.nanmax(np.abs(train_RC), axis=0)
    # a constant column's deviation is rounding noise, not always exactly 0
    constant = np.nanmax(train_RC, axis=0) == np.nanmin(train_RC, axis=0)
    return Scaler(tuple(columns), shift, np.where(constant, 1.0, scale), mean)
