"""What the times of ``bench cells`` say: ratios of medians from the same group, and which targets they meet."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from rnnbench.bench.cells import LONG, REFERENCES, SMALL, Result, Row
from rnnbench.bench.contenders import MATRIX, Size

RIVALS = ("torch.nn", "torchrecurrent", *REFERENCES)
#: Gates of the LSTM, the unit of times per gate; and by how much another cell may take longer for one.
LSTM_GATES, SLOWEST = 4, 1.3
FULL_RATE = 0.7  # of the matrix product's
RATE = f"Gated cells at {FULL_RATE * 100:.0f} % of the matrix product's rate from hidden 256 on"
PER_GATE = f"Gated cells at least 1/{SLOWEST} times as fast as the own LSTM per gate"


@dataclass(frozen=True)
class Group:
    """One model at one size and number of threads, with everything that was timed beside it."""

    model: str
    size: Size
    threads: int
    gates: int | None
    products: tuple[int, int]
    lstm_products: tuple[int, int] | None
    rows: dict[tuple[str, str], Row]

    @property
    def engine(self) -> str:
        """The engine that ``auto`` takes: the first."""
        return next(name for name, _ in self.rows if name not in RIVALS)

    def seconds(self, contender: str, mode: str) -> float | None:
        """Median seconds of a call."""
        row = self.rows.get((contender, mode))
        return None if row is None else row.seconds

    def speed(self, rival: str, mode: str = "training", engine: str | None = None) -> float | None:
        """How many times as fast as ``rival`` the model is: above 1 it is the faster."""
        own, theirs = self.seconds(engine or self.engine, mode), self.seconds(rival, mode)
        return None if own is None or theirs is None else theirs / own

    @property
    def per_gate(self) -> float | None:
        """Time of a training step per gate, in those of the own LSTM; None for a cell without gates."""
        return self._per_gate(0.0)

    @property
    def per_gate_less_call(self) -> float | None:
        """The same, when what a call costs for one step of one sequence is taken from both times."""
        call = self.seconds("call", "training")
        return None if call is None else self._per_gate(call)

    def _per_gate(self, less: float) -> float | None:
        own, lstm = self.seconds(self.engine, "training"), self.lstm
        if own is None or lstm is None or not self.gates or lstm <= less:
            return None
        return (own - less) / self.gates / ((lstm - less) / LSTM_GATES)

    @property
    def lstm(self) -> float | None:
        """Median seconds of the own LSTM's training step."""
        return self.seconds(self.engine if self.model == "lstm" else "own lstm", "training")

    @property
    def more_products(self) -> float | None:
        """Multiplications of a training step per gate, in those of the LSTM."""
        if not self.gates or not self.lstm_products:
            return None
        return _multiplications(self.products) / self.gates / (_multiplications(self.lstm_products) / LSTM_GATES)

    @property
    def per_product(self) -> float | None:
        """Time of a training step per multiplication, in those of the own LSTM."""
        return None if self.per_gate is None or not self.more_products else self.per_gate / self.more_products

    @property
    def share(self) -> float | None:
        """Multiplications of a training step a second, in those of a large matrix product."""
        square, own = self.seconds("matrix", "training"), self.seconds(self.engine, "training")
        if square is None or own is None:
            return None
        return self._count / own / (MATRIX**3 / square)

    @property
    def wide(self) -> bool:
        """Whether it is a gated cell that should come near the matrix product's rate."""
        return self.size.hidden >= 256 and bool(self.gates)

    @property
    def most(self) -> float | None:
        """How many times as fast as the loop a layer could be that takes time for its matrix products alone."""
        square, loop = self.seconds("matrix", "training"), self.seconds("loop", "training")
        return None if square is None or loop is None else loop / (self._count * square / MATRIX**3)

    @property
    def _count(self) -> int:
        return self.size.batch * self.size.steps * _multiplications(self.products)


def _multiplications(products: tuple[int, int]) -> int:
    # forward and the weights' gradient, and of what is not the input also the gradient of the other factor
    return 2 * products[0] + 3 * products[1]


