"""The linear recurrences of ``Stage`` over all steps at once, differentiable any number of times and under ``vmap``.

The derivative of a linear recurrence is a linear recurrence that runs the other way. Where it is itself
differentiated (also under ``torch.func``) grad mode is on, and it is written without ``out``; else it saves copies.

Shape suffixes: T steps, B sequences, S size of the state, M models under ``vmap``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rnnbench.cells.base import Recurrence
from rnnbench.layers.linear_scan import linear_scan

#: What leaves a state as it is, for each kind: the factor or first term, and the other.
NEUTRAL: dict[Recurrence, tuple[float, float]] = {
    "linear": (1.0, 0.0),
    "complex": (1.0, 0.0),
    "log": (0.0, -torch.inf),
    "max": (0.0, -torch.inf),
}


def run(kind: Recurrence, a_TBS: Tensor, b_TBS: Tensor, s_BS: Tensor, reverse: bool = False) -> Tensor:
    """All states ``(T, B, S)`` of a recurrence from ``s_BS``; the kinds are those of ``Stage``.

    ``complex`` takes and gives complex tensors. ``log`` needs no logarithm of the state: it is needed only by
    scans that divide by cumulated factors; here every number is a sum of products, as in the loop.
    """
    if kind == "max":
        return _Max.apply(a_TBS, b_TBS, s_BS, reverse)  # type: ignore[return-value]
    if kind == "log":
        a_TBS, b_TBS = torch.exp(a_TBS), torch.exp(b_TBS)
    return _Linear.apply(a_TBS, b_TBS, s_BS, reverse)  # type: ignore[return-value]


class _Scan(torch.autograd.Function):
    """What both have in common: a recurrence treats rows apart, so that models are but more rows."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        a_TBS, b_TBS, s_BS, ctx.reverse = inputs
        ctx.save_for_backward(a_TBS, b_TBS, s_BS, output)

    @classmethod
    def fold(cls, info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[Tensor, int]:
        *tensors, reverse = inputs
        rows = []
        for v, dim in zip(tensors, in_dims):
            with_models = v.unsqueeze(0).expand(info.batch_size, *v.shape) if dim is None else v.movedim(dim, 0)
            rows.append(with_models.movedim(0, -3).flatten(-3, -2))
        out = cls.apply(*rows, reverse)
        assert isinstance(out, Tensor)
        return out.unflatten(1, (info.batch_size, -1)), 1


class _Linear(_Scan):
    """s' = a * s + b."""

    @staticmethod
    def forward(a_TBS: Tensor, b_TBS: Tensor, s_BS: Tensor, reverse: bool) -> Tensor:
        return linear_scan(a_TBS, b_TBS, s_BS, reverse)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        a_TBS, _, s_BS, out_TBS = ctx.saved_tensors
        grad_TBS = _pull_back(a_TBS, grads[0], ctx.reverse)
        first = -1 if ctx.reverse else 0
        grad_s_BS = grad_TBS[first] * a_TBS[first].conj()
        if torch.is_grad_enabled():
            return grad_TBS * _before(out_TBS, s_BS, ctx.reverse).conj(), grad_TBS, grad_s_BS, None
        grad_a_TBS, first, after, before = torch.empty_like(grad_TBS), *_apart(ctx.reverse)
        torch.mul(grad_TBS[after], out_TBS[before].conj(), out=grad_a_TBS[after])
        torch.mul(grad_TBS[first], s_BS.conj(), out=grad_a_TBS[first])
        return grad_a_TBS, grad_TBS, grad_s_BS, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[Tensor, int]:
        return _Linear.fold(info, in_dims, *inputs)


class _Max(_Scan):
    """s' = max(a + s, b); where both are equal the gradient is shared, as by ``torch.maximum``."""

    @staticmethod
    def forward(a_TBS: Tensor, b_TBS: Tensor, s_BS: Tensor, reverse: bool) -> Tensor:
        out_TBS = torch.empty_like(b_TBS)
        for t in range(len(b_TBS) - 1, -1, -1) if reverse else range(len(b_TBS)):
            s_BS = torch.maximum(a_TBS[t] + s_BS, b_TBS[t], out=out_TBS[t])
        return out_TBS

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        a_TBS, b_TBS, s_BS, out_TBS = ctx.saved_tensors
        went_on_TBS = a_TBS + _before(out_TBS, s_BS, ctx.reverse)
        share_TBS = (torch.sign(went_on_TBS - b_TBS) + 1) / 2
        grad_TBS = _pull_back(share_TBS, grads[0], ctx.reverse)
        grad_a_TBS = grad_TBS * share_TBS
        return grad_a_TBS, grad_TBS - grad_a_TBS, grad_a_TBS[-1 if ctx.reverse else 0], None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[Tensor, int]:
        return _Max.fold(info, in_dims, *inputs)


def _before(out_TBS: Tensor, s_BS: Tensor, reverse: bool) -> Tensor:
    """The state before each step."""
    return torch.cat((out_TBS[1:], s_BS[None]) if reverse else (s_BS[None], out_TBS[:-1]))


def _apart(reverse: bool) -> tuple[int, slice, slice]:
    """The first step in time, all steps that have one before them, and those that have one after them."""
    later, sooner = slice(1, None), slice(None, -1)
    return (-1, sooner, later) if reverse else (0, later, sooner)


def _pull_back(a_TBS: Tensor, grad_TBS: Tensor, reverse: bool) -> Tensor:
    """What each state passes to the loss, itself and through the later ones: g = grad + a_next * g_next."""
    if not torch.is_grad_enabled():
        last, before, after = _apart(not reverse)
        a_next_TBS = a_TBS[after].conj_physical() if a_TBS.is_complex() else a_TBS[after]
        out_TBS = torch.empty_like(grad_TBS)
        out_TBS[last] = grad_TBS[last]
        linear_scan(a_next_TBS, grad_TBS[before], grad_TBS[last], not reverse, out_TBS[before])
        return out_TBS
    # The factor that roll brings round meets the zero that the recurrence starts from.
    a_next_TBS = torch.roll(a_TBS, 1 if reverse else -1, 0)
    if a_TBS.is_complex():
        a_next_TBS = torch.complex(a_next_TBS.real, -a_next_TBS.imag)  # conj_physical is slow under vmap
    zero_BS = torch.zeros_like(grad_TBS[0])
    return _Linear.apply(a_next_TBS, grad_TBS, zero_BS, not reverse)  # type: ignore[return-value]
