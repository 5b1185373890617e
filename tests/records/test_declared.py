"""Files that people write: what they mean, and each mistake in one line."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from rnnbench.errors import UserError
from rnnbench.records.declared import is_text, read, read_yaml


@dataclass(frozen=True)
class Inner:
    width: float


@dataclass(frozen=True)
class Outer:
    title: str
    count: int = 1
    share: float = 0.5
    log: bool = False
    margin: float | None = None
    seeds: tuple[int, ...] = ()
    inner: Inner | None = None
    named: Mapping[str, Inner] | None = None


def test_numbers_lists_and_parts_become_what_the_class_says():
    values = {
        "title": "a",
        "share": 1,
        "margin": 2,
        "seeds": [3, 4],
        "inner": {"width": 5},
        "named": {"x": {"width": 6}},
    }
    made = read(Outer, values, "outer")
    assert made == Outer("a", 1, 1, False, 2, (3, 4), Inner(5), {"x": Inner(6)})
    assert isinstance(made.share, int)  # a grid of sizes stays one
    assert read(Outer, {"title": "a", "inner": None, "margin": None}, "outer") == Outer("a")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": 3}, "p: title=3 is not a text"),
        ({"count": 2.5}, "p: count=2.5 is not a whole number"),
        ({"count": True}, "p: count=True is not a whole number"),
        ({"share": "half"}, "p: share='half' is not a number"),
        ({"share": float("nan")}, "p: share=nan is not a number"),
        ({"log": "yes"}, "p: log='yes' is not true or false"),
        ({"seeds": 3}, "p: seeds=3 is not a list"),
        ({"seeds": [0, "1"]}, r"p: seeds\[1\]='1' is not a whole number"),
        ({"inner": 3}, "p: inner is 3: give it the keys width"),
        ({"inner": {"width": 1, "hight": 2}}, "p: inner: unknown key 'hight'"),
        ({"named": {"x": {}}}, "p: named.x: width is missing"),
        ({"named": [1]}, r"p: named=\[1\] has no keys"),
        ({"conut": 3}, "p: unknown key 'conut'; did you mean count"),
    ],
)
def test_a_mistake_is_named_with_its_place(change, message):
    with pytest.raises(UserError, match=message):
        read(Outer, {"title": "a", **change}, "p")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-4", 1e-4), ("1.5E3", 1500.0), ("-2e+1", -20.0), (".5e1", 5.0), ("1.0", 1.0), ("'1e-4'", "1e-4"), ("e4", "e4"),
     ("[1e-3, 1]", [1e-3, 1]), ("1e", "1e")],
)  # fmt: skip
def test_a_number_with_an_exponent_is_a_number(tmp_path, text, value):
    path = tmp_path / "a.yaml"
    path.write_text(f"key: {text}\n")
    assert read_yaml(path) == {"key": value}


def test_a_key_stands_once_and_merged_keys_may_be_replaced(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("base: &b {a: 1, b: 2}\nmore:\n  <<: *b\n  a: 3\n")
    assert read_yaml(path)["more"] == {"a": 3, "b": 2}
    path.write_text("t: [{r: &a {x: 3}, g: &b {<<: *a, x: 4}}]\nc: {<<: *b, y: 5}\n")
    assert read_yaml(path)["c"] == {"x": 4, "y": 5}
    path.write_text("a: 1\nb:\n  c: 1\n  c: 2\n")
    with pytest.raises(UserError, match=r"a\.yaml: 'c' stands twice .*line 4"):
        read_yaml(path)


@pytest.mark.parametrize("content", [b"a: [1", b"caf\xe9: 1", b"? [1, 2]\n: 3", b"a: 2017-02-30"])
def test_what_is_no_yaml_is_one_line_with_the_file(tmp_path, content):
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"^[^\n]*a\.yaml: [^\n]+$"):
        read_yaml(path)


def test_words_that_yaml_takes_for_something_else():
    assert [word for word in ("lstm", "3", "1e3", "true", "no", "null", "jsb_300k", "~") if is_text(word)] == [
        "lstm",
        "jsb_300k",
    ]
