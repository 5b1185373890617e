import math

import pytest
import torch

from rnnbench.layers import Transformer
from rnnbench.layers.transformer import sinusoids


@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
def test_equals_torchs_encoder_layers(positions):
    """torch.nn.TransformerEncoderLayer, norm first, with a causal mask, holding the same weights."""
    torch.manual_seed(0)
    layer = Transformer(3, 6, 2, 2, 3, positions=positions, max_steps=8, batch_first=True, dtype=torch.float64)
    x = torch.randn(2, 7, 3, dtype=torch.float64)
    where = sinusoids(7, 6) if layer.positions is None else layer.positions[:7]
    y = x @ layer.entry.weight.T + layer.entry.bias + where
    mask = torch.nn.Transformer.generate_square_subsequent_mask(7, dtype=torch.float64)
    for own in layer.layers:
        twin = torch.nn.TransformerEncoderLayer(
            6, 2, 18, 0.0, "gelu", batch_first=True, norm_first=True, dtype=torch.float64
        )
        names = {"self_attn.in_proj_": "qkv.", "self_attn.out_proj.": "mix.", "linear1.": "up.", "linear2.": "down."}
        names |= {"norm1.": "norm_1.", "norm2.": "norm_2."}
        weights = own.state_dict()
        twin.load_state_dict(
            {their + end: weights[ours + end] for their, ours in names.items() for end in ("weight", "bias")}
        )
        y = twin(y, src_mask=mask)
    expected = torch.nn.functional.layer_norm(y, (6,), layer.norm.weight, layer.norm.bias)
    torch.testing.assert_close(layer(x)[0], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("size", [6, 5, 1])
def test_sinusoids(size):
    seen = sinusoids(4, size)
    assert seen.shape == (4, size)
    for t in range(4):
        for j in range(size):
            angle = t / 10000 ** (j // 2 * 2 / size)
            assert float(seen[t, j]) == pytest.approx(math.cos(angle) if j % 2 else math.sin(angle), abs=1e-12)


def test_sizes():
    H, layers, F = 6, 2, 4
    layer = Transformer(3, H, layers, feedforward=F)
    attention, feedforward, norms = 4 * H * H + 4 * H, 2 * F * H * H + F * H + H, 4 * H
    expected = 3 * H + H + layers * (attention + feedforward + norms) + 2 * H
    assert sum(p.numel() for p in layer.parameters()) == expected
    assert layer.state_size == 2 * layers * H


def test_learned_positions_end():
    layer = Transformer(3, 6, positions="learned", max_steps=4)
    with pytest.raises(ValueError, match=r"^max_steps=4: the input has 5 steps; learned positions end there$"):
        layer(torch.zeros(5, 1, 3))
