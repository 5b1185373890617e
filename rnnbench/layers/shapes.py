"""Shapes of what the stages of a cell see."""

from __future__ import annotations

from functools import cache

import torch

from rnnbench.cells import Cell


@cache
@torch.no_grad()
def prepared_shapes(cell: Cell) -> dict[str, tuple[int, ...]]:
    """Shapes of the parameters of ``cell`` as its ``prepare`` hands them to the stages."""
    shapes = cell.parameter_shapes()
    if type(cell).prepare is Cell.prepare:
        return shapes
    # Not on the meta device: some functions load a second's worth of torch for it.
    with torch.device("cpu"):
        generator = torch.Generator().manual_seed(0)
        params = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
        return {name: tuple(value.shape) for name, value in cell.prepare(params).items()}
