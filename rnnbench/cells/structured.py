"""Cells with a slow part: a context that leaks, modules on slower clocks, a delayed state.

Shape suffixes: B rows of the batch, H hidden size, C context units, G rows of a weight (gates times H).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnbench.cells.base import Cell, Product, Stage
from rnnbench.cells.gated import Gated, OneStage, tanh


def _slow(share_BC: Tensor, s_BC: Tensor, h_BH: Tensor, alpha_C: Tensor) -> tuple[Tensor, Tensor]:
    s_new_BC = (1 - alpha_C) * share_BC + alpha_C * s_BC
    return s_new_BC, torch.cat((h_BH, s_new_BC), -1)


def _fast(sum_BH: Tensor, s_BC: Tensor) -> tuple[Tensor, Tensor]:
    h_BH = torch.sigmoid(sum_BH)
    return h_BH, torch.cat((h_BH, s_BC), -1)


@dataclass(frozen=True)
class SCRN(Cell):
    """The structurally constrained network: beside the hidden units a context that changes slowly.

    ::

        s' = (1 - alpha) * (B x + b_s) + alpha * s             alpha near 1
        h' = sigmoid(P s' + A x + b_h + R h)
        output: [h', s']

    The paper's output layer sees both, U h' + V s'; the head after this cell does the same.

    Source: Mikolov, Joulin, Chopra, Mathieu and Ranzato 2015, arXiv:1412.7753, which has no biases. Libraries that
    put the output layer into the cell feed its output back as h; the paper feeds back h itself.

    Shapes, C being the size of the context: weight_ih (C + H, I), the rows of B, then of A; weight_hh (H, H + C),
    the columns of R, then of P; bias_ih (C + H); with ``learned`` context_decay (C). State h (H), s (C), output H + C.

    Attributes:
        context_size: units of the context, H if None. The paper takes 10 to 100, fewer than H.
        alpha: decay of the context, between 0 and 1.
        learned: whether every context unit learns its own decay, sigmoid(context_decay), from ``alpha`` on.
    """

    context_size: int | None = None
    alpha: float = 0.95
    learned: bool = False

    output = "y"
    examples = ({"context_size": 2},)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.context_size is not None and self.context_size < 1:
            raise ValueError(f"context_size={self.context_size}: must be at least 1, or None")
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha={self.alpha}: must be between 0 and 1")

    @property
    def state(self) -> dict[str, int]:
        """``h``, the hidden units (H), and ``s``, the context (C)."""
        return {"h": self.hidden_size, "s": self.context_size or self.hidden_size}

    @property
    def output_size(self) -> int:
        return self.state_size

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        H, C = self.state.values()
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (C + H, self.input_size), "weight_hh": (H, H + C)}
        shapes |= {"bias_ih": (C + H,)} if self.bias else {}
        return shapes | ({"context_decay": (C,)} if self.learned else {})

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """alpha (C)."""
        prepared = dict(params)
        if self.learned:
            return prepared | {"alpha": torch.sigmoid(prepared.pop("context_decay"))}
        weight = params["weight_ih"]
        fixed = torch.full((self.state["s"],), self.alpha, dtype=weight.dtype, device=weight.device)
        return prepared | {"alpha": fixed}

    def stages(self) -> tuple[Stage, ...]:
        """The context, then the hidden units."""
        H, C = self.state.values()
        return (
            Stage(_slow, ("s", "hs"), ("s", "h", "alpha"), (0, C)),
            Stage(_fast, ("h", "y"), ("s",), (C, C + H), Product("hs", "weight_hh"), joint=True),
        )

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """As ``Cell``; the decays start at ``alpha``."""
        super().reset_parameters(params)
        if self.learned:
            nn.init.constant_(params["context_decay"], math.log(self.alpha / (1 - self.alpha)))


@dataclass(frozen=True)
class ClockworkRNN(OneStage):
    """The Clockwork RNN: modules that are computed only every so many steps, and keep their state between.

    ::

        n = tanh(W_ih x + b_ih + W_hh h)                       W_hh block upper triangular
        h'_i = n_i  if t mod T_i = 0,  else h_i                module i with period T_i
        t' = t + 1

    Modules are ordered by period, and module i sees the modules of its own and of longer periods. The first step
    is t = 0, at which all are computed. A fraction of a step does not count.

    Source: Koutnik, Greff, Gomez and Schmidhuber 2014, arXiv:1402.3511. It saves no work here: all modules are
    multiplied at every step.

    Shapes: weight_hh_i (H_i, H - the units before module i) for every module, no more than what is not zero. H is
    split as evenly as it can be, the first modules larger.

    Attributes:
        periods: T of every module, rising.

    Example:
        >>> ClockworkRNN(input_size=3, hidden_size=5, periods=(1, 2)).sizes
        (3, 2)
    """

    periods: tuple[int, ...] = (1, 2, 4, 8)

    version = 2  # 2: zoneout leaves t alone
    bookkeeping = ("t",)
    gates = ("h",)
    reads = ("h", "t")
    examples = ({"periods": (2, 3)}, {"periods": (1,)})

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "periods", tuple(self.periods))  # a configuration gives a list
        rising = all(a < b for a, b in zip((0, *self.periods), self.periods))
        if not rising or not 1 <= len(self.periods) <= self.hidden_size:
            wanted = f"1 to hidden_size={self.hidden_size} rising integers of at least 1"
            raise ValueError(f"periods={list(self.periods)}: must be {wanted}")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of every module."""
        each, more = divmod(self.hidden_size, len(self.periods))
        return tuple(each + (module < more) for module in range(len(self.periods)))

    @property
    def state(self) -> dict[str, int]:
        """``h`` (H) and ``t`` (1), the steps taken, from 0 again when all modules have come round."""
        return {"h": self.hidden_size, "t": 1}

    @property
    def parameters_read(self) -> tuple[str, ...]:
        return ("period",)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes, sizes = super().parameter_shapes(), self.sizes
        del shapes["weight_hh"]
        return shapes | {f"weight_hh_{i}": (size, self.hidden_size - sum(sizes[:i])) for i, size in enumerate(sizes)}

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """weight_hh (H, H) with its zeros, and the period of every unit (H)."""
        prepared = dict(params)
        blocks = [prepared.pop(f"weight_hh_{i}") for i in range(len(self.sizes))]
        weight = torch.cat([F.pad(block, (self.hidden_size - block.shape[1], 0)) for block in blocks])
        periods = [period for period, size in zip(self.periods, self.sizes) for _ in range(size)]
        period_H = torch.tensor(periods, dtype=weight.dtype, device=weight.device)
        return prepared | {"weight_hh": weight, "period": period_H}

    def step(self, sum_BH: Tensor, h_BH: Tensor, t_B1: Tensor, period_H: Tensor) -> tuple[Tensor, Tensor]:
        active_BH = torch.remainder(t_B1, period_H) < 1
        # A narrow type cannot count far (in bfloat16 256 + 1 is 256), and most periods come round before
        came_round = float(math.lcm(*self.periods))
        return torch.where(active_BH, torch.tanh(sum_BH), h_BH), torch.remainder(t_B1 + 1, came_round)


