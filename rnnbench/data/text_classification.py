"""A class for a text: what published collections, a user's own table and the built-in sentences share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rnnbench.data.dataset import Sequences, Splits, at_least, named
from rnnbench.data.of_words import OfWords
from rnnbench.data.spec import DataSpec
from rnnbench.data.text import Vocabulary, tokenise, user_texts
from rnnbench.errors import UserError

Rows = list[tuple[str, str]]  # a text and the name of its class


class TextClassification(OfWords):
    """Ids of words in, one class a text. A subclass gives ``rows`` and ``classes``.

    The vocabulary is counted on the training texts alone. Its size is known beforehand where ``max_words`` is set.

    Args:
        name: what tables call it.
        lower: make capitals small.
        min_count: occurrences in the training texts that a word needs to have a number of its own.
        max_words: words with a number of their own, the most frequent; None: all, counted when the size is asked for.
        max_length: words of a text that are read, from its start; None: all.
        batch_size: texts of a training step.
        eval_batch_size: texts of an evaluation step; None: as ``batch_size``.
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
        self._labels: tuple[str, ...] = ()

    @property
    def classes(self) -> int:
        """How many there are."""
        raise NotImplementedError(f"{type(self).__name__} declares no classes")

    def rows(self) -> tuple[Rows, Rows, Rows]:
        """Train, validation and test. Raises ``UserError`` for files that do not serve."""
        raise NotImplementedError(f"{type(self).__name__} reads nothing")

    @property
    def spec(self) -> DataSpec:
        """One id a step; reads the texts only where nothing else says how many words there are."""
        return DataSpec("text_classification", input_size=1, target_size=self.classes, vocabulary=self.ids)

    def training_words(self) -> list[list[str]]:
        """Of the texts, as far as they are read."""
        return self._tokens(self.rows()[0])

    def load(self, seed: int) -> Splits:
        """The splits; ``seed`` has no effect. Raises ``UserError`` for files that do not serve."""
        parts = self.rows()
        texts = [self._tokens(rows) for rows in parts]
        self.vocabulary(texts[0])
        self._labels = tuple(sorted({label for _, label in parts[0]}))
        if len(self._labels) != self.classes:
            raise UserError(f"{self.name}: {len(self._labels)} classes in the training texts, not {self.classes}")
        return Splits(*(self._sequences(tokens, rows) for tokens, rows in zip(texts, parts, strict=True)))

    def _tokens(self, rows: Rows) -> list[list[str]]:
        return [tokenise(text)[: self.max_length] for text, _ in rows]

    def _sequences(self, texts: list[list[str]], rows: Rows) -> Sequences:
        for tokens, (text, label) in zip(texts, rows, strict=True):
            if not tokens:
                raise UserError(f"{self.name}: the text {text!r} of class {label!r} has no words")
            if label not in self._labels:
                known = ", ".join(self._labels)
                raise UserError(f"{self.name}: class {label!r} is not among those of the training texts: {known}")
        targets = torch.tensor([self._labels.index(label) for _, label in rows])
        return Sequences([self.vocabulary().encode(tokens) for tokens in texts], targets)

    def artifacts(self) -> dict[str, Any]:
        """Words and names of classes."""
        return {"words": list(self.vocabulary().words), "labels": list(self._labels)}

    def read(self, source: str, artifacts: dict[str, Any]) -> Sequences:
        """A text, or a UTF-8 file with one text a line."""
        vocabulary = Vocabulary(tuple(artifacts["words"]), self.lower)
        texts = [tokens[: self.max_length] for tokens in user_texts(source)]
        return Sequences([vocabulary.encode(tokens) for tokens in texts], torch.zeros(len(texts), dtype=torch.int64))

    def answer(self, prediction: Tensor, artifacts: dict[str, Any]) -> dict[str, Any]:
        """The likeliest class and the probability of each, by name."""
        return named(prediction, artifacts["labels"])
