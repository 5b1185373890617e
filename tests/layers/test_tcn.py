import numpy as np
import pytest
import torch

from rnnbench.layers import TCN


def convolve(x_TI, weight_OIK, bias_O, dilation):
    """Causal convolution, channel by channel, with numpy's own."""
    T, I = x_TI.shape
    out = np.tile(bias_O, (T, 1))
    for o, kernels in enumerate(weight_OIK):
        for i in range(I):
            spread = np.zeros((weight_OIK.shape[2] - 1) * dilation + 1)
            # The last tap of the layer meets the newest input, the first of numpy's.
            spread[::dilation] = kernels[i][::-1]
            out[:, o] += np.convolve(x_TI[:, i], spread)[:T]
    return out


def normalised(convolution):
    """g v / |v| for each output channel (Salimans and Kingma 2016), and the bias."""
    g, v = (p.detach().numpy() for p in convolution.parametrizations.weight.parameters())
    return g * v / np.sqrt((v**2).sum((1, 2), keepdims=True)), convolution.bias.detach().numpy()


@pytest.mark.parametrize("sizes", [(3, 5), (5, 5)], ids=str)
def test_equals_convolutions_by_numpy(sizes):
    torch.manual_seed(0)
    layer = TCN(*sizes, kernel_size=3, levels=3, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for parameter in layer.parameters():  # else length and direction of the weights agree as drawn
            parameter += 0.1 * torch.randn_like(parameter)
    x = torch.randn(2, 20, sizes[0], dtype=torch.float64)
    out, _ = layer(x)
    for b in range(2):
        y = x[b].numpy()
        for level, block in enumerate(layer.blocks):
            inner = np.maximum(convolve(y, *normalised(block.first), 2**level), 0)
            inner = np.maximum(convolve(inner, *normalised(block.second), 2**level), 0)
            if block.skip is not None:
                y = y @ block.skip.weight.detach().numpy()[:, :, 0].T + block.skip.bias.detach().numpy()
            y = np.maximum(inner + y, 0)
        np.testing.assert_allclose(out[b].detach().numpy(), y, rtol=1e-10, atol=1e-13)


def test_the_receptive_field_is_what_the_gradient_reaches():
    torch.manual_seed(0)
    layer = TCN(2, 8, kernel_size=3, levels=2, dtype=torch.float64)
    assert layer.receptive_field == 1 + 2 * 2 * (1 + 2)
    x = torch.randn(40, 1, 2, dtype=torch.float64, requires_grad=True)
    reached = torch.autograd.grad(layer(x)[0][-1].sum(), x)[0].abs().sum((1, 2)).nonzero()
    assert 40 - int(reached.min()) == layer.receptive_field


def test_sizes():
    layer = TCN(2, 8, kernel_size=3, levels=2)
    # Level 0: 2 steps of 2 inputs and of 8 inner channels; level 1: 4 steps of 8 and of 8.
    assert layer.state_size == 2 * (2 + 8) + 4 * (8 + 8)
    weights = (2 * 3 * 8 + 8 + 8) + 3 * (8 * 3 * 8 + 8 + 8) + (2 * 8 + 8)  # direction, length, bias; the 1x1
    assert sum(p.numel() for p in layer.parameters()) == weights
