"""Random search over several hyperparameters at once, whose best trials are the result (as in Greff et al. 2017).

A trial is one run: it draws every hyperparameter, and has a seed of its own. The same trials are made for every row.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rnnbench.records.record import Run


@dataclass(frozen=True)
class Range:
    """What one hyperparameter is drawn from.

    Attributes:
        low: the least value drawn.
        high: the greatest.
        log: whether its logarithm is drawn evenly.
        whole: whether it is rounded to a whole number.
        less: whether the value is 1 less what was drawn: momentum near 1.
    """

    low: float
    high: float
    log: bool = True
    whole: bool = False
    less: bool = False

    def __str__(self) -> str:
        ends = f"{self.low:g} to {self.high:g}{' (log)' if self.log else ''}"
        return f"1 less {ends}" if self.less else ends

    def draw(self, generator: random.Random) -> float:
        """A value with four significant digits; what is taken from 1 has six."""
        u = generator.random()
        value = self.low * (self.high / self.low) ** u if self.log else self.low + (self.high - self.low) * u
        if self.whole:
            return round(value)
        value = float(f"{value:.4g}")
        return float(f"{1 - value:.6g}") if self.less else value


@dataclass(frozen=True)
class Trials:
    """``count`` trials a cell, of which the ``best`` share by ``metric`` on validation is reported.

    Attributes:
        keys: hyperparameter to what it is drawn from.
        count: trials of a cell; trial i trains with seed i.
        seed: of Python's generator that draws.
        metric: of the validation split.
        best: share of the trials that is reported, rounded up.
    """

    keys: Mapping[str, Range]
    count: int
    seed: int
    metric: str
    best: float = 0.1

    def mistake(self) -> str | None:
        """What is wrong with its numbers."""
        if not self.keys:
            return "keys: name at least one hyperparameter"
        for key, own in self.keys.items():
            if own.whole and own.less:
                return f"keys.{key}: whole and less exclude each other"
            if own.low > own.high or (own.log and own.low <= 0):
                least = "0 < low" if own.log else "low"
                return f"keys.{key}: low={own.low:g}, high={own.high:g}: give {least} <= high"
        if self.count < 1 or not 0 < self.best <= 1:
            return f"count={self.count}, best={self.best:g}: count is at least 1, best a share above 0 and up to 1"
        return None

    def shortened(self, count: int) -> Trials:
        """The first ``count`` trials."""
        return replace(self, count=min(count, self.count))

    def draws(self) -> list[dict[str, float]]:
        """The hyperparameters of each trial; those of a shorter search begin a longer one."""
        generator = random.Random(self.seed)
        return [{key: own.draw(generator) for key, own in self.keys.items()} for _ in range(self.count)]

    def jobs(self) -> list[list[str]]:
        """The overrides by which trials differ."""
        drawn = enumerate(self.draws())
        return [[*(f"{key}={value}" for key, value in draw.items()), f"seed={i}"] for i, draw in drawn]

    def made(self, runs: Sequence[Run]) -> list[Run]:
        """Those of ``runs``, of one cell, that are trials and have ended; of a trial that was made twice the last."""
        draws = self.draws()
        made = {
            run.job.seed: run
            for run in runs
            if run.record is not None
            and run.job.seed < self.count
            and all(run.job.hparams.get(key) == value for key, value in draws[run.job.seed].items())
        }
        return list(made.values())

    def reported(self, runs: Sequence[Run]) -> list[Run]:
        """The best of ``runs``, of one cell, the best first; none before all trials have ended."""
        made = self.made(runs)
        if len(made) < self.count:
            return []

        def cost(run: Run) -> float:
            value = run.metric("valid", self.metric)
            mode = (run.record or {})["metric_modes"][self.metric]
            return math.inf if value is None else value if mode == "min" else -value

        return sorted(made, key=cost)[: math.ceil(self.best * self.count)]
