"""``LSTM``, ``GRU`` and ``RNN`` with the constructors of ``torch.nn``; what they lack is given by keyword."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import torch

from rnnbench import cells
from rnnbench.layers.recurrent import Recurrent


class LSTM(Recurrent):
    """``torch.nn.LSTM``, with ``forget_bias`` (see ``rnnbench.cells.LSTM``) and ``engine`` besides."""

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
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        forget_bias: float | None = None,
        engine: str = "auto",
        **around: Any,
    ) -> None:
        cell = partial(cells.LSTM, proj_size=proj_size, forget_bias=forget_bias)
        depth = (num_layers, bias, batch_first, dropout, bidirectional)
        super().__init__(cell, input_size, hidden_size, *depth, engine, device, dtype, **around)
        self.proj_size = proj_size


class GRU(Recurrent):
    """``torch.nn.GRU``, with the conventions of ``rnnbench.cells.GRU`` and ``engine`` besides."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        reset: Literal["after", "before"] = "after",
        update: Literal["keep", "write"] = "keep",
        candidate: Literal["product", "sum"] = "product",
        recurrent_bias: bool = True,
        engine: str = "auto",
        **around: Any,
    ) -> None:
        cell = partial(cells.GRU, reset=reset, update=update, candidate=candidate, recurrent_bias=recurrent_bias)
        depth = (num_layers, bias, batch_first, dropout, bidirectional)
        super().__init__(cell, input_size, hidden_size, *depth, engine, device, dtype, **around)


class RNN(Recurrent):
    """``torch.nn.RNN``, with ``engine`` besides."""

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
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        engine: str = "auto",
        **around: Any,
    ) -> None:
        cell = partial(cells.RNN, nonlinearity=nonlinearity)
        depth = (num_layers, bias, batch_first, dropout, bidirectional)
        super().__init__(cell, input_size, hidden_size, *depth, engine, device, dtype, **around)
        self.nonlinearity = nonlinearity
