from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, jacrev, stack_module_state, vmap
from torch.nn import functional as F

from rnnbench.cells import GRU, LSTM, RNN, LayerNormLSTM
from rnnbench.cells.base import Cell, Product, Stage
from rnnbench.layers import Recurrent
from rnnbench.layers.fused import engine


@dataclass(frozen=True)
class Unseen(Cell):
    """A cell of no paper, written for these tests alone: what the engine cannot have been made for.

    Two products, one of them with part of a weight and a bias; a normalised gate with a vector of its own; a
    softmax over units; a single number as a parameter; the raw input; a constrained weight; an output that is no
    state; a state that is written twice.
    """

    output = "y"

    @property
    def state(self) -> dict[str, int]:
        return {"h": self.hidden_size, "m": 3}

    @property
    def output_size(self) -> int:
        return self.hidden_size + 1

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        H, I = self.hidden_size, self.input_size
        shapes = {"weight_ih": (3 * H, I), "skew": (H, H), "weight_mh": (5, H), "bias_ih": (3 * H,), "bias_mh": (5,)}
        return shapes | {"gain": (H,), "rate": (1,), "peek": (3,)}

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        given = dict(params)
        skew = given.pop("skew")
        return given | {"weight_hh": torch.cat((skew - skew.t(), torch.tanh(skew)))}

    def stages(self) -> tuple[Stage, ...]:
        H = self.hidden_size
        first = Stage(self._gates, ("r", "h"), ("h", "gain", "x"), (0, 2 * H), Product("h", "weight_hh"), joint=True)
        product = Product("r", "weight_mh", "bias_mh", rows=(1, 4))
        return first, Stage(self._update, ("m", "h", "y"), ("h", "m", "rate", "peek"), (2 * H, 3 * H), product)

    def _gates(self, sum_BG: Tensor, h_BH: Tensor, gain_H: Tensor, x_BI: Tensor) -> tuple[Tensor, Tensor]:
        a, b = sum_BG.chunk(2, -1)
        z = torch.sigmoid(F.layer_norm(a, a.shape[-1:], gain_H) + x_BI.mean(-1, keepdim=True))
        return torch.where(b > 0, b, 0.1 * b) * z, torch.lerp(h_BH, torch.tanh(b), z)

    def _update(
        self, share_BH: Tensor, product_B3: Tensor, h_BH: Tensor, m_B3: Tensor, rate_1: Tensor, peek_3: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        m = F.softplus(product_B3) * torch.exp(-rate_1 * rate_1) + peek_3 * m_B3
        h = h_BH + torch.softmax(share_BH, -1) * m.sum(-1, keepdim=True)
        return m, torch.tanh(h), torch.cat((h * share_BH, m.mean(-1, keepdim=True)), -1)


def numbers(
    cell: type[Cell], engine: str, B: int = 4, T: int = 6, I: int = 3, H: int = 5, lengths: Sequence[int] | None = None,
    dtype: torch.dtype = torch.float64, **options: Any,
) -> dict[str, Tensor]:  # fmt: skip
    """Outputs, final states and all gradients of a layer, by name."""
    torch.manual_seed(0)
    layer = Recurrent(cell, I, H, batch_first=True, engine=engine, dtype=dtype, **options)
    x = torch.randn(B, T, I, dtype=dtype, requires_grad=True)
    rows = layer.num_layers * layer.num_directions
    states = tuple(
        torch.randn(rows, B, size, dtype=dtype, requires_grad=True) for size in layer.cells[0].state.values()
    )
    hidden = states if len(states) > 1 else states[0]
    out, final = layer(x, hidden, lengths=None if lengths is None else torch.tensor(lengths))
    finals = (final,) if isinstance(final, Tensor) else final
    loss = out.square().sum() + sum(s.pow(3).sum() for s in finals)
    inputs = {"x": x, **dict(zip(layer.cells[0].state, states)), **dict(layer.named_parameters())}
    gradients = torch.autograd.grad(loss, list(inputs.values()), materialize_grads=True, allow_unused=True)
    found = {"out": out.detach()} | {f"final {i}": s.detach() for i, s in enumerate(finals)}
    return found | dict(zip(inputs, gradients))


def same(seen: Mapping[str, Tensor], expected: Mapping[str, Tensor], tolerance: float = 1e-10) -> None:
    assert seen.keys() == expected.keys()
    for name, value in expected.items():
        scale = float(value.abs().max())
        assert seen[name].shape == value.shape
        assert float((seen[name] - value).abs().max()) <= tolerance * max(scale, 1e-5), name


@pytest.mark.parametrize("lengths", [None, (6, 6, 3, 1)], ids=["equal", "ragged"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_cell_never_seen_before_equals_its_loop(bidirectional: bool, lengths: tuple[int, ...] | None):
    """The proof: no line of C++ or of a backward pass was written for this class."""
    options = {"lengths": lengths, "bidirectional": bidirectional}
    same(numbers(Unseen, "fused", **options), numbers(Unseen, "loop", **options))


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (1, 6, 3, 5), (4, 1, 3, 5), (33, 3, 2, 17)], ids=str)
@pytest.mark.parametrize("cell", [Unseen, LSTM, GRU, LayerNormLSTM])
def test_sizes_at_the_edge(cell: type[Cell], sizes: tuple[int, ...]):
    given = dict(zip("BTIH", sizes))
    same(numbers(cell, "fused", **given), numbers(cell, "loop", **given), 1e-9 if sizes[-1] == 1 else 1e-10)


@pytest.mark.parametrize("cell", [Unseen, LSTM])
def test_float32(cell: type[Cell]):
    same(numbers(cell, "fused", dtype=torch.float32), numbers(cell, "loop", dtype=torch.float32), 1e-5)


def lstm(requires_grad: bool = False, **options: Any) -> tuple[Recurrent, Tensor]:
    torch.manual_seed(0)
    layer = Recurrent(LSTM, 3, 5, engine="fused", dtype=torch.float64, **options)
    return layer, torch.randn(6, 4, 3, dtype=torch.float64, requires_grad=requires_grad)


def test_a_retained_graph_gives_the_same_gradients_again():
    layer, x = lstm(requires_grad=True)
    loss = layer(x)[0].square().sum()
    inputs = [x, *layer.parameters()]
    first = torch.autograd.grad(loss, inputs, retain_graph=True)
    second = torch.autograd.grad(loss, inputs, retain_graph=True)
    third = torch.autograd.grad(2 * loss, inputs)
    for a, b, c in zip(first, second, third):
        assert torch.equal(a, b)
        torch.testing.assert_close(2 * a, c)


def test_second_derivatives_are_refused_with_what_to_do():
    layer, x = lstm(requires_grad=True)
    (first,) = torch.autograd.grad(layer(x)[0].square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="first derivatives only: set engine='loop'"):
        first.sum().backward()


def test_writing_into_what_the_backward_pass_reads_is_refused():
    layer, x = lstm()
    out, (h, _) = layer(x)
    loss = out.square().sum() + h.sum()
    with torch.no_grad():
        out.mul_(2)
    with pytest.raises(RuntimeError, match="inplace operation"):
        loss.backward()


@pytest.mark.parametrize("lengths", [None, (6, 3, 3, 1)], ids=["equal", "ragged"])
@pytest.mark.parametrize("cell", [Unseen, LSTM, GRU])
def test_without_gradients_the_numbers_are_the_same(cell: type[Cell], lengths: tuple[int, ...] | None):
    """Though what only the backward pass reads is then kept for one step alone."""
    torch.manual_seed(0)
    layer = Recurrent(cell, 3, 5, bidirectional=True, engine="fused", dtype=torch.float64)
    x, given = torch.randn(6, 4, 3, dtype=torch.float64), None if lengths is None else torch.tensor(lengths)
    expected, final_expected = layer(x, lengths=given)
    with torch.no_grad():
        seen, final = layer(x, lengths=given)
    assert not seen.requires_grad
    assert torch.equal(seen, expected)
    for one, other in zip(final, final_expected):
        assert torch.equal(one, other)


def test_only_the_wanted_gradients():
    layer, x = lstm(requires_grad=True)
    loss = layer(x)[0].square().sum()
    expected = torch.autograd.grad(loss, x, retain_graph=True)[0]
    layer.requires_grad_(False)
    seen = torch.autograd.grad(layer(x)[0].square().sum(), x)[0]
    assert torch.equal(seen, expected)


@pytest.mark.parametrize("cell", [Unseen, LSTM])
def test_vmap_over_models_equals_a_loop_over_them(cell: type[Cell]):
    def build(seed: int) -> Recurrent:
        torch.manual_seed(seed)
        return Recurrent(cell, 3, 5, engine="fused", dtype=torch.float64)

    layers = [build(seed) for seed in range(3)]
    x = torch.randn(6, 4, 3, dtype=torch.float64)
    stacked, _ = stack_module_state(layers)
    gradients = vmap(grad(lambda p: functional_call(layers[0], p, (x,))[0].square().sum()))(stacked)
    for m, layer in enumerate(layers):
        alone = torch.autograd.grad(
            layer(x)[0].square().sum(), list(layer.parameters()), materialize_grads=True, allow_unused=True
        )
        for (name, _), one in zip(layer.named_parameters(), alone):
            torch.testing.assert_close(gradients[name][m], one, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("lengths", [None, (6, 3, 2, 6)], ids=["equal", "ragged"])
@pytest.mark.parametrize("cell", [Unseen, LSTM, GRU, RNN])
def test_several_gradients_of_one_pass_at_once(cell: type[Cell], lengths: tuple[int, ...] | None):
    """Where only what comes from above is batched: every row of a Jacobian has buffers of its own."""
    torch.manual_seed(0)
    layer = Recurrent(cell, 3, 5, engine="fused", dtype=torch.float64)
    x, told = torch.randn(6, 4, 3, dtype=torch.float64), None if lengths is None else torch.tensor(lengths)

    def last(x: Tensor, weight: Tensor) -> Tensor:
        return functional_call(layer, {"weight_ih_l0": weight}, (x,), {"lengths": told})[0][1].flatten()

    weight = layer.weight_ih_l0.detach()
    found = jacrev(last, argnums=(0, 1))(x, weight)
    for wanted in (x, weight):
        wanted.requires_grad_()
    rows = [torch.autograd.grad(one, (x, weight), retain_graph=True) for one in last(x, weight)]
    for jacobian, expected in zip(found, zip(*rows)):
        torch.testing.assert_close(jacobian, torch.stack(expected), rtol=1e-10, atol=1e-12)


def test_gradients_that_torch_batches_itself_are_refused_in_one_line():
    layer, x = lstm(requires_grad=True)
    out = layer(x)[0][-1].flatten()
    with pytest.raises(
        RuntimeError, match=r"is_grads_batched, vectorize\): set engine='loop', or use torch.func.jacrev"
    ):
        torch.autograd.grad(out, x, torch.eye(len(out), dtype=x.dtype), is_grads_batched=True)


def test_one_vmap_inside_another_is_refused_in_one_line():
    layer, x = lstm()
    with pytest.raises(RuntimeError, match="engine='fused' runs under one vmap, not under several"):
        vmap(vmap(lambda x: layer(x)[0]))(x.expand(2, 3, *x.shape))


@pytest.mark.parametrize("lengths", [None, (6, 6, 5, 3, 2, 1, 1, 1)], ids=["equal", "ragged"])
@pytest.mark.parametrize("cell", [Unseen, LayerNormLSTM])
@pytest.mark.parametrize("own", [False, True], ids=["openmp", "own_threads"])
def test_two_threads_give_what_one_gives(
    cell: type[Cell], lengths: tuple[int, ...] | None, own: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine, "_WORK_OF_A_THREAD", 1)
    if own:
        monkeypatch.setattr(engine, "_team", lambda: None)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = numbers(cell, "fused", B=8, lengths=lengths)
        torch.set_num_threads(2)
        two = numbers(cell, "fused", B=8, lengths=lengths)
    finally:
        torch.set_num_threads(before)
    same(two, one, 1e-12)


def test_layers_run_side_by_side_in_threads():
    layer, x = lstm()
    expected, found = layer(x)[0], []
    workers = [threading.Thread(target=lambda: found.append(layer(x)[0])) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 4
    assert all(torch.equal(out, expected) for out in found)


@pytest.mark.parametrize("cell", [LSTM, RNN])
def test_autocast_is_the_loops(cell: type[Cell]):
    """Half precision has no compiled code: the loop's numbers, exactly."""
    torch.manual_seed(0)
    layer, x = Recurrent(cell, 3, 5, num_layers=2, engine="fused"), torch.randn(6, 4, 3)
    loop = Recurrent(cell, 3, 5, num_layers=2, engine="loop")
    loop.load_state_dict(layer.state_dict())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        seen, expected = layer(x)[0], loop(x)[0]
    assert seen.dtype == expected.dtype
    assert torch.equal(seen, expected)
    seen.sum().backward()


def test_another_precision_than_the_parameters_is_refused_as_by_torch():
    layer, x = lstm()
    with pytest.raises(RuntimeError, match="dtype"):
        layer(x.float())


def test_inputs_need_not_be_contiguous():
    layer, x = lstm()
    wide = torch.randn(4, 6, 7, dtype=torch.float64)
    wide[..., ::3] = x.transpose(0, 1)
    h = torch.zeros(5, 4, 1, dtype=torch.float64).permute(2, 1, 0)
    assert torch.equal(layer(wide[..., ::3].transpose(0, 1), (h, h))[0], layer(x)[0])


def test_gradients_that_come_in_are_strided_as_they_please():
    layer, x = lstm(requires_grad=True)
    (expected,) = torch.autograd.grad(layer(x)[0].sum(), x)  # an expanded gradient, all strides 0
    (seen,) = torch.autograd.grad(layer(x)[0], x, torch.ones(6, 5, 4, dtype=torch.float64).transpose(1, 2))
    assert torch.equal(seen, expected)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_in_its_row(bad: float):
    torch.manual_seed(0)
    layer, x = Recurrent(RNN, 3, 5, engine="fused"), torch.randn(6, 4, 3)
    x[2, 1] = bad
    out = layer(x)[0]
    assert out[:2].isfinite().all()
    assert out[:, [0, 2, 3]].isfinite().all()
    assert out[2:, 1].isnan().any()


@pytest.mark.parametrize("threads", [1, 2])
def test_gradients_too_small_for_a_float_are_zero_and_the_processor_is_left_as_it_was(threads):
    before = torch.get_num_threads()
    torch.set_flush_denormal(False)
    torch.set_num_threads(threads)
    try:
        layer = Recurrent(RNN, 1, 1, engine="fused")
        with torch.no_grad():
            for name, value in layer.named_parameters():
                value.fill_(1.0 if "ih" in name and "weight" in name else 0.1 if "weight" in name else 0.0)
        x_TBI = torch.zeros(60, 64, 1, requires_grad=True)
        layer(x_TBI)[0][-1].sum().backward()
        expected_T = 0.1 ** torch.arange(59, -1, -1, dtype=torch.float64)
        assert x_TBI.grad is not None
        for b in (0, 63):
            found_T = x_TBI.grad[:, b, 0].double()
            large = expected_T > torch.finfo(torch.float32).tiny
            torch.testing.assert_close(found_T[large], expected_T[large], rtol=1e-4, atol=0.0)
            assert (~large).sum() > 20
            assert not found_T[~large].any()
        assert (torch.tensor(1e-30) * 1e-10).item() > 0
    finally:
        torch.set_num_threads(before)
