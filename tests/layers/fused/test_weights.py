"""Against autograd through slices and sums of whole parameters."""

import pytest
import torch

from rnnbench.cells import GRU, LSTM, MGU, PeepholeLSTM
from rnnbench.layers.fused.engine import Compiled
from rnnbench.layers.fused.weights import Rows


def weights(cell, **options):
    return Compiled(cell(input_size=3, hidden_size=2, **options)).weights


def draw(shapes):
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        for name, shape in shapes.items()
    }


def test_names_are_those_that_are_read_each_once():
    assert weights(LSTM).names == ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    assert weights(LSTM, bias=False).names == ("weight_ih", "weight_hh")


def test_the_bias_of_a_joint_product_is_in_the_share():
    found = weights(LSTM)
    params = draw(found.shapes)
    assert torch.equal(found.share_bias(params), params["bias_ih"] + params["bias_hh"])
    assert found.biases == {}
    assert weights(LSTM, bias=False).share_bias(params) is None


def test_a_product_that_stands_apart_adds_its_own_rows_of_the_bias():
    found = weights(GRU)
    params = draw(found.shapes)
    assert list(found.biases.values()) == [Rows("bias_hh", (4, 6))]
    (index,) = found.biases
    assert torch.equal(found.buffers(params)[f"bias:{index}"], params["bias_hh"][4:])


@pytest.mark.parametrize("cell", [LSTM, GRU, MGU, PeepholeLSTM])
@pytest.mark.parametrize("models", [None, 3])
def test_gradients_of_rows_make_those_of_parameters(cell, models):
    found = weights(cell)
    leading = () if models is None else (models,)
    params = draw({name: (*leading, *shape) for name, shape in found.shapes.items()})
    buffers, bias = found.buffers(params), found.share_bias(params)
    factors = {name: torch.randn_like(value) for name, value in buffers.items()}
    factor = torch.randn_like(bias)
    total = sum((buffers[name] * factors[name]).sum() for name in buffers) + (bias * factor).sum()
    read = [params[name] for name in found.names if name != "weight_ih"]
    expected = torch.autograd.grad(total, read)
    parts = [(rows, factors[f"weight:{index}"]) for index, rows in found.products.items()]
    parts += [(rows, factors[f"bias:{index}"]) for index, rows in found.biases.items()]
    parts += [(Rows(name), factors[f"param:{name}"]) for name in found.vectors]
    seen = found.gradients([*parts, *found.share_bias_gradients(factor)])
    for name, value in zip([name for name in found.names if name != "weight_ih"], expected):
        torch.testing.assert_close(seen[name], value)


def test_rows_without_a_gradient_have_zero():
    found = weights(LSTM)
    (whole,) = found.gradients([(Rows("weight_hh", (2, 4)), torch.ones(2, 2))]).values()
    assert whole.shape == (8, 2)
    assert whole.sum() == whole[2:4].sum() == 4
