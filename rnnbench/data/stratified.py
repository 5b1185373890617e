"""Splits that keep the share of every class, drawn once from a fixed seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def stratified(labels: Any, shares: Sequence[float], seed: int) -> list[Tensor]:
    """Row numbers (int64, rising) of each part; the last part gets what ``shares`` leave.

    Equal shares are the folds of a cross-validation. ``RandomState``, not ``Generator`` or scikit-learn: its stream is
    frozen, so the split outlives new versions.

    Args:
        labels: the class of each row: an array or a list.
        shares: of all parts but the last.
        seed: of the drawing.
    """
    labels = np.asarray(labels)
    random = np.random.RandomState(seed)
    parts: list[list[int]] = [[] for _ in range(len(shares) + 1)]
    bounds = np.cumsum(shares)
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        cuts = np.round(bounds * len(rows)).astype(int)
        for part, chosen in zip(parts, np.split(rows, cuts), strict=True):
            part.extend(chosen.tolist())
    return [torch.tensor(sorted(part), dtype=torch.int64) for part in parts]
