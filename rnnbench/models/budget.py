"""Equal parameter budgets: the hidden size whose backbone comes nearest to a number of weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_SPARSE = 512  # sizes in a row without a backbone: then there is none


@dataclass(frozen=True)
class Match:
    """A solved budget: the hidden size, its weights, and what is missing (+) or over (-)."""

    hidden_size: int
    parameters: int
    remainder: int


def match_hidden_size(count: Callable[[int], int | None], target: int, tolerance: float = 0.02) -> Match:
    """The hidden size whose ``count`` of trainable weights is nearest to ``target``.

    Args:
        count: weights of the backbone at a hidden size, which grow with it; None where there is no such backbone
            (sizes that heads do not divide, say).
        target: the budget in weights.
        tolerance: the largest relative distance that is accepted.

    Raises:
        ValueError: no size comes within ``tolerance``, or none has a backbone.
    """
    below, above = None, _next(count, 1)
    while above is not None and above[1] < target:
        below, above = above, _next(count, 2 * above[0]) or _next(count, above[0] + 1)
    low, high = below[0] if below else 0, above[0] if above else 0
    while high - low > 1:  # the sizes in between are not tried yet
        middle = (low + high) // 2
        found = _next(count, middle, high)
        if found is not None and found[1] < target:
            below, low = found, found[0]
        else:
            above, high = found or above, middle
    tried = [one for one in (below, above) if one is not None]
    if not tried:
        raise ValueError(f"params={target}: no hidden size up to {_SPARSE} can be built")
    size, found = min(tried, key=lambda one: abs(one[1] - target))
    if abs(found - target) > tolerance * target:
        gives = " and ".join(f"{h} gives {weights} weights" for h, weights in tried)
        raise ValueError(f"params={target}: no hidden size comes within {tolerance:.0%}; {gives}")
    return Match(size, found, target - found)


def _next(count: Callable[[int], int | None], size: int, end: int | None = None) -> tuple[int, int] | None:
    """The first size from ``size`` on, and before ``end``, that has a backbone, and its weights."""
    for one in range(size, size + _SPARSE if end is None else end):
        if (weights := count(one)) is not None:
            return one, weights
    return None
