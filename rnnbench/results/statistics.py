"""The statistics behind the tables: intervals, tests, which models are best, and equivalence.

Quantiles of Student's t come from ``scipy.special``, which starts much faster than ``scipy.stats``.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev, variance
from typing import Any

from scipy.special import stdtr, stdtrit

ALPHA = 0.05


@dataclass(frozen=True)
class Interval:
    """A mean and its interval; ``half``, ``lo`` and ``hi`` are None for a single value."""

    mean: float
    half: float | None
    lo: float | None
    hi: float | None
    n: int


def as_factor(logs: Interval) -> Interval:
    """The geometric mean and its interval, from those of logarithms."""
    lo, hi = (None if end is None else math.exp(end) for end in (logs.lo, logs.hi))
    return Interval(math.exp(logs.mean), None, lo, hi, logs.n)


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """The mean and Student's t interval for it.

    Raises:
        ValueError: no values, or a level outside (0, 1).
    """
    if not values:
        raise ValueError("values=[]: a mean needs at least one value")
    mean = fmean(values)
    if len(values) == 1:
        return Interval(mean, None, None, None, 1)
    half = t_quantile(len(values) - 1, level) * stdev(values) / math.sqrt(len(values))
    return Interval(mean, half, mean - half, mean + half, len(values))


def t_quantile(df: float, level: float) -> float:
    """How many standard errors a two-sided interval of ``level`` reaches to each side."""
    if not 0 < level < 1:
        raise ValueError(f"level={level}: must lie between 0 and 1")
    return float(stdtrit(df, (1 + level) / 2))


def paired_p(a: Sequence[float], b: Sequence[float]) -> float:
    """Two-sided p value of the paired t test; ``a[i]`` and ``b[i]`` belong together.

    Raises:
        ValueError: lengths that differ, or fewer than two pairs.
    """
    return _two_sided(*_paired(a, b))


def welch_p(a: Sequence[float], b: Sequence[float]) -> float:
    """Two-sided p value of Welch's t test for unpaired samples of any variances.

    Raises:
        ValueError: fewer than two values in a sample.
    """
    return _two_sided(*_welch(a, b))


def _paired(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    """Mean difference, its standard error, degrees of freedom."""
    if len(a) != len(b) or len(a) < 2:
        raise ValueError(f"a, b: {len(a)} and {len(b)} values; a paired test needs as many in both, at least 2")
    differences = [x - y for x, y in zip(a, b)]
    return fmean(differences), stdev(differences) / math.sqrt(len(a)), len(a) - 1


def _welch(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    """Mean difference, its standard error, Welch and Satterthwaite's degrees of freedom."""
    if min(len(a), len(b)) < 2:
        raise ValueError(f"a, b: {len(a)} and {len(b)} values; a test needs at least 2 in both")
    va, vb = variance(a) / len(a), variance(b) / len(b)
    spread = va * va / (len(a) - 1) + vb * vb / (len(b) - 1)
    df = (va + vb) ** 2 / spread if spread else 1.0
    return fmean(a) - fmean(b), math.sqrt(va + vb), df


def difference_interval(a: Sequence[float], b: Sequence[float], *, paired: bool, level: float = 0.95) -> Interval:
    """The difference of the means, a's less b's, and its t interval: paired, or Welch's.

    Raises:
        ValueError: too few values, or pairs that are none.
    """
    difference, error, df = _paired(a, b) if paired else _welch(a, b)
    half = t_quantile(df, level) * error
    return Interval(difference, half, difference - half, difference + half, min(len(a), len(b)))


def _two_sided(difference: float, error: float, df: float) -> float:
    if error == 0:  # all differences equal: certain either way
        return 1.0 if difference == 0 else 0.0
    return float(2 * stdtr(df, -abs(difference) / error))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p values, in the order given: reject where they are below the level."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted


