import numpy as np

from rnnbench.data import references

SERIES = np.array([[3.0, 10], [5, 20], [4, 15], [6, 25], [9, 30], [7, 20], [8, 40], [12, 10]])
STARTS = np.array([4, 5])


def test_naive_repeats_the_last_row():
    found = references.naive(SERIES, STARTS, 2)
    assert found.tolist() == [[[6, 25], [6, 25]], [[9, 30], [9, 30]]]


def test_seasonal_naive_takes_the_last_season_that_is_known():
    found = references.seasonal_naive(SERIES, STARTS, 5, season=2)
    # rows 4, 5, 6, 7, 8 from rows 2, 3, 2, 3, 2; no row at or after the start is looked at
    assert found[0, :, 0].tolist() == [4, 6, 4, 6, 4]
    assert found[1, :, 0].tolist() == [6, 9, 6, 9, 6]
    changed = SERIES.copy()
    changed[4:] = 99
    assert np.array_equal(references.seasonal_naive(changed, STARTS[:1], 5, 2)[0], found[0])


def test_drift_goes_on_from_first_to_last():
    found = references.drift(SERIES, STARTS, 2)
    np.testing.assert_allclose(found[0], [[7, 30], [8, 35]])  # from (3, 10) in three steps to (6, 25)
    np.testing.assert_allclose(found[1, :, 0], [9 + 1.5, 9 + 3])
    assert references.drift(SERIES, np.array([1]), 1).tolist() == [[[3, 10]]]


def test_autoregression_equals_the_normal_equations():
    rng = np.random.default_rng(0)
    series = np.zeros((200, 2))
    for t in range(2, 200):
        series[t] = 0.5 + 1.2 * series[t - 1] - 0.4 * series[t - 2] + rng.normal(size=2)
    found = references.autoregression(series, np.array([150, 180]), 3, 2, train_end=140)
    for c in range(2):
        y = series[:140, c]
        X = np.stack([np.ones(138), y[1:-1], y[:-2]], axis=1)
        constant, first, second = np.linalg.solve(X.T @ X, X.T @ y[2:])
        for n, start in enumerate((150, 180)):
            before, last = series[start - 2, c], series[start - 1, c]
            for step in range(3):
                before, last = last, constant + first * last + second * before
                np.testing.assert_allclose(found[n, step, c], last, rtol=1e-9)


def test_autoregression_is_fitted_on_training_rows_alone():
    series = np.sin(np.arange(60.0))[:, None]
    before = references.autoregression(series, np.array([40]), 1, 2, train_end=40)
    series[45:] = 1e6
    np.testing.assert_array_equal(references.autoregression(series, np.array([40]), 1, 2, train_end=40), before)
    np.testing.assert_allclose(before[0, 0, 0], np.sin(40.0))  # a sine is an autoregression of order 2


def test_the_scale_of_mase():
    assert references.scale_of_errors(SERIES, 1)[0] == np.abs(np.diff(SERIES[:, 0])).mean()
    assert references.scale_of_errors(SERIES, 4)[0] == (6 + 2 + 4 + 6) / 4
