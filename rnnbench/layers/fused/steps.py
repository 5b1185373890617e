"""Which rows stand where: in the packed layout, in the history of states, and in the parts that threads take.

Shape suffixes: N real steps of all sequences together, T steps, B sequences.
"""

from __future__ import annotations

import ctypes
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Steps:
    """Which rows stand where in the packed layout; made once for equal batch sizes.

    Attributes:
        sizes: rows of each step, never increasing.
        reverse: whether time runs backwards.
        kept: whether what the backward pass reads is kept for every step, or for the present one alone.
    """

    sizes: tuple[int, ...]
    reverse: bool
    kept: bool

    @property
    def batch(self) -> int:
        """Sequences."""
        return self.sizes[0]

    @property
    def full(self) -> bool:
        """Whether all sequences are equally long."""
        return self.sizes[-1] == self.sizes[0]

    @cached_property
    def rows(self) -> Any:
        """Rows and first packed row of each step, as C arrays."""
        count = len(self.sizes)
        offsets = [0, *accumulate(self.sizes)][:count]
        return (ctypes.c_int64 * count)(*self.sizes), (ctypes.c_int64 * count)(*offsets)

    @cached_property
    def index(self) -> Tensor:
        """For each packed row its row in ``(T * B)``."""
        return self._real_TB.flatten().nonzero()[:, 0]

    @cached_property
    def last(self) -> Tensor:
        """For each sequence the row in ``((T + 1) * B)`` of its state after the last step."""
        return torch.tensor([length * self.batch + b for b, length in enumerate(self.lengths)])

    @cached_property
    def lengths(self) -> list[int]:
        """Steps of each sequence."""
        growing = self.sizes[::-1]
        return [len(growing) - bisect_right(growing, b) for b in range(self.batch)]

    @cached_property
    def _real_TB(self) -> Tensor:
        return torch.tensor(self.sizes)[:, None] > torch.arange(self.batch)

    def cuts(self, slices: int) -> Any:
        """First rows of ``slices`` parts of about equal work, and the end."""
        if self.full or slices == 1:
            bounds = [self.batch * i // slices for i in range(slices + 1)]
        else:
            done = [0, *accumulate(self.lengths)]
            bounds = [bisect_left(done, done[-1] * i / slices) for i in range(slices)] + [self.batch]
        return (ctypes.c_int64 * (slices + 1))(*bounds)


@lru_cache(maxsize=64)  # batches of unequal lengths rarely repeat
def steps(sizes: tuple[int, ...], reverse: bool, kept: bool) -> Steps:
    """The shared ``Steps`` of equal arguments."""
    return Steps(sizes, reverse, kept)
