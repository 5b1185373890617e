"""Published collections of tagged sentences: WNUT-17 and the English Web Treebank of Universal Dependencies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rnnbench.data.dataset import one_of
from rnnbench.data.tagging import Sentence, Tagging, read_columns

KINDS = ("corporation", "creative-work", "group", "location", "person", "product")
UPOS = "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X"


@dataclass(frozen=True)
class Collection:
    """One collection: files of train, validation and test in the manifest, its tags, columns of words and tags."""

    files: tuple[str, str, str]
    tags: tuple[str, ...]
    word: int
    tag: int


COLLECTIONS = {
    "wnut17": Collection(
        ("wnut17train", "wnut17_emerging_dev", "wnut17_emerging_test_annotated"),
        (*(f"{mark}-{kind}" for mark in "BI" for kind in KINDS), "O"),
        word=0,
        tag=1,
    ),
    "ud_ewt": Collection(
        ("ud_ewt_en_ewt_ud_train", "ud_ewt_en_ewt_ud_dev", "ud_ewt_en_ewt_ud_test"),
        tuple(UPOS.split()),
        word=1,
        tag=3,
    ),
}


class TagCollection(Tagging):
    """A published collection, with its published splits.

    - ``wnut17``: emerging entities of six kinds in tweets and comments (Derczynski et al. 2017): 3,394 / 1,009 / 1,287
      sentences.
    - ``ud_ewt``: universal parts of speech in English from the web (Silveira et al. 2014): 12,544 / 2,001 / 2,077.

    Args:
        name: what tables call it.
        collection: ``wnut17`` or ``ud_ewt``.
        lower: see ``Tagging``, like all that follow.
        min_count: see there.
        max_words: see there.
        characters: see there.
        batch_size: sentences of a training step.
        eval_batch_size: sentences of an evaluation step; None: as ``batch_size``.
        data_dir: where files are looked for and downloaded to.
    """

    def __init__(
        self,
        name: str = "wnut17",
        collection: Literal["wnut17", "ud_ewt"] = "wnut17",
        lower: bool = True,
        min_count: int = 2,
        max_words: int | None = None,
        characters: int | None = None,
        batch_size: int = 32,
        eval_batch_size: int | None = None,
        data_dir: str | Path | None = None,
    ):
        super().__init__(name, lower, min_count, max_words, characters, batch_size, eval_batch_size, data_dir)
        self.collection = COLLECTIONS[one_of("collection", collection, COLLECTIONS)]
        self.files = self.collection.files

    @property
    def tags(self) -> tuple[str, ...]:
        """As published."""
        return self.collection.tags

    def sentences(self) -> tuple[list[Sentence], list[Sentence], list[Sentence]]:
        """Train, validation and test."""
        from rnnbench.data.files import read

        train, valid, test = (
            read_columns(read(file, self.data_dir).decode(), file, self.collection.word, self.collection.tag)
            for file in self.files
        )
        return train, valid, test
