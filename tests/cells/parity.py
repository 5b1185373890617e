"""Our cells against the same cells of another package."""

import math

import pytest
import torch

from rnnbench.layers import Recurrent


def count(cell):
    """Numbers in all parameters of a cell."""
    return sum(math.prod(shape) for shape in cell.parameter_shapes().values())


def against_torchrecurrent(cell, name, weights, I=4, H=5, T=6, **options):
    """The largest difference between our outputs and theirs, in float64.

    ``weights(ours)`` turns our parameters, by name, into theirs. A parameter of theirs that it does not name is 0.
    """
    torchrecurrent = pytest.importorskip("torchrecurrent", reason="torchrecurrent is not installed: dev extra")
    torch.manual_seed(0)
    ours = Recurrent(cell, I, H, dtype=torch.float64)
    theirs = getattr(torchrecurrent, name)(I, H, dtype=torch.float64, **options)
    given = weights({n.removesuffix("_l0"): p.detach() for n, p in ours.named_parameters()})
    known = {n.split(".")[-1]: p for n, p in theirs.named_parameters()}
    assert set(given) <= set(known), f"theirs are {sorted(known)}"
    for parameter_name, parameter in known.items():
        parameter.data = given.get(parameter_name, torch.zeros_like(parameter)).reshape(parameter.shape)
    x_TBI = torch.randn(T, 3, I, dtype=torch.float64)
    return float((ours(x_TBI)[0] - theirs(x_TBI)[0]).detach().abs().max())
