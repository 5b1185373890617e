"""MNIST read line by line or pixel by pixel, in the image's order or in a fixed random one.

Le, Jaitly & Hinton 2015 (arXiv:1504.00941) put both pixel tasks up. Shape suffixes: N images, T steps, I pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from rnnbench.data.dataset import Dataset, Sequences, Splits, at_least, named, one_of
from rnnbench.data.spec import DataSpec
from rnnbench.errors import UserError

SIDE = 28
TRAIN, TEST = 60_000, 10_000


class Mnist(Dataset):
    """Ten classes, pixels scaled to [0, 1]; the last training images are validation, the published test is the test.

    Args:
        name: what tables call it.
        order: ``rows``: 28 steps of 28 pixels; ``pixels``: 784 steps of one, line by line.
        permute: None, or the seed of the permutation in which all pixels of each image stand.
        valid_size: training images held out.
        batch_size: images of a training step.
        eval_batch_size: images of an evaluation step; None: as ``batch_size``.
        data_dir: where files are looked for and downloaded to.
    """

    files = tuple(f"mnist_{part}_{kind}_ubyte" for part in ("train", "t10k") for kind in ("images_idx3", "labels_idx1"))

    def __init__(
        self,
        name: str = "mnist",
        order: Literal["rows", "pixels"] = "rows",
        permute: int | None = None,
        valid_size: int = 5000,
        batch_size: int = 100,
        eval_batch_size: int | None = None,
        data_dir: str | Path | None = None,
    ):
        super().__init__(name, batch_size, eval_batch_size, data_dir)
        self.order = one_of("order", order, ("rows", "pixels"))
        self.permute = None if permute is None else at_least("permute", permute, 0)
        self.valid_size = at_least("valid_size", valid_size, 1)
        if valid_size >= TRAIN:
            raise ValueError(f"valid_size={valid_size}: must be below {TRAIN}, the training images")

    @property
    def spec(self) -> DataSpec:
        """28 pixels a step, or one."""
        return DataSpec("classification", input_size=SIDE if self.order == "rows" else 1, target_size=10)

    def answer(self, prediction: Tensor, artifacts: dict[str, Any]) -> dict[str, Any]:
        """The likeliest digit and the probability of each."""
        return named(prediction, "0123456789")

    def load(self, seed: int) -> Splits:
        """The splits; ``seed`` has no effect, the permutation has its own."""
        from rnnbench.data.files import read

        train_x, train_y, test_x, test_y = (_idx(read(file, self.data_dir)) for file in self.files)
        cut = len(train_x) - self.valid_size
        parts = ((train_x[:cut], train_y[:cut]), (train_x[cut:], train_y[cut:]), (test_x, test_y))
        return Splits(*(Sequences(self._steps(x), torch.from_numpy(y.astype(np.int64))) for x, y in parts))

    def _steps(self, images: np.ndarray) -> Tensor:
        """float32 ``(N, T, I)``."""
        pixels = torch.from_numpy(images.reshape(len(images), -1).copy())
        if self.permute is not None:  # RandomState: its stream is frozen
            pixels = pixels[:, torch.from_numpy(np.random.RandomState(self.permute).permutation(SIDE * SIDE))]
        return pixels.float().div_(255).view(len(images), -1, self.spec.input_size)


def _idx(content: bytes) -> np.ndarray:
    """The array of an IDX file of unsigned bytes: two zeros, the type, the dimensions, their sizes, the values."""
    if content[:3] != b"\0\0\x08":
        raise UserError("an MNIST file is no IDX file of unsigned bytes")
    sizes = np.frombuffer(content, ">u4", content[3], 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(sizes)
