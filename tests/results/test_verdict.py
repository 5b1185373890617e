"""Against scipy.stats and by hand; that the interval covers what it should is simulated in test_statistics.py."""

import math

import pytest
from scipy import stats

from rnnbench.results import verdict as S

A = [0.812, 0.793, 0.840, 0.801, 0.825, 0.790]


def test_verdict_interval_by_hand():
    values = [10.0, 10.1, 9.9, 10.05, 9.95]
    s = math.sqrt(sum((v - 10) ** 2 for v in values) / 4)
    half = 2.7764451051977987 * s * math.sqrt(1 / 2 + 1 / 5)  # t of 4 degrees of freedom at 97.5 %
    result = S.verdict(values, 10.0, runs_averaged=2)
    assert (result.lo, result.hi) == pytest.approx((10 - half, 10 + half))
    assert result.relative_half_width == pytest.approx(half / 10)
    assert result.kind == S.REPRODUCED


@pytest.mark.parametrize(
    ("published", "mode", "rounding", "kind"),
    [
        (10.0, "min", 0.0, S.REPRODUCED),
        (10.3, "min", 0.0, S.BETTER),
        (9.7, "min", 0.0, S.WORSE),
        (10.3, "max", 0.0, S.WORSE),
        (9.7, "max", 0.0, S.BETTER),
        (10.3, "min", 0.1, S.REPRODUCED),  # its rounding reaches into the interval, which ends at 10.24
        (9.7, "max", 0.1, S.REPRODUCED),
    ],
)
def test_verdict_kinds(published, mode, rounding, kind):
    values = [10.0, 10.1, 9.9, 10.05, 9.95]
    assert S.verdict(values, published, mode=mode, rounding=rounding).kind == kind


def test_verdict_needs_five_runs_and_a_narrow_interval():
    assert S.verdict([1.0, 1.0, 1.0, 1.0], 1.0).kind == S.TOO_FEW
    assert S.verdict([1.0], 1.0) == S.Verdict(S.TOO_FEW, None, None, None)
    assert S.verdict([], 1.0).kind == S.TOO_FEW
    wide = S.verdict([1.0, 1.1, 0.9, 1.05, 0.95], 1.0)
    assert wide.kind == S.INCONCLUSIVE
    assert wide.relative_half_width > 0.05
    # The same spread is narrow beside a value ten times as large.
    assert S.verdict([10.0, 10.1, 9.9, 10.05, 9.95], 10.0).kind == S.REPRODUCED
    # The threshold is exact: half = relative * published.
    edge = wide.relative_half_width
    assert S.verdict([1.0, 1.1, 0.9, 1.05, 0.95], 1.0, tolerance=edge).kind == S.REPRODUCED
    assert S.verdict([1.0, 1.1, 0.9, 1.05, 0.95], 1.0, tolerance=edge * 0.999).kind == S.INCONCLUSIVE


def test_verdict_on_the_log_scale_does_not_know_the_unit():
    values = [1.00e-4, 1.01e-4, 0.99e-4, 1.005e-4, 0.995e-4]
    small = S.verdict(values, 1.02e-4, scale="log")
    large = S.verdict([v * 1e4 for v in values], 1.02, scale="log")
    assert small.kind == large.kind == S.REPRODUCED
    assert small.relative_half_width == pytest.approx(large.relative_half_width)
    logs = [math.log(v) for v in values]
    mean = sum(logs) / 5
    half = stats.t.ppf(0.975, 4) * stats.tstd(logs) * math.sqrt(1 + 1 / 5)
    assert (small.lo, small.hi) == pytest.approx((math.exp(mean - half), math.exp(mean + half)))
    assert small.relative_half_width == pytest.approx(math.exp(half) - 1)
    assert S.verdict(values, 2e-4, scale="log").kind == S.BETTER
    with pytest.raises(ValueError, match="log"):
        S.verdict([0.0, *values], 1e-4, scale="log")


def test_verdict_on_the_error_rate():
    # A spread of 0.0004 is nothing beside an accuracy of 0.99, and 4 % of its error rate of 0.01.
    values = [0.9900, 0.9904, 0.9896, 0.9902, 0.9898]
    linear, error = (S.verdict(values, 0.99, mode="max", scale=scale) for scale in ("linear", "error_rate"))
    assert linear.kind == S.REPRODUCED
    assert error.kind == S.INCONCLUSIVE
    assert error.relative_half_width == pytest.approx(linear.relative_half_width * 0.99 / 0.01)
    tight = [0.99 + d for d in (0, 1e-5, -1e-5, 2e-5, -2e-5)]
    assert S.verdict(tight, 0.985, mode="max", scale="error_rate").kind == S.BETTER
    assert S.verdict(tight, 0.995, mode="max", scale="error_rate").kind == S.WORSE
    assert S.verdict(tight, 0.99, mode="max", scale="error_rate").lo < 0.99


@pytest.mark.parametrize(
    ("arguments", "name"),
    [({"mode": "less"}, "mode"), ({"runs_averaged": 0}, "runs_averaged"), ({"rounding": -1}, "rounding"),
     ({"scale": "decibel"}, "scale")],
)  # fmt: skip
def test_verdict_names_the_bad_argument(arguments, name):
    with pytest.raises(ValueError, match=name):
        S.verdict(A, 1.0, **arguments)
