"""Layers made with the same weights against a stack whose layers hold copies of them."""

import re

import pytest
import torch

from rnnbench.cells import LSTM
from rnnbench.layers import Recurrent
from rnnbench.layers.fused import trouble


def stack(**options):
    torch.manual_seed(0)
    return Recurrent(LSTM, 4, 5, bidirectional=True, batch_first=True, dtype=torch.float64, **options)


@pytest.mark.parametrize("options", [{}, {"connection": "highway", "layer_norm": True, "learned_state": True}])
@pytest.mark.parametrize("engine", ["loop", "fused"])
def test_shared_layers_are_a_stack_of_the_same_weights(engine, options):
    if engine == "fused" and trouble():
        pytest.skip(str(trouble()))
    shared = stack(num_layers=4, engine=engine, share_layers=True, **options)
    apart = stack(num_layers=4, engine="loop", **options)
    assert not [name for name in shared.state_dict() if "_l2" in name and not name.startswith("initial_")]
    two = stack(num_layers=2, **options)
    count = sum(p.numel() for name, p in shared.named_parameters() if not name.startswith("initial_"))
    assert count == sum(p.numel() for name, p in two.named_parameters() if not name.startswith("initial_"))
    weights = shared.state_dict()

    def source(name):
        return name if name in weights else re.sub("_l[23]", "_l1", name)

    apart.load_state_dict({name: weights[source(name)] for name in apart.state_dict()})
    x, lengths = torch.randn(3, 6, 4, dtype=torch.float64), torch.tensor([4, 1, 6])
    (out, hidden), (expected, states) = shared(x, lengths=lengths), apart(x, lengths=lengths)
    torch.testing.assert_close(out, expected)
    assert all(map(torch.allclose, hidden, states))
    out.square().sum().backward()
    expected.square().sum().backward()
    sums = {name: torch.zeros_like(p) for name, p in shared.named_parameters()}
    for name, p in apart.named_parameters():
        sums[source(name)] += p.grad
    for name, p in shared.named_parameters():
        torch.testing.assert_close(p.grad, sums[name])


def test_what_cannot_be_shared_is_told():
    with pytest.raises(ValueError, match="share_layers=True: num_layers=2 has no two layers of equal size"):
        Recurrent(LSTM, 4, 5, num_layers=2, share_layers=True)
