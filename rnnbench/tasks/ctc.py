"""Connectionist temporal classification: labels whose places in a sequence are not known (Graves et al. 2006).

A path has a label or the blank at every step; what it says are its labels, each run of equal ones once, without
blanks. The blank is the last of the O outputs. Shape suffixes: B sequences, T steps, O labels and the blank, L targets.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from rnnbench.data.spec import NO_TARGET

NEVER = -math.inf
Beginnings = dict[tuple[int, ...], tuple[float, float]]  # log p of their paths that end in a blank, and in a label


def log_probabilities(values_BTO: Tensor, lengths_B: Tensor | None) -> Tensor:
    """Logarithms of the probabilities at each step, ``(B, T, O)``; beyond a length the blank is certain."""
    logs_BTO = values_BTO.log_softmax(-1)
    if lengths_B is None:
        return logs_BTO
    T, O = values_BTO.shape[1:]
    silent_O = torch.full((O,), NEVER, device=logs_BTO.device, dtype=logs_BTO.dtype)
    silent_O[-1] = 0
    beyond_BT = torch.arange(T, device=logs_BTO.device)[None] >= lengths_B.to(logs_BTO.device)[:, None]
    return torch.where(beyond_BT[..., None], silent_O, logs_BTO)


def losses(logs_BTO: Tensor, lengths_B: Tensor | None, targets_BL: Tensor) -> Tensor:
    """``(B,)``: minus the logarithm of the probability of all paths that say the targets; infinite where none can.

    Args:
        logs_BTO: of the probabilities.
        lengths_B: steps of each sequence; None: all of them.
        targets_BL: labels, ``NO_TARGET`` beyond the end.
    """
    B, T, O = logs_BTO.shape
    steps_B = torch.full((B,), T) if lengths_B is None else lengths_B
    count_B = (targets_BL != NO_TARGET).sum(1)
    # its gradient is that of log_softmax's input, right only where the probabilities of a step sum to 1: as here
    return F.ctc_loss(
        logs_BTO.transpose(0, 1), targets_BL.clamp(min=0), steps_B, count_B.cpu(), blank=O - 1, reduction="none"
    )


def greedy(logs_BTO: Tensor) -> list[list[int]]:
    """What the likeliest path of each sequence says."""
    blank = logs_BTO.shape[-1] - 1
    paths = (path_T.unique_consecutive().tolist() for path_T in logs_BTO.argmax(-1))
    return [[label for label in path if label != blank] for path in paths]


def beam_search(logs_TO: Tensor, width: int) -> list[int]:
    """The labels whose paths are likeliest together, as far as the ``width`` best beginnings of each step show.

    Source: prefix search of Graves 2012, Supervised Sequence Labelling, algorithm 7.3, with a beam.
    """
    beam: Beginnings = {(): (0.0, NEVER)}
    for row in logs_TO.tolist():
        found = _step(beam, row)
        best = sorted(found.items(), key=lambda entry: _sum(*entry[1]), reverse=True)
        beam = dict(best[:width])
    return list(next(iter(beam)))


def _step(beam: Beginnings, row: list[float]) -> Beginnings:
    """All beginnings a step later; the last of ``row`` is the blank's."""
    found: Beginnings = {}

    def add(said: tuple[int, ...], silent: float = NEVER, voiced: float = NEVER) -> None:
        before = found.get(said, (NEVER, NEVER))
        found[said] = (_sum(before[0], silent), _sum(before[1], voiced))

    for said, (silent, voiced) in beam.items():
        both = _sum(silent, voiced)
        add(said, silent=both + row[-1], voiced=voiced + row[said[-1]] if said else NEVER)
        for label, log_p in enumerate(row[:-1]):
            again = bool(said) and label == said[-1]  # a label is said anew only after a blank
            add((*said, label), voiced=(silent if again else both) + log_p)
    return found


def _sum(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    high, low = max(a, b), min(a, b)
    return high if low == NEVER else high + math.log1p(math.exp(low - high))
