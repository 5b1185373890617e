import ctypes
import os
import subprocess
import sys
from functools import cache

import pytest
import torch
from torch import Tensor

from rnnbench.layers.fused import fused
from rnnbench.layers.fused.build import build
from tests.layers.fused.cases import OPERATIONS, Operations, draw

ROWS = 7
# A whole vector and a part of one, on every machine and for both types; a part alone.
NAMES = {19: tuple(OPERATIONS), 5: ("tanh", "where", "vector", "amax", "softmax", "layer_norm", "single number", "var")}
FUNCTIONS = ("exp", "expm1", "sigmoid", "tanh", "log", "log1p", "softplus", "sin", "cos", "erf", "floor", "sqrt")


@cache
def compiled(width: int, names: tuple[str, ...]) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    """The values that the operations read and, by compiled code, the output of each, ``(ROWS, width)``."""
    a, b, c, v, s = draw(ROWS, width)
    cell = Operations(3 * width, width, names=names)
    x = torch.cat((a, b, c), -1)
    out, _ = fused(cell, {"v": v, "s": s}, x, [ROWS], (torch.zeros(ROWS, 1).double(),))
    return (a, b, c, v, s), dict(zip(names, out.split(width, -1)))


@pytest.mark.parametrize(("width", "name"), [(width, name) for width, names in NAMES.items() for name in names])
def test_compiled_operations_and_their_derivatives(width: int, name: str):
    group = next(group for group in batched(NAMES[width], 8) if name in group)
    values, out = compiled(width, group)
    expected, seen = OPERATIONS[name](*values), out[name]
    torch.testing.assert_close(seen, expected.double(), rtol=1e-11, atol=1e-13)
    cotangent = torch.randn(ROWS, width, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    arguments = {"allow_unused": True, "materialize_grads": True, "retain_graph": True}
    exact = torch.autograd.grad(expected, values, cotangent, **arguments)
    for one, other in zip(torch.autograd.grad(seen, values, cotangent, **arguments), exact):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def batched(names: tuple[str, ...], size: int) -> list[tuple[str, ...]]:
    return [names[start : start + size] for start in range(0, len(names), size)]


@cache
def library(number: str) -> ctypes.CDLL:
    """The functions of ``kernel.hpp`` over arrays."""
    lines = [
        f'extern "C" void {name}(const T* x, int64 n, T* y)'
        f" {{ for (int64 i = 0; i < n; i += LANES) store(y + i, v{name}(load(x + i))); }}"
        for name in FUNCTIONS
    ]
    return build("\n".join(['#include "kernel.hpp"', *lines]), number)


def run(name: str, x: Tensor) -> Tensor:
    padded = torch.cat((x, x.new_ones(-len(x) % 64)))
    y = torch.empty_like(padded)
    number = "float" if x.dtype == torch.float32 else "double"
    getattr(library(number), name)(
        ctypes.c_void_p(padded.data_ptr()), ctypes.c_int64(len(y)), ctypes.c_void_p(y.data_ptr())
    )
    return y[: len(x)]


def exact(name: str, x: Tensor) -> Tensor:
    x = x.double()
    return torch.logaddexp(x, torch.zeros_like(x)) if name == "softplus" else getattr(torch, name)(x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_accuracy_of_functions(name: str, dtype: torch.dtype):
    """At most 3 units in the last place, near 0 too; float64 is compared with torch's, itself off by up to one."""
    generator = torch.Generator().manual_seed(0)
    x = torch.cat(
        [torch.randn(1 << 14, generator=generator, dtype=torch.float64) * scale for scale in (1e-6, 0.1, 1, 30)]
    )
    x = (x.abs() if name in ("log", "sqrt") else x.clamp(min=-0.9999) if name == "log1p" else x).to(dtype)
    expected = exact(name, x)
    normal = (expected.abs() > 4 * torch.finfo(dtype).tiny) & (expected.abs() < torch.finfo(dtype).max)
    error = (run(name, x).double() - expected).abs() / expected.abs()
    assert normal.sum() > len(x) / 2 or name == "floor"
    assert float(error[normal].max()) <= 3 * torch.finfo(dtype).eps


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_extremes_are_seen(name: str, dtype: torch.dtype):
    """What is not finite stays so: a diverging run must not look healthy."""
    x = torch.tensor(
        [0, 1e4, -1e4, torch.inf, -torch.inf, torch.nan, 88.5, -88.5, 89, 709.5, 711, -800, -1], dtype=dtype
    )
    x = x[:6] if name in ("sin", "cos") else x
    expected = exact(name, x).to(dtype)
    if name in ("sin", "cos"):
        expected[3:5] = torch.nan
    torch.testing.assert_close(run(name, x), expected, rtol=1e-5, atol=4 * torch.finfo(dtype).tiny, equal_nan=True)


def test_the_text_does_not_depend_on_the_process():
    """Else the cache of built libraries would miss."""
    program = (
        "from rnnbench.cells import *; from rnnbench.layers.fused import compiled; import hashlib\n"
        "cells = (MGU(3, 5), LayerNormLSTM(3, 5), NAS(3, 5))\n"
        "print(hashlib.sha256(''.join(compiled(cell).source for cell in cells).encode()).hexdigest())"
    )
    found = {
        subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, text=True,
                       stdout=subprocess.PIPE, check=True).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1
