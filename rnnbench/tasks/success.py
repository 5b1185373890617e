"""Trials: a run ends as soon as its criterion holds, and its result is how many training sequences that took.

Source: Hochreiter and Schmidhuber 1997, Long Short-Term Memory, section 5.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

#: The name of the result among a record's metrics of the train split.
METRIC = "sequences_to_success"


class Criterion:
    """What a run must reach, and what it has seen on the way.

    Args:
        split: ``train``: the last ``window`` training sequences, each seen before its own update; ``valid``: the
            validation split, at every evaluation.
        error: an error below this is right. The error of a sequence is the largest of its outputs'.
        window: training sequences in a row that are looked at.
        wrong: of the sequences looked at that may be wrong.
        mean: the mean of the errors must be below this; None: any.
        metric: of the validation split, in place of errors.
        threshold: what ``metric`` must reach.
        modes: whether less (``min``) or more (``max``) of a metric is better.
    """

    def __init__(
        self,
        split: str = "train",
        error: float | None = None,
        window: int = 1,
        wrong: int = 0,
        mean: float | None = None,
        metric: str | None = None,
        threshold: float | None = None,
        *,
        modes: Mapping[str, str],
    ):
        self.split, self.error, self.wrong, self.mean = split, error, wrong, math.inf if mean is None else mean
        self.metric, self.threshold, self.modes = metric, threshold, modes
        self.errors: deque[float] = deque(maxlen=window if split == "train" else None)
        self.window = window if split == "train" else 1
        self.sequences, self._wrong = 0, 0
        self.reached: int | None = None

    def sees(self, split: str) -> bool:
        """Whether it needs the errors of ``split``."""
        return self.error is not None and self.split == split

    def trained(self, sequences: int, errors: Iterable[float] = ()) -> None:
        """Count a training batch; ``errors`` of its sequences, in their order."""
        self.sequences += sequences
        if self.sees("train"):
            for error in errors:
                self._add(error)
            self._judge(self._right())

    def validated(self, metrics: Mapping[str, float], errors: Iterable[float] = ()) -> None:
        """Judge an evaluation by its metrics and the errors of its sequences."""
        if self.metric is not None and self.threshold is not None:
            value = metrics[self.metric]
            self._judge(value <= self.threshold if self.modes[self.metric] == "min" else value >= self.threshold)
        elif self.sees("valid"):
            self._take(errors)
            self._judge(self._right())

    def _take(self, errors: Iterable[float]) -> None:
        self.errors, self._wrong = deque(maxlen=self.errors.maxlen), 0
        for error in errors:
            self._add(error)

    def _add(self, error: float) -> None:
        """Keep an error, and count: a look at the whole window would take longer than the training of a small net."""
        if len(self.errors) == self.errors.maxlen:
            self._wrong -= self._is_wrong(self.errors[0])
        self.errors.append(error)
        self._wrong += self._is_wrong(error)

    def _is_wrong(self, error: float) -> bool:
        return self.error is not None and not error < self.error

    def _right(self) -> bool:
        if len(self.errors) < self.window or self._wrong > self.wrong:
            return False
        return math.fsum(self.errors) / len(self.errors) < self.mean

    def _judge(self, holds: bool) -> None:
        if holds and self.reached is None:
            self.reached = self.sequences

    def result(self) -> dict[str, Any]:
        """For the record: whether it was reached, and after how many training sequences."""
        return {"reached": self.reached is not None, "sequences": self.reached}

    def state_dict(self) -> dict[str, Any]:
        """Kept in checkpoints."""
        return {"errors": list(self.errors), "sequences": self.sequences, "reached": self.reached}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Taken back on resume."""
        self._take(state["errors"])
        self.sequences, self.reached = state["sequences"], state["reached"]
