import torch

from rnnbench.cells import LSTM, ClockworkRNN, MogrifierLSTM
from rnnbench.layers.shapes import prepared_shapes


def test_shapes_of_what_the_stages_see():
    assert prepared_shapes(LSTM(3, 5)) == LSTM(3, 5).parameter_shapes()
    shapes = prepared_shapes(MogrifierLSTM(3, 5, rounds=1))
    assert shapes == {"weight_q1": (3, 5), "weight": (20, 8), "bias": (20,)}


def test_the_meta_device_and_the_generator_do_not_matter():
    before = torch.get_rng_state()
    with torch.device("meta"):
        assert prepared_shapes(ClockworkRNN(3, 8))["weight_hh"] == (8, 8)
    assert torch.equal(torch.get_rng_state(), before)
