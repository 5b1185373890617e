"""The fused engine: no Python inside the loop over time, and a backward pass derived from the cell.

Shape suffixes: N real steps of all sequences together, B sequences, T steps, G gate rows, O output, S size of a
state. Under ``vmap`` every tensor has one more leading dimension, that of the models.
"""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from rnnbench.cells import Cell
from rnnbench.layers.fused.build import build, runtime
from rnnbench.layers.fused.emit import buffers, product_size, source, work_size
from rnnbench.layers.fused.program import Program, plan
from rnnbench.layers.fused.steps import Steps, steps
from rnnbench.layers.fused.trace import Kernel
from rnnbench.layers.shapes import prepared_shapes

_NUMBERS = {torch.float32: "float", torch.float64: "double"}
# Below this many multiplications a worker, starting a thread costs more than it saves.
_WORK_OF_A_THREAD = 2_000_000


class _Job(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in ("models", "steps", "batch", "reverse", "kept")]
    _fields_ += [(name, ctypes.c_int64) for name in ("slices", "threads", "work")]
    _fields_ += [(name, ctypes.c_void_p) for name in ("rows", "offset", "buffers", "strides", "scratch", "cuts")]
    _fields_ += [(name, ctypes.c_void_p) for name in ("pack", "gemm")]  # filled in by the runtime


class Compiled:
    """A cell's plan, and its libraries by number type."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.shapes = prepared_shapes(cell)
        self.program: Program = plan(cell, self.shapes)
        self.buffers = buffers(self.program)
        self.products = [(i, kernel) for i, kernel in enumerate(self.program.kernels) if kernel.product]
        self.stages = cell.stages()
        self.reads_x = "x" in {kernel.operand for _, kernel in self.products} or any(
            store.place.buffer == "dx" for kernel in self.program.kernels for store in kernel.backward
        )
        self.source = source(self.program, self.shapes)
        self.work = sum(G * K for G, K in self._sizes()) + 64
        self.given = self._given()
        self.saved = self._saved()
        self._libraries: dict[torch.dtype, ctypes.CDLL] = {}

    def _given(self) -> list[str]:
        """Buffers of weights, biases, vectors, initial states, streams and constants, as ``fused`` passes them."""
        found = [f"{kind}:{index}" for kind in ("weight", "bias") for index, _ in self.products]
        found += [f"param:{name}" for name in self.program.vectors]
        return found + [f"initial:{state}" for state in self.program.states] + list(self.program.extras)

    def _saved(self) -> list[str]:
        """Buffers of the forward pass that the backward pass reads, those with columns."""
        widths = self.program.widths
        names = [name for name, width in widths.items() if width and ("@" in name or name in ("share", "keep", "out"))]
        return [n for n in names if not n.startswith("grad:")] + [f"hist:{name}" for name in self.program.states]

    def library(self, dtype: torch.dtype) -> ctypes.CDLL:
        """The built library for numbers of ``dtype``."""
        if dtype not in self._libraries:
            self._libraries[dtype] = build(self.source, _NUMBERS[dtype])
        return self._libraries[dtype]

    def run(self, name: str, tensors: Mapping[str, Tensor], at: Steps, models: int) -> None:
        """Call ``forward`` or ``backward`` on the named buffers."""
        some = tensors["hist:" + next(iter(self.program.states))]
        work = len(at.sizes) * at.batch * self.work
        threads = max(1, min(torch.get_num_threads(), work * models // _WORK_OF_A_THREAD, at.batch * models))
        slices = 1 if models >= threads else threads
        size = work_size(self.program, self.shapes, at.batch, 64 // some.element_size())
        scratch = torch.empty(threads * size, dtype=some.dtype)
        pointers = (ctypes.c_void_p * len(self.buffers))()
        strides = (ctypes.c_int64 * len(self.buffers))()
        for index, buffer in enumerate(self.buffers):
            tensor = tensors.get(buffer)
            if tensor is not None:
                pointers[index] = tensor.data_ptr()
                strides[index] = tensor.stride(0) if models > 1 else 0
        rows, offsets = at.rows
        job = _Job(models, len(at.sizes), at.batch, at.reverse, at.kept, slices, threads, size)
        job.rows, job.offset = ctypes.addressof(rows), ctypes.addressof(offsets)
        job.buffers, job.strides = ctypes.addressof(pointers), ctypes.addressof(strides)
        job.scratch, job.cuts = scratch.data_ptr(), ctypes.addressof(cuts := at.cuts(slices))
        rows_of = getattr(self.library(some.dtype), name)
        runtime(_NUMBERS[some.dtype]).run(ctypes.byref(job), ctypes.c_int64(len(self.buffers)), rows_of)
        del cuts

    def _sizes(self) -> list[tuple[int, int]]:
        return [product_size(kernel, self.shapes) for _, kernel in self.products]


@cache
def compiled(cell: Cell) -> Compiled:
    """The compiled form of ``cell``, once.

    Raises:
        Unsupported: see ``plan``.
    """
    return Compiled(cell)


def fused(
    cell: Cell,
    params: Mapping[str, Tensor],
    data_NI: Tensor,
    batch_sizes: Sequence[int],
    state: tuple[Tensor, ...],
    reverse: bool = False,
    extra: Mapping[str, Tensor] | None = None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run ``cell`` over all steps; arguments and results are those of ``loop``.

    Derivatives are of first order.
    """
    form = compiled(cell)
    params = cell.prepare(params)
    weights = [_rows(params[k.product.weight], k.product.rows) for _, k in form.products if k.product]
    biases = [_bias(form, kernel, params) for _, kernel in form.products]
    vectors = [params[name].reshape(-1) for name in form.program.vectors]
    extras = [(extra or {})[name] for name in form.program.extras.values()]
    arguments = (*weights, *biases, *vectors, *state, *extras)
    at = steps(tuple(batch_sizes), reverse, torch.is_grad_enabled())
    with torch.autocast(data_NI.device.type, enabled=False):
        found = _Fused.apply(form, at, data_NI, params.get("weight_ih"), _share_bias(form, params), *arguments)
    return found[0], found[1 : 1 + len(state)]


