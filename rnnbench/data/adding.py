"""The adding problem: the sum of two marked numbers in a long sequence of numbers.

Shape suffixes: N sequences, T time, S all steps of all sequences in a row.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Generator, Tensor

from rnnbench.data.dataset import Sequences, at_least, one_of
from rnnbench.data.generated import Generated
from rnnbench.data.spec import DataSpec

GENERATORS = ("hochreiter1997", "arjovsky2016", "bai2018")


class Adding(Generated):
    """Each step holds a number and a marker; one target a sequence, predicted after the last step.

    The published generators differ:

    - ``hochreiter1997`` (Hochreiter & Schmidhuber 1997, section 5.4): numbers U[-1, 1]; the length is drawn evenly
      from T, ..., T + T // 10; marker 1 on one of the first ten steps (its number is X1) and on one of the first
      T // 2 - 1 steps that are still unmarked (X2); marker -1 on the first and last step, 0 elsewhere; target
      0.5 + (X1 + X2) / 4. A mark that falls on the first step leaves marker -1 there and its number becomes 0 (the
      paper says so of X1; here it holds for either). A prediction within 0.04 counts as correct in the paper.
    - ``arjovsky2016`` (Arjovsky, Shah & Bengio 2016): numbers U[0, 1]; one marker in each half; target X1 + X2.
    - ``bai2018`` (Bai, Kolter & Koltun 2018): numbers U[0, 1]; two different steps of all marked; target X1 + X2.

    Args:
        name: what tables call it.
        length: T, the steps of a sequence (``hochreiter1997``: the least; 20 or more).
        generator: one of the three above.
        train_size: training sequences, generated once a run.
        valid_size: validation sequences.
        test_size: test sequences.
        batch_size: sequences of a training step.
        eval_batch_size: sequences of an evaluation step; None: as ``batch_size``.
    """

    def __init__(
        self,
        name: str = "adding",
        length: int = 100,
        generator: Literal["hochreiter1997", "arjovsky2016", "bai2018"] = "arjovsky2016",
        train_size: int = 10_000,
        valid_size: int = 1_000,
        test_size: int = 1_000,
        batch_size: int = 64,
        eval_batch_size: int | None = None,
    ):
        super().__init__(name, train_size, valid_size, test_size, batch_size, eval_batch_size)
        self.generator = one_of("generator", generator, GENERATORS)
        self.length = at_least("length", length, 20 if generator == "hochreiter1997" else 2)

    @property
    def spec(self) -> DataSpec:
        """Number and marker in, one number out."""
        return DataSpec("regression", input_size=2, target_size=1)

    def baseline(self) -> dict[str, float]:
        """The mean squared error of predicting the mean: the variance of the target."""
        if self.generator != "hochreiter1997":
            return {"mse": 1 / 6}
        # Var(U[-1, 1]) = 1/3 for each number that is not zeroed; the first mark zeroes one time in ten, the second
        # one time in its pool, if the first has not
        zeroed = 0.1 + 0.9 / (self.length // 2 - 1)
        return {"mse": (2 - zeroed) / 3 / 16}

    def generate(self, count: int, seed: int) -> Sequences:
        """As the base says."""
        random = torch.Generator().manual_seed(seed)
        if self.generator == "hochreiter1997":
            return _hochreiter(count, self.length, random)
        numbers_NT = torch.rand(count, self.length, generator=random)
        if self.generator == "arjovsky2016":
            first_N, second_N = _one_in_each_half(count, self.length, random)
        else:
            first_N, second_N = _two_different(count, self.length, random)
        marks_NT = _marks(first_N, second_N, self.length)
        targets_N1 = (numbers_NT * marks_NT).sum(1, keepdim=True)
        return Sequences(torch.stack([numbers_NT, marks_NT], dim=-1), targets_N1)


def _one_in_each_half(count: int, length: int, random: Generator) -> tuple[Tensor, Tensor]:
    half = length // 2
    first_N = torch.randint(half, (count,), generator=random)
    return first_N, half + torch.randint(length - half, (count,), generator=random)


def _two_different(count: int, length: int, random: Generator) -> tuple[Tensor, Tensor]:
    first_N = torch.randint(length, (count,), generator=random)
    return first_N, _another(first_N, length, random)


def _another(taken_N: Tensor, positions: int, random: Generator) -> Tensor:
    """Evenly one of ``positions`` that is not the taken one: draw among one fewer, step over the taken."""
    drawn_N = torch.randint(positions - 1, taken_N.shape, generator=random)
    return drawn_N + (drawn_N >= taken_N)


def _marks(first_N: Tensor, second_N: Tensor, length: int) -> Tensor:
    marks_NT = torch.zeros(len(first_N), length)
    return marks_NT.scatter_(1, torch.stack([first_N, second_N], dim=1), 1.0)


def _hochreiter(count: int, length: int, random: Generator) -> Sequences:
    longest = length + length // 10
    lengths_N = torch.randint(length, longest + 1, (count,), generator=random)
    numbers_NT = torch.rand(count, longest, generator=random) * 2 - 1
    first_N = torch.randint(10, (count,), generator=random)
    second_N = _another(first_N, length // 2, random)  # T // 2 - 1 steps are left once one of T // 2 is taken
    marks_NT = _marks(first_N, second_N, longest)
    numbers_NT[marks_NT[:, 0] == 1, 0] = 0
    targets_N1 = 0.5 + (numbers_NT * marks_NT).sum(1, keepdim=True) / 4
    marks_NT[:, 0] = -1
    marks_NT.scatter_(1, lengths_N[:, None] - 1, -1.0)
    within_NT = torch.arange(longest) < lengths_N[:, None]
    steps_S2 = torch.stack([numbers_NT, marks_NT], dim=-1)[within_NT]
    return Sequences(list(steps_S2.split(lengths_N.tolist())), targets_N1)
