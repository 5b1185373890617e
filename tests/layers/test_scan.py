"""Which cells scan, and what their layout does; that the numbers are the loop's is the contract's ``check_engines``."""

from dataclasses import dataclass
from typing import Literal

import pytest
import torch

from rnnbench.cells import GRU, LRU, LSTM, MLSTM, QRNN, S4D, SLSTM, SRU, Cell, MinGRU, MinLSTM, Product, Stage
from rnnbench.layers import Recurrent
from rnnbench.layers.engines import loop
from rnnbench.layers.scan import scan, scannable


@pytest.mark.parametrize(
    ("cell", "options", "able"),
    [
        (MinGRU, {}, True),
        (MinLSTM, {"recurrence": "log"}, True),
        (LRU, {}, True),
        (S4D, {"init": "real"}, True),
        (QRNN, {"pooling": "ifo"}, True),
        (MLSTM, {}, True),
        (SRU, {}, True),
        (SRU, {"peephole": True}, False),
        (SLSTM, {}, False),
        (GRU, {}, False),
        (LSTM, {}, False),
    ],
)
def test_scannable_follows_from_the_stages(cell, options, able):
    assert scannable(cell(3, 4, **options)) is able


def _copy(v):
    return (v,)


def _decay(share, a):
    return torch.sigmoid(a), share


def _decay_by(share, a, other):
    return torch.sigmoid(a + other), share


@dataclass(frozen=True)
class Wired(Cell):
    """Two recurrences, u and h; what feeds what is the option."""

    wiring: Literal["apart", "chain", "across", "circle", "twice", "detached"] = "apart"

    @property
    def state(self):
        return {"h": self.hidden_size, "u": self.hidden_size, "last": self.hidden_size}

    def parameter_shapes(self):
        H = self.hidden_size
        return {"weight_ih": (2 * H, self.input_size), "weight_hh": (H, H), "a": (H,)}

    def stages(self):
        H = self.hidden_size
        first, second = (0, H), (H, 2 * H)
        reads_h = ("a", "h") if self.wiring == "circle" else ("a",)
        # Before the recurrence that writes u has run, "u" is its old value; afterwards the new one.
        step_u = Stage(_decay_by if "h" in reads_h else _decay, ("u",), reads_h, first, recurrence="linear")
        product = Product("u", "weight_hh", detach=self.wiring == "detached")
        other = "last" if self.wiring == "across" else "u"
        step_h = Stage(_decay_by, ("h",), ("a", other), second, product, joint=True, recurrence="linear")
        keep = Stage(_copy, ("last",), ("u",))
        again = (Stage(_copy, ("h",), ("h",)),) if self.wiring == "twice" else ()
        return (step_h, step_u, *again, keep) if self.wiring == "chain" else (step_u, step_h, *again, keep)


def test_a_circle_that_is_no_recurrence_is_seen():
    able = [
        wiring
        for wiring in ("apart", "chain", "across", "circle", "twice", "detached")
        if scannable(Wired(3, 4, wiring=wiring))
    ]
    # A recurrent state that another stage writes too is not that recurrence's alone.
    assert able == ["apart", "chain", "across", "detached"]


@pytest.mark.parametrize("wiring", ["apart", "chain", "across", "detached"])
@pytest.mark.parametrize("batch_sizes", [[3] * 40, [4, 4, 2, 1, 1], [2], [1, 1]], ids=len)
@pytest.mark.parametrize("reverse", [False, True])
def test_equals_the_loop_however_the_stages_are_wired(wiring, batch_sizes, reverse):
    cell, generator = Wired(3, 4, wiring=wiring), torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).mul(0.5).requires_grad_()

    params = {name: draw(*shape) for name, shape in cell.parameter_shapes().items()}
    x, state = draw(sum(batch_sizes), 3), tuple(draw(batch_sizes[0], 4) for _ in range(3))
    found = []
    for engine in (loop, scan):
        out, final = engine(cell, params, x, batch_sizes, state, reverse)
        loss = out.square().sum() + sum(s.pow(3).sum() for s in final)
        inputs = (x, *state, *params.values())
        found.append((out, *final, *torch.autograd.grad(loss, inputs, materialize_grads=True, allow_unused=True)))
    for expected, seen in zip(*found):
        torch.testing.assert_close(seen, expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    "cell", [MinGRU(3, 4, recurrence="log"), LRU(3, 4), QRNN(3, 4), S4D(3, 4, states=4), MLSTM(3, 4, heads=2)], ids=repr
)
def test_a_long_sequence_equals_the_loop(cell):
    """Long enough for chunks: 1000 steps, in float64 to 1e-10."""
    torch.manual_seed(0)
    layer = Recurrent(lambda **sizes: cell, 3, 4, engine="loop", dtype=torch.float64)
    x = torch.randn(1000, 2, 3, dtype=torch.float64)
    found = []
    for engine in ("loop", "scan"):
        layer.engine = engine
        out, _ = layer(x, lengths=torch.tensor([1000, 700]))
        found.append((out, *torch.autograd.grad(out.square().sum(), list(layer.parameters()))))
    for expected, seen in zip(*found):
        error = (seen - expected).abs().max() / expected.abs().max()
        assert float(error.detach()) < 1e-10


@pytest.mark.parametrize("cell", [MinGRU, LRU, MLSTM])
def test_second_derivatives_and_vmap(cell):
    torch.manual_seed(0)
    layer = Recurrent(cell, 3, 4, engine="scan", dtype=torch.float64)
    names, values = zip(*((name, p.detach().requires_grad_()) for name, p in layer.named_parameters()))
    x = torch.randn(5, 2, 3, dtype=torch.float64)

    def run(*params, engine="scan"):
        layer.engine = engine
        return torch.func.functional_call(layer, dict(zip(names, params)), (x,), {"lengths": torch.tensor([5, 3])})[0]

    assert torch.autograd.gradgradcheck(run, values, fast_mode=True)
    stacked = [torch.stack((v.detach(), 1.1 * v.detach())) for v in values]
    gradient = torch.func.grad(lambda *params, engine: run(*params, engine=engine).square().sum())
    together = torch.func.vmap(lambda *params: gradient(*params, engine="scan"))(*stacked)
    expected = torch.stack([gradient(*[v[m] for v in stacked], engine="loop") for m in range(2)])
    torch.testing.assert_close(together, expected, rtol=1e-10, atol=1e-12)
