"""Forecasts that any model should beat, from the same past and for the same rows.

Shape suffixes: R rows of the series, C targets, N windows, H rows predicted by each, P order.
"""

from __future__ import annotations

import numpy as np


def naive(series_RC: np.ndarray, starts_N: np.ndarray, horizon: int) -> np.ndarray:
    """``(N, H, C)``: the last value goes on. ``starts_N`` are the first rows that the windows predict."""
    return np.repeat(series_RC[starts_N - 1][:, None], horizon, axis=1)


def seasonal_naive(series_RC: np.ndarray, starts_N: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """``(N, H, C)``: the value of the same place in the last season that lies in the past."""
    steps_H = np.arange(horizon)
    return series_RC[starts_N[:, None] + steps_H - season * (steps_H // season + 1)]


def drift(series_RC: np.ndarray, starts_N: np.ndarray, horizon: int) -> np.ndarray:
    """``(N, H, C)``: the line from the first row of the series through the last one before the forecast, goes on.

    A past of one row has no slope: its value goes on.
    """
    last_NC = series_RC[starts_N - 1]
    slope_NC = (last_NC - series_RC[0]) / np.maximum(starts_N - 1, 1)[:, None]
    return last_NC[:, None] + slope_NC[:, None] * np.arange(1, horizon + 1)[:, None]


def autoregression(series_RC: np.ndarray, starts_N: np.ndarray, horizon: int, order: int, train_end: int) -> np.ndarray:
    """``(N, H, C)``: each target from its own last P values and a constant, step by step on its own forecasts.

    The coefficients are those of least squares on the rows before ``train_end``.
    """
    columns = []
    for series_R in series_RC.T:
        past = np.lib.stride_tricks.sliding_window_view(series_R[:train_end], order + 1)
        design = np.column_stack([np.ones(len(past)), past[:, :-1]])
        weights = np.linalg.lstsq(design, past[:, -1], rcond=None)[0]
        known_NP = series_R[starts_N[:, None] + np.arange(-order, 0)]
        for _ in range(horizon):
            following_N = weights[0] + known_NP[:, -order:] @ weights[1:]
            known_NP = np.column_stack([known_NP, following_N])
        columns.append(known_NP[:, order:])
    return np.stack(columns, axis=2)


def scale_of_errors(series_RC: np.ndarray, season: int) -> np.ndarray:
    """``(C,)``: mean absolute change over a season, by which MASE divides errors (Hyndman & Koehler 2006)."""
    return np.abs(series_RC[season:] - series_RC[:-season]).mean(axis=0)
