import numpy as np
import pytest

from rnnbench.data.filling import fill, fit_scaler

NAN = np.nan
CUTS = (4, 6, 8)


def filled(values, how):
    """With the means of the observed training rows."""
    return fill(values, how, CUTS, np.nanmean(values[: CUTS[0]], axis=0))


def column(*values):
    return np.array(values, dtype=float)[:, None]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        # mean of the observed training values 2, 6 is 4
        ("mean", [4, 2, 4, 6, 4, 10, 4, 4]),
        ("ffill", [4, 2, 2, 6, 6, 10, 10, 10]),
        # row 2 halfway between 2 and 6; row 4 between 6 and 10; the end of test has no next value
        ("linear", [4, 2, 4, 6, 8, 10, 10, 10]),
    ],
)
def test_each_way_of_filling(how, expected):
    values = column(NAN, 2, NAN, 6, NAN, 10, NAN, NAN)
    before = values.copy()
    np.testing.assert_allclose(filled(values, how)[:, 0], expected)
    np.testing.assert_array_equal(values, before)


def test_linear_does_not_look_beyond_its_split():
    values = column(1, 2, NAN, NAN, 100, 5, 6, 7)
    np.testing.assert_allclose(filled(values, "linear")[:4, 0], [1, 2, 2, 2])


@pytest.mark.parametrize("how", ["mean", "ffill"])
def test_nothing_depends_on_later_rows(how):
    random = np.random.RandomState(0)
    values = random.randn(8, 3)
    values[random.rand(8, 3) < 0.4] = NAN
    values[0] = 1
    later = values.copy()
    later[6:] = 99
    np.testing.assert_array_equal(filled(values, how)[:6], filled(later, how)[:6])


@pytest.mark.parametrize("how", ["mean", "ffill", "linear"])
def test_splits_do_not_see_later_splits(how):
    values = column(1, NAN, 3, NAN, NAN, 7, NAN, 9)
    for cut in CUTS[:2]:
        later = values.copy()
        later[cut:] = NAN
        np.testing.assert_array_equal(filled(values, how)[:cut], filled(later, how)[:cut])


@pytest.mark.parametrize("how", ["mean", "ffill", "linear"])
def test_nothing_missing_nothing_changed(how):
    values = np.arange(16.0).reshape(8, 2)
    np.testing.assert_array_equal(filled(values, how), values)


def test_the_mean_is_that_which_is_given():
    values = column(NAN, 2, 3, 6, NAN, 10, NAN, NAN)
    np.testing.assert_allclose(fill(values, "mean", CUTS, np.array([7.0]))[:, 0], [7, 2, 3, 6, 7, 10, 7, 7])
    np.testing.assert_allclose(fill(values, "linear", (8, 8, 8), np.array([7.0]))[:2, 0], [7, 2])


def test_standard_scaling_ignores_missing_cells():
    train = np.array([[1, 10], [NAN, 20], [3, 60]])
    scaled = fit_scaler(["a", "b"], train, "standard")(train)
    np.testing.assert_allclose(np.nanmean(scaled, axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.nanvar(scaled, axis=0), 1)


def test_minmax_scaling():
    scaler = fit_scaler(["a"], column(2, NAN, 6), "minmax")
    np.testing.assert_allclose(scaler(column(2, 6, 8))[:, 0], [0, 1, 1.5])


def test_no_scaling():
    values = column(1, 5)
    np.testing.assert_array_equal(fit_scaler(["a"], values, "none")(values), values)


@pytest.mark.parametrize("how", ["standard", "minmax"])
def test_constant_column_is_not_blown_up(how):
    values = np.full((7, 1), 0.1)  # whose computed deviation is not 0
    np.testing.assert_allclose(fit_scaler(["a"], values, how)(values), 0, atol=1e-12)
