"""A class for a time series: published sets of the UEA and UCR archives, and a user's own ``.ts`` files.

Shape suffixes: T steps, I dimensions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from rnnbench.data.dataset import Dataset, Sequences, Splits, named, one_of
from rnnbench.data.spec import DataSpec
from rnnbench.data.stratified import stratified
from rnnbench.data.ts_format import Series, read_ts
from rnnbench.errors import UserError

SPLIT_SEED = 2018  # any fixed number: the split is the same in every run
# files of train and test in the manifest, dimensions, classes
COLLECTIONS = {
    "japanese_vowels": (("japanesevowels_train", "japanesevowels_test"), 12, 9),
    "italy_power_demand": (("italypowerdemand_train", "italypowerdemand_test"), 1, 2),
}


class SeriesFiles(Dataset):
    """The steps of a series in, its class out. A subclass gives the ``series`` of train and test.

    Validation is a part of train that keeps the share of each class, drawn once.

    Args:
        name: what tables call it.
        scaling: ``standard``: mean 0 and variance 1 of each dimension over the training steps; ``none``: unchanged.
        held_out: share of the training series that is validation.
        batch_size: series of a training step.
        eval_batch_size: series of an evaluation step; None: as ``batch_size``.
        data_dir: where published files are looked for.
    """

    def __init__(
        self,
        name: str,
        scaling: str,
        held_out: float,
        batch_size: int,
        eval_batch_size: int | None,
        data_dir: str | Path | None = None,
    ):
        super().__init__(name, batch_size, eval_batch_size, data_dir)
        self.scaling = one_of("scaling", scaling, ("standard", "none"))
        if not 0 < held_out < 1:
            raise ValueError(f"held_out={held_out}: must be between 0 and 1")
        self.held_out = held_out
        self._artifacts: dict[str, Any] = {}

    def series(self) -> tuple[list[Series], list[Series]]:
        """Train and test. Raises ``UserError`` for files that do not serve."""
        raise NotImplementedError(f"{type(self).__name__} reads nothing")

    def load(self, seed: int) -> Splits:
        """The splits; ``seed`` has no effect. Raises ``UserError`` for files that do not serve."""
        known, test = self.series()
        labels = sorted({str(label) for _, label in known})
        train, valid = stratified([str(label) for _, label in known], [1 - self.held_out], SPLIT_SEED)
        if not len(valid):
            raise UserError(f"{self.name}: {len(known)} series are too few to hold any out; raise dataset.held_out")
        steps = np.concatenate([known[i][0] for i in train.tolist()]).astype(float)
        shift, scale = np.zeros(steps.shape[1]), np.ones(steps.shape[1])
        if self.scaling == "standard":
            shift, deviation = steps.mean(0), steps.std(0)
            scale = np.where(deviation > 0, deviation, 1.0)
        self._artifacts = {"labels": labels, "shift": shift.tolist(), "scale": scale.tolist()}
        parts = ([known[i] for i in train.tolist()], [known[i] for i in valid.tolist()], test)
        return Splits(*(self._sequences(part, self._artifacts) for part in parts))

    def _sequences(self, series: list[Series], artifacts: dict[str, Any]) -> Sequences:
        labels = artifacts["labels"]
        for _, label in series:
            if label is not None and label not in labels:
                raise UserError(f"{self.name}: class {label!r} is not among {', '.join(labels)}")
        shift, scale = torch.tensor(artifacts["shift"]), torch.tensor(artifacts["scale"])
        inputs = [(torch.from_numpy(x_TI) - shift) / scale for x_TI, _ in series]
        targets = torch.tensor([0 if label is None else labels.index(label) for _, label in series])
        equal = len({len(x) for x in inputs}) == 1
        return Sequences(torch.stack(inputs) if equal else inputs, targets)

    def artifacts(self) -> dict[str, Any]:
        """Names of classes, and what scales each dimension."""
        return self._artifacts

    def read(self, source: str, artifacts: dict[str, Any]) -> Sequences:
        """The series of a ``.ts`` file, whose classes are not looked at."""
        series = read_ts(_text(source), source)
        width, wanted = series[0][0].shape[1], len(artifacts["shift"])
        if width != wanted:
            raise UserError(f"{source}: series have {width} dimensions; the model was trained on {wanted}")
        return self._sequences([(x_TI, None) for x_TI, _ in series], artifacts)

    def answer(self, prediction: Tensor, artifacts: dict[str, Any]) -> dict[str, Any]:
        """The likeliest class and the probability of each, by name."""
        return named(prediction, artifacts["labels"])


class SeriesCollection(SeriesFiles):
    """A published set, with its published test part.

    - ``japanese_vowels``: nine speakers by 12 cepstral coefficients (Kudo et al. 1999): 270 / 370 series of 7 to 29
      steps.
    - ``italy_power_demand``: October to March or April to September by one day's demand (Keogh et al. 2006): 67 / 1,029
      series of 24 steps.

    Args:
        name: what tables call it.
        collection: ``japanese_vowels`` or ``italy_power_demand``.
        scaling: see ``SeriesFiles``, like all that follow.
        held_out: see there.
        batch_size: series of a training step.
        eval_batch_size: series of an evaluation step; None: as ``batch_size``.
        data_dir: where files are looked for and downloaded to.
    """

    def __init__(
        self,
        name: str = "japanese_vowels",
        collection: Literal["japanese_vowels", "italy_power_demand"] = "japanese_vowels",
        scaling: Literal["standard", "none"] = "standard",
        held_out: float = 0.2,
        batch_size: int = 16,
        eval_batch_size: int | None = None,
        data_dir: str | Path | None = None,
    ):
        super().__init__(name, scaling, held_out, batch_size, eval_batch_size, data_dir)
        self.files, self._dimensions, self._classes = COLLECTIONS[one_of("collection", collection, COLLECTIONS)]

    @property
    def spec(self) -> DataSpec:
        """As published."""
        return DataSpec("classification", input_size=self._dimensions, target_size=self._classes)

    def series(self) -> tuple[list[Series], list[Series]]:
        """Train and test."""
        from rnnbench.data.files import read

        train, test = (read_ts(read(file, self.data_dir).decode(), file) for file in self.files)
        return train, test


class TsFile(SeriesFiles):
    """Files of the user's own, for train and test.

    Args:
        name: what tables call it.
        path: the ``.ts`` file for training.
        test_path: the one for the test.
        scaling: see ``SeriesFiles``, like all that follow.
        held_out: see there.
        batch_size: series of a training step.
        eval_batch_size: series of an evaluation step; None: as ``batch_size``.
    """

    def __init__(
        self,
        name: str = "ts",
        path: str | None = None,
        test_path: str | None = None,
        scaling: Literal["standard", "none"] = "standard",
        held_out: float = 0.2,
        batch_size: int = 16,
        eval_batch_size: int | None = None,
    ):
        super().__init__(name, scaling, held_out, batch_size, eval_batch_size)
        if path is None or test_path is None:
            raise ValueError("path, test_path: name two files, as dataset.path=X_TRAIN.ts dataset.test_path=X_TEST.ts")
        self.paths = (path, test_path)
        self._read: tuple[list[Series], list[Series]] | None = None

    @property
    def spec(self) -> DataSpec:
        """By the training file."""
        train, _ = self.series()
        return DataSpec("classification", train[0][0].shape[1], len({label for _, label in train}))

    def fingerprint(self) -> dict[str, str]:
        """The sums of the user's files."""
        import hashlib

        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in self.prepare()}

    def prepare(self) -> list[Path]:
        """Check that the files are there and hold series with classes."""
        self.series()
        return [Path(path).expanduser() for path in self.paths]

    def series(self) -> tuple[list[Series], list[Series]]:
        """Train and test, read once."""
        if self._read is None:
            train, test = (read_ts(_text(path), path) for path in self.paths)
            for path, part in zip(self.paths, (train, test)):
                if part[0][1] is None:
                    raise UserError(f"{path}: its series have no class (@classLabel true, and the class on each line)")
                if part[0][0].shape[1] != train[0][0].shape[1]:
                    raise UserError(f"{path}: series have {part[0][0].shape[1]} dimensions, those of train others")
            self._read = train, test
        return self._read


def _text(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
