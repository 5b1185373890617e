"""The plain engine: a Python loop over time, in plain autograd.

Shape suffixes: N real steps of all sequences together, B sequences, I input, G gate rows, O output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnbench.cells import Cell, Product, Stage

Params = Mapping[str, Tensor]
State = tuple[Tensor, ...]
# What a stage passes to its pointwise function before the reads, given the step and the named values.
_Leading = Callable[[int, dict[str, Tensor]], tuple[Tensor, ...]]


def loop(
    cell: Cell,
    params: Params,
    data_NI: Tensor,
    batch_sizes: Sequence[int],
    state: State,
    reverse: bool = False,
    extra: Params | None = None,
) -> tuple[Tensor, State]:
    """Run ``cell`` step by step in plain autograd: differentiable any number of times, and under ``vmap``.

    Args:
        cell: the description.
        params: tensors by the names of ``cell.parameter_shapes()``.
        data_NI: input, packed.
        batch_sizes: rows of each step, never increasing.
        state: the initial state, ``(B, size)`` each, in the order of ``cell.state``.
        reverse: from the last step to the first; every sequence starts at its own last step.
        extra: the cell's streams ``(N, size)``, packed, and constants ``(B, size)``, by name.

    Returns:
        ``out_NO`` packed like the input, and the state after the last step of every sequence.
    """
    names = tuple(cell.state)
    stages = cell.stages()
    params = cell.prepare(params)
    leads = leading(stages, params, data_NI, batch_sizes)
    plan = [(stage.step, lead, stage.inputs, stage.writes) for stage, lead in zip(stages, leads)]
    reads_x = any("x" in stage.reads or (stage.product and stage.product.value == "x") for stage in stages)
    extra = extra or {}
    packed = {name: extra[name] for name in cell.streams} | ({"x": data_NI} if reads_x else {})
    streams = [(name, rows_N.split(batch_sizes)) for name, rows_N in packed.items()]

    last = len(batch_sizes) - 1
    rows = batch_sizes[last if reverse else 0]
    values: dict[str, Tensor] = dict(params)
    values.update((name, s if len(s) == rows else s[:rows]) for name, s in zip(names, state))
    values.update((name, extra[name][:rows]) for name in cell.constants)
    finished: list[State] = []
    outputs: list[Tensor] = []
    for t in range(last, -1, -1) if reverse else range(last + 1):
        if batch_sizes[t] != rows:
            _resize(values, names, rows, batch_sizes[t], state, finished)
            rows = batch_sizes[t]
            values.update((name, extra[name][:rows]) for name in cell.constants)
        values.update((name, rows_T[t]) for name, rows_T in streams)
        for step, lead, reads, writes in plan:
            written = step(*lead(t, values), *[values[name] for name in reads])
            values.update(zip(writes, written))
        outputs.append(values[cell.output])
    final = tuple(values[name] for name in names)
    if finished:
        final = tuple(torch.cat(parts) for parts in zip(final, *reversed(finished)))
    return torch.cat(outputs[::-1] if reverse else outputs), final


def _resize(
    values: dict[str, Tensor],
    names: tuple[str, ...],
    rows: int,
    wanted: int,
    state: State,
    finished: list[State],
) -> None:
    """Drop the rows of sequences that ended, keeping them in ``finished``; or let later ones start."""
    if wanted < rows:
        split = [values[name].split((wanted, rows - wanted)) for name in names]
        values.update((name, going_on) for name, (going_on, _) in zip(names, split))
        finished.append(tuple(done for _, done in split))
    else:
        values.update((name, torch.cat((values[name], s[rows:wanted]))) for name, s in zip(names, state))


def leading(stages: tuple[Stage, ...], params: Params, data_NI: Tensor, batch_sizes: Sequence[int]) -> list[_Leading]:
    """For every stage the function that yields its share and product, with all that is fixed done before."""
    rows = iter(shares(stages, params, data_NI))
    return [
        stage_leading(stage, params, _steps(next(rows), batch_sizes) if stage.share else None, stage.product)
        for stage in stages
    ]


def _steps(rows_NG: Tensor, batch_sizes: Sequence[int]) -> Sequence[Tensor]:
    # A split into one part costs a copy in the backward pass.
    return rows_NG.split(batch_sizes) if len(batch_sizes) > 1 else (rows_NG,)


def shares(stages: tuple[Stage, ...], params: Params, data_NI: Tensor) -> Sequence[Tensor]:
    """The input's share of all steps, ``(..., G)`` for each stage that has one, from one product."""
    sharing = [stage for stage in stages if stage.share]
    if not sharing:
        return ()
    biases = [bias for bias in [_share_bias(stage, params) for stage in sharing] if bias is not None]
    bias_G = None if not biases else biases[0] if len(biases) == 1 else torch.cat(biases)
    share_NG = F.linear(data_NI, params["weight_ih"], bias_G)
    sizes = [stop - start for start, stop in (stage.share for stage in sharing if stage.share)]
    return share_NG.split(sizes, -1) if len(sizes) > 1 else (share_NG,)


def _share_bias(stage: Stage, params: Params) -> Tensor | None:
    """The input's bias; a joint product's bias is added here once instead of at every step."""
    bias = _rows(params["bias_ih"], stage.share) if "bias_ih" in params else None
    if not (stage.joint and stage.product and stage.product.bias):
        return bias
    other = _rows(params[stage.product.bias], stage.product.rows)
    return other if bias is None else bias + other


def stage_leading(stage: Stage, params: Params, share: Sequence[Tensor] | None, product: Product | None) -> _Leading:
    """For one stage the function that yields its ``share``, given for every step, and its ``product``."""
    if product is None:
        return (lambda t, values: (share[t],)) if share is not None else (lambda t, values: ())
    value = product.value
    if product.detach:
        inner = stage_leading(stage, params, share, replace(product, detach=False))
        return lambda t, values: inner(t, {value: values[value].detach()})
    weight = _rows(params[product.weight], product.rows).t()
    addmm, mm = torch.addmm, torch.mm
    if share is not None and stage.joint:
        return lambda t, values: (addmm(share[t], values[value], weight),)
    if product.bias is None:
        if share is None:
            return lambda t, values: (mm(values[value], weight),)
        return lambda t, values: (share[t], mm(values[value], weight))
    bias = _rows(params[product.bias], product.rows)
    if share is None:
        return lambda t, values: (addmm(bias, values[value], weight),)
    return lambda t, values: (share[t], addmm(bias, values[value], weight))


def _rows(parameter: Tensor, rows: tuple[int, int] | None) -> Tensor:
    return parameter if rows is None or rows == (0, len(parameter)) else parameter[rows[0] : rows[1]]