def _rows(parameter: Tensor, rows: tuple[int, int] | None) -> Tensor:
    return parameter if rows is None or rows == (0, len(parameter)) else parameter[rows[0] : rows[1]]


def _bias(form: Compiled, kernel: Kernel, params: Mapping[str, Tensor]) -> Tensor | None:
    """The bias that a product adds itself; a joint one is in the share."""
    product = kernel.product
    assert product
    in_share = form.program.places[kernel.sum].buffer == "share"
    return None if in_share or product.bias is None else _rows(params[product.bias], product.rows)


def _share_bias(form: Compiled, params: Mapping[str, Tensor]) -> Tensor | None:
    found = []
    for stage in form.stages:
        if stage.share:
            bias = _rows(params["bias_ih"], stage.share) if "bias_ih" in params else None
            if stage.joint and stage.product and stage.product.bias:
                other = _rows(params[stage.product.bias], stage.product.rows)
                bias = other if bias is None else bias + other
            if bias is not None:
                found.append(bias)
    return None if not found else found[0] if len(found) == 1 else torch.cat(found)


class _Fused(torch.autograd.Function):
    """Outputs: the output, the final states, then the buffers that the backward pass reads."""

    @staticmethod
    def forward(form: Compiled, at: Steps, *given: Any) -> Any:
        tensors = _forward(form, at, given)
        final = [_last(tensors[f"hist:{name}"], at) for name in form.program.states]
        return (_output(form, tensors, at), *final, *(tensors[name] for name in form.saved))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        form, at, *given = inputs
        ctx.mark_non_differentiable(*output[1 + len(form.program.states) :])
        ctx.set_materialize_grads(False)
        ctx.form, ctx.at, ctx.count, ctx.consumed = form, at, len(given), False
        ctx.save_for_backward(*given, *output)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        form, count = ctx.form, ctx.count
        shown = 1 + len(form.program.states)
        given, buffers = ctx.saved_tensors[:count], ctx.saved_tensors[count + shown :]
        # A second backward pass computes the buffers again: the first one wrote over them.
        buffers = (None,) * len(buffers) if ctx.consumed else buffers
        ctx.consumed = True
        needs = tuple(ctx.needs_input_grad[2:])
        # Only what is differentiated further, as under vmap, needs a function of autograd.
        reverse = _Reverse.apply if torch.is_grad_enabled() else _Reverse.forward
        return (None, None, *reverse(form, ctx.at, needs, *given, *grads[:shown], *buffers))

    @staticmethod
    def vmap(info: Any, in_dims: Any, form: Compiled, at: Steps, *given: Any) -> Any:
        found = _Fused.apply(form, at, *_models_first(info, in_dims[2:], given))
        return found, (0,) * len(found)


