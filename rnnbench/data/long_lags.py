"""The generated problems of Hochreiter & Schmidhuber 1997 (adding, its experiment 4, has a module of its own).

Neural Computation 9(8), section 5. Shape suffixes: N sequences, T time, S all steps of all sequences in a row.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from rnnbench.data.dataset import Sequences, Splits, at_least
from rnnbench.data.generated import Generated
from rnnbench.data.seeding import derive
from rnnbench.data.spec import DataSpec

REBER = "BTPXSVE"
# The Reber grammar as its figure 3 draws it: state to the symbols that leave it and where they lead; 6 is the end.
GRAMMAR = {
    0: {"B": 1},
    1: {"T": 2, "P": 3},
    2: {"S": 2, "X": 4},
    3: {"T": 3, "V": 5},
    4: {"X": 3, "S": 6},
    5: {"P": 4, "V": 6},
    6: {"E": 7},
}
END = 7


class EmbeddedReber(Generated):
    """Experiment 1: a string of the Reber grammar between two equal symbols; every symbol predicts the next.

    A string is B, then T or P, a string of the grammar (which begins with B and ends with E), the same T or P, and E.
    Where the grammar branches, both ways are equally likely. Inputs are one-hot symbols of ``BTPXSVE``; the target of
    a step is the symbol that follows. The second last symbol must be remembered from the second. A string of one split
    stands in no other, as in the paper, so that those of validation and test are longer on the mean.

    Args:
        name: what tables call it.
        possible: targets say of every symbol whether it follows (2), could have followed (1) or could not (0): then
            the problem is ``next_symbols``, and the paper's criterion can be judged.
        valid_with_train: the training strings are judged too, after those of validation: the paper's criterion is
            about both.
        train_size: training strings (the paper: 256).
        valid_size: validation strings.
        test_size: test strings (256).
        batch_size: strings of a training step.
        eval_batch_size: strings of an evaluation step; None: as ``batch_size``.
    """

    version = 2  # 2: no string stands in two splits

    def __init__(
        self,
        name: str = "embedded_reber",
        possible: bool = False,
        valid_with_train: bool = False,
        train_size: int = 256,
        valid_size: int = 256,
        test_size: int = 256,
        batch_size: int = 1,
        eval_batch_size: int | None = None,
    ):
        super().__init__(name, train_size, valid_size, test_size, batch_size, eval_batch_size)
        self.possible, self.valid_with_train = possible, valid_with_train

    @property
    def spec(self) -> DataSpec:
        """Seven symbols in, the next of seven out, at every step."""
        task = "next_symbols" if self.possible else "classification"
        return DataSpec(task, len(REBER), len(REBER), per_step=True, looks_ahead=True)

    def load(self, seed: int) -> Splits:
        """Draw the splits; a string that an earlier one has is drawn again."""
        drawn: dict[str, list[str]] = {}
        for split, count in self.sizes.items():
            drawn[split] = _strings(count, derive(seed, split), {s for strings in drawn.values() for s in strings})
        if self.valid_with_train:
            drawn["valid"] += drawn["train"]
        return Splits(**{split: self._sequences(strings) for split, strings in drawn.items()})

    def generate(self, count: int, seed: int) -> Sequences:
        """Strings without their last symbol, and without their first."""
        return self._sequences(_strings(count, seed, set()))

    def _sequences(self, strings: list[str]) -> Sequences:
        ids = [torch.tensor([REBER.index(symbol) for symbol in string]) for string in strings]
        targets = [_marks(s) for s in strings] if self.possible else [s[1:].to(torch.uint8) for s in ids]
        return Sequences([_one_hot(s[:-1], len(REBER)) for s in ids], targets)


def _strings(count: int, seed: int, without: set[str]) -> list[str]:
    random, found = torch.Generator().manual_seed(seed), []
    while len(found) < count:
        if (string := _reber(random)) not in without:
            found.append(string)
    return found


class LongLag(Generated):
    """Experiment 2c: which of two symbols stood second, after ``lag`` or more random distractors.

    A sequence is b, then x or y, ``lag`` distractors, further ones (each with probability 9/10), and e; its class is
    that of the second symbol. Symbols are one-hot: ``distractors`` of them, then b, e, x, y.

    Args:
        name: what tables call it.
        lag: q, the least number of distractors.
        distractors: p, how many kinds there are.
        train_size: training sequences, generated once a run.
        valid_size: validation sequences.
        test_size: test sequences (the paper: 10,000 in a row without an error).
        batch_size: sequences of a training step.
        eval_batch_size: sequences of an evaluation step; None: as ``batch_size``.
    """

    def __init__(
        self,
        name: str = "long_lag",
        lag: int = 50,
        distractors: int = 50,
        train_size: int = 10_000,
        valid_size: int = 1_000,
        test_size: int = 1_000,
        batch_size: int = 1,
        eval_batch_size: int | None = None,
    ):
        super().__init__(name, train_size, valid_size, test_size, batch_size, eval_batch_size)
        self.lag = at_least("lag", lag, 1)
        self.distractors = at_least("distractors", distractors, 1)

    @property
    def spec(self) -> DataSpec:
        """p + 4 symbols in, two classes out, after the last step."""
        return DataSpec("classification", self.distractors + 4, 2)

    def generate(self, count: int, seed: int) -> Sequences:
        """Ragged sequences of one-hot symbols, lag + 12 steps on the mean."""
        random = torch.Generator().manual_seed(seed)
        p = self.distractors
        more_N = torch.empty(count, dtype=torch.double).geometric_(0.1, generator=random).long() - 1
        classes_N = torch.randint(2, (count,), generator=random)
        sequences = []
        for more, second in zip(more_N.tolist(), classes_N.tolist()):
            between = torch.randint(p, (self.lag + more,), generator=random)
            symbols = torch.cat([torch.tensor([p, p + 2 + second]), between, torch.tensor([p + 1])])
            sequences.append(_one_hot(symbols, p + 4))
        return Sequences(sequences, classes_N)


class TwoSequence(Generated):
    """Experiment 3a (after Bengio, Simard & Frasconi 1994): the sign of the first numbers, behind a long noise.

    The first ``informative`` numbers are 1 (class 1) or -1 (class 0), all others Gaussian with variance 0.2; the
    length is drawn evenly from T, ..., T + T // 10. The target is the class as a number; an error of more than 0.2
    counts as wrong in the paper.

    Args:
        name: what tables call it.
        length: T.
        informative: N, numbers that tell the class.
        train_size: training sequences, generated once a run.
        valid_size: validation sequences.
        test_size: test sequences (the paper: 2,560).
        batch_size: sequences of a training step.
        eval_batch_size: sequences of an evaluation step; None: as ``batch_size``.
    """

    def __init__(
        self,
        name: str = "two_sequence",
        length: int = 100,
        informative: int = 3,
        train_size: int = 10_000,
        valid_size: int = 1_000,
        test_size: int = 1_000,
        batch_size: int = 1,
        eval_batch_size: int | None = None,
    ):
        super().__init__(name, train_size, valid_size, test_size, batch_size, eval_batch_size)
        self.informative = at_least("informative", informative, 1)
        self.length = at_least("length", length, informative)

    @property
    def spec(self) -> DataSpec:
        """One number a step in, one number out."""
        return DataSpec("regression", input_size=1, target_size=1)

    def baseline(self) -> dict[str, float]:
        """Of predicting 1/2."""
        return {"mse": 0.25}

    def generate(self, count: int, seed: int) -> Sequences:
        """Ragged sequences of one number a step."""
        random = torch.Generator().manual_seed(seed)
        longest = self.length + self.length // 10
        classes_N1 = torch.randint(2, (count, 1), generator=random).float()
        numbers_NT = torch.randn(count, longest, generator=random) * 0.2**0.5
        numbers_NT[:, : self.informative] = 2 * classes_N1 - 1
        lengths_N = torch.randint(self.length, longest + 1, (count,), generator=random)
        return Sequences([row[:n, None] for row, n in zip(numbers_NT, lengths_N.tolist())], classes_N1)


class TemporalOrder(Generated):
    """Experiment 6a: in which order two relevant symbols, each X or Y, came; four classes: XX, XY, YX, YY.

    A sequence is E, random symbols of a, b, c, d, and B; the length is drawn evenly from T, ..., T + T // 10, and X or
    Y stand at t1 in T/10, ..., T/5 and t2 in T/2, ..., 3T/5, counted from 1 as the paper does. Inputs are one-hot:
    E, B, a, b, c, d, X, Y.

    Args:
        name: what tables call it.
        length: T (the paper: 100).
        train_size: training sequences, generated once a run.
        valid_size: validation sequences.
        test_size: test sequences (the paper: 2,560).
        batch_size: sequences of a training step.
        eval_batch_size: sequences of an evaluation step; None: as ``batch_size``.
    """

    def __init__(
        self,
        name: str = "temporal_order",
        length: int = 100,
        train_size: int = 10_000,
        valid_size: int = 1_000,
        test_size: int = 1_000,
        batch_size: int = 1,
        eval_batch_size: int | None = None,
    ):
        super().__init__(name, train_size, valid_size, test_size, batch_size, eval_batch_size)
        self.length = at_least("length", length, 20)

    @property
    def spec(self) -> DataSpec:
        """Eight symbols in, four classes out, after the last step."""
        return DataSpec("classification", 8, 4)

    def generate(self, count: int, seed: int) -> Sequences:
        """Ragged sequences of one-hot symbols."""
        random = torch.Generator().manual_seed(seed)
        T = self.length
        symbols_NT = torch.randint(2, 6, (count, T + T // 10), generator=random)
        symbols_NT[:, 0] = 0
        lengths_N = torch.randint(T, T + T // 10 + 1, (count,), generator=random)
        symbols_NT.scatter_(1, lengths_N[:, None] - 1, 1)
        classes_N = torch.randint(4, (count,), generator=random)
        for low, high, value_N in ((T // 10, T // 5, classes_N // 2), (T // 2, 3 * T // 5, classes_N % 2)):
            places_N = torch.randint(low, high + 1, (count,), generator=random) - 1
            symbols_NT.scatter_(1, places_N[:, None], 6 + value_N[:, None])
        return Sequences([_one_hot(row[:n], 8) for row, n in zip(symbols_NT, lengths_N.tolist())], classes_N)


def _reber(random: Generator) -> str:
    outer = "TP"[int(torch.randint(2, (), generator=random))]
    state, inner = 0, ""
    while state != END:
        ways = list(GRAMMAR[state].items())
        symbol, state = ways[int(torch.randint(len(ways), (), generator=random))]
        inner += symbol
    return f"B{outer}{inner}{outer}E"


def _marks(string: str) -> Tensor:
    """Of every symbol after the first, and of every symbol there is: 2 it stands there, 1 it could, 0 it could not."""
    ways, state = ["TP"], 0
    for symbol in string[2:-2]:
        ways.append("".join(GRAMMAR[state]))
        state = GRAMMAR[state][symbol]
    ways += [string[1], "E"]
    rows = [[int(symbol in could) + int(symbol == came) for symbol in REBER] for came, could in zip(string[1:], ways)]
    return torch.tensor(rows, dtype=torch.uint8)


def _one_hot(symbols_T: Tensor, count: int) -> Tensor:
    return F.one_hot(symbols_T, count).bool()
