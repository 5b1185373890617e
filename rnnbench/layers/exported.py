"""Backbones in a form that ``torch.export`` takes with any number of sequences and steps.

Shape suffixes: B sequences, T steps, I input, O output, S size of a state.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rnnbench import cells
from rnnbench.cells import Cell
from rnnbench.layers.drop_in import GRU, LSTM, RNN
from rnnbench.layers.loop import Params, State, shares, stage_leading
from rnnbench.layers.packing import Packing
from rnnbench.layers.recurrent import Recurrent
from rnnbench.layers.torch_nn import TorchGRU, TorchLSTM, TorchRNN


def own_twin(backbone: nn.Module) -> Recurrent | None:
    """``backbone``, or the layer of ours that computes what one of ``torch.nn`` does; None of anything else."""
    if isinstance(backbone, Recurrent):
        return backbone
    kinds: dict[type, Any] = {TorchLSTM: LSTM, TorchGRU: GRU, TorchRNN: RNN}
    if type(backbone) not in kinds:
        return None
    layer: Any = backbone
    options = {"proj_size": layer.proj_size} if isinstance(layer, TorchLSTM) else {}
    if isinstance(layer, TorchRNN):
        options["nonlinearity"] = layer.nonlinearity
    return _with_weights(kinds[type(backbone)], layer, **options)


def torch_twin(layer: Recurrent) -> nn.Module | None:
    """The layer of ``torch.nn`` that computes what ``layer`` does when it is not training; None where there is none."""
    if layer.connection or layer.learned_state or layer.layer_norm or layer.share_layers or any(layer.zoneout.values()):
        return None
    cell = layer.cells[0]
    kinds: dict[type, Any] = {cells.LSTM: TorchLSTM, cells.GRU: TorchGRU, cells.RNN: TorchRNN}
    options: dict[str, Any] = {}
    if isinstance(cell, cells.LSTM):
        options = {"proj_size": cell.proj_size}
    elif isinstance(cell, cells.RNN):
        options = {"nonlinearity": cell.nonlinearity}
    if type(cell) not in kinds or (isinstance(cell, cells.GRU) and not _is_that_of_torch(cell)):
        return None
    return _with_weights(kinds[type(cell)], layer, **options)


def _with_weights(kind: Any, layer: Any, **options: Any) -> Any:
    """A layer of another class with the sizes and the weights of ``layer``."""
    sizes = (layer.input_size, layer.hidden_size, layer.num_layers)
    depth = {"bias": layer.bias, "batch_first": layer.batch_first, "bidirectional": layer.bidirectional}
    weights = layer.state_dict()
    twin = kind(*sizes, **depth, **options, dtype=next(iter(weights.values())).dtype)
    twin.load_state_dict(weights)
    return twin.train(layer.training)


def _is_that_of_torch(cell: cells.GRU) -> bool:
    told = (cell.reset, cell.update, cell.candidate, cell.recurrent_bias or not cell.bias)
    return told == ("after", "keep", "product", True)


class Stepwise(nn.Module):
    """A recurrent layer of any cell, outside of training, whose loop over time stays a loop when it is exported.

    Args:
        layer: whose parameters it shares, or has as they are now where the cell computes with others made of them
            (orthogonal, masked, ...); its input is ``(B, T, I)``.
    """

    def __init__(self, layer: Recurrent) -> None:
        super().__init__()
        self.layer = layer
        self.bidirectional, self.output_size = layer.bidirectional, layer.output_size
        self.names: list[tuple[str, ...]] = []  # of what the stages see as parameters
        for row, suffix in enumerate(layer._weights):
            cell = layer._wrapped[row // layer.num_directions]
            given = {name: getattr(layer, name + suffix) for name in cell.parameter_shapes()}
            prepared = cell.prepare(given)
            self.names.append(tuple(prepared))
            for name, value in prepared.items():
                if value is not given.get(name):
                    self.register_buffer(f"{name}{suffix}", value.detach().clone())

    def _fixed(self, row: int) -> dict[str, Tensor]:
        keys = {name: name + self.layer._weights[row] for name in self.names[row]}
        return {name: getattr(self if key in self._buffers else self.layer, key) for name, key in keys.items()}

    def forward(self, input: Tensor, hx: Any = None, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        """As ``Recurrent``, of a batch of equally long sequences: ``lengths`` must be None."""
        assert lengths is None
        layer, B, final = self.layer, input.shape[0], []
        data_TBI = input.transpose(0, 1)
        begin = layer._initial_state(hx, Packing([B]), data_TBI, unbatched=False)
        for depth, cell in enumerate(layer._wrapped):
            outputs = []
            for direction in range(layer.num_directions):
                row = depth * layer.num_directions + direction
                fixed = {**self._fixed(row), **layer._noise(cell, B, B)}
                state = layer._own(cell, tuple(part[row] for part in begin))
                out_TBO, last = over_steps(cell, fixed, data_TBI, state, reverse=direction == 1)
                outputs.append(out_TBO)
                final.append(last)
            data_TBI = layer._connected(depth, data_TBI, torch.cat(outputs, -1) if len(outputs) > 1 else outputs[0])
        hidden = tuple(layer._stacked(final))
        return data_TBI.transpose(0, 1), hidden[0] if len(hidden) == 1 else hidden


def over_steps(cell: Cell, fixed: Params, data_TBI: Tensor, state: State, reverse: bool) -> tuple[Tensor, State]:
    """Run ``cell`` over all steps as one ``scan`` of torch; outputs ``(T, B, O)`` and the last state.

    Args:
        cell: the description.
        fixed: what ``cell.prepare`` makes of its parameters, and its streams and constants ``(B, S)``, which outside
            of training are the same at every step; by name.
        data_TBI: input.
        state: the initial state, ``(B, S)`` each.
        reverse: from the last step to the first.
    """
    from torch._higher_order_ops.scan import scan

    names, stages = tuple(cell.state), cell.stages()
    rows = dict(zip([i for i, stage in enumerate(stages) if stage.share], shares(stages, fixed, data_TBI)))
    order = tuple(rows)

    def step(carried: tuple[Tensor, ...], given: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], Tensor]:
        values = {**fixed, **dict(zip(names, carried)), "x": given[0]}
        share_of = dict(zip(order, given[1:]))
        for i, stage in enumerate(stages):
            lead = stage_leading(stage, fixed, (share_of[i],) if stage.share else None, stage.product)
            values.update(zip(stage.writes, stage.step(*lead(0, values), *[values[name] for name in stage.inputs])))
        # a scan wants what it carries and gives to be tensors of their own
        return tuple(values[name].clone() for name in names), values[cell.output].clone()

    begin = tuple(part.clone(memory_format=torch.contiguous_format) for part in state)
    given = (data_TBI, *(part.contiguous() for part in rows.values()))
    last, out_TBO = scan(step, begin, given, dim=0, reverse=reverse)
    return out_TBO, tuple(last)
