from dataclasses import dataclass

import pytest
import torch

from rnnbench.cells.gated import Gated, OneStage, keep, standardise, write


@dataclass(frozen=True)
class Middle(Gated):
    """Four gates of which the two in the middle have a bias."""

    gates = ("a", "b", "c", "d")
    recurrent = ("b",)
    unbiased = ("a", "d")
    vectors = ("v",)
    matrices = (("weight_m", 3),)

    def starts(self):
        return {"v": 7.0, "bias_ih": -1.0, "absent": 1.0}


def test_shapes_follow_the_gates():
    shapes = {"weight_ih": (8, 5), "weight_hh": (2, 2), "bias_ih": (4,), "v": (2,), "weight_m": (6, 2)}
    assert Middle(5, 2).parameter_shapes() == shapes
    assert list(Middle(5, 2, bias=False).parameter_shapes()) == ["weight_ih", "weight_hh", "v", "weight_m"]
    assert Middle(5, 2).rows("b", "c") == (2, 6)
    assert Middle(5, 2).product("h", "b").rows == (0, 2)


def test_a_missing_bias_is_zero():
    prepared = Middle(1, 2).prepare({"bias_ih": torch.tensor([1.0, 2, 3, 4])})
    assert prepared["bias_ih"].tolist() == [0, 0, 1, 2, 3, 4, 0, 0]


def test_starts_draw_as_if_they_were_not_there():
    shapes = Middle(5, 2).parameter_shapes()
    drawn, plain = ({name: torch.empty(shape) for name, shape in shapes.items()} for _ in range(2))
    torch.manual_seed(0)
    Middle(5, 2).reset_parameters(drawn)
    torch.manual_seed(0)
    for parameter in plain.values():
        parameter.uniform_(-(2**-0.5), 2**-0.5)
    assert torch.equal(drawn["weight_m"], plain["weight_m"])
    assert drawn["v"].tolist() == [7, 7]
    assert drawn["bias_ih"].tolist() == [-1] * 4


def test_a_base_says_what_it_lacks():
    with pytest.raises(NotImplementedError, match="OneStage does not define its step"):
        OneStage(1, 1).step()


def test_equal_sizes_are_asked_for_in_one_line():
    with pytest.raises(ValueError, match=r"^x goes on: input_size=5, hidden_size=2 must be equal$"):
        Middle(5, 2).need_equal_sizes("x goes on")
    Middle(2, 2).need_equal_sizes("x goes on")


def test_keep_and_write_are_mirrors_as_wide_as_the_state():
    z, old, new = torch.tensor([0.25]).bfloat16(), torch.tensor([4.0]), torch.tensor([8.0]).bfloat16()
    assert keep(z, old, new).item() == 7
    assert write(z, old, new).item() == 5
    assert keep(z, old, new).dtype == write(z, old, new).dtype == torch.float32


def test_standardise_is_a_layer_norm_without_parameters():
    values = torch.randn(3, 6, dtype=torch.float64)
    torch.testing.assert_close(standardise(values), torch.nn.functional.layer_norm(values, (6,)))
