"""Classes by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor


def name_class(probabilities_C: Tensor, labels: Sequence[str]) -> dict[str, Any]:
    """The likeliest class, and the probability of each, by name."""
    return {
        "label": labels[int(probabilities_C.argmax())],
        "probabilities": dict(zip(labels, probabilities_C.tolist(), strict=True)),
    }
