"""A tag for every word: published collections and a user's own files in columns.

Shape suffixes: T words of a sentence, C characters of a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rnnbench.data.dataset import Sequences, Splits, at_least
from rnnbench.data.entities import is_bio, spans
from rnnbench.data.of_words import OfWords
from rnnbench.data.spec import DataSpec
from rnnbench.data.text import RESERVED, Vocabulary, read_text, user_texts
from rnnbench.errors import UserError

Sentence = tuple[list[str], list[str]]  # words and their tags
FIRST, LAST = "!", "~"  # the signs of ASCII that have numbers of their own: 2, 3, ...
_NO_WORD = re.compile(r"#|\d+[-.]\d+$")
CHARACTERS = RESERVED + ord(LAST) - ord(FIRST) + 1


class Tagging(OfWords):
    """Ids of words, and of their characters, in; the tag of each word out. A subclass gives ``sentences`` and ``tags``.

    The vocabulary is counted on the training sentences alone. Its size is known beforehand where ``max_words`` is set.

    Args:
        name: what tables call it.
        lower: make the capitals of words small; those of characters stay.
        min_count: occurrences in the training sentences that a word needs to have a number of its own.
        max_words: words with a number of their own, the most frequent; None: all.
        characters: characters of a word that are given besides, half of a longer word's from its start and half from
            its end; None: none.
        batch_size: sentences of a training step.
        eval_batch_size: sentences of an evaluation step; None: as ``batch_size``.
        data_dir: where published files are looked for.
    """

    def __init__(
        self,
        name: str,
        lower: bool,
        min_count: int,
        max_words: int | None,
        characters: int | None,
        batch_size: int,
        eval_batch_size: int | None,
        data_dir: str | Path | None = None,
    ):
        super().__init__(name, lower, min_count, max_words, batch_size, eval_batch_size, data_dir)
        self.characters = None if characters is None else at_least("characters", characters, 2)

    @property
    def tags(self) -> tuple[str, ...]:
        """All there are, by the alphabet."""
        raise NotImplementedError(f"{type(self).__name__} declares no tags")

    def sentences(self) -> tuple[list[Sentence], list[Sentence], list[Sentence]]:
        """Train, validation and test. Raises ``UserError`` for files that do not serve."""
        raise NotImplementedError(f"{type(self).__name__} reads nothing")

    @property
    def spec(self) -> DataSpec:
        """One id a step and those of its characters; entities where the tags mark their beginning and inside."""
        return DataSpec(
            "entities" if is_bio(self.tags) else "tagging",
            input_size=1 + (self.characters or 0),
            target_size=len(self.tags),
            per_step=True,
            vocabulary=self.ids,
            characters=None if self.characters is None else CHARACTERS,
            labels=self.tags,
        )

    def load(self, seed: int) -> Splits:
        """The splits; ``seed`` has no effect. Raises ``UserError`` for files that do not serve."""
        parts = self.sentences()
        vocabulary = self.vocabulary([words for words, _ in parts[0]])
        numbers = {tag: i for i, tag in enumerate(self.tags)}
        splits = []
        for part in parts:
            if unknown := {tag for _, tags in part for tag in tags} - set(numbers):
                raise UserError(f"{self.name}: tag {min(unknown)!r} is not among {', '.join(self.tags)}")
            inputs = [self._encode(words, vocabulary) for words, _ in part]
            splits.append(Sequences(inputs, [torch.tensor([numbers[tag] for tag in tags]) for _, tags in part]))
        return Splits(*splits)

    def training_words(self) -> list[Sequence[str]]:
        """Of the sentences."""
        return [words for words, _ in self.sentences()[0]]

    def _encode(self, words: Sequence[str], vocabulary: Vocabulary) -> Tensor:
        """int32 ``(T, 1 + C)``."""
        ids_T1 = vocabulary.encode(words)
        if self.characters is None:
            return ids_T1
        rows = torch.tensor([encode_characters(word, self.characters) for word in words], dtype=torch.int32)
        return torch.cat([ids_T1, rows], 1)

    def artifacts(self) -> dict[str, Any]:
        """Words and tags."""
        return {"words": list(self.vocabulary().words), "tags": list(self.tags)}

    def read(self, source: str, artifacts: dict[str, Any]) -> Sequences:
        """A sentence, or a UTF-8 file with one a line."""
        vocabulary = Vocabulary(tuple(artifacts["words"]), self.lower)
        inputs = [self._encode(words, vocabulary) for words in user_texts(source)]
        return Sequences(inputs, [torch.zeros(len(words), dtype=torch.int64) for words in inputs])

    def answers(self, predictions: list[Any], source: str, artifacts: dict[str, Any]) -> list[dict[str, Any]]:
        """The words of each sentence, their tags, and the entities that these mark, if they do."""
        names = artifacts["tags"]
        answers = []
        for words, prediction in zip(user_texts(source), predictions, strict=True):
            answer: dict[str, Any] = {"words": words, "tags": [names[i] for i in prediction.tolist()]}
            if is_bio(names):
                answer["entities"] = [
                    {"kind": kind, "text": " ".join(words[start:end])} for start, end, kind in spans(answer["tags"])
                ]
            answers.append(answer)
        return answers


def encode_characters(word: str, length: int) -> list[int]:
    """``length`` ids: 1 for a sign outside ASCII, 0 beyond the word's end."""
    if len(word) > length:
        word = word[: length - length // 2] + word[-(length // 2) :]
    ids = [RESERVED + ord(sign) - ord(FIRST) if FIRST <= sign <= LAST else 1 for sign in word]
    return ids + [0] * (length - len(ids))


def read_columns(text: str, where: str, word: int, tag: int, separator: str | None = "\t") -> list[Sentence]:
    """Sentences of a file with a word on each line and blank lines between sentences.

    Where the word is not the first column, as in CoNLL-U, comments are left out, and words numbered as ``3-4`` or
    ``3.1``, which stand for several or for none.

    Args:
        text: of the file.
        where: the file's name, for messages.
        word: column of the word.
        tag: column of its tag.
        separator: between columns; None: any blanks.

    Raises:
        UserError: a line has too few columns, or the file no sentence.
    """
    sentences: list[Sentence] = []
    words: list[str] = []
    tags: list[str] = []
    for number, line in enumerate([*text.split("\n"), ""], 1):
        columns = line.rstrip("\r").split(separator)
        if not line.strip():
            if words:
                sentences.append((words, tags))
            words, tags = [], []
        elif word == 0 or not _NO_WORD.match(columns[0]):
            if len(columns) <= max(word, tag, 1):
                raise UserError(f"{where}: line {number} has {len(columns)} columns, no word with a tag")
            words.append(columns[word])
            tags.append(columns[tag].strip())
    if not sentences:
        raise UserError(f"{where}: has no sentences")
    return sentences


class ConllFile(Tagging):
    """Files of the user's own: a word and its tag on each line, blank lines between sentences.

    Without files for validation and test, every tenth sentence of the first file is one of theirs.

    Args:
        name: what tables call it.
        path: the training file.
        valid_path: of validation; None: sentences 9, 19, ... of the first file.
        test_path: of the test; None: sentences 10, 20, ... of the first file.
        word_column: column of the words, the first is 0.
        tag_column: column of the tags, the last is -1.
        encoding: of the files.
        lower: see ``Tagging``, like all that follow.
        min_count: see there.
        max_words: see there.
        characters: see there.
        batch_size: sentences of a training step.
        eval_batch_size: sentences of an evaluation step; None: as ``batch_size``.
    """

    def __init__(
        self,
        name: str = "conll",
        path: str | None = None,
        valid_path: str | None = None,
        test_path: str | None = None,
        word_column: int = 0,
        tag_column: int = -1,
        encoding: str = "utf-8",
        lower: bool = True,
        min_count: int = 1,
        max_words: int | None = None,
        characters: int | None = None,
        batch_size: int = 32,
        eval_batch_size: int | None = None,
    ):
        super().__init__(name, lower, min_count, max_words, characters, batch_size, eval_batch_size)
        if path is None:
            raise ValueError("path=null: name the file of tagged words, dataset.path=FILE.conll")
        self.path, self.valid_path, self.test_path = path, valid_path, test_path
        self.columns, self.encoding = (word_column, tag_column), encoding

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """Those of the training file."""
        return tuple(sorted({tag for _, tags in self._read[self.path] for tag in tags}))

    def fingerprint(self) -> dict[str, str]:
        """The sums of the user's files."""
        import hashlib

        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in self.prepare()}

    def prepare(self) -> list[Path]:
        """Check that the files are there and hold tagged words."""
        return [Path(path).expanduser() for path in self._read]

    def sentences(self) -> tuple[list[Sentence], list[Sentence], list[Sentence]]:
        """Train, validation and test."""
        train, rest = self._read[self.path], {}
        for at, path in ((8, self.valid_path), (9, self.test_path)):
            rest[at] = train[at::10] if path is None else self._read[path]
            if not rest[at]:
                raise UserError(f"{self.path}: has {len(train)} sentences, too few to split; name files for the parts")
        taken = {at for at, path in ((8, self.valid_path), (9, self.test_path)) if path is None}
        return [sentence for i, sentence in enumerate(train) if i % 10 not in taken], rest[8], rest[9]

    @cached_property
    def _read(self) -> dict[str, list[Sentence]]:
        """The sentences of each file, by path."""
        paths = [path for path in (self.path, self.valid_path, self.test_path) if path is not None]
        texts = {path: read_text(path, self.encoding) for path in paths}
        return {path: read_columns(text, path, *self.columns, separator=None) for path, text in texts.items()}
