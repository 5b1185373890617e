"""The copy (copying memory) task: repeat ten symbols after a long blank.

Shape suffixes: N sequences, T time, C input symbols.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch.nn import functional as F

from rnnbench.data.dataset import Sequences, at_least, one_of
from rnnbench.data.generated import Generated
from rnnbench.data.spec import DataSpec

SYMBOLS = 10  # to remember, each one of 1 to 8; 0 is blank, 9 the delimiter
KINDS = 8
DELIMITER = 9


class CopyMemory(Generated):
    """A class a step, over T + 20 steps; the loss is averaged over all of them.

    Both forms show ten symbols and ask for blanks up to step T + 10, then for the symbols in order:

    - ``arjovsky2016`` (Arjovsky, Shah & Bengio 2016, after Hochreiter & Schmidhuber 1997): symbols, T - 1 blanks,
      one delimiter, ten blanks; one-hot inputs of ten; nine classes.
    - ``bai2018`` (Bai, Kolter & Koltun 2018 and its code): symbols, T - 1 blanks, eleven delimiters; the input of a
      step is the symbol as one number, 0 to 9; ten classes, of which the delimiter is never a target.

    Args:
        name: what tables call it.
        length: T, steps between the symbols and their recall.
        form: one of the two above.
        train_size: training sequences, generated once a run.
        valid_size: validation sequences.
        test_size: test sequences.
        batch_size: sequences of a training step.
        eval_batch_size: sequences of an evaluation step; None: as ``batch_size``.
    """

    def __init__(
        self,
        name: str = "copy_memory",
        length: int = 100,
        form: Literal["arjovsky2016", "bai2018"] = "arjovsky2016",
        train_size: int = 10_000,
        valid_size: int = 1_000,
        test_size: int = 1_000,
        batch_size: int = 32,
        eval_batch_size: int | None = None,
    ):
        super().__init__(name, train_size, valid_size, test_size, batch_size, eval_batch_size)
        self.length = at_least("length", length, 1)
        self.form = one_of("form", form, ("arjovsky2016", "bai2018"))

    @property
    def spec(self) -> DataSpec:
        """Ten one-hot inputs and nine classes, or one number and ten classes."""
        sizes = (10, 9) if self.form == "arjovsky2016" else (1, 10)
        return DataSpec("classification", *sizes, per_step=True)

    def baseline(self) -> dict[str, float]:
        """Nats a step of knowing the form but remembering no symbol: blanks for certain, then one in eight."""
        return {"nll": SYMBOLS * math.log(KINDS) / (self.length + 2 * SYMBOLS)}

    def generate(self, count: int, seed: int) -> Sequences:
        """As the base says."""
        random = torch.Generator().manual_seed(seed)
        symbols = torch.randint(1, KINDS + 1, (count, SYMBOLS), generator=random, dtype=torch.uint8)
        inputs_NT = F.pad(symbols, (0, self.length + SYMBOLS))
        last = None if self.form == "bai2018" else -SYMBOLS
        inputs_NT[:, -SYMBOLS - 1 : last] = DELIMITER
        targets_NT = F.pad(symbols, (self.length + SYMBOLS, 0))
        if self.form == "bai2018":
            return Sequences(inputs_NT[..., None], targets_NT)
        inputs_NTC = inputs_NT[..., None] == torch.arange(10, dtype=torch.uint8)
        return Sequences(inputs_NTC, targets_NT)
