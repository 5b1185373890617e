"""Selective copying: repeat, in order, the few symbols that stand at random places among blanks.

Shape suffixes: N sequences, T time, C input symbols, K symbols to copy.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from rnnbench.data.dataset import Sequences, at_least
from rnnbench.data.generated import Generated
from rnnbench.data.spec import DataSpec


class SelectiveCopy(Generated):
    """``length`` steps hold ``symbols`` tokens at random places among blanks; then as many markers ask for them.

    The task of Gu & Dao 2023 (Mamba, section 4.1.1), as Feng et al. 2024 take it: where the tokens stand differs from
    sequence to sequence, so that a model must choose by content what it keeps. The alphabet of ``vocabulary`` symbols
    holds the blank (0), the marker (1) and the tokens. Loss and metrics count the steps of the markers alone.

    Args:
        name: what tables call it.
        length: L, steps before the markers.
        symbols: K, tokens to copy.
        vocabulary: symbols of the alphabet, 3 or more.
        train_size: training sequences, generated once a run.
        valid_size: validation sequences.
        test_size: test sequences.
        batch_size: sequences of a training step.
        eval_batch_size: sequences of an evaluation step; None: as ``batch_size``.
    """

    def __init__(
        self,
        name: str = "selective_copy",
        length: int = 64,
        symbols: int = 8,
        vocabulary: int = 16,
        train_size: int = 10_000,
        valid_size: int = 1_000,
        test_size: int = 1_000,
        batch_size: int = 64,
        eval_batch_size: int | None = None,
    ):
        super().__init__(name, train_size, valid_size, test_size, batch_size, eval_batch_size)
        self.symbols = at_least("symbols", symbols, 1)
        self.length = at_least("length", length, symbols)
        self.vocabulary = at_least("vocabulary", vocabulary, 3)

    @property
    def spec(self) -> DataSpec:
        """One-hot symbols in, a class a step out; blank and marker are never a target."""
        return DataSpec("classification", self.vocabulary, self.vocabulary, per_step=True)

    def baseline(self) -> dict[str, float]:
        """Nats and accuracy of a guess among the tokens."""
        tokens = self.vocabulary - 2
        return {"nll": math.log(tokens), "accuracy": 1 / tokens}

    def generate(self, count: int, seed: int) -> Sequences:
        """As the base says."""
        random = torch.Generator().manual_seed(seed)
        K, L = self.symbols, self.length
        tokens_NK = torch.randint(2, self.vocabulary, (count, K), generator=random)
        places_NK = torch.rand(count, L, generator=random).argsort(1)[:, :K].sort(1).values
        shown_NT = F.pad(torch.zeros(count, L, dtype=torch.long).scatter_(1, places_NK, tokens_NK), (0, K), value=1)
        inputs_NTC = shown_NT[..., None] == torch.arange(self.vocabulary)
        asked_NT = torch.arange(L + K).expand(count, -1) >= L
        return Sequences(inputs_NTC, F.pad(tokens_NK.to(torch.uint8), (L, 0)), asked_NT)
