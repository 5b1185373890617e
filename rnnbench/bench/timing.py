"""Seconds of a piece of work, on the wall and on the processor."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Seconds:
    """``wall`` counts everything; ``cpu`` (all threads of this process) is blind to other load, and to waiting."""

    wall: float
    cpu: float


def timed(work: Callable[[], T]) -> tuple[T, Seconds]:
    """The result of ``work`` and what it took; garbage of earlier work is collected before, not inside."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, Seconds(time.perf_counter() - wall, time.process_time() - cpu)