def _with_feedback(sum_BG: Tensor, h_BH: Tensor, z_BH: Tensor) -> tuple[Tensor]:
    u, g, a = sum_BG.chunk(3, -1)
    return (h_BH + torch.sigmoid(g) * (torch.tanh(u) + torch.sigmoid(a) * z_BH - h_BH),)


@dataclass(frozen=True)
class TauGRU(Gated):
    """The GRU with weighted time-delay feedback.

    ::

        z = tanh(W_iz x + b_iz + W_hz h[-delay])               delayed candidate; h[-delay]: so many steps before h
        u = tanh(W_iu x + b_iu + W_hu h)
        g = sigmoid(W_ig x + b_ig + W_hg h)
        a = sigmoid(W_ia x + b_ia + W_ha h)
        h' = (1 - g) * h + g * (u + a * z)

    Source: Erichson, Lim and Mahoney 2022, arXiv:2212.00228. No gate is the GRU's reset gate.

    The state past (``delay`` times H) holds the states before h, oldest first.

    Attributes:
        delay: steps, at least 1.
    """

    delay: int = 10

    version = 2  # 2: zoneout leaves past alone
    bookkeeping = ("past",)
    gates = ("z", "u", "g", "a")
    examples = ({"delay": 1}, {"delay": 2})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.delay < 1:
            raise ValueError(f"delay={self.delay}: must be at least 1")

    @property
    def state(self) -> dict[str, int]:
        return {"h": self.hidden_size, "past": self.delay * self.hidden_size}

    def stages(self) -> tuple[Stage, ...]:
        """The queue moves on; the delayed candidate; the rest."""
        return (
            Stage(self._move, ("delayed", "past"), ("past", "h")),
            Stage(tanh, ("z",), (), self.rows("z"), self.product("delayed", "z"), joint=True),
            Stage(_with_feedback, ("h",), ("h", "z"), self.rows("u", "a"), self.product("h", "u", "a"), joint=True),
        )

    def _move(self, past_BP: Tensor, h_BH: Tensor) -> tuple[Tensor, Tensor]:
        if self.delay == 1:
            return past_BP, h_BH
        H = self.hidden_size
        oldest, others = past_BP.split((H, (self.delay - 1) * H), -1)
        return oldest, torch.cat((others, h_BH), -1)
