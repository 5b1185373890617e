"""Data sets so small that a run takes a tenth of a second, one that fails, and one that takes its process along.

A task and a cell that a user may have written.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from rnnbench.cells import RNN
from rnnbench.data.dataset import Dataset, Sequences, Splits
from rnnbench.data.seeding import derive
from rnnbench.data.spec import DataSpec
from rnnbench.errors import UserError
from rnnbench.tasks.regression import Regression

NEEDED = ("name", "batch_size")


class Toy(Dataset):
    """The sum of noise over a few steps."""

    def __init__(self, name: str, batch_size: int, size: int = 23, ragged: bool = False):
        super().__init__(name, batch_size)
        self.size, self.ragged = size, ragged

    @property
    def spec(self) -> DataSpec:
        return DataSpec(task="regression", input_size=2, target_size=1, per_step=False)

    def load(self, seed: int) -> Splits:
        return Splits(*(self.split(seed + i) for i in range(3)))

    def split(self, seed: int) -> Sequences:
        generator = torch.Generator().manual_seed(seed % 2**62)
        lengths = torch.randint(2, 7, (self.size,), generator=generator).tolist() if self.ragged else [4] * self.size
        inputs = [torch.randn(n, 2, generator=generator) for n in lengths]
        targets = torch.stack([x.sum().reshape(1) for x in inputs])
        return Sequences(inputs if self.ragged else torch.stack(inputs), targets)


class FailsForSeed1(Toy):
    """Raises for seed 1, as long as the file that ``RNNBENCH_TEST_MENDED`` names is not there."""

    def load(self, seed: int) -> Splits:
        if seed == derive(1, "data") and not Path(os.environ["RNNBENCH_TEST_MENDED"]).exists():
            self.fail()
        return super().load(seed)

    def fail(self) -> None:
        raise ZeroDivisionError("on purpose")


class DiesForSeed1(FailsForSeed1):
    """Ends its process for seed 1."""

    def fail(self) -> None:
        os._exit(9)


class Spoken(Toy):
    """A toy that takes an input as text: the numbers of sequences of four steps; its answer is twice the sum."""

    def artifacts(self) -> dict:
        return {"factor": 2}

    def read(self, source: str, artifacts: dict) -> Sequences:
        try:
            x_NTI = torch.tensor([float(number) for number in source.split()]).view(-1, 4, 2)
        except ValueError as error:
            raise UserError(f"{source!r} is not numbers") from error
        return Sequences(x_NTI, torch.zeros(len(x_NTI), 1))

    def answer(self, prediction: torch.Tensor, artifacts: dict) -> dict:
        return {"sum": artifacts["factor"] * float(prediction)}


class FromFile(Toy):
    """A user's own, that says nothing of its file but where it lies."""

    def __init__(self, name: str, batch_size: int, path: str, size: int = 23, ragged: bool = False):
        super().__init__(name, batch_size, size, ragged)
        self.path = path


class Published(Toy):
    """The same for all seeds; keeps a number that it knows only when it is loaded."""

    kept: float | None = None

    def fingerprint(self) -> dict[str, str]:
        return {"toy": "0"}

    def load(self, seed: int) -> Splits:
        splits = super().load(0)
        self.kept = float(splits.train.targets[0])
        return splits

    def artifacts(self) -> dict:
        return {"kept": self.kept}


class Gaps(Toy):
    """The running sum, known at some steps: at the others there is no number."""

    @property
    def spec(self) -> DataSpec:
        return DataSpec(task="regression", input_size=2, target_size=1, per_step=True)

    def split(self, seed: int) -> Sequences:
        x_NTI = super().split(seed).inputs
        assert isinstance(x_NTI, torch.Tensor)
        known_NT = torch.arange(4).expand(self.size, -1) % 2 == 1
        return Sequences(x_NTI, x_NTI.sum(-1, keepdim=True).cumsum(1).where(known_NT[..., None], torch.nan), known_NT)


class SizedBySeed(Toy):
    """Of another size for each seed."""

    def load(self, seed: int) -> Splits:
        self.size = 20 + seed % 7
        return super().load(seed)


class Signs(Toy):
    """Whether the sum is positive; for seed 1 one sequence has a class that there is not."""

    @property
    def spec(self) -> DataSpec:
        return DataSpec(task="classification", input_size=2, target_size=2)

    def load(self, seed: int) -> Splits:
        splits = super().load(seed)
        if seed == derive(1, "data"):
            splits.train.targets[0] = 5
        return splits

    def split(self, seed: int) -> Sequences:
        sums = super().split(seed)
        assert isinstance(sums.targets, torch.Tensor)
        return Sequences(sums.inputs, (sums.targets[:, 0] > 0).long())


class Listening(Regression):
    """Counts, besides its outputs, those of a model that always says 0."""

    def listen(self, metrics, outputs, batch) -> None:
        metrics["mse"].update(torch.zeros_like(batch.targets), batch.targets)


@dataclass(frozen=True)
class ScaledRNN(RNN):
    """Its weights count ``scale`` times, at every step."""

    scale: float = 1.0

    def prepare(self, params):
        return {name: self.scale * value for name, value in params.items()}
