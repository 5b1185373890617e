import pytest

from rnnbench.errors import UserError
from rnnbench.records.published import Published, read_published, rounding_of

ENTRY = {"row": "lstm", "col": "jsb", "metric": "nll", "value": 8.54}


def test_defaults():
    assert read_published([ENTRY]) == (Published("lstm", "jsb", "nll", 8.54),)
    full = {**ENTRY, "rounding": 0.005, "runs_averaged": 5, "scale": "log", "source": "Table 2"}
    assert read_published([full]) == (Published("lstm", "jsb", "nll", 8.54, 0.005, 5, "log", "Table 2"),)


def test_text_gives_its_rounding_and_accuracy_its_scale():
    number = read_published([{**ENTRY, "metric": "accuracy", "value": "0.980"}])[0]
    assert number.value == 0.98
    assert number.rounding == pytest.approx(0.0005)
    assert number.scale == "error_rate"
    assert read_published([{**ENTRY, "value": "8.5", "rounding": 0.2}])[0].rounding == 0.2


@pytest.mark.parametrize(
    ("change", "message"),
    [({"vaule": 1}, "unknown key 'vaule'; did you mean value"), ({"value": "about 8"}, "is not a number"),
     ({"scale": "logg"}, "did you mean log"), ({"runs_averaged": 0}, "runs_averaged"), ({"rounding": -1}, "rounding"),
     ({"value": None}, "value=None is not a number"), ({"rounding": "0.01"}, "rounding='0.01' is not a number"),
     ({"split": "dev"}, "split='dev'; choose one of test"), ({"value": -1, "scale": "log"}, "has no logarithm"),
     ({"metric": "accuracy", "value": "95.0"}, "value=95: accuracy is 1 at best; divide percentages by 100")],
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


def test_rounding_of_printed_numbers():
    assert rounding_of("8.54") == pytest.approx(0.005)
    assert rounding_of("8.50") == pytest.approx(0.005)
    assert rounding_of("12") == pytest.approx(0.5)
    assert rounding_of("1.2e3") == pytest.approx(50)
    assert rounding_of("-1.25E-2") == pytest.approx(5e-5)
    with pytest.raises(ValueError, match="about"):
        rounding_of("about 3")
