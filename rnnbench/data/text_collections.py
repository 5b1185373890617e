"""Published collections of short texts with a class each: SST, MR, TREC, IMDB."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rnnbench.data.dataset import at_least, one_of
from rnnbench.data.manifest import entry
from rnnbench.data.stratified import stratified
from rnnbench.data.text_classification import Rows, TextClassification

FOLDS = 10
HELD_OUT = 0.1  # of the training texts, for validation where none is published
SPLIT_SEED = 2005  # any fixed number: the split is the same in every run
BINARY = {"0": "negative", "1": "positive"}
FINE: dict[str, str] = dict(zip("01234", ("very negative", "negative", "neutral", "positive", "very positive")))


@dataclass(frozen=True)
class Collection:
    """How one collection is read.

    Attributes:
        files: in the manifest.
        classes: how many.
        rows: gives train, validation and test, of ``(files, data_dir, fold)``.
        folded: whether it is published without splits, for a cross-validation.
    """

    files: tuple[str, ...]
    classes: int
    rows: Callable[[tuple[str, ...], Any, int], tuple[Rows, Rows, Rows]]
    folded: bool = False


class TextCollection(TextClassification):
    """A published collection, with its published splits.

    - ``sst2``, ``sst5``: Stanford Sentiment Treebank, sentences alone (Socher et al. 2013): 6,920 / 872 / 1,821 and
      8,544 / 1,101 / 2,210.
    - ``mr``: 10,662 sentences of film reviews (Pang and Lee 2005), without splits: ten folds that keep the share of
      each class, drawn once; the chosen ``fold`` is the test, a tenth of the others validation.
    - ``trec``, ``trec50``: questions by 6 or 50 kinds of answer (Li and Roth 2002): 5,452 / 500.
    - ``imdb``: 25,000 / 25,000 reviews of films (Maas et al. 2011).

    TREC and IMDB publish no validation part: it is a tenth of train that keeps the share of each class, drawn once.

    Args:
        name: what tables call it.
        collection: ``sst2``, ``sst5``, ``mr``, ``trec``, ``trec50`` or ``imdb``.
        fold: of ``mr``, 0 to 9.
        lower: see ``TextClassification``, like all that follow.
        min_count: see there.
        max_words: see there.
        max_length: see there.
        batch_size: texts of a training step.
        eval_batch_size: texts of an evaluation step; None: as ``batch_size``.
        data_dir: where files are looked for and downloaded to.
    """

    def __init__(
        self,
        name: str = "sst2",
        collection: Literal["sst2", "sst5", "mr", "trec", "trec50", "imdb"] = "sst2",
        fold: int | None = None,
        lower: bool = True,
        min_count: int = 2,
        max_words: int | None = None,
        max_length: int | None = None,
        batch_size: int = 32,
        eval_batch_size: int | None = None,
        data_dir: str | Path | None = None,
    ):
        super().__init__(name, lower, min_count, max_words, max_length, batch_size, eval_batch_size, data_dir)
        self.collection = COLLECTIONS[one_of("collection", collection, COLLECTIONS)]
        self.files = self.collection.files
        if self.collection.folded != (fold is not None) or at_least("fold", fold or 0, 0) >= FOLDS:
            wanted = f"0 to {FOLDS - 1}" if self.collection.folded else f"null, {collection} has published splits"
            raise ValueError(f"fold={fold}: must be {wanted}")
        self.fold = fold or 0

    @property
    def classes(self) -> int:
        """As published."""
        return self.collection.classes

    def rows(self) -> tuple[Rows, Rows, Rows]:
        """Train, validation and test."""
        return self.collection.rows(self.files, self.data_dir, self.fold)


def _lines(name: str, data_dir: Any, encoding: str = "utf-8") -> list[str]:
    from rnnbench.data.files import read

    return read(name, data_dir).decode(encoding).rstrip("\n").split("\n")


def _held_out(rows: Rows) -> tuple[Rows, Rows]:
    """Training and validation texts."""
    train, valid = stratified([label for _, label in rows], [1 - HELD_OUT], SPLIT_SEED)
    return [rows[i] for i in train.tolist()], [rows[i] for i in valid.tolist()]


def _sst(names: dict[str, str]) -> Callable[..., tuple[Rows, Rows, Rows]]:
    def rows(files: tuple[str, ...], data_dir: Any, fold: int) -> tuple[Rows, Rows, Rows]:
        parts = [[line.split(" ", 1) for line in _lines(file, data_dir)] for file in files]
        train, valid, test = ([(text, names[label]) for label, text in part] for part in parts)
        return train, valid, test

    return rows


def _trec(fine: bool) -> Callable[..., tuple[Rows, Rows, Rows]]:
    def rows(files: tuple[str, ...], data_dir: Any, fold: int) -> tuple[Rows, Rows, Rows]:
        parts = [[line.split(" ", 1) for line in _lines(file, data_dir, "cp1252")] for file in files]
        train, test = ([(text, label if fine else label.split(":")[0]) for label, text in part] for part in parts)
        return *_held_out(train), test

    return rows


def _mr(files: tuple[str, ...], data_dir: Any, fold: int) -> tuple[Rows, Rows, Rows]:
    names = ("negative", "positive")
    rows = [(line, name) for file, name in zip(files, names) for line in _lines(file, data_dir, "cp1252")]
    folds = stratified([label for _, label in rows], [1 / FOLDS] * (FOLDS - 1), SPLIT_SEED)
    chosen = set(folds[fold].tolist())
    others, test = [row for i, row in enumerate(rows) if i not in chosen], [rows[i] for i in sorted(chosen)]
    return *_held_out(others), test


def _imdb(files: tuple[str, ...], data_dir: Any, fold: int) -> tuple[Rows, Rows, Rows]:
    from rnnbench.data.archives import read_members
    from rnnbench.data.files import fetch

    (file,) = files
    members = read_members(fetch(file, data_dir), entry(file).members or "")
    names = {"neg": "negative", "pos": "positive"}
    parts: dict[str, Rows] = {"train": [], "test": []}
    for member in sorted(members):  # "train/pos/0_9.txt"
        part, kind, _ = member.split("/")
        parts[part].append((members[member].decode("utf-8").replace("<br />", " "), names[kind]))
    return *_held_out(parts["train"]), parts["test"]


_SST = ("sst_stsa_{}_train", "sst_stsa_{}_dev", "sst_stsa_{}_test")
_TREC = ("trec_train", "trec_test")
COLLECTIONS = {
    "sst2": Collection(tuple(file.format("binary") for file in _SST), 2, _sst(BINARY)),
    "sst5": Collection(tuple(file.format("fine") for file in _SST), 5, _sst(FINE)),
    "mr": Collection(("mr_rt_polarity_neg", "mr_rt_polarity_pos"), 2, _mr, folded=True),
    "trec": Collection(_TREC, 6, _trec(fine=False)),
    "trec50": Collection(_TREC, 50, _trec(fine=True)),
    "imdb": Collection(("imdb",), 2, _imdb),
}
