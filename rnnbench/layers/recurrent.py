"""A cell run over time: depth, direction, what is put around it, lengths, initial state.

Shape suffixes: B sequences, T padded steps, N real steps of all sequences together, I input, O output (both
directions), L layers times directions, S size of a state.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cache, cached_property
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from rnnbench.cells import Cell
from rnnbench.layers.around import Rates, around, rate, rates
from rnnbench.layers.engines import resolve_engine, run_engine, second_engine
from rnnbench.layers.initialisation import Init, initialise
from rnnbench.layers.loop import State, loop
from rnnbench.layers.packing import Packing, from_packed, from_padded, to_padded, to_steps
from rnnbench.layers.wrappers import RECURRENT, Around, dropout_mask

Hidden = Tensor | tuple[Tensor, ...]
Connection = Literal["residual", "highway"]


@cache
def _parameter_names(cell: Cell) -> tuple[str, ...]:
    return tuple(cell.parameter_shapes())


class Recurrent(nn.Module):
    """A recurrent layer of any cell, called like ``torch.nn.LSTM``, with the same ``state_dict`` keys.

    Args:
        cell: a ``Cell`` class or a partial of one, called with ``input_size``, ``hidden_size`` and ``bias``.
        input_size: features of the input.
        hidden_size: units of each layer and direction.
        num_layers: layers on top of each other.
        bias: whether the cells have bias vectors.
        batch_first: whether padded tensors are ``(B, T, I)``; ``(T, B, I)`` otherwise.
        dropout: probability of dropping an output of any layer but the last.
        bidirectional: whether every layer also runs backwards; the outputs are concatenated.
        engine: how the loop over time is run: one of ``rnnbench.layers.engines.ENGINES``.
        device: of the parameters.
        dtype: of the parameters.
        variational_dropout: probability of dropping a number for all steps of a sequence: of the input of every layer
            and of the recurrent value (``VariationalDropout``), or of either, ``{"x": 0.2, "h": 0.3}``.
        recurrent_dropout: probability of dropping a number of the candidate, see ``RecurrentDropout``.
        zoneout: probability that a number of a state stays as it is, see ``Zoneout``; of all states but the cell's
            ``bookkeeping``, or by state, ``{"h": 0.05, "c": 0.5}``.
        weight_dropout: probability of dropping a number of weight_hh for a whole pass (DropConnect: Merity, Keskar
            and Socher 2017, arXiv:1708.02182); the others are divided by 1 - weight_dropout.
        layer_norm: whether the cell's sums are normalised, see ``LayerNorm``.
        connection: around every layer but the first, from its input x (before any dropout) to its output y:
            ``residual``, y + x; ``highway``, t * y + (1 - t) * x with t = sigmoid(W x + b), b = -1 at the start
            (Srivastava, Greff and Schmidhuber 2015, arXiv:1505.00387).
        share_layers: whether all layers but the first, whose input has another size, are made with the same weights
            (of the cell and of a highway connection): those of the second. Learned states stay their own.
        learned_state: whether the initial state, where none is given, is learned; it starts at 0.
        init: how the parameters start, see ``initialise``; None leaves it to the cell.
        t_max: longest dependency, in steps, for ``init="chrono"``.

    Attributes:
        cells: the cell of every layer, without what is around it.
        engine: the engine that runs, resolved from ``auto``.

    Raises:
        ValueError: in one line, with the argument, its value and what is allowed.

    Example:
        >>> layer = Recurrent(rnnbench.cells.GRU, 3, 5, batch_first=True)
        >>> out_BTO, h_LBH = layer(torch.zeros(2, 7, 3), lengths=torch.tensor([7, 4]))
    """

    def __init__(
        self,
        cell: Callable[..., Cell],
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        engine: str = "auto",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        variational_dropout: Rates = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: Rates = 0.0,
        weight_dropout: float = 0.0,
        layer_norm: bool = False,
        connection: Connection | None = None,
        share_layers: bool = False,
        learned_state: bool = False,
        init: Init | None = None,
        t_max: int | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(num_layers, int) or num_layers < 1:
            raise ValueError(f"num_layers={num_layers!r}: must be an integer of at least 1")
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout={dropout!r}: must be in 0..1")
        if connection not in (None, *get_args(Connection)):
            raise ValueError(f"connection={connection!r}: must be None, 'residual' or 'highway'")
        for option, value in (("dropout", dropout), ("connection", connection)):
            if value and num_layers == 1:
                text = f"{option}={value} has no effect with num_layers=1: it acts between layers"
                warnings.warn(text, stacklevel=2)
        if share_layers and num_layers < 3:
            raise ValueError(
                f"share_layers=True: num_layers={num_layers} has no two layers of equal size; use 3 or more"
            )
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.bidirectional, self.dropout = bias, batch_first, bidirectional, float(dropout)
        sizes = {"hidden_size": hidden_size, "bias": bias}
        first = cell(input_size=input_size, **sizes)
        above = first.output_size * self.num_directions
        self.cells = (first, *(cell(input_size=above, **sizes) for _ in range(num_layers - 1)))
        self.variational_dropout = rates("variational_dropout", variational_dropout, ("x", "h"))
        self.recurrent_dropout, self.weight_dropout = rate("recurrent_dropout", recurrent_dropout), weight_dropout
        zoned = tuple(name for name in first.state if name not in first.bookkeeping)
        self.zoneout, self.layer_norm = rates("zoneout", zoneout, zoned), layer_norm
        if rate("weight_dropout", weight_dropout) and RECURRENT not in first.parameter_shapes():
            raise ValueError(f"weight_dropout={weight_dropout}: {type(first).__name__} has no {RECURRENT}")
        self.connection, self.learned_state, self.share_layers = connection, learned_state, share_layers
        self.init: Init | None = init
        self.t_max = t_max
        self._wrapped = tuple(self._around(cell) for cell in self.cells)
        self.engine = resolve_engine(engine, self._wrapped[0])
        for name, shape in self._parameter_shapes().items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def _around(self, cell: Cell) -> Cell:
        noise = self.variational_dropout["h"], self.recurrent_dropout, self.zoneout
        return around(cell, *noise, self.layer_norm)

    @property
    def num_directions(self) -> int:
        """2 if bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """Features of the output: both directions together."""
        return self.cells[-1].output_size * self.num_directions

    @property
    def state_size(self) -> int:
        """Numbers carried from step to step by all layers and directions."""
        return sum(cell.state_size for cell in self.cells) * self.num_directions

    @property
    def second_engine(self) -> str:
        """The engine on other devices than the CPU and in half precision."""
        return second_engine(self._wrapped[0]) if self.engine == "fused" else self.engine

    @cached_property
    def _suffixes(self) -> list[str]:
        """Ends of parameter names, in the order of the rows of ``h_n``."""
        directions = ("", "_reverse")[: self.num_directions]
        return [f"_l{layer}{direction}" for layer in range(self.num_layers) for direction in directions]

    @cached_property
    def _weights(self) -> list[str]:
        """For each of them the end of the names of the parameters that it is made with."""
        D, last = self.num_directions, 1 if self.share_layers else self.num_layers
        return [self._suffixes[min(row // D, last) * D + row % D] for row in range(len(self._suffixes))]

    def _parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        cells = [cell for cell in self._wrapped for _ in range(self.num_directions)]
        rows = list(zip(cells, self._suffixes))
        shapes = {
            name + suffix: shape
            for cell, suffix in zip(cells, self._weights)
            for name, shape in cell.parameter_shapes().items()
        }
        if self.learned_state:
            shapes |= {f"initial_{s}{suffix}": (S,) for cell, suffix in rows for s, S in cell.state.items()}
        O, layers = self.output_size, 2 if self.share_layers else self.num_layers
        for layer in range(1, layers if self.connection == "highway" else 0):
            shapes |= {f"weight_highway_l{layer}": (O, O), f"bias_highway_l{layer}": (O,)}
        return shapes

    @cached_property
    def _widths(self) -> dict[str, int]:
        """For each state its numbers in the layer that has most: those of others are followed by zeros."""
        return {name: max(cell.state[name] for cell in self.cells) for name in self.cells[0].state}

    @cached_property
    def _ragged(self) -> bool:
        return any(cell.state != self._widths for cell in self.cells)

    def _params(self, cell: Cell, suffix: str) -> dict[str, Tensor]:
        return {name: getattr(self, name + suffix) for name in _parameter_names(cell)}

    def reset_parameters(self) -> None:
        """Draw all parameters anew, in the order of ``torch.nn``: the same seed gives the same weights."""
        for suffix in dict.fromkeys(self._weights):
            layer = self._suffixes.index(suffix) // self.num_directions
            params = self._params(self._wrapped[layer], suffix)
            self._wrapped[layer].reset_parameters(params)
            own = {name: params[name] for name in self.cells[layer].parameter_shapes()}
            initialise(self.init, self.cells[layer], own, self.t_max)
        for name, parameter in self.named_parameters():
            if name.startswith("initial_"):
                nn.init.zeros_(parameter)
            elif name.startswith("weight_highway_"):
                nn.init.uniform_(parameter, -(self.output_size**-0.5), self.output_size**-0.5)
            elif name.startswith("bias_highway_"):
                nn.init.constant_(parameter, -1.0)

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters of each layer and direction, as ``torch.nn`` lists them."""
        cells = [cell for cell in self._wrapped for _ in range(self.num_directions)]
        return [list(self._params(cell, suffix).values()) for cell, suffix in zip(cells, self._weights)]

    def flatten_parameters(self) -> None:
        """Nothing to do; ``torch.nn`` has it for cuDNN."""

    def forward(
        self, input: Tensor | PackedSequence, hx: Hidden | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor | PackedSequence, Hidden]:
        """Run over all steps.

        Args:
            input: ``(T, B, I)``, ``(B, T, I)`` with ``batch_first``, ``(T, I)`` without a batch, or packed.
            hx: initial state ``(L, B, S)``, or ``(L, S)`` without a batch: one tensor, or a tuple for a cell
                with several states, such as ``(h_0, c_0)``. If None the learned one, or zeros. Where a layer's
                state has fewer numbers than another's (the past inputs of a QRNN), zeros follow them.
            lengths: steps of each sequence of a padded batch, ``(B,)`` int64 on the CPU, in any order. What
                stands beyond them changes neither outputs nor gradients. None: every sequence fills T.

        Returns:
            The output, ``(..., O)`` in the layout of the input, zero beyond the lengths; and the state after the
            last step of every sequence, shaped like ``hx``.

        Raises:
            ValueError: in one line, for sizes or lengths that do not fit.
        """
        data_NI, packing = self._pack(input, lengths)
        unbatched = isinstance(input, Tensor) and input.dim() == 2
        state = self._initial_state(hx, packing, data_NI, unbatched)
        out_NO, final = self._run(data_NI, packing, state)
        hidden = tuple(packing.unsort(s)[:, 0] if unbatched else packing.unsort(s) for s in final)
        returned = hidden[0] if len(hidden) == 1 else hidden
        if isinstance(input, PackedSequence):
            return PackedSequence(out_NO, *input[1:]), returned
        if unbatched:
            return out_NO, returned
        return to_padded(out_NO, packing, self.batch_first), returned

    def _pack(self, input: Tensor | PackedSequence, lengths: Tensor | None) -> tuple[Tensor, Packing]:
        packed = isinstance(input, PackedSequence)
        data = input.data if packed else input
        if not packed and data.dim() not in (2, 3):
            raise ValueError(f"input: must have 2 or 3 dimensions, got shape {tuple(data.shape)}")
        if data.shape[-1] != self.input_size:
            raise ValueError(f"input: last dimension must be input_size={self.input_size}, got {data.shape[-1]}")
        if data.numel() == 0:
            raise ValueError(f"input: must have at least one step and one sequence, got shape {tuple(data.shape)}")
        if lengths is not None and (packed or data.dim() == 2):
            raise ValueError("lengths: only for a padded batch, not with a PackedSequence or a single sequence")
        if isinstance(input, PackedSequence):
            return from_packed(input)
        if input.dim() == 2:
            return input, Packing([1] * len(input))
        return from_padded(input, lengths, self.batch_first)

    def _initial_state(self, hx: Hidden | None, packing: Packing, data_NI: Tensor, unbatched: bool) -> list[Tensor]:
        """The checked initial state, ``(L, B, S)`` for every state of the cell, rows sorted."""
        names = self._widths
        L, B = len(self._suffixes), packing.batch_sizes[0]
        if hx is None and self.learned_state:
            rows = [[getattr(self, f"initial_{name}{suffix}") for name in names] for suffix in self._suffixes]
            return [row_LS[:, None].expand(-1, B, -1) for row_LS in self._stacked(rows)]
        if hx is None:
            dtype = next(self.parameters()).dtype
            return [torch.zeros(L, B, size, device=data_NI.device, dtype=dtype) for size in names.values()]
        given = (hx,) if isinstance(hx, Tensor) else tuple(hx)
        if len(given) != len(names):
            raise ValueError(f"hx: must be {len(names)} tensor(s) ({', '.join(names)}), got {len(given)}")
        for (name, size), tensor in zip(names.items(), given):
            wanted = (L, size) if unbatched else (L, B, size)
            if tensor.shape != wanted:
                raise ValueError(f"hx: {name} must have shape {wanted}, got {tuple(tensor.shape)}")
        return [packing.sort(tensor[:, None] if unbatched else tensor) for tensor in given]

    def replay(self, cell: Cell, input_BTI: Tensor) -> None:
        """Run the first layer, forwards and by the loop, with ``cell``, which may watch, in place of its own."""
        data_NI, packing = from_padded(input_BTI, None, batch_first=True)
        start = tuple(s[0] for s in self._initial_state(None, packing, data_NI, unbatched=False))
        cell = self._around(cell)
        params = {name: getattr(self, f"{name}_l0") for name in cell.parameter_shapes()}
        extra = self._noise(cell, len(data_NI), len(input_BTI))
        loop(cell, params, data_NI, packing.batch_sizes, self._own(cell, start), extra=extra)

    def _stacked(self, rows: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """For each state one tensor of the states of all ``rows``."""
        if self._ragged:
            rows = [[F.pad(s, (0, W - s.shape[-1])) for s, W in zip(row, self._widths.values())] for row in rows]
        return [torch.stack(same) for same in zip(*rows)]

    def _own(self, cell: Cell, state: State) -> State:
        """Of the states of a row what the cell has."""
        return tuple(s[..., :size] for s, size in zip(state, cell.state.values())) if self._ragged else state

    def _run(self, data: Tensor, packing: Packing, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        suffixes = self._weights
        initial: list[State] = list(zip(*(s.unbind(0) for s in state)))
        final: list[State] = []
        for layer, cell in enumerate(self._wrapped):
            outputs, seen = [], self._dropped(data, packing.batch_sizes, layer)
            for direction in range(self.num_directions):
                row = layer * self.num_directions + direction
                params = self._params(cell, suffixes[row])
                if self.weight_dropout:
                    params[RECURRENT] = F.dropout(params[RECURRENT], self.weight_dropout, self.training)
                start = (seen, packing.batch_sizes, self._own(cell, initial[row]))
                extra = self._noise(cell, len(data), packing.batch_sizes[0])
                out, last = run_engine(self.engine, cell, params, *start, reverse=direction == 1, extra=extra)
                outputs.append(out)
                final.append(last)
            out = torch.cat(outputs, -1) if len(outputs) > 1 else outputs[0]
            data = self._connected(layer, data, out)
        return data, self._stacked(final)

    def _dropped(self, data_NI: Tensor, batch_sizes: Sequence[int], layer: int) -> Tensor:
        """What a layer sees of its input."""
        if self.dropout and layer:
            data_NI = F.dropout(data_NI, self.dropout, self.training)
        if self.variational_dropout["x"] and self.training:
            mask_BI = dropout_mask(batch_sizes[0], data_NI.shape[1], self.variational_dropout["x"], data_NI)
            data_NI = data_NI * to_steps(mask_BI, batch_sizes)
        return data_NI

    def _noise(self, cell: Cell, N: int, B: int) -> Mapping[str, Tensor]:
        return cell.draw(N, B, next(self.parameters()), self.training) if isinstance(cell, Around) else {}

    def _connected(self, layer: int, data_NO: Tensor, out_NO: Tensor) -> Tensor:
        if self.connection is None or layer == 0:
            return out_NO
        if self.connection == "residual":
            return out_NO + data_NO
        suffix = f"highway_l{1 if self.share_layers else layer}"
        weight, bias = getattr(self, f"weight_{suffix}"), getattr(self, f"bias_{suffix}")
        t_NO = torch.sigmoid(F.linear(data_NO, weight, bias))
        return t_NO * out_NO + (1 - t_NO) * data_NO

    def extra_repr(self) -> str:
        """The arguments that differ from their defaults, as ``torch.nn`` prints them."""
        cell = self.cells[0]
        options = [field for field in fields(cell) if field.default is not MISSING and field.name != "bias"]
        chosen = [
            f"{option.name}={now!r}" for option in options if (now := getattr(cell, option.name)) != option.default
        ]
        if type(self) is Recurrent:
            chosen = [f"cell={type(cell).__name__}({', '.join(chosen)})"]
        defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        defaults |= {"recurrent_dropout": 0.0, "weight_dropout": 0.0, "layer_norm": False, "connection": None}
        defaults |= {"share_layers": False, "learned_state": False, "init": None, "t_max": None}
        own = [f"{name}={now}" for name, default in defaults.items() if (now := getattr(self, name)) != default]
        own += [
            f"{name}={now}" for name in ("variational_dropout", "zoneout") if any((now := getattr(self, name)).values())
        ]
        return ", ".join([str(self.input_size), str(self.hidden_size), *chosen, *own])
