"""Against scipy.stats, closed forms, and a simulation of coverage."""

import math
import random

import pytest
from scipy import stats

from rnnbench.results import statistics as S
from rnnbench.results.verdict import REPRODUCED, verdict

A = [0.812, 0.793, 0.840, 0.801, 0.825, 0.790]
B = [0.781, 0.790, 0.803, 0.777, 0.809, 0.760]


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 3, 6])
def test_mean_interval_is_that_of_scipy(n, level):
    interval = S.mean_interval(A[:n], level)
    expected = stats.t.interval(level, n - 1, loc=interval.mean, scale=stats.sem(A[:n]))
    assert (interval.lo, interval.hi) == pytest.approx(expected, rel=1e-12)
    assert interval.half == pytest.approx((expected[1] - expected[0]) / 2, rel=1e-12)
    assert interval.mean == pytest.approx(sum(A[:n]) / n)


def test_one_value_has_no_interval_and_none_no_mean():
    assert S.mean_interval([3.0]) == S.Interval(3.0, None, None, None, 1)
    with pytest.raises(ValueError, match="values"):
        S.mean_interval([])
    with pytest.raises(ValueError, match=r"level=1\.5"):
        S.mean_interval(A, 1.5)


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = random.Random(1)
    n, trials, k = 5, 3000, 3
    inside_mean = inside_next = 0
    for _ in range(trials):
        values = [rng.gauss(100, 1) for _ in range(n)]
        interval = S.mean_interval(values)
        inside_mean += interval.lo <= 100 <= interval.hi
        next_mean = sum(rng.gauss(100, 1) for _ in range(k)) / k
        inside_next += verdict(values, next_mean, runs_averaged=k).kind == REPRODUCED
    error = 4 * math.sqrt(0.95 * 0.05 / trials)  # four standard errors
    assert inside_mean / trials == pytest.approx(0.95, abs=error)
    assert inside_next / trials == pytest.approx(0.95, abs=error)


def test_p_values_are_those_of_scipy():
    assert S.paired_p(A, B) == pytest.approx(stats.ttest_rel(A, B).pvalue, rel=1e-10)
    assert S.welch_p(A, B[:4]) == pytest.approx(stats.ttest_ind(A, B[:4], equal_var=False).pvalue, rel=1e-10)
    assert S.paired_p(A, A) == 1.0
    assert S.paired_p([2.0, 3.0], [1.0, 2.0]) == 0.0
    with pytest.raises(ValueError, match="paired"):
        S.paired_p(A, B[:3])
    with pytest.raises(ValueError, match="at least 2"):
        S.welch_p(A, [1.0])


@pytest.mark.parametrize("paired", [True, False])
def test_the_interval_of_a_difference_is_that_of_scipy(paired):
    test = stats.ttest_rel(A, B) if paired else stats.ttest_ind(A, B, equal_var=False)
    expected = test.confidence_interval(0.95)
    found = S.difference_interval(A, B, paired=paired)
    assert (found.lo, found.hi) == pytest.approx((expected.low, expected.high))
    assert found.mean == pytest.approx(sum(A) / 6 - sum(B) / 6)


def test_holm_by_hand():
    # Sorted .01 .02 .03 .04: times 4, 3, 2, 1, made monotone.
    assert S.holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert S.holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert S.holm([]) == []


def sample(offset, noise, data="d"):
    return S.Sample({seed: offset + value for seed, value in enumerate(noise)}, data)


NOISE = [0.5, -0.3, 0.1, 0.4, -0.7]


def test_pairing_by_seed_sees_what_unpaired_tests_cannot():
    jitter = [0.001, -0.002, 0.0015, -0.001, 0.0005]
    better, worse = sample(1.0, NOISE), sample(1.05, [a + b for a, b in zip(NOISE, jitter)])
    assert S.best_of_row([better, worse], "min") == [True, False]
    assert S.best_of_row([better, worse], "max") == [False, True]
    elsewhere = S.Sample(worse.values, "other data")
    assert S.best_of_row([better, elsewhere], "min") == [True, True]
    other_seeds = S.Sample({seed + 10: v for seed, v in worse.values.items()}, "d")
    assert S.best_of_row([better, other_seeds], "min") == [True, True]


def test_pairs_are_of_one_seed_in_whatever_order_the_values_stand():
    a, b = S.Sample(dict(enumerate(A)), "d"), S.Sample(dict(reversed(list(enumerate(B)))), "d")
    assert S.difference_p(a, b) == pytest.approx(stats.ttest_rel(A, B).pvalue)


def test_best_of_row_corrects_for_all_pairs():
    noisy = [0.05, -0.04, 0.02, -0.06, 0.03]
    first, second = sample(1.0, [0.0] * 5), sample(1.06, noisy)
    p = S.difference_p(first, second)
    assert 0.05 / 3 < p < 0.05
    assert S.best_of_row([first, second], "min") == [True, False]
    # Two more models, indistinguishable from the second, make six pairs: p is no longer small enough.
    third, fourth = sample(1.06, noisy[::-1]), sample(1.065, noisy[1:] + noisy[:1])
    assert S.best_of_row([first, second, third, fourth], "min")[1]
    # All pairs count, not those of the best alone: at three times p it would be marked as worse.
    second = sample(1.09, noisy)
    assert 0.05 / 6 < S.difference_p(first, second) < 0.05 / 3
    assert S.best_of_row([first, second, third, fourth], "min")[1]


def test_best_of_row_leaves_out_the_absent_and_the_single():
    good, bad = sample(0.0, NOISE), sample(100.0, NOISE)
    assert S.best_of_row([None, good, bad], "min") == [False, True, False]
    assert S.best_of_row([good, None], "min") == [False, False]
    assert S.best_of_row([S.Sample({0: -5.0}), good, bad], "min") == [False, True, False]
    assert S.best_of_row([], "min") == []
    with pytest.raises(ValueError, match="mode"):
        S.best_of_row([good, bad], "most")


@pytest.mark.parametrize("paired", [True, False])
def test_equivalence_is_two_one_sided_tests(paired):
    margin = 0.05
    shifted_down, shifted_up = [b - margin for b in B], [b + margin for b in B]
    test = stats.ttest_rel if paired else lambda a, b, alternative: stats.ttest_ind(
        a, b, equal_var=False, alternative=alternative
    )  # fmt: skip
    expected = max(test(A, shifted_down, alternative="greater").pvalue,
                   test(A, shifted_up, alternative="less").pvalue)  # fmt: skip
    result = S.equivalence(A, B, margin, paired=paired)
    assert result.p == pytest.approx(expected, rel=1e-8)
    assert result.equivalent == (expected < 0.05)
    assert S.equivalence(A, B, 1.0, paired=paired).equivalent
    assert not S.equivalence(A, B, 1e-4, paired=paired).equivalent


def test_equivalence_without_spread_and_without_margin():
    assert S.equivalence([1.0, 1.0], [1.0, 1.0], 0.1).equivalent
    assert not S.equivalence([1.0, 1.0], [2.0, 2.0], 0.1).equivalent
    with pytest.raises(ValueError, match="margin"):
        S.equivalence(A, B, 0.0)
