import pytest

from rnnbench.cells import LSTM, LSTMFGR, MinGRU
from rnnbench.layers.around import around, rate, rates
from rnnbench.layers.layer_norm import LayerNorm
from rnnbench.layers.wrappers import RecurrentDropout, VariationalDropout, Zoneout


def test_nothing_asked_for_is_the_cell_itself():
    cell = LSTM(3, 5)
    assert around(cell) is cell
    assert around(cell, zoneout={"h": 0.0, "c": 0.0}) is cell


def test_everything_in_order():
    cell = around(LSTM(3, 5), 0.1, 0.2, {"h": 0.0, "c": 0.3}, layer_norm=True)
    kinds = []
    while not isinstance(cell, LSTM):
        kinds.append(type(cell))
        cell = cell.inner
    assert kinds == [Zoneout, VariationalDropout, RecurrentDropout, LayerNorm]
    assert around(LSTM(3, 5), zoneout={"h": 0.0, "c": 0.3}).streams == {"zoned_c": 5}


@pytest.mark.parametrize(
    ("cell", "options", "message"),
    [
        (LSTMFGR, {"recurrent_dropout": 0.2}, "recurrent_dropout=0.2: LSTMFGR has no candidate that it could drop"),
        (
            MinGRU,
            {"variational_dropout": 0.2},
            "variational_dropout.h=0.2: MinGRU multiplies nothing by weight_hh; x alone can be dropped: {x: 0.2}",
        ),
    ],
)
def test_what_a_cell_does_not_have(cell, options, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        around(cell(3, 5), **options)
    assert str(error.value) == message


def test_rates():
    assert rates("zoneout", 0.2, ("h", "c")) == {"h": 0.2, "c": 0.2}
    assert rates("zoneout", {"c": 0.5}, ("h", "c")) == {"h": 0.0, "c": 0.5}
    with pytest.raises(ValueError, match=r"^zoneout\.d: no such value; there are h, c$"):
        rates("zoneout", {"d": 0.5}, ("h", "c"))
    with pytest.raises(ValueError, match=r"^zoneout\.c=1\.5: must be at least 0 and less than 1$"):
        rates("zoneout", {"c": 1.5}, ("h", "c"))


@pytest.mark.parametrize("value", [1, -0.1, True, "0.5", None, float("nan")])
def test_no_rate(value):
    with pytest.raises(ValueError, match=r"^p=.*: must be at least 0 and less than 1$"):
        rate("p", value)
