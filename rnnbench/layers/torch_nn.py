"""Baselines: ``torch.nn.LSTM``, ``GRU`` and ``RNN`` behind the interface of ``Recurrent``."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from rnnbench.layers.packing import all_full

Device = torch.device | str | None


class _Lengths:
    """What ``Recurrent`` has and ``torch.nn`` lacks."""

    engine = "torch"

    # Of torch.nn.RNNBase.
    hidden_size: int
    proj_size: int
    num_layers: int
    bidirectional: bool
    batch_first: bool
    mode: str

    @property
    def output_size(self) -> int:
        """Features of the output: both directions together."""
        return (self.proj_size or self.hidden_size) * (1 + self.bidirectional)

    @property
    def state_size(self) -> int:
        """Numbers carried from step to step by all layers and directions."""
        memory = self.hidden_size if self.mode == "LSTM" else 0
        return self.num_layers * (self.output_size + memory * (1 + self.bidirectional))

    def forward(self, input: Tensor | PackedSequence, hx: Any = None, lengths: Tensor | None = None) -> tuple[Any, Any]:
        """As ``torch.nn``; ``lengths`` ``(B,)`` int64 on the CPU as in ``Recurrent.forward``."""
        run = super().forward  # type: ignore[misc]
        if lengths is None:
            return run(input, hx)
        if isinstance(input, PackedSequence) or input.dim() != 3:
            raise ValueError("lengths: only for a padded batch, not with a PackedSequence or a single sequence")
        B, T = input.shape[:2] if self.batch_first else input.shape[1::-1]
        if all_full(lengths, B, T):
            return run(input, hx)
        packed = pack_padded_sequence(input, lengths, self.batch_first, enforce_sorted=False)
        out, state = run(packed, hx)
        return pad_packed_sequence(out, self.batch_first, total_length=T)[0], state


class TorchLSTM(_Lengths, nn.LSTM):
    """``torch.nn.LSTM`` with ``lengths``."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        depth = (num_layers, bias, batch_first, dropout, bidirectional)
        super().__init__(input_size, hidden_size, *depth, proj_size, device=device, dtype=dtype)


class TorchGRU(_Lengths, nn.GRU):
    """``torch.nn.GRU`` with ``lengths``."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        depth = (num_layers, bias, batch_first, dropout, bidirectional)
        super().__init__(input_size, hidden_size, *depth, device=device, dtype=dtype)


class TorchRNN(_Lengths, nn.RNN):
    """``torch.nn.RNN`` with ``lengths``."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        depth = (bias, batch_first, dropout, bidirectional)
        super().__init__(input_size, hidden_size, num_layers, nonlinearity, *depth, device=device, dtype=dtype)
