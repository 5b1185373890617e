"""Text classification on a table of the user's own: a column of texts and a column of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from rnnbench.data.stratified import stratified
from rnnbench.data.table import Table
from rnnbench.data.text import tokenise
from rnnbench.data.text_classification import Rows, TextClassification
from rnnbench.errors import UserError

SPLIT_SEED = 1  # any fixed number: the split is the same in every run


class TextCsv(TextClassification):
    """Texts of a CSV or TSV file; its classes are the values of one column.

    Without a test file the rows are split into three parts that keep the share of each class, drawn once; with one,
    into train and validation, in the ratio of the first two shares.

    Args:
        name: what tables call it.
        path: the file.
        test_path: a second file of the same form, for the test; None: a part of the first.
        text_column: column of the texts.
        label_column: column of the classes.
        split: shares of train, validation and test, that sum to 1.
        encoding: of the files.
        separator: between their fields.
        header: whether the first line names the columns; otherwise they are called 0, 1, ...
        lower: see ``TextClassification``, like all that follow.
        min_count: see there.
        max_words: see there.
        max_length: see there.
        batch_size: texts of a training step.
        eval_batch_size: texts of an evaluation step; None: as ``batch_size``.
    """

    def __init__(
        self,
        name: str = "text_csv",
        path: str | None = None,
        test_path: str | None = None,
        text_column: str | int = "text",
        label_column: str | int = "label",
        split: Sequence[float] = (0.8, 0.1, 0.1),
        encoding: str = "utf-8",
        separator: str = ",",
        header: bool = True,
        lower: bool = True,
        min_count: int = 1,
        max_words: int | None = None,
        max_length: int | None = None,
        batch_size: int = 32,
        eval_batch_size: int | None = None,
    ):
        super().__init__(name, lower, min_count, max_words, max_length, batch_size, eval_batch_size)
        if path is None:
            raise ValueError("path=null: name the file of texts, dataset.path=FILE.csv")
        self.path, self.test_path = path, test_path
        self.text_column, self.label_column = str(text_column), str(label_column)
        if len(split) != 3 or min(split) <= 0 or not math.isclose(sum(split), 1, abs_tol=1e-9):
            raise ValueError(f"split={list(split)}: three shares above 0 that sum to 1")
        self.split = split
        self.encoding, self.separator, self.header = encoding, separator, header

    @property
    def classes(self) -> int:
        """Distinct values of the column of classes in the first file."""
        return len({label for _, label in self._read[0]})

    def fingerprint(self) -> dict[str, str]:
        """The sums of the user's files."""
        return {table.path.name: table.sha256() for table in self._tables}

    def prepare(self) -> list[Path]:
        """Check that the files are there and are tables."""
        return [table.path for table in self._tables]

    def rows(self) -> tuple[Rows, Rows, Rows]:
        """Train, validation and test."""
        rows, tested = self._read[0], self._read[1:]
        train, valid = self.split[:2]
        shares = [train / (train + valid)] if tested else [train, valid]
        parts = stratified([label for _, label in rows], shares, SPLIT_SEED)
        split: list[Rows] = [[rows[i] for i in part.tolist()] for part in parts]
        for name, part in zip(("train", "valid", "test"), split):
            if not part:
                raise UserError(f"{self.path}: {len(rows)} rows are too few, {name} gets none; change dataset.split")
        first, second, third = [*split, *tested]
        return first, second, third

    @cached_property
    def _tables(self) -> list[Table]:
        paths = [path for path in (self.path, self.test_path) if path is not None]
        return [Table(path, self.encoding, self.separator, self.header, text=True) for path in paths]

    @cached_property
    def _read(self) -> list[Rows]:
        """The rows of each file, checked."""
        found = [self._checked(table) for table in self._tables]
        labels = {label for _, label in found[0]}
        if len(labels) < 2:
            raise UserError(f"{self.path}: column {self.label_column!r} has one class, {labels.pop()!r}")
        return found

    def _checked(self, table: Table) -> Rows:
        table.require([self.text_column, self.label_column])
        texts, labels = table.frame[self.text_column], table.frame[self.label_column]
        rows: Rows = []
        for number, (text, label) in enumerate(zip(texts, labels), table.first_line):
            for column, value in ((self.text_column, text), (self.label_column, label)):
                if not isinstance(value, str) or not value.strip():
                    raise UserError(f"{table.path}: column {column!r} is empty on line {number}")
            if not tokenise(text):
                raise UserError(f"{table.path}: the text on line {number} has no words")
            rows.append((text, label.strip()))
        return rows