@dataclass(frozen=True)
class Ratios:
    """All groups of a result."""

    result: Result

    @cached_property
    def groups(self) -> list[Group]:
        """In the order of measuring."""
        found: dict[tuple[int, Size, str], Group] = {}
        for row in self.result.rows:
            key = (row.threads, row.size, row.model)
            if key not in found:
                about = self.result.gates.get(row.model), self.result.products[f"{row.model} {row.size}"]
                lstm = self.result.products.get(f"lstm {row.size}")
                found[key] = Group(row.model, row.size, row.threads, *about, lstm, {})
            found[key].rows[row.contender, row.mode] = row
        return list(found.values())

    def speeds(self, rival: str, size: Size, threads: int) -> list[float]:
        """Those against ``rival`` of all models that have it."""
        here = (group for group in self.groups if (group.size, group.threads) == (size, threads))
        return [speed for group in here if (speed := group.speed(rival)) is not None]

    def mean(self, rival: str, size: Size, threads: int) -> float | None:
        """Geometric mean of ``speeds``."""
        speeds = self.speeds(rival, size, threads)
        return statistics.geometric_mean(speeds) if speeds else None

    def values(self) -> Iterator[tuple[str, float, list[tuple[float, str]]]]:
        """Each target, what is wanted at least, and what was measured, the lowest first."""
        for words, least, values in _TARGETS:
            yield words, least, sorted((value, name) for name, value in values(self) if value is not None)

    def targets(self) -> list[str]:
        """A line for each target that was measured: met, or by whom it is missed."""
        lines = [_judge(words, least, known) for words, least, known in self.values() if known]
        for threads in sorted({group.threads for group in self.groups}):
            for size in dict.fromkeys(group.size for group in self.groups if group.size != LONG):
                least = 6.0 if size in SMALL else 2.0 if size.hidden == 128 else None
                mean = self.mean("torchrecurrent", size, threads)
                if mean is not None and least is not None:
                    verdict = "met" if mean >= least else "missed"
                    count = len(self.speeds("torchrecurrent", size, threads))
                    where = f"{size}, {in_threads(threads)}"
                    words = f"Geometric mean against torchrecurrent at least {least:g} ({where})"
                    lines.append(f"{words}: {verdict}, {mean:.2f} over {count}.")
        return lines


Values = Iterator[tuple[str, float | None]]


def _of(models: tuple[str, ...], rival: str, sizes: Callable[[Size], bool]) -> Callable[[Ratios], Values]:
    def values(ratios: Ratios) -> Values:
        for group in ratios.groups:
            if (not models or group.model in models) and sizes(group.size) and group.size != LONG:
                yield name_of(group), group.speed(rival)

    return values


def _gates(ratios: Ratios) -> Values:
    for group in ratios.groups:
        if group.size != LONG and group.per_gate:
            yield name_of(group), 1 / group.per_gate


def _scan(ratios: Ratios) -> Values:
    for group in ratios.groups:
        if group.size == LONG:
            yield name_of(group), group.speed("loop", engine="scan")


def _share(ratios: Ratios) -> Values:
    for group in ratios.groups:
        if group.wide:
            yield name_of(group), group.share


def name_of(group: Group) -> str:
    """``model (size; threads)``."""
    return f"{group.model} ({group.size}; {in_threads(group.threads)})"


def in_threads(count: int) -> str:
    """``1 thread``, ``2 threads``."""
    return f"{count} thread{'s' if count > 1 else ''}"


_TARGETS: tuple[tuple[str, float, Callable[[Ratios], Values]], ...] = (
    ("Own LSTM at least 0.95 times as fast as nn.LSTM", 0.95, _of(("lstm",), "torch.nn", lambda size: True)),
    (
        "Own LSTM at least 1.1 times as fast as nn.LSTM from hidden 128 on, batch 32 or 64",
        1.1,
        _of(("lstm",), "torch.nn", lambda size: size.hidden >= 128 and size.batch in (32, 64)),
    ),
    ("Own GRU at least 1.1 times as fast as nn.GRU", 1.1, _of(("gru",), "torch.nn", lambda size: True)),
    (
        "Own GRU at least 3 times as fast as nn.GRU at the small sizes",
        3.0,
        _of(("gru",), "torch.nn", SMALL.__contains__),
    ),
    (PER_GATE, 1 / SLOWEST, _gates),
    (
        "At least 4 times as fast as torchrecurrent at the small sizes",
        4.0,
        _of((), "torchrecurrent", SMALL.__contains__),
    ),
    ("Scan at least 10 times as fast as the loop, 2,048 steps", 10.0, _scan),
    (RATE, FULL_RATE, _share),
)


def _judge(words: str, least: float, known: list[tuple[float, str]]) -> str:
    short = [f"{name} {value:.2f}" for value, name in known if value < least]
    if not short:
        return f"{words}: met by all {len(known)}, lowest {known[0][0]:.2f} by {known[0][1]}."
    more = f" and {len(short) - 12} more" if len(short) > 12 else ""
    return f"{words}: missed by {len(short)} of {len(known)}: {', '.join(short[:12])}{more}."
