"""Four sentences to learn by heart and two to answer: shows in a second that text classification works."""

from __future__ import annotations

from rnnbench.data.text_classification import Rows, TextClassification

TRAIN: Rows = [
    ("I love this film, it is wonderful", "positive"),
    ("A great story and great actors", "positive"),
    ("I hate this film, it is terrible", "negative"),
    ("A dull story and poor actors", "negative"),
]
TEST: Rows = [("this story is wonderful", "positive"), ("this story is terrible", "negative")]


class Sentences(TextClassification):
    """Two classes. Validation is the training sentences again, so nothing here measures a model.

    Args:
        name: what tables call it.
        lower: see ``TextClassification``, like all that follow.
        min_count: see there.
        max_words: see there.
        max_length: see there.
        batch_size: sentences of a training step.
        eval_batch_size: sentences of an evaluation step; None: as ``batch_size``.
    """

    def __init__(
        self,
        name: str = "sentences",
        lower: bool = True,
        min_count: int = 1,
        max_words: int | None = None,
        max_length: int | None = None,
        batch_size: int = 2,
        eval_batch_size: int | None = None,
    ):
        super().__init__(name, lower, min_count, max_words, max_length, batch_size, eval_batch_size)

    @property
    def classes(self) -> int:
        """Positive and negative."""
        return 2

    def rows(self) -> tuple[Rows, Rows, Rows]:
        """Four sentences, the same four, two others."""
        return TRAIN, TRAIN, TEST
