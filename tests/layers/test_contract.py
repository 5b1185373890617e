"""The contract over every cell of the package; and that each check can fail."""

from dataclasses import dataclass
from typing import Literal

import pytest
import torch

from rnnbench.cells import GRU, LSTM, RNN, Cell, Product, Stage
from rnnbench.cells.gated import Gated
from rnnbench.layers import contract
from rnnbench.layers.contract import CHECKS, Example, checks, examples, find_cells

EXAMPLES = [example for cell in find_cells() for example in examples(cell)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("example", "check"),
    [(example, check) for example in EXAMPLES for check in checks(example.cell)],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_contract(example, check):
    check(example)


def test_cells_are_found():
    assert {GRU, LSTM, RNN} <= set(find_cells())
    assert not {Cell, Gated} & set(find_cells())


def test_examples_are_all_combinations_that_the_cell_takes():
    assert len(examples(RNN)) == 2 * 2
    # Without bias, forget_bias is refused.
    assert len(examples(LSTM)) == 3 + 2
    # bias, recurrent_bias; update; reset after or before, and before with the sum.
    assert len(examples(GRU)) == 2 * 2 * 2 * 3
    sums = [example for example in examples(GRU) if ("candidate", "sum") in example.options]
    assert all(example.input_size == example.hidden_size for example in sums)
    assert all(example.input_size != example.hidden_size for example in examples(LSTM))


@dataclass(frozen=True)
class Broken(Cell):
    """An RNN with one thing wrong."""

    fault: Literal["none"] = "none"

    @property
    def state(self):
        return {"h": self.hidden_size}

    def parameter_shapes(self):
        H = self.hidden_size
        return {"weight_ih": (H, self.input_size), "weight_hh": (H, H)}

    def pointwise(self, total, h):
        return (torch.tanh(total) + 0.1 * h,)

    def stages(self):
        return (Stage(self.pointwise, ("h",), ("h",), (0, self.hidden_size), Product("h", "weight_hh"), joint=True),)


class MixesRows(Broken):
    def pointwise(self, total, h):
        return (torch.tanh(total) + 0.1 * h.mean(0),)


class Rounds(Broken):
    def pointwise(self, total, h):
        return (torch.tanh(total).float().to(total.dtype) + 0.1 * h,)


class Coarse(Broken):
    """Right in float64, far off in float32."""

    def pointwise(self, total, h):
        return (torch.tanh(total) + 1e3 - 1e3 + 0.1 * h,)


class Detaches(Broken):
    def pointwise(self, total, h):
        return (torch.tanh(total) + 0.1 * h.detach(),)


class Branches(Broken):
    def pointwise(self, total, h):
        return (torch.tanh(total) if float(total.detach().sum()) > 0 else 0.1 * h + torch.tanh(total),)


class IgnoresParameter(Broken):
    def parameter_shapes(self):
        return super().parameter_shapes() | {"bias_hh": (self.hidden_size,)}


class ReadsUnknown(Broken):
    def stages(self):
        return (Stage(self.pointwise, ("h",), ("c",), (0, self.hidden_size), Product("h", "weight_hh"), joint=True),)


class SharesHalf(Broken):
    def parameter_shapes(self):
        return super().parameter_shapes() | {"weight_ih": (2 * self.hidden_size, self.input_size)}


class ForgetsToFill(Broken):
    def reset_parameters(self, params):
        for parameter in params.values():
            parameter.data.fill_(float("nan"))


class SameForEverySeed(Broken):
    def reset_parameters(self, params):
        for parameter in params.values():
            parameter.data.fill_(0.1)


class MixesTypes(Broken):
    def pointwise(self, total, h):
        return (torch.lerp(torch.tanh(total), h, torch.sigmoid(total)),)


class Remembers(Broken):
    """Carries something from call to call outside its state."""

    def pointwise(self, total, h):
        seen = self.__dict__.setdefault("calls", [])
        seen.append(1)
        return (torch.tanh(total) + 0.1 * h + 0.01 * len(seen),)


@pytest.mark.parametrize(
    ("cell", "check", "message"),
    [
        (MixesRows, contract.check_rows, "another"),
        (MixesRows, contract.check_padding, "in a padded batch"),
        (Detaches, contract.check_gradients, "Jacobian"),
        (Rounds, contract.check_gradients, "Jacobian"),
        (Coarse, contract.check_float32, "float32 error"),
        (MixesTypes, contract.check_autocast, "dtype"),
        (Remembers, contract.check_chunks, "chunks"),
        (Remembers, contract.check_reverse, "backward"),
        (IgnoresParameter, contract.check_description, r"no stage uses \['bias_hh'\]"),
        (ReadsUnknown, contract.check_description, r"\['c'\] is not known"),
        (SharesHalf, contract.check_description, "shares cover 5 of 10 rows"),
        (ForgetsToFill, contract.check_parameters, "is not filled"),
        (SameForEverySeed, contract.check_parameters, "do not depend on the seed"),
        (Branches, contract.check_vmap, "vmap"),
    ],
)
def test_a_broken_cell_fails(cell, check, message):
    with pytest.raises((AssertionError, RuntimeError), match=message):
        check(Example(cell, ()))


def test_the_sound_one_passes():
    for check in CHECKS:
        check(Example(Broken, ()))


def test_a_cell_that_refuses_everything_is_an_error():
    class Refuses(Broken):
        def __post_init__(self):
            raise ValueError("no")

    with pytest.raises(AssertionError, match="refuses every combination"):
        examples(Refuses)
