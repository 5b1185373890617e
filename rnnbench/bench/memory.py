"""The most memory that a piece of work takes, in a process that does other work, too."""

from __future__ import annotations

import gc
from collections.abc import Callable

from rnnbench.training.provenance import PeakMemory


def peak_bytes(work: Callable[[], object]) -> int | None:
    """Peak of the resident memory during ``work`` beyond what the process held before; None where it is not told.

    Whoever allocates is counted: torch, its kernels, a compiled engine. Pages round it up; Linux with glibc.
    """
    gc.collect()
    memory = PeakMemory()
    if memory.cuda:
        return None  # the work is the CPU's, and PeakMemory would count the other's
    work()
    return memory.bytes()
