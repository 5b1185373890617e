"""The Free Spoken Digit Dataset: one spoken digit a sequence of audio features."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, NamedTuple

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


class Recording(NamedTuple):
    """One digit by one speaker, with its samples ``(S,)``, -1 to 1."""

    speaker: str
    digit: int
    take: int
    samples_S: Tensor


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
        parts = self.recordings()
        heard = [[self.heard(one.samples_S) for one in part] for part in parts]
        digits = [torch.tensor([one.digit for one in part]) for part in parts]
        return self.scaled(heard, digits)

    def recordings(self) -> tuple[list[Recording], list[Recording], list[Recording]]:
        """Those of train, validation and test. Raises ``UserError`` when the archive cannot be had."""
        from rnnbench.data.files import fetch

        members = read_members(fetch("fsdd", self.data_dir), r"(?:^|/)([^/]+\.wav)$")
        found = [match for name in members if (match := NAME.match(name))]
        told = sorted((match[2], int(match[1]), int(match[3]), match[0]) for match in found)
        all_ = [Recording(who, digit, take, read_wav(members[name], name, RATE)) for who, digit, take, name in told]
        test = [one for one in all_ if one.take in TEST]
        others = [one for one in all_ if one.take not in TEST]
        rows_valid, rows_train = stratified([f"{one.speaker} {one.digit}" for one in others], [HELD_OUT], SPLIT_SEED)
        return [others[i] for i in rows_train], [others[i] for i in rows_valid], test

    def heard(self, samples_S: Tensor) -> Tensor:
        """The features ``(T, I)`` of samples."""
        if self.features == "log_mel":
            return log_mel(samples_S, RATE, self.bands)
        return mfcc(samples_S, RATE, self.bands, self.coefficients)

    def scaled(self, heard: list[list[Tensor]], targets: list[Tensor]) -> Splits:
        """Splits of the features of each part, train first; mean and scale over its frames are kept."""
        frames = torch.cat(heard[0]).double()
        self._kept = {"mean": frames.mean(0).tolist(), "scale": frames.std(0).tolist()}
        rows = [[_scaled(frames_TM, self._kept) for frames_TM in part] for part in heard]
        return Splits(*map(Sequences, rows, targets))

    def artifacts(self) -> dict[str, Any]:
        """Mean and scale of each feature."""
        return self._kept

    def read(self, source: str, artifacts: dict[str, Any]) -> Sequences:
        """A WAV file of one digit."""
        try:
            data = Path(source).expanduser().read_bytes()
        except OSError as error:
            raise UserError(f"{source}: cannot be read: {error.strerror}; give a WAV file") from error
        heard = self.heard(read_wav(data, source, RATE))
        return Sequences([_scaled(heard, artifacts)], torch.zeros(1, dtype=torch.int64))

    def answer(self, prediction: Tensor, artifacts: dict[str, Any]) -> dict[str, Any]:
        """The likeliest digit and the probability of each."""
        return named(prediction, [str(digit) for digit in range(10)])


def _scaled(frames_TM: Tensor, kept: dict[str, Any]) -> Tensor:
    return (frames_TM - torch.tensor(kept["mean"])) / torch.tensor(kept["scale"])
