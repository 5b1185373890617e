"""The fused engine: a cell's step, traced and compiled with its backward pass, run without Python over time."""

from rnnbench.layers.fused.build import runtime_for, trouble
from rnnbench.layers.fused.engine import compiled, fused
from rnnbench.layers.fused.expr import Unsupported

__all__ = ["Unsupported", "compiled", "fused", "runtime_for", "trouble"]
