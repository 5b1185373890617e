"""Why a target is missed, as far as the times themselves tell: a sentence for each group of misses."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rnnbench.bench.cells import LONG
from rnnbench.bench.ratios import FULL_RATE, PER_GATE, RATE, SLOWEST, Group, Ratios, name_of

SCAN = 10.0  # times as fast as the loop, wanted
CLOSE = 0.95  # of what is wanted


def reasons(ratios: Ratios) -> list[str]:
    """A line for each cause that explains a miss."""
    groups = [group for group in ratios.groups if group.size != LONG]
    slow = [group for group in groups if group.per_gate is not None and group.per_gate > SLOWEST]
    return [line for line in (*_per_gate(slow), *_scan(ratios), _rate(groups), _close(ratios), _lstm(groups)) if line]


def _per_gate(slow: list[Group]) -> Iterable[str | None]:
    products = [group for group in slow if (group.more_products or 0) > SLOWEST and _within(group.per_product)]
    rest = [group for group in slow if group not in products]
    call = [group for group in rest if _within(group.per_gate_less_call)]
    other = [group for group in rest if group not in call]
    yield _line(
        "Per gate, more matrix products a gate than the LSTM has: time per multiplication is within the limit",
        products,
        lambda group: f"{group.per_gate:.2f} per gate, {group.per_product:.2f} per product",
    )
    yield _line(
        "Per gate, the fixed cost of a call (Python, autograd, the first touch of memory), which a cell with few gates"
        " pays as the LSTM does: without it they are within the limit",
        call,
        lambda group: f"{group.per_gate:.2f}, less call {group.per_gate_less_call or 0:.2f}",
    )
    yield _line(
        "Per gate, pointwise work that a count of gates does not see: sums over rows (layer normalisation), logarithms,"
        " exponentials, divisions, stages one after the other, small products in place of a large one",
        other,
        lambda group: f"{group.per_gate:.2f}",
    )


def _scan(ratios: Ratios) -> Iterable[str | None]:
    short = [
        group
        for group in ratios.groups
        if group.size == LONG and (speed := group.speed("loop", engine="scan")) and speed < SCAN
    ]
    yield _line(
        "Scan, the matrix products, which the loop has, too: with time for these alone it would be so many times as"
        " fast as the loop",
        [group for group in short if group.most],
        lambda group: f"{group.most:.1f}",
    )
    yield _line(
        "Scan, memory: the recurrence itself is one compiled pass, but each pointwise operation and each of its"
        " gradients is a pass of its own over all steps. The fused engine has none of these, is what `auto` takes, and"
        " is so many times as fast as the loop",
        [group for group in short if group.engine == "fused"],
        lambda group: f"{group.speed('loop'):.1f}",
    )


def _rate(groups: list[Group]) -> str | None:
    return _line(
        "Matrix rate, narrow products: with one or two gates, or several stages a step, each product has few columns,"
        " and pointwise work and memory count the more beside it",
        [group for group in groups if group.wide and group.share is not None and group.share < FULL_RATE],
        lambda group: f"{group.share:.0%}",
    )


def _close(ratios: Ratios) -> str | None:
    near = [
        f"{name} {value:.2f} of {least:g}"
        for words, least, known in ratios.values()
        for value, name in known
        if words not in (PER_GATE, RATE) and CLOSE * least <= value < least
    ]
    words = f"Others, within {1 - CLOSE:.0%} of what is wanted, which one measurement under such a load does not decide"
    return f"{words}: {'; '.join(near)}." if near else None


def _lstm(groups: list[Group]) -> str | None:
    return _line(
        "Own LSTM, the small layers: nn.LSTM is one call of oneDNN without Python, the own a fixed cost of so many ms",
        [group for group in groups if group.model == "lstm" and (group.speed("torch.nn") or 1) < 0.95],
        lambda group: f"{(group.seconds('call', 'training') or 0) * 1e3:.2f} of {(group.lstm or 0) * 1e3:.1f}",
    )


def _within(value: float | None) -> bool:
    return value is not None and value <= SLOWEST


def _line(words: str, groups: list[Group], figure: Callable[[Group], str]) -> str | None:
    if not groups:
        return None
    return f"{words}: {'; '.join(f'{name_of(group)} {figure(group)}' for group in groups)}."
