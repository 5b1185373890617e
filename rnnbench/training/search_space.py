"""What a search draws: Hydra's sweep grammar, read as a space instead of a grid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnnbench.errors import UserError


@dataclass(frozen=True)
class Space:
    """The overrides of a search.

    Attributes:
        fixed: overrides that every trial has.
        drawn: for each key that is searched its Optuna distribution.
    """

    fixed: tuple[str, ...]
    drawn: Mapping[str, Any]

    def overrides(self, values: Mapping[str, Any]) -> list[str]:
        """Those of a trial with these values; numbers to six digits."""
        return [*self.fixed, *(f"{key}={text(values[key])}" for key in self.drawn)]

    def corners(self) -> list[dict[str, Any]]:
        """Few trials that meet every choice and both ends of every range: what is checked before the first one."""
        ends = {key: _ends(distribution) for key, distribution in self.drawn.items()}
        return [
            {key: values[i % len(values)] for key, values in ends.items()} for i in range(max(map(len, ends.values())))
        ]


def text(value: Any) -> str:
    """A value as an override has it."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _ends(distribution: Any) -> list[Any]:
    return list(getattr(distribution, "choices", None) or (distribution.low, distribution.high))


def read_space(composer: Any, overrides: Sequence[str]) -> Space:
    """The space of ``overrides``.

    ``key=a,b,c`` and ``choice(a,b,c)`` draw one of these, ``interval(low,high)`` a float, ``range(low,stop,step)`` a
    number of that range; ``tag(log,interval(low,high))`` draws on a log scale, as ``tag(log,range(low,stop))`` does of
    whole numbers.

    Raises:
        UserError: an override that Hydra cannot read, an empty or infinite range, or nothing to search.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    with composer.explained(overrides):
        parsed = OverridesParser.create(config_loader=composer.hydra.config_loader).parse_overrides(list(overrides))
    drawn = {o.get_key_element(): _distribution(o) for o in parsed if o.is_sweep_override()}
    if not drawn:
        raise UserError("search: nothing to draw; give a range, as 'optimizer.lr=tag(log,interval(1e-4,1e-1))'")
    return Space(tuple(str(o.input_line) for o in parsed if not o.is_sweep_override()), drawn)


def _distribution(override: Any) -> Any:
    from hydra.core.override_parser.types import IntervalSweep, RangeSweep
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    value: Any = override.value()
    log, kind = "log" in getattr(value, "tags", ()), type(value)
    if kind is IntervalSweep:
        _check(override, float(value.start), float(value.end), log)
        return FloatDistribution(float(value.start), float(value.end), log=log)
    if kind is RangeSweep:
        try:
            numbers = list(value.range())
        except ValueError as error:
            raise UserError(f"{override.input_line}: {error}") from error
        _check(override, numbers[0] if numbers else math.nan, numbers[-1] if numbers else math.nan, log)
        whole = all(isinstance(number, int) for number in numbers)
        if log and not (whole and value.step == 1):  # Optuna draws from all numbers between the ends, or from steps
            raise UserError(f"{override.input_line}: a log scale has no steps; take interval(low,high), or choice(a,b)")
        if whole:
            return IntDistribution(int(numbers[0]), int(numbers[-1]), log=log, step=int(value.step))
        return FloatDistribution(float(numbers[0]), float(numbers[-1]), step=float(value.step))
    if not (choices := list(override.sweep_string_iterator())):
        raise UserError(f"{override.input_line}: there is nothing to choose from")
    return CategoricalDistribution(choices)


def _check(override: Any, low: float, high: float, log: bool) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise UserError(f"{override.input_line}: needs a lower and a higher end")
    if log and low <= 0:
        raise UserError(f"{override.input_line}: a log scale needs ends above 0")
