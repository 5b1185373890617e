"""The verdict on a published value: would runs like ours give it?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from rnnbench.records.published import SCALES
from rnnbench.results.statistics import t_quantile

MIN_RUNS = 5  # fewer give no verdict

REPRODUCED = "reproduced"
BETTER = "not reproduced, ours better"
WORSE = "not reproduced, ours worse"
INCONCLUSIVE = "inconclusive"
TOO_FEW = "too few runs"


@dataclass(frozen=True)
class Verdict:
    """What our runs say of a published value.

    Attributes:
        kind: one of the five constants above.
        lo: lower end of the interval for the mean of ``runs_averaged`` more runs, in the unit of the values; None
            for fewer than two runs.
        hi: upper end.
        relative_half_width: half the interval's width as a part of the published value, on the scale used.
    """

    kind: str
    lo: float | None
    hi: float | None
    relative_half_width: float | None


def verdict(
    values: Sequence[float],
    published: float,
    *,
    mode: str = "min",
    runs_averaged: int = 1,
    rounding: float = 0.0,
    scale: str = "linear",
    level: float = 0.95,
    tolerance: float = 0.05,
) -> Verdict:
    """Is a published value one that runs like ours would give?

    The interval is that for the mean of ``runs_averaged`` = k more runs: mean ± t s sqrt(1/k + 1/n). It says something
    only when it is narrow, half its width at most ``tolerance`` of the published value. Then the value is reproduced
    when it lies inside, give or take its rounding.

    Args:
        values: of our runs, all of them finished; fewer than 5 give ``too few runs``.
        published: in the unit of ``values``.
        mode: whether less (``min``) or more (``max``) is better.
        runs_averaged: runs behind the published value; 1 when the paper does not say.
        rounding: how far the published value may be from what was measured: half a unit of its last digit.
        scale: ``linear``; ``log`` for quantities that span decades; ``error_rate`` for accuracies and
            correlations, whose distance from 1 is what counts. On the log scale the interval is a factor, and
            "``tolerance`` of the published value" means that it reaches from value / (1 + tolerance) to value *
            (1 + tolerance): the meaning that does not change with the unit.
        level: of the interval.
        tolerance: widest half-width that allows a verdict, as a part of the published value.

    Raises:
        ValueError: an argument out of range, or a value that the scale does not know.
    """
    if mode not in ("min", "max"):
        raise ValueError(f"mode={mode!r}: choose min or max")
    if runs_averaged < 1:
        raise ValueError(f"runs_averaged={runs_averaged}: must be at least 1")
    if rounding < 0:
        raise ValueError(f"rounding={rounding}: must not be negative")
    n = len(values)
    scaled = [_to_scale(value, scale) for value in values]
    ends = sorted(_to_scale(end, scale) for end in _rounded(published, rounding, scale))
    if n < 2:
        return Verdict(TOO_FEW, None, None, None)
    mean = fmean(scaled)
    half = t_quantile(n - 1, level) * stdev(scaled) * math.sqrt(1 / runs_averaged + 1 / n)
    relative = math.expm1(half) if scale == "log" else _ratio(half, abs(_to_scale(published, scale)))
    lo, hi = sorted(_from_scale(end, scale) for end in (mean - half, mean + half))
    if n < MIN_RUNS:
        kind = TOO_FEW
    elif relative > tolerance:
        kind = INCONCLUSIVE
    elif ends[0] <= mean + half and mean - half <= ends[1]:
        kind = REPRODUCED
    else:
        less_is_better = mode == "min" or scale == "error_rate"
        kind = BETTER if (mean < ends[0]) == less_is_better else WORSE
    return Verdict(kind, lo, hi, relative)


def _rounded(published: float, rounding: float, scale: str) -> tuple[float, float]:
    """The ends of what may have been measured, kept within what the scale knows."""
    lo, hi = published - rounding, published + rounding
    if scale == "log" and lo <= 0 < published:
        lo = math.ulp(0.0)  # rounded from almost nothing
    return lo, hi


def _to_scale(value: float, scale: str) -> float:
    if scale == "linear":
        return value
    if scale == "error_rate":
        return 1 - value
    if scale != "log":
        raise ValueError(f"scale={scale!r}: choose one of {', '.join(SCALES)}")
    if value <= 0:
        raise ValueError(f"scale='log': {value} has no logarithm; choose the linear scale")
    return math.log(value)


def _from_scale(value: float, scale: str) -> float:
    return {"linear": value, "error_rate": 1 - value}[scale] if scale != "log" else math.exp(value)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else (0.0 if part == 0 else math.inf)
