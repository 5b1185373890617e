"""The Free Spoken Digit Dataset: one spoken digit a sequence of audio features."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from rnnbench.data.archives import read_members
from rnnbench.data.audio import log_mel, mfcc, read_wav
from rnnbench.data.dataset import Dataset, Sequences, Splits, at_least, named, one_of
from rnnbench.data.spec import DataSpec
from rnnbench.data.stratified import stratified
from rnnbench.errors import UserError

RATE = 8000
TEST = range(5)  # recordings 0 to 4 of each speaker and digit, as the data set has it
HELD_OUT, SPLIT_SEED = 1 / 9, 2016  # 5 of the other 45; any fixed seed: the split is the same in every run
NAME = re.compile(r"^(\d)_(\w+)_(\d+)\.wav$")


class SpokenDigits(Dataset):
    """3,000 recordings at 8 kHz: 6 speakers say each digit 50 times; 2,400 / 300 / 300.

    Test are the recordings 0 to 4 of each speaker and digit; validation are 5 of the others
    of each, drawn once. Features have mean 0 and variance 1 over all frames of train.

    Args:
        name: what tables call it.
        features: ``log_mel`` (M numbers a step) or ``mfcc`` (K of them).
        bands: mel bands (M).
        coefficients: of ``mfcc`` (K).
        batch_size: recordings of a training step.
        eval_batch_size: recordings of an evaluation step; None: as ``batch_size``.
        data_dir: where the archive is looked for.
    """

    files = ("fsdd",)

    def __init__(
        self,
        name: str = "spoken_digits",
        features: Literal["log_mel", "mfcc"] = "log_mel",
        bands: int = 40,
        coefficients: int = 13,
        batch_size: int = 32,
        eval_batch_size: int | None = None,
        data_dir: str | Path | None = None,
    ):
        super().__init__(name, batch_size, eval_batch_size, data_dir)
        self.features = one_of("features", features, ("log_mel", "mfcc"))
        self.bands, self.coefficients = at_least("bands", bands, 1), at_least("coefficients", coefficients, 1)
        if coefficients > bands:
            raise ValueError(f"coefficients={coefficients}: {bands} bands have no more than {bands}")
        self._kept: dict[str, Any] = {}

    @property
    def spec(self) -> DataSpec:
        """The features of a frame, ten digits."""
        size = self.bands if self.features == "log_mel" else self.coefficients
        return DataSpec("classification", input_size=size, target_size=10)

    def load(self, seed: int) -> Splits:
        """The three splits; ``seed`` has no effect. Raises ``UserError`` when the archive cannot be had."""
        from rnnbench.data.files import fetch

        members = read_members(fetch("fsdd", self.data_dir), r"(?:^|/)([^/]+\.wav)$")
        told = sorted((found[2], int(found[1]), int(found[3]), name) for name in members if (found := NAME.match(name)))
        heard = {name: self._features(members[name], name) for *_, name in told}
        test = [entry for entry in told if entry[2] in TEST]
        others = [entry for entry in told if entry[2] not in TEST]
        kinds = [f"{speaker} {digit}" for speaker, digit, *_ in others]
        rows_valid, rows_train = stratified(kinds, [HELD_OUT], SPLIT_SEED)
        parts = ([others[i] for i in rows_train], [others[i] for i in rows_valid], test)
        frames = torch.cat([heard[name] for *_, name in parts[0]]).double()
        self._kept = {"mean": frames.mean(0).tolist(), "scale": frames.std(0).tolist()}
        return Splits(*(self._sequences(part, heard) for part in parts))

    def _features(self, data: bytes, name: str) -> Tensor:
        samples_S = read_wav(data, name, RATE)
        if self.features == "log_mel":
            return log_mel(samples_S, RATE, self.bands)
        return mfcc(samples_S, RATE, self.bands, self.coefficients)

    def _sequences(self, entries: list[tuple[str, int, int, str]], heard: dict[str, Tensor]) -> Sequences:
        digits = torch.tensor([digit for _, digit, *_ in entries])
        return Sequences([_scaled(heard[name], self._kept) for *_, name in entries], digits)

    def artifacts(self) -> dict[str, Any]:
        """Mean and scale of each feature."""
        return self._kept

    def read(self, source: str, artifacts: dict[str, Any]) -> Sequences:
        """A WAV file of one digit."""
        try:
            data = Path(source).expanduser().read_bytes()
        except OSError as error:
            raise UserError(f"{source}: cannot be read: {error.strerror}; give a WAV file") from error
        return Sequences([_scaled(self._features(data, source), artifacts)], torch.zeros(1, dtype=torch.int64))

    def answer(self, prediction: Tensor, artifacts: dict[str, Any]) -> dict[str, Any]:
        """The likeliest digit and the probability of each."""
        return named(prediction, [str(digit) for digit in range(10)])


def _scaled(frames_TM: Tensor, kept: dict[str, Any]) -> Tensor:
    return (frames_TM - torch.tensor(kept["mean"])) / torch.tensor(kept["scale"])
