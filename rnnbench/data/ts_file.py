"""Classification of time series in ``.ts`` files: two of the UEA and UCR archives, and any of the user's own.

Shape suffixes: T steps, D dimensions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from rnnbench.data.dataset import Dataset, Sequences, Splits, one_of
from rnnbench.data.labels import name_class
from rnnbench.data.spec import DataSpec
from rnnbench.data.stratified import stratified
from rnnbench.data.ts_format import Cases, parse
from rnnbench.errors import UserError

#: Dimensions and classes of the published collections, whose files are in the manifest.
COLLECTIONS = {"japanesevowels": (12, 9), "italypowerdemand": (1, 2)}
SPLIT_SEED = 1999  # any fixed number: the split is the same in every run


class TsFile(Dataset):
    """A class for a series, with the published train and test parts; validation is a stratified part of train.

    - ``japanesevowels``: 270 / 370 utterances of 9 speakers, 12 coefficients, 7 to 29 steps (Kudo et al. 1999).
    - ``italypowerdemand``: 67 / 1,029 days of 24 hours, from the cold or the warm half of the year (Keogh et al. 2006).

    Args:
        name: what tables call it.
        collection: one of these; None: files of the user's own.
        path: of the training part, where ``collection`` is None.
        test_path: of the test part.
        scaling: ``standard`` (each dimension with mean 0 and variance 1 over all steps of train) or ``none``.
        held_out: share of the training part that is validation, drawn once.
        batch_size: series of a training step.
        eval_batch_size: series of an evaluation step; None: as ``batch_size``.
        data_dir: where published files are looked for.
    """

    def __init__(
        self,
        name: str = "ts_file",
        collection: Literal["japanesevowels", "italypowerdemand"] | None = None,
        path: str | None = None,
        test_path: str | None = None,
        scaling: Literal["standard", "none"] = "standard",
        held_out: float = 0.2,
        batch_size: int = 16,
        eval_batch_size: int | None = None,
        data_dir: str | Path | None = None,
    ):
        super().__init__(name, batch_size, eval_batch_size, data_dir)
        if collection is None and (path is None or test_path is None):
            raise ValueError("path, test_path: name both files, dataset.path=X_TRAIN.ts dataset.test_path=X_TEST.ts")
        if not 0 < held_out < 1:
            raise ValueError(f"held_out={held_out}: must be above 0 and below 1")
        self.collection = None if collection is None else one_of("collection", collection, COLLECTIONS)
        self.files = () if collection is None else (f"{collection}_train", f"{collection}_test")
        self.path, self.test_path = path, test_path
        self.scaling, self.held_out = one_of("scaling", scaling, ("standard", "none")), held_out
        self._parts: tuple[Cases, Cases] | None = None
        self._kept: dict[str, Any] = {}

    @property
    def spec(self) -> DataSpec:
        """Known for a published collection, else read from the training file."""
        if self.collection is not None:
            dimensions, classes = COLLECTIONS[self.collection]
        else:
            train = self._cases()[0]
            dimensions, classes = train.series[0].shape[1], len(_labels(train))
        return DataSpec("classification", input_size=dimensions, target_size=classes)

    def fingerprint(self) -> dict[str, str]:
        """The sums of the user's files, or those of the manifest."""
        if self.collection is not None:
            return super().fingerprint()
        return {Path(str(path)).name: sha256(str(path)) for path in (self.path, self.test_path)}

    def load(self, seed: int) -> Splits:
        """The three splits; ``seed`` has no effect. Raises ``UserError`` for files that do not serve."""
        train, test = self._cases()
        labels = _labels(train)
        rows_valid, rows_train = stratified(train.labels, [self.held_out], SPLIT_SEED)
        kept = np.concatenate([train.series[i] for i in rows_train.tolist()])
        none = self.scaling == "none"
        mean, scale = (np.zeros(1), np.ones(1)) if none else (kept.mean(0), np.maximum(kept.std(0), 1e-12))
        self._kept = {"labels": labels, "mean": mean.tolist(), "scale": scale.tolist()}
        parts = ((train, rows_train.tolist()), (train, rows_valid.tolist()), (test, range(len(test.series))))
        return Splits(*(self._sequences(cases, rows, labels) for cases, rows in parts))

    def _sequences(self, cases: Cases, rows: Any, labels: list[str]) -> Sequences:
        unknown = sorted(set(cases.labels) - set(labels))
        if unknown:
            raise UserError(f"{self.name}: class {unknown[0]!r} of the test file is not among {', '.join(labels)}")
        targets = torch.tensor([labels.index(cases.labels[i]) for i in rows])
        return Sequences(scaled([cases.series[i] for i in rows], self._kept), targets)

    def _cases(self) -> tuple[Cases, Cases]:
        if self._parts is None:
            train, test = self._texts()
            self._parts = train, test
            if train.series[0].shape[1] != test.series[0].shape[1]:
                raise UserError(f"{self.name}: train and test differ in their number of dimensions")
            for cases, path in ((train, self.path), (test, self.test_path)):
                if not cases.labels:
                    raise UserError(f"{path or self.name}: needs @classLabel true and a class at the end of each case")
        return self._parts

    def _texts(self) -> tuple[Cases, Cases]:
        if self.collection is None:
            return read_cases(str(self.path)), read_cases(str(self.test_path))
        from rnnbench.data.files import read

        first, second = (parse(read(file, self.data_dir).decode(), file) for file in self.files)
        return first, second

    def artifacts(self) -> dict[str, Any]:
        """Names of the classes, and the mean and scale of each dimension."""
        return self._kept

    def read(self, source: str, artifacts: dict[str, Any]) -> Sequences:
        """The cases of a ``.ts`` file; classes that it names are not looked at."""
        cases = read_cases(source)
        wanted, found = self.dimensions_of(artifacts), cases.series[0].shape[1]
        if wanted not in (None, found):
            raise UserError(f"{source}: {found} dimensions; the model was trained on {wanted}")
        return Sequences(scaled(cases.series, artifacts), torch.zeros(len(cases.series), dtype=torch.int64))

    @staticmethod
    def dimensions_of(artifacts: dict[str, Any]) -> int | None:
        """Of what the model was trained on; None where nothing was scaled."""
        return len(artifacts["mean"]) if len(artifacts["mean"]) > 1 else None

    def answer(self, prediction: Tensor, artifacts: dict[str, Any]) -> dict[str, Any]:
        """The likeliest class and the probability of each."""
        return name_class(prediction, artifacts["labels"])


def _labels(cases: Cases) -> list[str]:
    return sorted(set(cases.classes) | set(cases.labels))


def scaled(series: list[np.ndarray], kept: dict[str, Any]) -> list[Tensor]:
    """Less the mean and divided by the scale of each dimension, float32 ``(T_n, D)``."""
    mean, scale = np.array(kept["mean"]), np.array(kept["scale"])
    return [torch.from_numpy((case - mean) / scale).float() for case in series]


def read_cases(path: str) -> Cases:
    """A file of the user's own, ``.gz`` unpacked on the way. Raises ``UserError``."""
    import gzip

    try:
        data = Path(path).expanduser().read_bytes()
        return parse((gzip.decompress(data) if path.endswith(".gz") else data).decode("utf-8"), path)
    except (OSError, EOFError) as error:
        raise UserError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from error


def sha256(path: str) -> str:
    """Of a file's bytes. Raises ``UserError``."""
    import hashlib

    try:
        return hashlib.sha256(Path(path).expanduser().read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; set dataset.path and dataset.test_path") from error
