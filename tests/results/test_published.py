import pytest

from rnnbench.errors import UserError
from rnnbench.results.published import Published, read_published

ENTRY = {"row": "lstm", "col": "jsb", "metric": "nll", "value": 8.54}


def test_defaults():
    assert read_published([ENTRY]) == [Published("lstm", "jsb", "nll", 8.54)]
    full = {**ENTRY, "rounding": 0.005, "runs_averaged": 5, "scale": "log", "source": "Table 2"}
    assert read_published([full]) == [Published("lstm", "jsb", "nll", 8.54, 0.005, 5, "log", "Table 2")]


def test_text_gives_its_rounding_and_accuracy_its_scale():
    number = read_published([{**ENTRY, "metric": "accuracy", "value": "0.980"}])[0]
    assert number.value == 0.98
    assert number.rounding == pytest.approx(0.0005)
    assert number.scale == "error_rate"
    assert read_published([{**ENTRY, "value": "8.5", "rounding": 0.2}])[0].rounding == 0.2


@pytest.mark.parametrize(
    ("change", "message"),
    [({"vaule": 1}, "unknown key 'vaule'; did you mean value"), ({"value": "about 8"}, "is not a number"),
     ({"scale": "logg"}, "did you mean log"), ({"runs_averaged": 0}, "runs_averaged"), ({"rounding": -1}, "rounding")],
)  # fmt: skip
def test_mistakes_are_named(change, message):
    with pytest.raises(UserError, match=f"number 2: .*{message}"):
        read_published([ENTRY, {**ENTRY, **change}])


@pytest.mark.parametrize(("metric", "scale"), [("corr", "error_rate"), ("f1", "error_rate"), ("rse", "linear")])
def test_what_is_1_at_best_is_judged_by_its_distance_from_1(metric, scale):
    assert read_published([{**ENTRY, "metric": metric, "value": 0.97}])[0].scale == scale


def test_missing_keys_are_named():
    with pytest.raises(UserError, match="number 1: metric is missing"):
        read_published([{"row": "a", "col": "b", "value": 1}])
