"""The fused engine: no Python inside the loop over time, and a backward pass derived from the cell.

Shape suffixes: N real steps of all sequences together, B sequences, T steps, G gate rows, O output, S size of a
state. Under ``vmap`` every tensor has one more leading dimension, that of the models.
"""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnnbench.cells import Cell
from rnnbench.layers.fused.build import build, runtime
from rnnbench.layers.fused.emit import buffers, product_size, source, work_size
from rnnbench.layers.fused.program import Program, plan
from rnnbench.layers.fused.steps import Steps, steps
from rnnbench.layers.fused.trace import Kernel
from rnnbench.layers.fused.weights import Rows, Weights
from rnnbench.layers.shapes import prepared_shapes

_NUMBERS = {torch.float32: "float", torch.float64: "double"}
# Below this many multiplications a worker, waking a thread costs more than it saves.
_WORK_OF_A_THREAD = 4_000_000


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
        self._pointers, self._strides = ctypes.c_void_p * len(self.buffers), ctypes.c_int64 * len(self.buffers)
        self.products = [(i, kernel) for i, kernel in enumerate(self.program.kernels) if kernel.product]
        self.reads_x = "x" in {kernel.operand for _, kernel in self.products} or any(
            store.place.buffer == "dx" for kernel in self.program.kernels for store in kernel.backward
        )
        self.source = source(self.program, self.shapes)
        self.work = sum(G * K for G, K in self._sizes()) + 64
        self.weights = Weights(self.program, cell.stages(), self.shapes)
        self.given = [*(f"initial:{state}" for state in self.program.states), *self.program.extras]
        self.saved = self._saved()
        self._scratch: dict[tuple[int, int], int] = {}
        self._libraries: dict[torch.dtype, ctypes.CDLL] = {}

    def _saved(self) -> dict[str, int]:
        """Buffers of the forward pass that the backward pass reads, those with columns, and their widths."""
        kept = {
            name: width
            for name, width in self.program.widths.items()
            if width and ("@" in name or name in ("share", "keep", "out")) and not name.startswith("grad:")
        }
        return kept | {f"hist:{name}": width for name, width in self.program.states.items()}

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
        size = self._work_size(at.batch, 64 // some.element_size())
        scratch = torch.empty(threads * size, dtype=some.dtype)
        here = [tensors.get(buffer) for buffer in self.buffers]
        try:
            pointers = self._pointers(*(None if tensor is None else tensor.data_ptr() for tensor in here))
        except RuntimeError as error:
            text = "engine='fused' cannot run where torch batches gradients itself (is_grads_batched, vectorize)"
            raise RuntimeError(f"{text}: set engine='loop', or use torch.func.jacrev") from error
        strides = self._strides(*(tensor.stride(0) if tensor is not None and models > 1 else 0 for tensor in here))
        rows, offsets = at.rows
        job = _Job(models, len(at.sizes), at.batch, at.reverse, at.kept, slices, threads, size)
        job.rows, job.offset = ctypes.addressof(rows), ctypes.addressof(offsets)
        job.buffers, job.strides = ctypes.addressof(pointers), ctypes.addressof(strides)
        job.scratch, job.cuts = scratch.data_ptr(), ctypes.addressof(cuts := at.cuts(slices))
        rows_of = getattr(self.library(some.dtype), name)
        runtime(_NUMBERS[some.dtype]).run(ctypes.byref(job), ctypes.c_int64(len(self.buffers)), rows_of, _team())
        del cuts

    def _work_size(self, rows: int, lanes: int) -> int:
        if (rows, lanes) not in self._scratch:
            self._scratch[rows, lanes] = work_size(self.program, self.shapes, rows, lanes)
        return self._scratch[rows, lanes]

    def _sizes(self) -> list[tuple[int, int]]:
        return [product_size(kernel, self.shapes) for _, kernel in self.products]


@cache
def _team() -> ctypes.c_void_p | None:
    """What starts a team of the OpenMP library that torch has loaded; None where that has another interface."""
    try:
        return ctypes.cast(ctypes.CDLL(None).GOMP_parallel, ctypes.c_void_p)
    except (AttributeError, OSError, TypeError):  # TypeError: Windows has no table of all symbols
        return None


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
    extras = [extra[name] for name in form.program.extras.values()] if extra else []
    at = steps(tuple(batch_sizes), reverse, torch.is_grad_enabled())
    given = (*[params[name] for name in form.weights.names], *state, *extras)
    found = _Fused.apply(form, at, data_NI, *given)
    return found[0], found[1 : 1 + len(state)]


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
        saved = ctx.saved_tensors  # unpacked anew at each look
        given, buffers = saved[:count], saved[count + shown :]
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


class _AsGiven(inspect.Signature):
    """Of a function whose arguments are all there and in place: torch binds them anew at every call."""

    def bind(self, *args: Any, **kwargs: Any) -> Any:
        return _Bound(args, kwargs)


class _Bound(NamedTuple):
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def apply_defaults(self) -> None: ...


_Fused.forward.__signature__ = _AsGiven()  # pyright: ignore[reportFunctionMemberAccess]


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
        first = _models_first(info, in_dims[3:], tensors)
        written = len(needs) + 1 + len(form.program.states)  # from here on; each model writes into its own
        first[written:] = [t if t is None else t.contiguous() for t in first[written:]]
        found = _Reverse.apply(form, at, needs, *first)
        return found, tuple(None if value is None else 0 for value in found)


def _models_first(info: Any, dims: Sequence[int | None], tensors: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Every tensor with the dimension of the models in front."""
    data = tensors[0]
    if data is not None and data.dim() - (dims[0] is not None) > 2:
        raise RuntimeError("engine='fused' runs under one vmap, not under several: set engine='loop'")
    return [
        t if t is None else t.movedim(dim, 0) if dim is not None else t.expand(info.batch_size, *t.shape)
        for t, dim in zip(tensors, dims)
    ]


def _named(form: Compiled, given: Sequence[Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The prepared parameters by name; they, initial states, streams and constants by the names of their buffers."""
    params = dict(zip(form.weights.names, given[1:]))
    tensors = form.weights.buffers(params)
    tensors.update((name, v.contiguous()) for name, v in zip(form.given, given[1 + len(params) :]))
    return params, tensors


def _forward(form: Compiled, at: Steps, given: Sequence[Tensor]) -> dict[str, Tensor]:
    data = given[0]
    params, tensors = _named(form, given)
    leading, N = data.shape[:-2], data.shape[-2]
    for name, width in form.saved.items():
        if name.startswith("hist:"):
            tensors[name] = data.new_empty((*leading, len(at.sizes) + 1, at.batch, width))
        elif name != "share":
            tensors[name] = data.new_empty((*leading, N if at.kept or name == "out" else at.batch, width))
    if form.weights.shared:
        tensors["share"] = _linear(data, params["weight_ih"], form.weights.share_bias(params))
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


def _backward(
    form: Compiled, at: Steps, given: Sequence[Tensor], tensors: dict[str, Tensor], grads: Any, needs: Sequence[bool]
) -> list[Tensor | None]:
    data, program = given[0], form.program
    leading, N = data.shape[:-2], data.shape[-2]
    models = leading[0] if leading else 1
    params, named = _named(form, given)
    tensors |= named
    tensors["dout"] = _zeros(grads[0], data, (*leading, N, program.widths["dout"]))
    for state, grad in zip(program.states, grads[1:]):
        shape = (*leading, at.batch, program.states[state])
        tensors[f"dfinal:{state}"] = _zeros(grad, data, shape)
        tensors[f"dinitial:{state}"] = data.new_empty(shape)
    parts = max(1, torch.get_num_threads())
    for name, size in program.vectors.items():
        tensors[f"dparam:{name}"] = data.new_zeros((*leading, parts, size))
    if form.reads_x:
        tensors["x"] = data.contiguous()
        tensors["dx"] = torch.empty_like(tensors["x"])
    form.run("backward", tensors, at, models)
    wanted = dict(zip(form.weights.names, needs[1:]))
    whole = form.weights.gradients(_parts(form, at, data, tensors, wanted))
    found = [_dx(params, tensors) if needs[0] else None, *(whole.get(name) for name in wanted)]
    found += [tensors[f"dinitial:{state}"] for state in program.states]
    return found + [None] * len(program.extras)


def _dx(params: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> Tensor | None:
    dx = tensors.get("dx")
    if "share" not in tensors:
        return dx
    through_share = tensors["share"] @ params["weight_ih"]
    return through_share if dx is None else dx + through_share


def _parts(
    form: Compiled, at: Steps, data: Tensor, tensors: Mapping[str, Tensor], wanted: Mapping[str, bool]
) -> Iterator[tuple[Rows, Tensor]]:
    """The gradients of rows of parameters: products over all steps at once."""
    weights, dshare = form.weights, tensors.get("share")
    if dshare is not None:
        if wanted["weight_ih"]:
            yield Rows("weight_ih"), dshare.mT @ data
        if any(wanted[rows.name] for _, biases in weights.shared for rows in biases):
            yield from weights.share_bias_gradients(dshare.sum(-2))
    for index, kernel in form.products:
        dsum = _dsum(form, kernel, tensors)
        if wanted[weights.products[index].name]:
            yield weights.products[index], dsum.mT @ _values(form, tensors, kernel.operand, at)
        if index in weights.biases:
            yield weights.biases[index], dsum.sum(-2)
    for name in weights.vectors:
        yield Rows(name), tensors[f"dparam:{name}"].sum(-2).view(*data.shape[:-2], *form.shapes[name])


def _dsum(form: Compiled, kernel: Kernel, tensors: Mapping[str, Tensor]) -> Tensor:
    place = form.program.places[kernel.sum]
    assert kernel.product
    return tensors[place.buffer].narrow(-1, place.column, product_size(kernel, form.shapes)[0])


def _zeros(grad: Tensor | None, like: Tensor, shape: tuple[int, ...]) -> Tensor:
    return like.new_zeros(shape) if grad is None else grad.contiguous()
