"""Connected digits: recordings of single ones, joined with gaps and noise; the digits of an utterance are its target.

Shape suffixes: S samples, T frames, I features of a frame, N utterances, L digits of the longest utterance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Generator, Tensor

from rnnbench.data.dataset import Splits, at_least
from rnnbench.data.seeding import derive
from rnnbench.data.spec import NO_TARGET, DataSpec
from rnnbench.data.spoken_digits import RATE, Recording, SpokenDigits
from rnnbench.errors import UserError

DIGITS = tuple("0123456789")
Voices = dict[str, dict[int, list[Tensor]]]  # samples of the recordings of a speaker's digit


class ConnectedDigits(SpokenDigits):
    """Several digits by one speaker of the Free Spoken Digit Dataset, with gaps before, between and after them.

    Speaker, number of digits, each digit, its recording and each gap are drawn evenly. White noise over the whole
    utterance has a level drawn evenly in decibels. Each part is made of its own recordings alone, as ``SpokenDigits``
    splits them: test of recordings 0 to 4. The utterances are the same in every run.

    Args:
        name: what tables call it.
        digits: the fewest and the most digits of an utterance.
        gap: the shortest and the longest gap, in seconds.
        snr: the least and the most decibels by which the digits are louder than the noise; None: no noise.
        train_size: training utterances.
        valid_size: validation utterances.
        test_size: test utterances.
        seed: of the drawing.
        features: see ``SpokenDigits``, like all that follow.
        bands: see there.
        coefficients: see there.
        batch_size: utterances of a training step.
        eval_batch_size: utterances of an evaluation step; None: as ``batch_size``.
        data_dir: see there.
    """

    def __init__(
        self,
        name: str = "connected_digits",
        digits: Sequence[int] = (3, 7),
        gap: Sequence[float] = (0.05, 0.3),
        snr: Sequence[float] | None = (10.0, 40.0),
        train_size: int = 2_000,
        valid_size: int = 300,
        test_size: int = 300,
        seed: int = 0,
        features: Literal["log_mel", "mfcc"] = "log_mel",
        bands: int = 40,
        coefficients: int = 13,
        batch_size: int = 16,
        eval_batch_size: int | None = None,
        data_dir: str | Path | None = None,
    ):
        super().__init__(name, features, bands, coefficients, batch_size, eval_batch_size, data_dir)
        self.digits = _range("digits", digits, 1)
        self.gap = _range("gap", gap, 0)
        self.snr = None if snr is None else _range("snr", snr, -math.inf)
        sizes = {"train": train_size, "valid": valid_size, "test": test_size}
        self.sizes = {part: at_least(f"{part}_size", size, 1) for part, size in sizes.items()}
        self.seed = seed

    @property
    def spec(self) -> DataSpec:
        """The features of a frame; the ten digits, without the blank."""
        return DataSpec("transcription", super().spec.input_size, len(DIGITS), labels=DIGITS)

    def load(self, seed: int) -> Splits:
        """The three splits; ``seed``, of the run, has no effect.

        Raises:
            UserError: the archive cannot be had, or an utterance has fewer frames than its digits need.
        """
        heard, targets = [], []
        for (part, size), recordings in zip(self.sizes.items(), self.recordings()):
            random, voices = torch.Generator().manual_seed(derive(self.seed, part)), voices_of(recordings)
            told = [self.utterance(voices, random) for _ in range(size)]
            heard.append([self.heard(samples_S) for samples_S, _ in told])
            targets.append(joined([digits for _, digits in told]))
            for number, (frames_TI, (_, digits)) in enumerate(zip(heard[-1], told)):
                if (least := frames_needed(digits)) > len(frames_TI):
                    raise UserError(f"{self.name}: utterance {number} of {part} has {len(frames_TI)} frames, its "
                                    f"digits need {least}; lengthen dataset.gap")  # fmt: skip
        return self.scaled(heard, targets)

    def utterance(self, voices: Voices, random: Generator) -> tuple[Tensor, list[int]]:
        """Samples ``(S,)`` and digits of one, drawn from ``random``."""

        def drawn(low: float, high: float) -> float:
            return low + (high - low) * float(torch.rand((), generator=random))

        def one_of(choices: Sequence[Any]) -> Any:
            return choices[int(torch.randint(len(choices), (), generator=random))]

        def silence() -> Tensor:
            return torch.zeros(round(drawn(*self.gap) * RATE))

        voice = one_of(list(voices.values()))
        wanted = [one_of(list(voice)) for _ in range(one_of(range(self.digits[0], self.digits[1] + 1)))]
        spoken = [one_of(voice[digit]) for digit in wanted]
        samples_S = torch.cat([silence(), *(part for word in spoken for part in (word, silence()))])
        if self.snr is not None:
            loudness = torch.cat(spoken).square().mean().sqrt()
            noise_S = torch.randn(len(samples_S), generator=random)
            samples_S = samples_S + noise_S * loudness * 10 ** (-drawn(*self.snr) / 20)
        return samples_S, wanted

    def answer(self, prediction: Any, artifacts: dict[str, Any]) -> dict[str, Any]:
        """The digits, in their order."""
        return {"digits": " ".join(DIGITS[digit] for digit in prediction)}


def voices_of(recordings: Sequence[Recording]) -> Voices:
    """By speaker and digit, in the order of ``recordings``."""
    voices: Voices = {}
    for one in recordings:
        voices.setdefault(one.speaker, {}).setdefault(one.digit, []).append(one.samples_S)
    return voices


def joined(labels: Sequence[Sequence[int]]) -> Tensor:
    """Sequences of labels as int8 ``(N, L)``, ``NO_TARGET`` beyond the end of each."""
    rows = [torch.tensor(row, dtype=torch.int8) for row in labels]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=NO_TARGET)


def frames_needed(labels: Sequence[int]) -> int:
    """The fewest frames that connectionist temporal classification can tell ``labels`` in.

    One for each, and one between two that are equal.
    """
    return len(labels) + sum(a == b for a, b in pairwise(labels))


def _range(name: str, value: Sequence[Any], least: float) -> tuple[Any, Any]:
    if len(value) != 2 or not least <= value[0] <= value[1] or not all(map(math.isfinite, value)):
        above = "" if least == -math.inf else f", at least {least}"
        raise ValueError(f"{name}={list(value)}: two finite numbers, the second not below the first{above}")
    return value[0], value[1]
