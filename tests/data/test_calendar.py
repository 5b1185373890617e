from datetime import datetime, timedelta
from math import cos, pi, sin

import numpy as np
import pytest

from rnnbench.data.calendar import CYCLES, cycles

HOURS = [datetime(2024, 2, 27, 22) + timedelta(hours=i) for i in range(60)]
TIMES = np.array(HOURS, dtype="datetime64[ns]")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("hour", lambda t: t.hour / 24),
        ("weekday", lambda t: t.weekday() / 7),
        ("month", lambda t: (t.month - 1) / 12),
        ("day_of_month", lambda t: (t.day - 1) / (29 if t.month == 2 else 31)),
        ("day_of_year", lambda t: (t.timetuple().tm_yday - 1) / 365.25),
        ("minute", lambda t: t.minute / 60),
    ],
)
def test_each_cycle_is_a_point_on_a_circle(name, part):
    expected = [(sin(2 * pi * part(t)), cos(2 * pi * part(t))) for t in HOURS]
    np.testing.assert_allclose(cycles(TIMES, [name]), expected, atol=1e-12)


def test_a_row_tells_of_a_later_one():
    now, later = cycles(TIMES, ["hour", "weekday"]), cycles(TIMES, ["hour", "weekday"], ahead=5)
    assert np.array_equal(later[:-5], now[5:])
    assert not later[-5:].any()
    assert now.shape == (60, 4)


def test_all_cycles_are_below_one():
    import pandas as pd

    year = pd.date_range("2023-01-01", "2024-12-31 23:59", freq="7h")
    for name, cycle in CYCLES.items():
        assert 0 <= min(cycle(year)) <= max(cycle(year)) < 1.01, name