# Else every call inspects the function anew, which costs as much as a short sequence.
_Fused.forward.__signature__ = inspect.signature(_Fused.forward)  # pyright: ignore[reportFunctionMemberAccess]


class _Reverse(torch.autograd.Function):
    """The backward pass: gradients of what ``_Fused`` was given, from those of what it showed and its buffers."""

    @staticmethod
    def forward(form: Compiled, at: Steps, needs: tuple[bool, ...], *tensors: Any) -> Any:
        shown = 1 + len(form.program.states)
        given, grads, buffers = tensors[: len(needs)], tensors[len(needs) :][:shown], tensors[len(needs) + shown :]
        kept = _forward(form, at, given) if buffers[0] is None else dict(zip(form.saved, buffers))
        return tuple(_backward(form, at, given, kept, grads, needs))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("engine='fused' has first derivatives only: set engine='loop' for higher ones")

    @staticmethod
    def vmap(info: Any, in_dims: Any, form: Compiled, at: Steps, needs: tuple[bool, ...], *tensors: Any) -> Any:
        found = _Reverse.apply(form, at, needs, *_models_first(info, in_dims[3:], tensors))
        return found, tuple(None if value is None else 0 for value in found)


def _models_first(info: Any, dims: Sequence[int | None], tensors: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Every tensor with the dimension of the models in front."""
    return [
        t if t is None else t.movedim(dim, 0) if dim is not None else t.expand(info.batch_size, *t.shape)
        for t, dim in zip(tensors, dims)
    ]


def _given(form: Compiled, rest: Sequence[Any]) -> dict[str, Any]:
    """Weights, biases, vectors, initial states, streams and constants by the names of their buffers."""
    return {name: value.contiguous() for name, value in zip(form.given, rest) if value is not None}


def _forward(form: Compiled, at: Steps, given: Sequence[Any]) -> dict[str, Tensor]:
    data, weight_ih, bias, *rest = given
    tensors = _given(form, rest)
    leading, N = data.shape[:-2], data.shape[-2]
    widths = form.program.widths
    for name in form.saved:
        if name.startswith("hist:"):
            shape = (*leading, len(at.sizes) + 1, at.batch, form.program.states[name[5:]])
            tensors[name] = data.new_empty(shape)
        elif name != "share":
            rows = N if at.kept or name == "out" else at.batch
            tensors[name] = data.new_empty(*leading, rows, widths[name])
    if widths["share"]:
        tensors["share"] = _linear(data, weight_ih, bias)
    if form.reads_x:
        tensors["x"] = data.contiguous()
    form.run("forward", tensors, at, leading[0] if leading else 1)
    return tensors


def _linear(data: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if data.dim() == 2:
        return data @ weight.t() if bias is None else torch.addmm(bias, data, weight.t())
    return data @ weight.mT if bias is None else torch.baddbmm(bias[:, None], data, weight.mT)


def _output(form: Compiled, tensors: Mapping[str, Tensor], at: Steps) -> Tensor:
    if form.program.output.startswith("new:"):
        return _values(form, tensors, form.program.output, at)
    return tensors["out"].view_as(tensors["out"])  # another tensor: as a buffer it is not differentiable


def _values(form: Compiled, tensors: Mapping[str, Tensor], name: str, at: Steps) -> Tensor:
    """A value at all steps, packed."""
    age, _, state = name.partition(":")
    if state in form.program.states:
        hist = tensors[f"hist:{state}"]
        late = (age == "new") != at.reverse
        hist = hist.narrow(-3, int(late), len(at.sizes)).flatten(-3, -2)
        return hist if at.full else hist.index_select(-2, at.index)
    if name == "x":
        return tensors["x"]
    place = form.program.places[name]
    width = next(kernel.written[name].width for kernel in form.program.kernels if name in kernel.written)
    return tensors[place.buffer].narrow(-1, place.column, width)


def _last(hist: Tensor, at: Steps) -> Tensor:
    if at.reverse:
        return hist.select(-3, 0)
    return hist.select(-3, len(at.sizes)) if at.full else hist.flatten(-3, -2).index_select(-2, at.last)


def _backward(form: Compiled, at: Steps, given: Any, tensors: dict[str, Tensor], grads: Any, needs: Any) -> list[Any]:
    data, _, _, *rest = given
    program = form.program
    leading, N = data.shape[:-2], data.shape[-2]
    models = leading[0] if leading else 1
    tensors |= _given(form, rest)
    tensors["dout"] = _zeros(grads[0], data, (*leading, N, program.widths["dout"]))
    for state, grad in zip(program.states, grads[1:]):
        shape = (*leading, at.batch, program.states[state])
        tensors[f"dfinal:{state}"] = _zeros(grad, data, shape)
        tensors[f"dinitial:{state}"] = data.new_empty(shape)
    parts = max(1, torch.get_num_threads())
    for name, size in program.vectors.items():
        tensors[f"dparam:{name}"] = data.new_zeros(*leading, parts, size)
    if form.reads_x:
        tensors["x"] = data.contiguous()
        tensors["dx"] = torch.empty_like(tensors["x"])
    form.run("backward", tensors, at, models)
    return _collect(form, at, given, tensors, needs)


def _collect(form: Compiled, at: Steps, given: Any, tensors: Mapping[str, Tensor], needs: Any) -> list[Any]:
    """The gradients in the order of the inputs: products over all steps at once."""
    data, weight_ih, *_ = given
    dshare = tensors.get("share")
    dx = tensors["dx"] if form.reads_x else None
    if needs[0] and dshare is not None:
        dx = dshare @ weight_ih if dx is None else dx + dshare @ weight_ih
    found: list[Any] = [
        dx if needs[0] else None,
        dshare.mT @ data if needs[1] and dshare is not None else None,
        dshare.sum(-2) if needs[2] and dshare is not None else None,
    ]
    dsums = [_dsum(form, kernel, tensors) for _, kernel in form.products]
    for dsum, (_, kernel) in zip(dsums, form.products):
        found.append(dsum.mT @ _values(form, tensors, kernel.operand, at))
    for dsum, (index, _) in zip(dsums, form.products):
        found.append(dsum.sum(-2) if f"bias:{index}" in tensors else None)
    found += [tensors[f"dparam:{name}"].sum(-2) for name in form.program.vectors]
    found += [tensors[f"dinitial:{state}"] for state in form.program.states]
    return found + [None] * len(form.program.extras)


def _dsum(form: Compiled, kernel: Kernel, tensors: Mapping[str, Tensor]) -> Tensor:
    place = form.program.places[kernel.sum]
    assert kernel.product
    return tensors[place.buffer].narrow(-1, place.column, product_size(kernel, form.shapes)[0])


def _zeros(grad: Tensor | None, like: Tensor, shape: tuple[int, ...]) -> Tensor:
    return like.new_zeros(shape) if grad is None else grad.contiguous()
