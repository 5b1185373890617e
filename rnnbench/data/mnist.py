"""MNIST read as a sequence: by rows, by pixels, or by pixels in one random order.

Source: Le, Jaitly and Hinton 2015, arXiv:1504.00941, who introduced the sequential and the permuted form.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from rnnbench.data.dataset import Dataset, Sequences, Splits, at_least, one_of
from rnnbench.data.spec import DataSpec
from rnnbench.errors import UserError

SIDE = 28
FILES = tuple(f"mnist_{part}_{kind}_ubyte" for part in ("train", "t10k") for kind in ("images_idx3", "labels_idx1"))


class Mnist(Dataset):
    """60,000 / 10,000 handwritten digits, pixels from 0 to 1; validation is the end of train, as is the custom.

    Args:
        name: what tables call it.
        order: ``rows`` (28 steps of 28 pixels), ``pixels`` (784 steps of one) or ``permuted`` (784 pixels in one random
            order, the same for every digit).
        permutation_seed: of that order; papers draw their own, so that no two agree.
        valid_size: digits at the end of train that are validation.
        batch_size: digits of a training step.
        eval_batch_size: digits of an evaluation step; None: as ``batch_size``.
        data_dir: where the files are looked for.
    """

    files = FILES

    def __init__(
        self,
        name: str = "mnist",
        order: Literal["rows", "pixels", "permuted"] = "rows",
        permutation_seed: int = 0,
        valid_size: int = 5000,
        batch_size: int = 128,
        eval_batch_size: int | None = None,
        data_dir: str | Path | None = None,
    ):
        super().__init__(name, batch_size, eval_batch_size, data_dir)
        self.order = one_of("order", order, ("rows", "pixels", "permuted"))
        self.permutation_seed = permutation_seed
        self.valid_size = at_least("valid_size", valid_size, 1)

    @property
    def spec(self) -> DataSpec:
        """28 pixels a step, or one."""
        return DataSpec("classification", input_size=SIDE if self.order == "rows" else 1, target_size=10)

    def load(self, seed: int) -> Splits:
        """The three splits; ``seed`` has no effect. Raises ``UserError`` for files that do not serve."""
        from rnnbench.data.files import read

        train, labels, test, test_labels = (idx(read(file, self.data_dir), file) for file in FILES)
        if self.valid_size >= len(train):
            raise UserError(f"dataset.valid_size={self.valid_size}: train has {len(train)} digits")
        cut = len(train) - self.valid_size
        parts = ((train[:cut], labels[:cut]), (train[cut:], labels[cut:]), (test, test_labels))
        return Splits(*(self._sequences(images, own) for images, own in parts))

    def _sequences(self, images: np.ndarray, labels: np.ndarray) -> Sequences:
        return Sequences(self._steps(torch.from_numpy(images)), torch.from_numpy(labels))

    def _steps(self, images: Tensor) -> Tensor:
        """Pixels ``(N, 28, 28)`` from 0 to 1 as steps."""
        pixels = images.flatten(1)
        if self.order == "permuted":
            pixels = pixels[:, torch.from_numpy(np.random.RandomState(self.permutation_seed).permutation(SIDE**2))]
        return pixels.view(len(pixels), -1, self.spec.input_size).float() / 255

    def answer(self, prediction: Tensor, artifacts: dict[str, Any]) -> dict[str, Any]:
        """The likeliest digit."""
        return {"label": int(prediction.argmax())}


def idx(data: bytes, name: str) -> np.ndarray:
    """The array of an IDX file of unsigned bytes. Raises ``UserError`` for anything else."""
    magic, dimensions = data[:3], data[3] if len(data) > 3 else 0
    shape = tuple(int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(dimensions))
    start = 4 + 4 * dimensions
    if magic != b"\x00\x00\x08" or not dimensions or len(data) - start != int(np.prod(shape)):
        raise UserError(f"{name}: not an IDX file of bytes of its size")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()
