import hashlib

import pytest

from rnnbench.records.identity import flatten, identity, without_defaults

FROZEN = {
    "model": {"_target_": "rnnbench.models.Lstm", "hidden_size": 46, "bias": False},
    "optimizer": {"lr": 0.001, "betas": [0.9, 0.98]},
    "dataset": {"name": "jsb", "title": "Präludium"},
    "seed": 3,
    "init_from": None,
}


def test_the_frozen_example_never_changes():
    # Whoever changes this number makes every record on every disk a stranger to its run.
    text = (
        '{"dataset":{"name":"jsb","title":"Pr\\u00e4ludium"},"init_from":null,"model":{"_target_":"rnnbench.models.Lstm",'
        '"bias":false,"hidden_size":46},"optimizer":{"betas":[0.9,0.98],"lr":0.001},"seed":3}'
    )
    assert identity(FROZEN) == hashlib.sha256(text.encode()).hexdigest()[:16]
    assert identity(FROZEN) == "3530ddba1080ea08"


def test_order_and_spelling_of_numbers_do_not_matter():
    assert identity(dict(reversed(FROZEN.items()))) == identity(FROZEN)
    assert identity({"lr": 1e-3}) == identity({"lr": 0.001}) == identity({"lr": float("1E-3")})
    assert identity({"lr": 1}) == identity({"lr": 1.0})
    assert identity({"x": [1, 2]}) == identity({"x": (1.0, 2)})
    assert identity({"x": 0.0}) == identity({"x": -0.0})


@pytest.mark.parametrize(
    ("a", "b"),
    [({"x": 1}, {"x": True}), ({"x": 0}, {"x": False}), ({"x": 1}, {"x": "1"}), ({"x": None}, {}),
     ({"x": 0.1}, {"x": 0.1 + 1e-16 * 2}), ({"a": {"b": 1}}, {"a.b": 1}), ({"x": [1, 2]}, {"x": [2, 1]})],
)  # fmt: skip
def test_what_differs_is_told_apart(a, b):
    assert identity(a) != identity(b)


def test_values_that_have_no_canonical_form_are_named():
    with pytest.raises(ValueError, match=r"science\.model\.f=.*object has no place"):
        identity({"model": {"f": object()}})
    with pytest.raises(ValueError, match=r"science\.lr=nan"):
        identity({"lr": float("nan")})


DEFAULTS = {
    "trainer": {"epochs": 20, "clip": None},
    "model": {"_target_": "Lstm", "size": 64},
    "seed": 0,
    "tags": [1, 2],
}


def test_without_defaults_keeps_what_differs():
    config = {"trainer": {"epochs": 20, "clip": 1.0}, "model": {"_target_": "Lstm", "size": 64}, "seed": 0, "tags": [1]}
    assert without_defaults(config, DEFAULTS) == {"trainer": {"clip": 1.0}, "tags": [1]}
    assert without_defaults(DEFAULTS, DEFAULTS) == {}
    assert without_defaults({"seed": 0.0}, DEFAULTS) == {}
    assert without_defaults({"seed": False}, DEFAULTS) == {"seed": False}
    assert without_defaults({"trainer": None}, DEFAULTS) == {"trainer": None}


def test_a_new_key_with_a_default_leaves_the_identity_alone():
    config = {"trainer": {"epochs": 5, "clip": None}, "seed": 1}
    before = identity(without_defaults(config, DEFAULTS))
    newer = {**DEFAULTS, "trainer": {**DEFAULTS["trainer"], "noise": 0.0}, "budget": {"params": None}}
    after = {**config, "trainer": {**config["trainer"], "noise": 0.0}, "budget": {"params": None}}
    assert identity(without_defaults(after, newer)) == before


def test_defaults_of_another_class_say_nothing():
    # With the size dropped, {"_target_": "Gru"} and {"_target_": "Gru", "size": 64} would be one run.
    gru = {"model": {"_target_": "Gru", "size": 64}}
    assert without_defaults(gru, DEFAULTS) == gru


def test_flatten():
    nested = {"a": {"b": {"c": 1}, "d": [0.5, 1.0]}, "e": None}
    assert flatten(nested) == {"a.b.c": 1, "a.d": "[0.5,1]", "e": None}
