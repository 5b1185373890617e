"""Sentences and their translations: what published collections and a user's own files share.

Shape suffixes: B pairs, S words of a sentence, T words of its translation and the sign of its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rnnbench.data.dataset import Sequences, Splits, at_least
from rnnbench.data.of_words import OfWords
from rnnbench.data.spec import EDGE, Batch, DataSpec
from rnnbench.data.text import PAD, RESERVED, Vocabulary, count_words, detokenise, tokenise, user_texts
from rnnbench.errors import UserError

Pair = tuple[str, str]  # a sentence and its translation
END = "</s>"  # no token of ``tokenise``; as the first of its words it has the id EDGE


@dataclass(frozen=True, eq=False)
class Pairs(Sequences):
    """Sequences answered by sequences of other lengths; ``texts``: these as they stand in the file."""

    texts: list[str] | None = None

    @cached_property
    def _written(self) -> Sequences:
        return Sequences(self.targets, self.targets)

    @cached_property
    def _read(self) -> Sequences:
        return Sequences(self.inputs, self.inputs)

    def batch(self, indices: Tensor) -> Batch:
        """The pairs at ``indices`` (int64 ``(B,)``), either side padded with zeros to the longest of them."""
        read, written = self._read.batch(indices), self._written.batch(indices)
        targets_BT = written.inputs_BTI
        mask_BT = torch.ones_like(targets_BT, dtype=torch.bool)
        if written.lengths_B is not None:
            mask_BT = torch.arange(targets_BT.shape[1]) < written.lengths_B[:, None]
        texts = None if self.texts is None else [self.texts[i] for i in indices.tolist()]
        return Batch(read.inputs_BTI, targets_BT, read.lengths_B, mask_BT, texts=texts)


class Parallel(OfWords):
    """Ids of a sentence's words in, those of its translation out. A subclass gives ``pairs``.

    Each language has a vocabulary of its own, counted on the training pairs.

    Args:
        name: what tables call it.
        lower: make capitals small on both sides; BLEU is then blind to them.
        min_count: occurrences in the training sentences that a word needs to have a number of its own.
        max_words: words of each language with a number of their own, the most frequent; None: all.
        max_length: words of the longer side that a training pair may have; None: any number.
        batch_size: pairs of a training step.
        eval_batch_size: pairs of an evaluation step; None: as ``batch_size``.
        data_dir: where published files are looked for.
    """

    def __init__(
        self,
        name: str,
        lower: bool,
        min_count: int,
        max_words: int | None,
        max_length: int | None,
        batch_size: int,
        eval_batch_size: int | None,
        data_dir: str | Path | None = None,
    ):
        super().__init__(name, lower, min_count, max_words, batch_size, eval_batch_size, data_dir)
        self.max_length = None if max_length is None else at_least("max_length", max_length, 1)
        self._target_vocabulary: Vocabulary | None = None

    def pairs(self) -> tuple[list[Pair], list[Pair], list[Pair]]:
        """Train, validation and test. Raises ``UserError`` for files that do not serve."""
        raise NotImplementedError(f"{type(self).__name__} reads nothing")

    @property
    def spec(self) -> DataSpec:
        """One id a step on either side; ``target_size`` ids of the other language, with those of padding and end."""
        known = self.max_words is not None and self._target_vocabulary is None
        target_size = RESERVED + 1 + (self.max_words or 0) if known else len(self.target_vocabulary())
        return DataSpec("translation", input_size=1, target_size=target_size, vocabulary=self.ids, writes=True)

    def training_words(self) -> list[Sequence[str]]:
        """Of the sentences that are translated."""
        return [source for source, _ in self._training]

    def target_vocabulary(self) -> Vocabulary:
        """The words of the other language with numbers, after the sign of the end."""
        if self._target_vocabulary is None:
            texts = (target for _, target in self._training)
            words = count_words(texts, self.lower, self.min_count, self.max_words).words
            self._target_vocabulary = Vocabulary((END, *words), self.lower)
        return self._target_vocabulary

    @cached_property
    def _training(self) -> list[tuple[list[str], list[str]]]:
        """The words of the training pairs that are short enough."""
        most = self.max_length
        pairs = [(tokenise(source), tokenise(target)) for source, target in self.pairs()[0]]
        kept = [pair for pair in pairs if most is None or max(map(len, pair)) <= most]
        if not kept:
            raise UserError(f"dataset.max_length={most}: no training pair is that short")
        return kept

    def load(self, seed: int) -> Splits:
        """The splits; ``seed`` has no effect. Raises ``UserError`` for files that do not serve."""
        _, *parts = self.pairs()
        train = self._encode(self._training)
        rest = [
            self._encode([(tokenise(source), tokenise(target)) for source, target in part], [text for _, text in part])
            for part in parts
        ]
        return Splits(train, *rest)

    def _encode(self, pairs: Iterable[tuple[list[str], list[str]]], texts: list[str] | None = None) -> Pairs:
        vocabulary, written = self.vocabulary(), self.target_vocabulary()
        inputs, targets = [], []
        for source, target in pairs:
            inputs.append(vocabulary.encode(source))
            targets.append(written.encode([*target, END])[:, 0])
        return Pairs(inputs, targets, texts=texts)

    def artifacts(self) -> dict[str, Any]:
        """The words of both languages."""
        words, targets = self.vocabulary().words, self.target_vocabulary().words
        return {"words": list(words), "target_words": list(targets), "lower": self.lower}

    def read(self, source: str, artifacts: dict[str, Any]) -> Sequences:
        """A sentence, or a UTF-8 file with one a line."""
        vocabulary = Vocabulary(tuple(artifacts["words"]), self.lower)
        inputs = [vocabulary.encode(words) for words in user_texts(source)]
        return Pairs(inputs, [torch.tensor([EDGE], dtype=torch.int32)] * len(inputs))

    def answer(self, prediction: Tensor, artifacts: dict[str, Any]) -> dict[str, Any]:
        """The translation."""
        return {"translation": written_text(prediction, artifacts["target_words"])}


def words_of(ids_T: Tensor, words: list[str]) -> list[str]:
    """The words with these ids, without padding."""
    return [words[i - RESERVED] if i >= RESERVED else "<unk>" for i in ids_T.tolist() if i != PAD]


def written_text(ids_T: Tensor, words: list[str]) -> str:
    """What a decoder has written, as a text."""
    return detokenise(word for word in words_of(ids_T, words) if word != END)
