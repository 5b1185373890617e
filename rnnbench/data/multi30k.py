"""Multi30k: captions of pictures in English and German (Elliott, Frank, Sima'an and Specia 2016, arXiv:1605.00459)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rnnbench.data.dataset import one_of
from rnnbench.data.parallel import Pair, Parallel

DIRECTIONS = ("de-en", "en-de")
PARTS = ("train", "val", "test_2016_flickr")


class Multi30k(Parallel):
    """Task 1 of the collection: 29,000 / 1,014 / 1,000 pairs, each caption translated by a professional.

    Args:
        name: what tables call it.
        direction: ``de-en``, from German into English, or ``en-de``.
        lower: see ``Parallel``, like all that follow.
        min_count: see there.
        max_words: see there.
        max_length: see there.
        batch_size: pairs of a training step.
        eval_batch_size: pairs of an evaluation step; None: as ``batch_size``.
        data_dir: where files are looked for and downloaded to.
    """

    def __init__(
        self,
        name: str = "multi30k",
        direction: Literal["de-en", "en-de"] = "de-en",
        lower: bool = True,
        min_count: int = 2,
        max_words: int | None = None,
        max_length: int | None = None,
        batch_size: int = 32,
        eval_batch_size: int | None = None,
        data_dir: str | Path | None = None,
    ):
        super().__init__(name, lower, min_count, max_words, max_length, batch_size, eval_batch_size, data_dir)
        self.languages = one_of("direction", direction, DIRECTIONS).split("-")
        self.files = tuple(f"multi30k_{part}_{language}" for part in PARTS for language in self.languages)

    def pairs(self) -> tuple[list[Pair], list[Pair], list[Pair]]:
        """Train, validation and test (2016, Flickr)."""
        from rnnbench.data.files import read

        sides = [read(file, self.data_dir).decode().rstrip("\n").split("\n") for file in self.files]
        train, valid, test = (list(zip(*sides[i : i + 2], strict=True)) for i in (0, 2, 4))
        return train, valid, test