@dataclass(frozen=True)
class Sample:
    """The runs of one model.

    Attributes:
        values: by seed, or by whatever else makes equal keys a pair.
        data: equal in two samples that saw the same data, in which case equal seeds are pairs.
    """

    values: Mapping[Any, float]
    data: Hashable = None


def best_of_row(samples: Sequence[Sample | None], mode: str, alpha: float = ALPHA) -> list[bool]:
    """Which of the models compared are best: the one with the best mean, and all not significantly worse.

    All pairs are tested (paired by seed where data and seeds agree, else Welch) and corrected after Holm.

    Args:
        samples: None for what may not take part: failed or diverged runs. A sample of one run takes no part either.
        mode: whether less (``min``) or more (``max``) is better.
        alpha: level of the family of tests.

    Returns:
        A mark for each sample; none at all when fewer than two take part.

    Raises:
        ValueError: ``mode`` is neither.
    """
    if mode not in ("min", "max"):
        raise ValueError(f"mode={mode!r}: choose min or max")
    present = [i for i, sample in enumerate(samples) if sample is not None and len(sample.values) > 1]
    marks = [False] * len(samples)
    if len(present) < 2:
        return marks
    means = {i: fmean(_sample(samples, i).values.values()) for i in present}
    best = (min if mode == "min" else max)(present, key=means.__getitem__)
    pairs = [(i, j) for at, i in enumerate(present) for j in present[at + 1 :]]
    adjusted = holm([difference_p(_sample(samples, i), _sample(samples, j)) for i, j in pairs])
    marks[best] = True
    for (i, j), p in zip(pairs, adjusted):
        if best in (i, j) and p >= alpha:
            marks[i] = marks[j] = True
    return marks


def logarithms(samples: Sequence[Sample | None]) -> list[Sample | None]:
    """The samples by the logarithms of their values; None for all where one of these has none."""
    present = [sample for sample in samples if sample is not None]
    if any(value <= 0 for sample in present for value in sample.values.values()):
        return [None] * len(samples)
    return [s and Sample({key: math.log(v) for key, v in s.values.items()}, s.data) for s in samples]


def _sample(samples: Sequence[Sample | None], i: int) -> Sample:
    sample = samples[i]
    assert sample is not None
    return sample


def difference_p(a: Sample, b: Sample) -> float:
    """Two-sided p value for equal means, paired by seed where both saw the same data under the same seeds."""
    if can_pair(a, b):
        return paired_p(list(a.values.values()), [b.values[key] for key in a.values])
    return welch_p(list(a.values.values()), list(b.values.values()))


def can_pair(a: Sample, b: Sample) -> bool:
    """Whether equal seeds of ``a`` and ``b`` saw the same data."""
    return a.data == b.data and a.values.keys() == b.values.keys()


@dataclass(frozen=True)
class Equivalence:
    """The larger of the two one-sided p values, and whether it is below the level."""

    p: float
    equivalent: bool
    margin: float


def equivalence(
    a: Sequence[float], b: Sequence[float], margin: float, *, paired: bool = True, alpha: float = ALPHA
) -> Equivalence:
    """Two one-sided tests: the only ground on which "no difference" may be claimed, within a stated margin.

    Args:
        a: values of one model; ``a[i]`` belongs to ``b[i]`` when ``paired``.
        b: values of the other.
        margin: differences of the means smaller than this count as none; in the unit of the values.
        paired: paired t test, else Welch's.
        alpha: level of each test, and of both together.

    Raises:
        ValueError: a margin that is not positive, or too few values.
    """
    if not margin > 0:
        raise ValueError(f"margin={margin}: must be positive")
    difference, error, df = _paired(a, b) if paired else _welch(a, b)
    if error == 0:
        p = 0.0 if abs(difference) < margin else 1.0
    else:
        p = float(max(stdtr(df, -(margin - difference) / error), stdtr(df, -(margin + difference) / error)))
    return Equivalence(p, p < alpha, margin)
