import dataclasses
from operator import attrgetter, methodcaller

import pytest
import torch

from rnnbench.cells import GRU, LSTM, RNN, Cell
from rnnbench.cells.base import choices


@pytest.mark.parametrize("size", ["input_size", "hidden_size"])
@pytest.mark.parametrize("value", [0, -1, 2.0, True, "3", None])
def test_a_size_is_a_positive_integer(size, value):
    with pytest.raises(ValueError, match=rf"^{size}=.*integer of at least 1$"):
        RNN(**{"input_size": 2, "hidden_size": 3, size: value})


@pytest.mark.parametrize(
    ("cell", "option", "value", "allowed"),
    [
        (RNN, "nonlinearity", "sigmoid", "'tanh', 'relu'"),
        (GRU, "reset", "never", "'after', 'before'"),
        (GRU, "update", None, "'keep', 'write'"),
        (GRU, "recurrent_bias", 1, "True, False"),
        (LSTM, "bias", "no", "True, False"),
    ],
)
def test_an_option_is_one_of_its_choices(cell, option, value, allowed):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        cell(2, 3, **{option: value})
    assert str(error.value) == f"{option}={value!r}: must be one of {allowed}"


def test_choices_are_the_literal_and_bool_fields():
    assert choices(LSTM) == {"bias": (True, False)}
    assert choices(RNN) == {"bias": (True, False), "nonlinearity": ("tanh", "relu")}


def test_a_cell_is_a_frozen_description():
    cell = LSTM(2, 3)
    assert cell == LSTM(2, 3)
    assert hash(cell) == hash(LSTM(2, 3))
    assert cell != LSTM(2, 3, proj_size=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        cell.hidden_size = 4
    assert repr(RNN(2, 3)) == "RNN(input_size=2, hidden_size=3, bias=True, nonlinearity='tanh')"


def test_reset_parameters_draws_within_the_bound_in_order():
    params = {"first": torch.empty(200, 25), "second": torch.empty(25)}
    torch.manual_seed(3)
    RNN(2, 25).reset_parameters(params)
    torch.manual_seed(3)
    assert torch.equal(params["first"], torch.empty(200, 25).uniform_(-0.2, 0.2))
    assert torch.equal(params["second"], torch.empty(25).uniform_(-0.2, 0.2))


@pytest.mark.parametrize(
    ("member", "use"),
    [
        ("state", attrgetter("state")),
        ("parameter_shapes", methodcaller("parameter_shapes")),
        ("stages", methodcaller("stages")),
    ],
)
def test_a_cell_that_defines_nothing_says_so(member, use):
    with pytest.raises(NotImplementedError, match=f"Cell does not define its {member}"):
        use(Cell(1, 1))
