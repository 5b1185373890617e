"""Piano rolls of Boulanger-Lewandowski, Bengio & Vincent (2012), with the published splits.

The files are those of Bai et al. (2018): 88 keys a frame under ``traindata``, ``validdata``, ``testdata``. As
published, Nottingham has one training tune in validation and one in test.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnbench.data.dataset import Dataset, Sequences, Splits, one_of
from rnnbench.data.spec import DataSpec

COLLECTIONS = ("jsb", "nottingham", "muse_data", "piano_midi")
KEYS = 88
LIKELIEST = 5  # keys that an answer names


class Polyphonic(Dataset):
    """Each frame predicts the next: inputs are frames 1 to T-1, targets frames 2 to T.

    Args:
        name: what tables call it.
        collection: ``jsb`` (229 / 76 / 77 pieces), ``nottingham`` (694 / 173 / 170), ``muse_data`` (524 / 135 / 124)
            or ``piano_midi`` (87 / 12 / 25).
        score_first: put a silent frame before the first, so that frame 1 is predicted and scored as well. Without it
            a piece of one frame has nothing to predict and is left out.
        batch_size: pieces of a training step.
        eval_batch_size: pieces of an evaluation step; None: as ``batch_size``.
        data_dir: where the file is looked for and downloaded to.
    """

    def __init__(
        self,
        name: str = "jsb",
        collection: Literal["jsb", "nottingham", "muse_data", "piano_midi"] = "jsb",
        score_first: bool = False,
        batch_size: int = 16,
        eval_batch_size: int | None = None,
        data_dir: str | Path | None = None,
    ):
        super().__init__(name, batch_size, eval_batch_size, data_dir)
        self.files = (one_of("collection", collection, COLLECTIONS),)
        self.score_first = score_first

    @property
    def spec(self) -> DataSpec:
        """88 keys in, 88 keys out, at every step."""
        return DataSpec("polyphonic", input_size=KEYS, target_size=KEYS, per_step=True, looks_ahead=True)

    def load(self, seed: int) -> Splits:
        """The published splits; ``seed`` has no effect. Raises ``UserError`` when the file cannot be had."""
        from scipy.io import loadmat

        from rnnbench.data.files import read

        content: dict[str, Any] = loadmat(io.BytesIO(read(self.files[0], self.data_dir)))
        return Splits(*(self._sequences(content[f"{part}data"][0]) for part in ("train", "valid", "test")))

    def answer(self, prediction: Tensor, artifacts: dict[str, Any]) -> dict[str, Any]:
        """The likeliest keys of the frame after the last, by the number of the key from the left, with probabilities.

        ``prediction`` are logits ``(T, 88)``.
        """
        p, keys = prediction[-1].sigmoid().topk(LIKELIEST)
        return {"next": dict(zip((str(int(key) + 1) for key in keys), p.tolist()))}

    def _sequences(self, rolls: Any) -> Sequences:
        pieces: list[Tensor] = [torch.from_numpy(roll != 0) for roll in rolls]
        if self.score_first:
            pieces = [F.pad(piece, (0, 0, 1, 0)) for piece in pieces]
        pieces = [piece for piece in pieces if len(piece) > 1]
        return Sequences([piece[:-1] for piece in pieces], [piece[1:] for piece in pieces])
