"""Claims as they stand in a paper.yaml."""

import pytest

from rnnbench.errors import UserError
from rnnbench.records.claim import Claim, read_claims

ROWS, COLS = ("lstm", "gru"), ("adding", "copying")
ENTRY = {"a": "gru", "says": "better", "b": "lstm", "col": "adding"}


def test_a_claim_names_its_column_unless_there_is_one():
    without = {key: value for key, value in ENTRY.items() if key != "col"}
    assert read_claims([without], ROWS, ["copying"], "test") == (Claim("gru", "lstm", "better", "copying"),)
    with pytest.raises(UserError, match="claim 2: col is missing"):
        read_claims([ENTRY, without], ROWS, COLS, "test")


def test_a_claim_reads_as_a_sentence():
    (claim,) = read_claims([{**ENTRY, "says": "equal", "margin": 1.1, "scale": "log"}], ROWS, COLS, "test")
    assert str(claim) == "gru is equal to lstm on adding, within a factor of 1.1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": "grv"}, "a='grv'; did you mean gru"),
        ({"b": "gru"}, "a and b are both gru"),
        ({"says": "nicer"}, "says='nicer'"),
        ({"says": None}, "says=None is not a text"),
        ({"col": "copy"}, "col='copy'"),
        ({"margin": 0.1}, "margin=0.1: `equal` needs one"),
        ({"margin": "0.1"}, "margin='0.1' is not a number"),
        ({"says": "equal"}, "margin=None: `equal` needs one above 0"),
        ({"says": "equal", "margin": 0.5, "scale": "log"}, "needs one above 1"),
        ({"worth": 1}, "unknown key 'worth'"),
    ],
)
def test_a_wrong_claim_is_one_line(change, message):
    with pytest.raises(UserError, match=rf"claim 2: .*{message}"):
        read_claims([ENTRY, {**ENTRY, **change}], ROWS, COLS, "test")


def test_a_claim_has_two_sides():
    with pytest.raises(UserError, match="claim 1: b is missing"):
        read_claims([{"a": "gru", "says": "better"}], ROWS, COLS, "test")
    with pytest.raises(UserError, match="claim 1 is 'gru wins': give it the keys a, b"):
        read_claims(["gru wins"], ROWS, COLS, "test")


def test_the_baseline_is_known_on_test_alone_and_claims_nothing_itself():
    against = {**ENTRY, "b": "baseline"}
    assert read_claims([against], ROWS, COLS, "test")[0].b == "baseline"
    with pytest.raises(UserError, match="baseline is known on test alone, and the first split is train"):
        read_claims([against], ROWS, COLS, "train")
    assert read_claims([{**ENTRY, "b": "seasonal naive"}], ROWS, COLS, "test")[0].b == "seasonal naive"
    with pytest.raises(UserError, match="a='baseline'"):
        read_claims([{**ENTRY, "a": "baseline"}], ROWS, COLS, "test")
