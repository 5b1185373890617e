"""What a cell is: named parameters, a named state, and one time step as a list of stages.

A cell describes; it holds no tensors. It is a frozen dataclass whose fields are its options, so that it is
hashable, prints itself, and can be handed to any engine. The layer owns the ``nn.Parameter``s.

Shape suffixes: B rows of the batch, I input size, H hidden size, G rows of a weight (a multiple of H).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

import torch
from torch import Tensor, nn

Rows = tuple[int, int]
Recurrence = Literal["linear", "complex", "log", "max"]


@dataclass(frozen=True)
class Product:
    """One matrix product of a step: ``value @ weight[rows].T + bias[rows]``.

    Attributes:
        value: name of what is multiplied, ``(B, in)``: a state or something written by an earlier stage.
        weight: name of a parameter ``(G, in)``.
        bias: name of a parameter ``(G,)``, or None.
        rows: first row and the row after the last, of weight and bias alike; None for all.
        detach: whether no gradient flows back into ``value`` (the truncated gradient of Hochreiter 1997).
    """

    value: str
    weight: str
    bias: str | None = None
    rows: Rows | None = None
    detach: bool = False


@dataclass(frozen=True)
class Stage:
    """An optional input share, an optional product, then a pointwise function.

    ``pointwise(*leading, *reads)`` returns the tuple of what it writes. Leading are the input's share
    ``(B, G)`` and the product ``(B, G)``, those that the stage has, in this order; with ``joint`` their sum
    instead, which costs no operation of its own. It is pure and treats rows apart: element-wise operations,
    splitting into gates (``chunk``, ``split``), joining (``cat``) and sums or means over the last dimension
    with ``keepdim=True``; no in-place writes, no branching on values, nothing but its arguments.

    With ``recurrence`` the first name in ``writes`` is a state s that depends on its old value linearly, and
    ``pointwise`` returns the coefficients a and b in its place:

    - ``linear``: s' = a * s + b
    - ``complex``: the same with complex numbers, the last dimension holding all real, then all imaginary parts
    - ``log``: s' = exp(a) * s + exp(b), with s >= 0: coefficients given by their logarithms
    - ``max``: s' = max(a + s, b)

    Where no other stage makes a and b depend on old states, the ``scan`` engine runs all steps at once.

    Attributes:
        pointwise: the function.
        writes: names given to the returned tensors. A state's name makes it the new state.
        reads: names passed after the leading arguments: states, earlier writes (the newest value of a name
            is seen), parameters, ``x``, the raw input ``(B, I)``, or one of the cell's streams and constants.
        share: rows of ``weight_ih`` and ``bias_ih`` whose product with the input this stage receives. The
            shares of the stages, in order, cover all rows: one product serves all steps of all stages.
        product: the matrix product, if any.
        joint: whether share and product are summed before the pointwise function sees them.
        recurrence: None, or the kind of linear recurrence whose coefficients ``pointwise`` returns.
        candidate: whether ``pointwise`` takes one more argument after the reads, which may be left out: a factor
            ``(B, H)`` on the candidate, by which recurrent dropout reaches it.
    """

    pointwise: Callable[..., tuple[Tensor, ...]]
    writes: tuple[str, ...]
    reads: tuple[str, ...] = ()
    share: Rows | None = None
    product: Product | None = None
    joint: bool = False
    recurrence: Recurrence | None = None
    candidate: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """What ``step`` takes after the leading arguments: ``reads``, then the state of a recurrence."""
        return (*self.reads, self.writes[0]) if self.recurrence else self.reads

    def step(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        """The values of ``writes``: ``pointwise``, and the recurrence applied once."""
        if self.recurrence is None:
            return self.pointwise(*arguments)
        a, b, *others = self.pointwise(*arguments[:-1])
        return (recur(self.recurrence, a, b, arguments[-1]), *others)


def recur(kind: Recurrence, a: Tensor, b: Tensor, s: Tensor) -> Tensor:
    """One step of a linear recurrence; the kinds are those of ``Stage``. All shapes ``(..., S)``."""
    if kind == "linear":
        return a * s + b
    if kind == "log":
        return torch.exp(a) * s + torch.exp(b)
    if kind == "max":
        return torch.maximum(a + s, b)
    (a_re, a_im), (s_re, s_im) = a.chunk(2, -1), s.chunk(2, -1)
    return torch.cat((a_re * s_re - a_im * s_im, a_re * s_im + a_im * s_re), -1) + b


@dataclass(frozen=True)
class Cell:
    """Base of all cells: subclass it as a frozen dataclass, add options as fields with defaults.

    A subclass defines ``state``, ``parameter_shapes`` and ``stages``. Options typed ``Literal`` or ``bool``
    are checked here, and the contract tests run over all their combinations; option sets that cannot be
    derived so (a number) are listed in ``examples``.

    Attributes:
        input_size: features of the input (I).
        hidden_size: units (H).
        bias: whether there are bias vectors.
    """

    input_size: int
    hidden_size: int
    bias: bool = True

    #: Raised when a fix changes the numbers of this cell: part of every run's identity.
    version: ClassVar[int] = 1
    #: The written name that is the cell's output; H wide where it is no state.
    output: ClassVar[str] = "h"
    #: Checks of the contract that the paper's equations cannot keep: name of the check -> reason.
    exceptions: ClassVar[Mapping[str, str]] = MappingProxyType({})
    #: States that are counters, past inputs or scales of other states, and those so scaled: zoneout leaves them alone.
    bookkeeping: ClassVar[tuple[str, ...]] = ()
    #: Further option sets for the contract tests.
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ()

    def __post_init__(self) -> None:
        """Check the sizes and every ``Literal`` and ``bool`` option.

        Raises:
            ValueError: in one line, with the option, its value and what is allowed.
        """
        for size in ("input_size", "hidden_size"):
            value = getattr(self, size)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{size}={value!r}: must be an integer of at least 1")
        for option, allowed in choices(type(self)).items():
            value = getattr(self, option)
            if not any(value is choice or (type(value) is str and value == choice) for choice in allowed):
                names = ", ".join(map(repr, allowed))
                raise ValueError(f"{option}={value!r}: must be one of {names}")

    def need_equal_sizes(self, why: str) -> None:
        """Raise ``ValueError``, which begins with ``why``, unless input and hidden size are equal."""
        if self.input_size != self.hidden_size:
            sizes = f"input_size={self.input_size}, hidden_size={self.hidden_size}"
            raise ValueError(f"{why}: {sizes} must be equal")

    @property
    def state(self) -> dict[str, int]:
        """Names and sizes of what is carried from step to step, in the order of ``h_n, c_n``."""
        raise NotImplementedError(f"{type(self).__name__} does not define its state")

    @property
    def streams(self) -> dict[str, int]:
        """Names and sizes of what is given beside the input, a row for every step: noise. No gradient reaches it."""
        return {}

    @property
    def constants(self) -> dict[str, int]:
        """The same with one row for a whole sequence."""
        return {}

    @property
    def state_size(self) -> int:
        """Numbers carried from step to step."""
        return sum(self.state.values())

    @property
    def output_size(self) -> int:
        """Size of the output of a step: that of the state of this name, or H."""
        return self.state.get(self.output, self.hidden_size)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by name, in ``torch.nn``'s order: weight_ih, weight_hh, bias_ih, bias_hh, then others."""
        raise NotImplementedError(f"{type(self).__name__} does not define its parameter_shapes")

    def stages(self) -> tuple[Stage, ...]:
        """One time step, in order."""
        raise NotImplementedError(f"{type(self).__name__} does not define its stages")

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """What the stages see as parameters, computed once a sequence from the parameters proper.

        For weights that are constrained (antisymmetric, orthogonal, masked, positive). By default ``params``.
        """
        return params

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """Fill ``params`` in place from the global generator.

        By default uniformly in ±1/sqrt(H), drawn in the order of ``parameter_shapes``, as ``torch.nn`` does:
        the same seed gives the same weights.
        """
        bound = self.hidden_size**-0.5
        for parameter in params.values():
            nn.init.uniform_(parameter, -bound, bound)


@cache
def choices(cell: type[Cell]) -> dict[str, tuple[Any, ...]]:
    """The ``Literal`` and ``bool`` options of a cell with their allowed values."""
    hints = get_type_hints(cell)
    found: dict[str, tuple[Any, ...]] = {}
    for field in fields(cell):
        if hints[field.name] is bool:
            found[field.name] = (True, False)
        elif get_origin(hints[field.name]) is Literal:
            found[field.name] = get_args(hints[field.name])
    return found
