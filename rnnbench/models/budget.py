"""Equal parameter budgets: the hidden size whose backbone comes nearest to a number of weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Match:
    """A solved budget: the hidden size, its weights, and what is missing (+) or over (-)."""

    hidden_size: int
    parameters: int
    remainder: int


def match_hidden_size(count: Callable[[int], int], target: int, tolerance: float = 0.02) -> Match:
    """The hidden size whose ``count`` of trainable weights is nearest to ``target``.

    Args:
        count: weights of the backbone at a hidden size; grows with it.
        target: the budget in weights.
        tolerance: the largest relative distance that is accepted.

    Raises:
        ValueError: no size comes within ``tolerance``.
    """
    low, high = 1, 2
    while count(high) < target:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < target else (low, middle)
    size = min((low, high), key=lambda h: abs(count(h) - target))
    found = count(size)
    if abs(found - target) > tolerance * target:
        raise ValueError(
            f"params={target}: no hidden size comes within {tolerance:.0%}; "
            f"{low} gives {count(low)} weights and {high} gives {count(high)}"
        )
    return Match(size, found, target - found)
