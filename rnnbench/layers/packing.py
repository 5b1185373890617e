"""From what a caller holds (padded, with or without lengths, or packed) to the engines' layout, and back.

Shape suffixes: B sequences, T padded steps, N real steps of all sequences together, S sizes of a state,
L layers times directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence


@dataclass(frozen=True)
class Packing:
    """Where the steps of a batch stand.

    Attributes:
        batch_sizes: rows of each step, never increasing.
        order_B: for each row the index of its sequence in the caller's batch; None if unchanged.
        index_N: for each packed row its row in the flattened padded tensor; None if they are all, in order.
        shape: the two leading dimensions of the padded tensor, ``(T, B)`` or ``(B, T)``; None if packed.
    """

    batch_sizes: Sequence[int]
    order_B: Tensor | None = None
    index_N: Tensor | None = None
    shape: tuple[int, int] | None = None

    def sort(self, state_LBS: Tensor) -> Tensor:
        """The caller's state in the order of the rows."""
        return state_LBS if self.order_B is None else state_LBS.index_select(1, self.order_B)

    def unsort(self, state_LBS: Tensor) -> Tensor:
        """A state in the caller's order."""
        return state_LBS if self.order_B is None else state_LBS.index_select(1, self.order_B.argsort())


def from_packed(input: PackedSequence) -> tuple[Tensor, Packing]:
    """The data of a ``PackedSequence`` as they are, and where they stand."""
    return input.data, Packing(input.batch_sizes.tolist(), order_B=input.sorted_indices)


def from_padded(input: Tensor, lengths_B: Tensor | None, batch_first: bool) -> tuple[Tensor, Packing]:
    """The real steps of a padded tensor, ``(T, B, I)``, or ``(B, T, I)`` with ``batch_first``.

    Raises:
        ValueError: see ``all_full``.
    """
    B, T = input.shape[:2] if batch_first else input.shape[1::-1]
    if lengths_B is None or all_full(lengths_B, B, T):
        time_first = input.transpose(0, 1) if batch_first else input
        return time_first.reshape(T * B, -1), Packing([B] * T)
    sorted_B, order_B = lengths_B.sort(descending=True, stable=True)
    real_TB = torch.arange(int(sorted_B[0]))[:, None] < sorted_B
    t_N, row_N = real_TB.nonzero(as_tuple=True)
    b_N = order_B[row_N]
    index_N = (b_N * T + t_N if batch_first else t_N * B + b_N).to(input.device)
    packing = Packing(real_TB.sum(1).tolist(), order_B.to(input.device), index_N, (B, T) if batch_first else (T, B))
    return input.reshape(T * B, -1).index_select(0, index_N), packing


def to_padded(out_NO: Tensor, packing: Packing, batch_first: bool) -> Tensor:
    """The packed output as the caller's padded tensor, zero beyond each length."""
    if packing.index_N is None or packing.shape is None:
        out_TBO = out_NO.reshape(len(packing.batch_sizes), packing.batch_sizes[0], -1)
        return out_TBO.transpose(0, 1) if batch_first else out_TBO
    padded = out_NO.new_zeros(packing.shape[0] * packing.shape[1], out_NO.shape[1])
    return padded.index_copy(0, packing.index_N, out_NO).reshape(*packing.shape, -1)


def to_steps(rows_BS: Tensor, batch_sizes: Sequence[int]) -> Tensor:
    """The row of its sequence for every packed row: ``(N, S)`` from ``(B, S)``."""
    if batch_sizes[-1] == batch_sizes[0]:
        return rows_BS.repeat(len(batch_sizes), 1)
    row_N = torch.cat([torch.arange(size) for size in batch_sizes])
    return rows_BS.index_select(0, row_N.to(rows_BS.device))


def all_full(lengths_B: Tensor, B: int, T: int) -> bool:
    """Check the lengths of ``B`` sequences padded to ``T`` steps; whether none is shorter than T.

    Raises:
        ValueError: in one line, for another shape, kind or range.
    """
    if lengths_B.shape != (B,) or lengths_B.dtype != torch.int64 or lengths_B.device.type != "cpu":
        seen = f"{tuple(lengths_B.shape)} {lengths_B.dtype} on {lengths_B.device}"
        raise ValueError(f"lengths: must be a tensor ({B},) torch.int64 on the cpu, got {seen}")
    low, high = (int(x) for x in lengths_B.aminmax())
    if low < 1 or high > T:
        raise ValueError(f"lengths: must be in 1..{T} (steps of the input), got {low}..{high}")
    return low == T
