"""A linear recurrence over all steps, without autograd: compiled on the CPU, else a few calls of torch a step.

Shape suffixes: T steps, B sequences, S size of the state, C chunks of the time axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import CDLL, c_int64, c_void_p
from itertools import chain

import torch
from torch import Tensor

from rnnbench.layers.fused import runtime_for

#: Above as many numbers a step (B times S), a step's arithmetic outweighs its call: one pass over time, no chunks.
CHUNKED_BELOW = 4096


@torch.no_grad()
def linear_scan(
    a_TBS: Tensor, b_TBS: Tensor, s_BS: Tensor, reverse: bool = False, out_TBS: Tensor | None = None
) -> Tensor:
    """The states of ``s' = a * s + b``, real or complex, ``(T, B, S)``.

    Args:
        a_TBS: factors; may be expanded.
        b_TBS: terms.
        s_BS: the state before the first step.
        reverse: from the last step to the first.
        out_TBS: where the states go; a new tensor if None.

    Without a compiler, short rows are run in C chunks at once: first every chunk from zero, for the state at its
    end and the product of its factors; from these where each chunk starts; then every chunk once more from there.
    That is twice the arithmetic in a C-th of the calls.
    """
    if out_TBS is None:
        out_TBS = torch.empty_like(b_TBS, memory_format=torch.contiguous_format)
    runtime = runtime_for(out_TBS)
    if runtime and len(out_TBS) and out_TBS[0].is_contiguous():
        _compiled(runtime, a_TBS, b_TBS, s_BS, out_TBS, reverse)
        return out_TBS
    T, row = len(b_TBS), s_BS.numel()
    C = 1 if row >= CHUNKED_BELOW else min(64, int(T**0.5))
    if C < 4:
        _run(a_TBS.unbind(0), b_TBS.unbind(0), s_BS, out_TBS.unbind(0), reverse)
        return out_TBS
    whole = T - T % C
    inner, rest = (slice(T - whole, T), slice(0, T - whole)) if reverse else (slice(0, whole), slice(whole, T))
    a, b, out = (v[inner].unflatten(0, (C, -1)).unbind(1) for v in (a_TBS, b_TBS, out_TBS))
    _run(a, b, _chunk_starts(a, b, s_BS, reverse), out, reverse)
    if whole < T:
        last_BS = out_TBS[T - whole] if reverse else out_TBS[whole - 1]
        _run(a_TBS[rest].unbind(0), b_TBS[rest].unbind(0), last_BS, out_TBS[rest].unbind(0), reverse)
    return out_TBS


def _compiled(runtime: CDLL, a_TBS: Tensor, b_TBS: Tensor, s_BS: Tensor, out_TBS: Tensor, reverse: bool) -> None:
    recur, given = runtime.recur, [v.resolve_conj().resolve_neg() for v in (s_BS[None], a_TBS, b_TBS, out_TBS)]
    if out_TBS.is_complex():
        recur, given = runtime.recur_complex, [torch.view_as_real(v).flatten(-2) for v in given]
    s, a, b, out = map(_rows, given)
    first, forth = (-1, -1) if reverse else (0, 1)
    places = [(c_void_p(v[first].data_ptr()), c_int64(forth * v.stride(0))) for v in (a, b, out)]
    recur(c_int64(len(out)), c_int64(s.numel()), c_void_p(s.data_ptr()), *chain(*places))


def _rows(v_TBS: Tensor) -> Tensor:
    """The steps, each without gaps between its numbers; they may all be one and the same."""
    if v_TBS[0].is_contiguous():
        return v_TBS
    return v_TBS[:1].contiguous().expand_as(v_TBS) if v_TBS.stride(0) == 0 else v_TBS.contiguous()


def _run(a: Sequence[Tensor], b: Sequence[Tensor], s: Tensor, out: Sequence[Tensor], reverse: bool) -> None:
    """``out[t] = a[t] * s + b[t]``, step by step; all of one shape."""
    if reverse:
        a, b, out = a[::-1], b[::-1], out[::-1]
    addcmul = torch.addcmul
    for factor, term, state in zip(a, b, out):
        addcmul(term, factor, s, out=state)
        s = state


def _chunk_starts(a: Sequence[Tensor], b: Sequence[Tensor], s_BS: Tensor, reverse: bool) -> Tensor:
    """The state ``(C, B, S)`` before the first step of each chunk; a and b ``(C, B, S)`` for each step of a chunk."""
    if reverse:
        a, b = a[::-1], b[::-1]
    end_CBS, factor_CBS = b[0].clone(), a[0].clone(memory_format=torch.contiguous_format)
    for factor, term in zip(a[1:], b[1:]):
        torch.addcmul(term, factor, end_CBS, out=end_CBS)
        factor_CBS.mul_(factor)
    starts_CBS = torch.empty_like(end_CBS)
    for c in range(len(starts_CBS) - 1, -1, -1) if reverse else range(len(starts_CBS)):
        starts_CBS[c] = s_BS
        s_BS = torch.addcmul(end_CBS[c], factor_CBS[c], s_BS)
    return starts_CBS
