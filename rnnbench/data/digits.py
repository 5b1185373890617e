"""The 1,797 handwritten digits (8x8, 0 to 16) that scikit-learn carries, read as sequences.

E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI 1998 (its test part).
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import numpy as np
import torch

from rnnbench.data.dataset import Dataset, Sequences, Splits, named, one_of
from rnnbench.data.spec import DataSpec
from rnnbench.data.stratified import stratified
from rnnbench.errors import UserError

SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"  # of images then labels, as uint8
SPLIT_SEED = 1998  # any fixed number: the split is the same in every run
SHARES = (0.6, 0.2)  # train, valid; the rest is test


class Digits(Dataset):
    """Ten classes, one label a sequence, inputs scaled to [0, 1].

    The 60 / 20 / 20 % split keeps the share of every class and is drawn once, from a fixed seed: 1,078 / 360 / 359.

    Args:
        name: what tables call it.
        order: ``rows``: 8 steps of 8 pixels; ``pixels``: 64 steps of one, line by line.
        batch_size: sequences of a training step.
        eval_batch_size: sequences of an evaluation step; None: as ``batch_size``.
    """

    def __init__(
        self,
        name: str = "digits",
        order: Literal["rows", "pixels"] = "rows",
        batch_size: int = 64,
        eval_batch_size: int | None = None,
    ):
        super().__init__(name, batch_size, eval_batch_size)
        self.order = one_of("order", order, ("rows", "pixels"))

    @property
    def spec(self) -> DataSpec:
        """Eight features a step, or one."""
        return DataSpec("classification", input_size=8 if self.order == "rows" else 1, target_size=10)

    def fingerprint(self) -> dict[str, str]:
        """The sum of the arrays, whatever scikit-learn packs them in."""
        return {"sklearn/digits": SHA256}

    def answer(self, prediction: torch.Tensor, artifacts: dict[str, Any]) -> dict[str, Any]:
        """The likeliest digit and the probability of each."""
        return named(prediction, "0123456789")

    def load(self, seed: int) -> Splits:
        """The three splits; ``seed`` has no effect."""
        from sklearn.datasets import load_digits

        source: Any = load_digits()
        pixels, labels = source.data.astype(np.uint8), source.target.astype(np.uint8)
        actual = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
        if actual != SHA256:
            raise UserError(f"scikit-learn's digits are not the known ones: sha256 {actual}, expected {SHA256}")
        inputs = torch.from_numpy(pixels).float().div(16).view(len(pixels), -1, self.spec.input_size)
        targets = torch.from_numpy(labels).long()
        return Splits(*(Sequences(inputs[rows], targets[rows]) for rows in split_rows(labels)))


def split_rows(labels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Row numbers of train, valid and test, each class shared out alike."""
    train, valid, test = stratified(labels, SHARES, SPLIT_SEED)
    return train, valid, test
