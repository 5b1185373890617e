"""Translation of a user's own sentences: a pair of files, or one with two columns."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from rnnbench.data.parallel import Pair, Parallel
from rnnbench.data.text import read_text, tokenise
from rnnbench.errors import UserError


class ParallelText(Parallel):
    """Files with a sentence on each line, and their translations in a second file or a second column.

    Without files for validation and test, every tenth pair of the first is one of theirs.

    Args:
        name: what tables call it.
        path: the sentences to translate; without ``target_path`` a file with tabs between its columns.
        target_path: their translations, line by line; None: they stand in a column of ``path``.
        valid_path: of validation; None: pairs 9, 19, ... of the first file.
        valid_target_path: as ``target_path``, of validation.
        test_path: of the test; None: pairs 10, 20, ... of the first file.
        test_target_path: as ``target_path``, of the test.
        source_column: column of the sentences in a file with columns, the first is 0.
        target_column: column of their translations.
        encoding: of the files.
        lower: see ``Parallel``, like all that follow.
        min_count: see there.
        max_words: see there.
        max_length: see there.
        batch_size: pairs of a training step.
        eval_batch_size: pairs of an evaluation step; None: as ``batch_size``.
    """

    def __init__(
        self,
        name: str = "parallel_text",
        path: str | None = None,
        target_path: str | None = None,
        valid_path: str | None = None,
        valid_target_path: str | None = None,
        test_path: str | None = None,
        test_target_path: str | None = None,
        source_column: int = 0,
        target_column: int = 1,
        encoding: str = "utf-8",
        lower: bool = True,
        min_count: int = 1,
        max_words: int | None = None,
        max_length: int | None = None,
        batch_size: int = 32,
        eval_batch_size: int | None = None,
    ):
        super().__init__(name, lower, min_count, max_words, max_length, batch_size, eval_batch_size)
        if path is None:
            raise ValueError("path=null: name the file of sentences, dataset.path=FILE.tsv")
        self.paths = ((path, target_path), (valid_path, valid_target_path), (test_path, test_target_path))
        for part, (source, target) in zip(("valid_", "test_"), self.paths[1:]):
            if target is not None and source is None:
                raise ValueError(f"{part}target_path={target}: needs dataset.{part}path too")
        self.columns, self.encoding = (source_column, target_column), encoding

    def fingerprint(self) -> dict[str, str]:
        """The sums of the user's files."""
        import hashlib

        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in self.prepare()}

    def prepare(self) -> list[Path]:
        """Check that the files are there and hold pairs."""
        _ = self._read
        return [Path(path).expanduser() for pair in self.paths for path in pair if path is not None]

    def pairs(self) -> tuple[list[Pair], list[Pair], list[Pair]]:
        """Train, validation and test."""
        train, rest = self._read[0], {}
        assert train is not None
        for at, part in ((8, self._read[1]), (9, self._read[2])):
            rest[at] = train[at::10] if part is None else part
            if not rest[at]:
                raise UserError(f"{self.paths[0][0]}: {len(train)} pairs are too few to split; name files of the parts")
        taken = {at for at, part in ((8, self._read[1]), (9, self._read[2])) if part is None}
        return [pair for i, pair in enumerate(train) if i % 10 not in taken], rest[8], rest[9]

    @cached_property
    def _read(self) -> list[list[Pair] | None]:
        """The pairs of each part; None: it has no file."""
        return [None if path is None else self._checked(path, target) for path, target in self.paths]

    def _checked(self, path: str, target_path: str | None) -> list[Pair]:
        lines = _lines(path, self.encoding)
        if target_path is None:
            pairs = [self._split(line, f"{path}: line {number}") for number, line in enumerate(lines, 1)]
        else:
            targets = _lines(target_path, self.encoding)
            if len(lines) != len(targets):
                raise UserError(f"{target_path}: has {len(targets)} lines, {path} has {len(lines)}; they must pair up")
            pairs = list(zip(lines, targets))
        for number, pair in enumerate(pairs, 1):
            for text, where in zip(pair, (path, target_path or path)):
                if not tokenise(text):
                    raise UserError(f"{where}: line {number} has a side without words")
        return pairs

    def _split(self, line: str, where: str) -> Pair:
        fields = line.split("\t")
        if len(fields) <= max(self.columns):
            need = max(self.columns) + 1
            raise UserError(
                f"{where} has {len(fields)} of {need} columns with tabs between; or set dataset.target_path"
            )
        return fields[self.columns[0]].strip(), fields[self.columns[1]].strip()


def _lines(path: str, encoding: str) -> list[str]:
    text = read_text(path, encoding).rstrip()
    if not text:
        raise UserError(f"{path}: is empty")
    return [line.rstrip("\r") for line in text.split("\n")]
