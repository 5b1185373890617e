"""The calendar as inputs: where a time stands in its year, week or day, as a point on a circle.

Shape suffixes: R rows of the series, K cycles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

# Where in its cycle a time stands, 0 up to 1. A year's length varies: its last day may go a little past the start.
CYCLES: dict[str, Callable[[pd.DatetimeIndex], pd.Index]] = {
    "month": lambda times: (times.month - 1) / 12,
    "day_of_month": lambda times: (times.day - 1) / times.days_in_month,
    "day_of_year": lambda times: (times.dayofyear - 1) / 365.25,
    "weekday": lambda times: times.dayofweek / 7,
    "hour": lambda times: times.hour / 24,
    "minute": lambda times: times.minute / 60,
}


def cycles(times_R: np.ndarray, names: Sequence[str], ahead: int = 0) -> np.ndarray:
    """Sine and cosine ``(R, 2K)`` of each cycle; row r tells those of row r + ``ahead``, as far as there is one.

    With ``ahead`` the last rows of a window tell when the rows that it predicts are, and nothing else of these.
    """
    import pandas as pd

    index = pd.DatetimeIndex(times_R)
    angles_RK = np.stack([2 * np.pi * np.asarray(CYCLES[name](index), dtype=float) for name in names], axis=1)
    points = np.stack([np.sin(angles_RK), np.cos(angles_RK)], axis=2).reshape(len(index), -1)
    return np.concatenate([points[ahead:], np.zeros_like(points[:ahead])])
