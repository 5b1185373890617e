"""What every cell keeps: checks that need nothing but the cell.

``find_cells`` finds the cells, ``examples`` their option variants, ``CHECKS`` holds the checks. A check raises
``AssertionError`` with a sentence that says what does not hold. Numbers are compared relative to the largest of
the expected ones, in float64 to 1e-10.

Shape suffixes: B sequences, T padded steps, I input, S size of a state, M models.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap

import rnnbench.cells
from rnnbench.cells import Cell
from rnnbench.cells.base import choices
from rnnbench.layers.engines import engines_for
from rnnbench.layers.recurrent import Recurrent

LENGTHS = (3, 5, 1, 5)


@dataclass(frozen=True)
class Example:
    """A cell with one set of options, small enough to check.

    Attributes:
        cell: the class.
        options: its options by name, ``bias`` among them.
        input_size: features of the input.
        hidden_size: units.
    """

    cell: type[Cell]
    options: tuple[tuple[str, Any], ...]
    input_size: int = 4
    hidden_size: int = 5

    def __str__(self) -> str:
        return f"{self.cell.__name__}({', '.join(f'{name}={value}' for name, value in self.options)})"

    def build(self) -> Cell:
        """The cell itself."""
        return self.cell(self.input_size, self.hidden_size, **dict(self.options))

    def layer(
        self, dtype: torch.dtype = torch.float64, seed: int = 0, engine: str = "loop", **arguments: Any
    ) -> Recurrent:
        """A layer of the cell, batch first; its weights are drawn from ``seed``."""
        options = dict(self.options)
        bias = options.pop("bias", True)
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            cell = partial(self.cell, **options)
            sizes = (self.input_size, self.hidden_size)
            given = {"bias": bias, "batch_first": True, "engine": engine, "dtype": dtype}
            return Recurrent(cell, *sizes, **given, **arguments)

    def inputs(self, *leading: int, dtype: torch.dtype = torch.float64) -> Tensor:
        """Standard normal numbers ``(*leading, I)``, always the same."""
        generator = torch.Generator().manual_seed(1)
        return torch.randn(*leading, self.input_size, generator=generator, dtype=dtype)

    def states(self, batch: int) -> tuple[Tensor, ...]:
        """An initial state of a one-layer layer, ``(1, B, S)`` each, always the same."""
        generator = torch.Generator().manual_seed(2)
        sizes = self.build().state.values()
        return tuple(torch.randn(1, batch, size, generator=generator, dtype=torch.float64) for size in sizes)


def find_cells() -> list[type[Cell]]:
    """Every cell that ``rnnbench.cells`` exports; the bases that cells share are not exported."""
    exported = [found for found in vars(rnnbench.cells).values() if inspect.isclass(found)]
    return [found for found in exported if issubclass(found, Cell) and found is not Cell]


def examples(cell: type[Cell]) -> list[Example]:
    """All combinations of the ``Literal`` and ``bool`` options, alone and with each set in ``cell.examples``.

    Combinations that the cell refuses with ``ValueError`` are left out; a cell that wants equal sizes gets them.

    Raises:
        AssertionError: the cell refuses every combination.
    """
    options = choices(cell)
    found = [
        fitting
        for values in itertools.product(*options.values())
        for more in ({}, *cell.examples)
        if (fitting := _fitting(Example(cell, tuple({**dict(zip(options, values)), **more}.items()))))
    ]
    assert found, f"{cell.__name__} refuses every combination of its options"
    return found


def _fitting(example: Example) -> Example | None:
    for tried in (example, replace(example, input_size=example.hidden_size)):
        try:
            tried.build()
        except ValueError:
            continue
        return tried
    return None


def check_description(example: Example) -> None:
    """Stages name what exists, write every state, use every parameter; the shares cover ``weight_ih`` in order."""
    cell = example.build()
    params = {name: torch.zeros(shape) for name, shape in cell.parameter_shapes().items()}
    shapes = {name: tuple(value.shape) for name, value in cell.prepare(params).items()}
    known = {*cell.state, *shapes, "x"}
    used, written, covered = set(), set(), 0
    for stage in cell.stages():
        if stage.share:
            assert stage.share[0] == covered, f"{example}: share {stage.share} does not begin at row {covered}"
            covered = stage.share[1]
            used |= {"weight_ih", "bias_ih"} & set(shapes)
        product = stage.product
        assert product or not stage.joint, f"{example}: a joint stage has no product"
        named = {*stage.inputs} | ({product.value, product.weight} if product else set())
        named |= {product.bias} if product and product.bias else set()
        assert named <= known, f"{example}: {sorted(named - known)} is not known to the stage that reads it"
        used |= named & set(shapes)
        known |= set(stage.writes)
        written |= set(stage.writes)
    rows = shapes["weight_ih"][0] if "weight_ih" in shapes else 0
    assert covered == rows, f"{example}: shares cover {covered} of {rows} rows of weight_ih"
    assert used == set(shapes), f"{example}: no stage uses {sorted(set(shapes) - used)}"
    assert set(cell.state) <= written, f"{example}: no stage writes {sorted(set(cell.state) - written)}"
    assert cell.output in written, f"{example}: no stage writes the output {cell.output!r}"
    assert hash(cell) == hash(example.build()), f"{example}: two equal cells have different hashes"


def check_parameters(example: Example) -> None:
    """The layer has the declared parameters; one seed gives one set of finite weights, another seed another."""
    layer, again, other = example.layer(), example.layer(), example.layer(seed=1)
    shapes = {name + "_l0": shape for name, shape in example.build().parameter_shapes().items()}
    seen = {name: tuple(parameter.shape) for name, parameter in layer.named_parameters()}
    assert seen == shapes, f"{example}: parameters {seen}, declared {shapes}"
    for name, parameter in layer.named_parameters():
        assert parameter.isfinite().all(), f"{example}: {name} is not filled"
        assert torch.equal(parameter, again.get_parameter(name)), f"{example}: {name} differs between equal seeds"
    differ = [not torch.equal(p, q) for p, q in zip(layer.parameters(), other.parameters())]
    assert any(differ), f"{example}: the weights do not depend on the seed"


def check_gradients(example: Example) -> None:
    """First and second derivatives with respect to input, state and parameters are those of the function."""
    layer, lengths = example.layer(), torch.tensor((2, 3))
    names = [name for name, _ in layer.named_parameters()]
    states = example.states(2)

    def run(x_BTI: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        hidden, params = rest[: len(states)], dict(zip(names, rest[len(states) :]))
        out, final = functional_call(layer, params, (x_BTI, _hidden(hidden)), {"lengths": lengths})
        return out, *_tuple(final)

    inputs = [t.detach().requires_grad_() for t in (example.inputs(2, 3), *states, *layer.parameters())]
    assert torch.autograd.gradcheck(run, inputs, fast_mode=True), f"{example}: wrong gradient"
    assert torch.autograd.gradgradcheck(run, inputs, fast_mode=True), f"{example}: wrong second derivative"


def check_padding(example: Example) -> None:
    """A padded batch equals its sequences one by one, in outputs and gradients, whatever the padding holds."""
    layer, states = example.layer(), example.states(len(LENGTHS))
    x_BTI = example.inputs(len(LENGTHS), max(LENGTHS))
    beyond_BT = torch.arange(max(LENGTHS)) >= torch.tensor(LENGTHS)[:, None]
    x_BTI[beyond_BT] = float("nan")
    x_BTI.requires_grad_()
    out_BTO, final = layer(x_BTI, _hidden(states), lengths=torch.tensor(LENGTHS))
    assert (out_BTO[beyond_BT] == 0).all(), f"{example}: the output beyond the length is not zero"
    together = torch.autograd.grad(_loss(out_BTO, final), (x_BTI, *layer.parameters()))
    assert (together[0][beyond_BT] == 0).all(), f"{example}: the gradient of the padding is not zero"
    loss = torch.zeros((), dtype=torch.float64)
    for b, length in enumerate(LENGTHS):
        one, one_final = layer(x_BTI[b : b + 1, :length], _hidden(tuple(s[:, b : b + 1] for s in states)))
        _equal(out_BTO[b, :length], one[0], f"{example}: output of sequence {b} in a padded batch")
        for padded, alone in zip(_tuple(final), _tuple(one_final)):
            _equal(padded[:, b], alone[:, 0], f"{example}: final state of sequence {b} in a padded batch")
        loss = loss + _loss(one, one_final)
    apart = torch.autograd.grad(loss, (x_BTI, *layer.parameters()))
    for name, a, b in zip(("input", *dict(layer.named_parameters())), together, apart):
        _equal(a, b, f"{example}: gradient of {name} in a padded batch")


def check_reverse(example: Example) -> None:
    """The backward direction of a bidirectional layer is the layer run on every sequence turned round."""
    both, layer = example.layer(bidirectional=True), example.layer()
    for name, parameter in layer.named_parameters():
        parameter.data = both.get_parameter(name + "_reverse").data
    x_BTI = example.inputs(len(LENGTHS), max(LENGTHS))
    out_BTO, final = both(x_BTI, lengths=torch.tensor(LENGTHS))
    O = layer.output_size
    for b, length in enumerate(LENGTHS):
        turned, turned_final = layer(x_BTI[b : b + 1, :length].flip(1))
        _equal(out_BTO[b, :length, O:], turned[0].flip(0), f"{example}: backward output of sequence {b}")
        for s, t in zip(_tuple(final), _tuple(turned_final)):
            _equal(s[1, b], t[0, 0], f"{example}: backward final state of sequence {b}")


def check_chunks(example: Example) -> None:
    """Two chunks with the state carried between them equal the whole."""
    layer, x_BTI, states = example.layer(num_layers=1), example.inputs(3, 6), example.states(3)
    whole, whole_final = layer(x_BTI, _hidden(states))
    first, carried = layer(x_BTI[:, :4], _hidden(states))
    second, final = layer(x_BTI[:, 4:], carried)
    _equal(torch.cat((first, second), 1), whole, f"{example}: output in two chunks")
    for a, b in zip(_tuple(final), _tuple(whole_final)):
        _equal(a, b, f"{example}: final state after two chunks")


def check_rows(example: Example) -> None:
    """The gradient of one sequence's output with respect to another sequence is exactly zero."""
    layer, x_BTI = example.layer(), example.inputs(3, 4).requires_grad_()
    states = tuple(s.requires_grad_() for s in example.states(3))
    out_BTO, _ = layer(x_BTI, _hidden(states))
    for b in range(3):
        inputs = (x_BTI, *states)
        gradients = torch.autograd.grad(out_BTO[b].sum(), inputs, retain_graph=True, materialize_grads=True)
        others = torch.arange(3) != b
        assert (gradients[0][others] == 0).all(), f"{example}: the input of another sequence matters"
        assert all((g[:, others] == 0).all() for g in gradients[1:]), f"{example}: another's state matters"
        assert (gradients[0][b] != 0).any(), f"{example}: the output does not depend on the input"


