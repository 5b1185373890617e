"""The states of a layer: their types, their sizes where layers differ, what zoneout leaves alone."""

import pytest
import torch

from rnnbench.cells import GRU, LSTM, QRNN, SLSTM, TGRU, ClockworkRNN
from rnnbench.layers import Recurrent

I, H = 4, 5


def test_zoneout_leaves_counters_and_scales_alone():
    clock = Recurrent(ClockworkRNN, I, H, zoneout=0.5)
    assert clock(torch.randn(6, 2, I))[1][1].tolist() == [[[6.0]] * 2]
    assert clock.zoneout == {"h": 0.5}
    assert Recurrent(SLSTM, I, H, zoneout=0.1).zoneout == {"h": 0.1}


def test_a_counter_does_not_stop_where_a_narrow_type_does():
    """bfloat16 knows no 257; the last of four modules moves every eighth step."""
    layer = Recurrent(ClockworkRNN, 1, 4, dtype=torch.bfloat16)
    out_TH = layer(torch.randn(300, 1, 1, dtype=torch.bfloat16))[0][:, 0]
    moved = [t for t in range(290, 300) if out_TH[t, 3] != out_TH[t - 1, 3]]
    assert moved == [296]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int64])
@pytest.mark.parametrize("cell", [LSTM, GRU])
def test_a_state_of_another_type_is_refused_as_by_torch(cell, dtype):
    layer, state = Recurrent(cell, I, H), torch.ones(1, 2, H, dtype=dtype)
    with pytest.raises(RuntimeError, match="dtype"):
        layer(torch.randn(3, 2, I), (state, state) if cell is LSTM else state)


def test_parameters_are_listed_as_by_torch():
    layer, twin = Recurrent(LSTM, I, H, 2, bidirectional=True), torch.nn.LSTM(I, H, 2, bidirectional=True)
    twin.load_state_dict(layer.state_dict())
    for ours, theirs in zip(layer.all_weights, twin.all_weights, strict=True):
        assert all(map(torch.equal, ours, theirs))


@pytest.mark.parametrize("engine", ["auto", "loop"])
@pytest.mark.parametrize("cell", [QRNN, TGRU])
def test_layers_whose_states_differ_in_size(cell, engine):
    """Past inputs: of the first layer I numbers, above 2 H. Against the layers one by one."""
    torch.manual_seed(0)
    stack = Recurrent(cell, I, H, 2, bidirectional=True, engine=engine, learned_state=True, dtype=torch.float64)
    for parameter in stack.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    x, lengths = torch.randn(6, 3, I, dtype=torch.float64), torch.tensor([4, 6, 2])
    out, state = stack(x, lengths=lengths)
    first, second = (Recurrent(cell, size, H, bidirectional=True, learned_state=True, dtype=torch.float64)
                     for size in (I, 2 * H))  # fmt: skip
    for layer, part in enumerate((first, second)):
        of_layer = {name: value for name, value in stack.state_dict().items() if f"_l{layer}" in name}
        part.load_state_dict({name.replace(f"_l{layer}", "_l0"): value for name, value in of_layer.items()})
    middle, below = first(x, lengths=lengths)
    expected, above = second(middle, lengths=lengths)
    torch.testing.assert_close(out, expected)
    for found, low, high in zip(state, below, above):
        torch.testing.assert_close(found[:2, :, : low.shape[-1]], low)
        torch.testing.assert_close(found[2:, :, : high.shape[-1]], high)
    out.square().sum().backward()
    assert all(p.grad is not None for p in stack.parameters())


def test_a_stack_whose_states_differ_in_size_goes_on_from_its_state():
    stack = Recurrent(QRNN, I, H, 2)
    x = torch.randn(6, 3, I)
    start, state = stack(x[:2])
    rest, last = stack(x[2:], state)
    whole, final = stack(x)
    torch.testing.assert_close(torch.cat([start, rest]), whole)
    assert all(map(torch.allclose, last, final))
