"""What data sets of words have in common: the options of their vocabulary, counted on the training texts alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rnnbench.data.dataset import Dataset, at_least
from rnnbench.data.text import RESERVED, Vocabulary, count_words


class OfWords(Dataset):
    """Ids of words in; a subclass gives ``training_words``.

    Args:
        name: what tables call it.
        lower: make the capitals of words small.
        min_count: occurrences in the training texts that a word needs to have a number of its own.
        max_words: words with a number of their own, the most frequent; None: all, counted when the size is asked for.
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
        batch_size: int,
        eval_batch_size: int | None,
        data_dir: str | Path | None = None,
    ):
        super().__init__(name, batch_size, eval_batch_size, data_dir)
        self.lower = lower
        self.min_count = at_least("min_count", min_count, 1)
        self.max_words = None if max_words is None else at_least("max_words", max_words, 1)
        self._vocabulary: Vocabulary | None = None

    def training_words(self) -> Iterable[Sequence[str]]:
        """The words of each training text. Raises ``UserError`` for files that do not serve."""
        raise NotImplementedError(f"{type(self).__name__} reads nothing")

    @property
    def ids(self) -> int:
        """How many ids there are; texts are read only where nothing else says how many words."""
        if self.max_words is not None and self._vocabulary is None:
            return RESERVED + self.max_words
        return len(self.vocabulary())

    def vocabulary(self, texts: Iterable[Sequence[str]] | None = None) -> Vocabulary:
        """The words with numbers, counted once; ``texts``: the training texts, where they have been read already."""
        if self._vocabulary is None:
            texts = self.training_words() if texts is None else texts
            self._vocabulary = count_words(texts, self.lower, self.min_count, self.max_words)
        return self._vocabulary