def check_vmap(example: Example) -> None:
    """``vmap`` over stacked parameters equals a Python loop over models, in outputs and gradients."""
    layers: list[nn.Module] = [example.layer(seed=seed, num_layers=1) for seed in range(3)]
    x_BTI, lengths = example.inputs(len(LENGTHS), max(LENGTHS)), torch.tensor(LENGTHS)

    def loss(params: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
        out, final = functional_call(layers[0], params, (x,), {"lengths": lengths})
        return _loss(out, final), out

    stacked, _ = stack_module_state(layers)
    gradients, out_MBTO = vmap(grad(loss, has_aux=True), in_dims=(0, None))(stacked, x_BTI)
    for m, layer in enumerate(layers):
        out, final = layer(x_BTI, lengths=lengths)
        _equal(out_MBTO[m], out, f"{example}: output under vmap")
        alone = torch.autograd.grad(_loss(out, final), list(layer.parameters()))
        for (name, _), one in zip(layer.named_parameters(), alone):
            _equal(gradients[name][m], one, f"{example}: gradient of {name} under vmap")


def check_float32(example: Example) -> None:
    """The float32 error of outputs against float64 (median of three inputs) is at most twice that of ``nn.LSTM``."""
    larger = replace(example, input_size=40 if example.input_size == example.hidden_size else 24, hidden_size=40)
    error = median(_float32_error(larger.layer, x_BTI) for x_BTI in larger.inputs(3, 4, 50))
    allowed = 2 * _lstm_error(larger.input_size)
    assert error <= allowed, f"{example}: float32 error {error:.1e}, allowed {allowed:.1e}"


def check_autocast(example: Example) -> None:
    """Mixed precision, in which products are bfloat16 and states float32, runs forward and backward."""
    layer = example.layer(torch.float32)
    x_BTI = example.inputs(2, 3, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        out, _ = layer(x_BTI)
    for g in torch.autograd.grad(out.float().square().sum(), list(layer.parameters()), materialize_grads=True):
        assert g.isfinite().all(), f"{example}: a gradient is not finite under autocast"


def check_engines(example: Example) -> None:
    """Every engine that can run the cell equals the plain loop: outputs, final states and all gradients.

    In both directions, for equal and unequal lengths, from a given initial state.
    """
    engines = [engine for engine in engines_for(example.build()) if engine != "loop"]
    for lengths in (LENGTHS, (max(LENGTHS),) * len(LENGTHS), (1,)):
        expected = _numbers(example, "loop", lengths)
        for engine in engines:
            for (name, one), other in zip(_numbers(example, engine, lengths).items(), expected.values()):
                _equal(one, other, f"{example}: {name} by the engine {engine!r} with lengths {lengths}")


def _numbers(example: Example, engine: str, lengths: tuple[int, ...]) -> dict[str, Tensor]:
    """Outputs, final states and gradients of a bidirectional layer, by name."""
    layer = example.layer(engine=engine, bidirectional=True)
    x_BTI = example.inputs(len(lengths), max(lengths)).requires_grad_()
    names = tuple(example.build().state)
    states = tuple(s.repeat(2, 1, 1).requires_grad_() for s in example.states(len(lengths)))
    out, final = layer(x_BTI, _hidden(states), lengths=torch.tensor(lengths))
    inputs = {"input": x_BTI, **dict(zip(names, states)), **dict(layer.named_parameters())}
    # Not every cell reads its whole state: one without peepholes at a single step, say.
    gradients = torch.autograd.grad(_loss(out, final), list(inputs.values()), allow_unused=True, materialize_grads=True)
    found = {"output": out} | {f"final state {name}": s for name, s in zip(names, _tuple(final))}
    return found | {f"gradient of {name}": g for name, g in zip(inputs, gradients)}


def checks(cell: type[Cell]) -> list[Callable[[Example], None]]:
    """The checks that ``cell`` does not declare an exception from."""
    return [check for check in CHECKS if check.__name__.removeprefix("check_") not in cell.exceptions]


CHECKS: tuple[Callable[[Example], None], ...] = (
    check_description,
    check_parameters,
    check_gradients,
    check_padding,
    check_reverse,
    check_chunks,
    check_rows,
    check_vmap,
    check_float32,
    check_autocast,
    check_engines,
)


@cache
def _lstm_error(input_size: int) -> float:
    def lstm(dtype: torch.dtype) -> nn.Module:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(0)
            return nn.LSTM(input_size, 40, batch_first=True, dtype=dtype)

    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(3, 4, 50, input_size, generator=generator, dtype=torch.float64)
    return median(_float32_error(lstm, x_BTI) for x_BTI in inputs)


@torch.no_grad()
def _float32_error(build: Callable[[torch.dtype], nn.Module], x_BTI: Tensor) -> float:
    """Relative error of the output in the Euclidean norm, with weights and input representable in float32."""
    x32, single, double = x_BTI.float(), build(torch.float32), build(torch.float64)
    double.load_state_dict(single.state_dict())
    exact = double(x32.double())[0]
    return float((single(x32)[0].double() - exact).norm() / exact.norm())


def _hidden(states: tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
    return states[0] if len(states) == 1 else states


def _tuple(hidden: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (hidden,) if isinstance(hidden, Tensor) else hidden


def _loss(out: Tensor, final: Tensor | tuple[Tensor, ...]) -> Tensor:
    """A sum in which no two outputs weigh the same way: squares, and another power for the final state."""
    return out.square().sum() + sum((s.pow(3).sum() for s in _tuple(final)), torch.zeros((), dtype=out.dtype))


def _equal(seen: Tensor, expected: Tensor, what: str, tolerance: float = 1e-10) -> None:
    assert seen.shape == expected.shape, f"{what}: shape {tuple(seen.shape)}, expected {tuple(expected.shape)}"
    error = float((seen - expected).detach().abs().max() / expected.detach().abs().max().clamp_min(1e-30))
    assert error <= tolerance, f"{what}: differs by {error:.1e} of the largest number"
