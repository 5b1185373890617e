"""The problems of Hochreiter & Schmidhuber 1997, against the words of its section 5."""

import re

import pytest
import torch

from rnnbench.data.long_lags import REBER, EmbeddedReber, LongLag, TemporalOrder, TwoSequence

SIZES = {"train_size": 600, "valid_size": 20, "test_size": 20}
# The grammar once more, as a regular expression of the strings between the outer symbols.
LOWER = "T*(VPXT*)*V(V|PS)"  # from where P leads to the end
INNER = f"B(TS*X(S|X{LOWER})|P{LOWER})E"


def test_reber_strings_are_those_of_the_grammar_between_equal_symbols():
    train = EmbeddedReber(**SIZES).load(0).train
    assert EmbeddedReber().spec.input_size == EmbeddedReber().spec.target_size == 7
    strings = []
    for inputs, targets in zip(train.inputs, train.targets):
        symbols = [*inputs.int().argmax(1).tolist(), int(targets[-1])]
        assert symbols[1:] == targets.tolist()
        strings.append("".join(REBER[i] for i in symbols))
    pattern = re.compile(rf"B([TP])({INNER})\1E")
    assert [s for s in strings if not pattern.fullmatch(s)] == []
    assert 0.4 < sum(s[1] == "T" for s in strings) / 600 < 0.6
    assert 0.4 < sum(s[3] == "T" for s in strings) / 600 < 0.6
    assert min(map(len, strings)) == 9  # the paper's example of a shortest one
    loops = [len(re.match(r"B[TP]BT(S*)", s)[1]) for s in strings if s[3] == "T"]
    assert sum(loops) / len(loops) == pytest.approx(1.0, abs=0.35)  # a fair coin at each turn


def strings(sequences):
    """What each sequence says, the first symbol left out."""
    return ["".join(REBER[i] for i in targets.tolist()) for targets in sequences.targets]


def test_no_reber_string_stands_in_two_splits_and_training_strings_can_be_judged_too():
    """The paper's 256 training and 256 separate test strings, all of which its criterion is about."""
    plain, both = EmbeddedReber().load(3), EmbeddedReber(valid_with_train=True).load(3)
    train, valid, test = strings(plain.train), strings(plain.valid), strings(plain.test)
    assert [len(split) for split in (train, valid, test)] == [256, 256, 256]
    assert not {*train} & {*valid}
    assert not {*test} & {*train, *valid}
    assert sum(map(len, test)) > 1.2 * sum(map(len, train))  # the short ones are taken
    assert strings(both.valid) == valid + train
    assert (strings(both.train), strings(both.test)) == (train, test)


def test_long_lags_end_with_the_trigger_and_ask_for_the_second_symbol():
    data = LongLag(lag=7, distractors=5, **SIZES)
    assert (data.spec.input_size, data.spec.target_size, data.spec.per_step) == (9, 2, False)
    train = data.load(0).train
    lengths = []
    for inputs, target in zip(train.inputs, train.targets.tolist()):
        symbols = inputs.int().argmax(1).tolist()
        assert (inputs.sum(1) == 1).all()
        assert symbols[0] == 5
        assert symbols[1] == 7 + target
        assert symbols[-1] == 6
        assert all(symbol < 5 for symbol in symbols[2:-1])
        lengths.append(len(symbols) - 3)
    assert min(lengths) == 7
    assert sum(lengths) / len(lengths) == pytest.approx(7 + 9, abs=4 * 90**0.5 / 600**0.5)
    assert 0.4 < train.targets.double().mean() < 0.6


def test_two_sequences_begin_with_their_class_and_go_on_as_noise():
    data = TwoSequence(length=40, informative=3, **SIZES)
    train = data.load(0).train
    assert {len(x) for x in train.inputs} == set(range(40, 45))
    for inputs, target in zip(train.inputs, train.targets):
        assert inputs[:3, 0].tolist() == [2 * float(target) - 1] * 3
    noise = torch.cat([x[3:, 0] for x in train.inputs])
    assert float(noise.var()) == pytest.approx(0.2, rel=0.05)
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.02)
    assert float(((train.targets - 0.5) ** 2).mean()) == data.baseline()["mse"] == 0.25


def test_temporal_order_has_its_symbols_where_the_paper_puts_them():
    train = TemporalOrder(**SIZES).load(0).train
    assert {len(x) for x in train.inputs} == set(range(100, 111))
    first, second = set(), set()
    for inputs, target in zip(train.inputs, train.targets.tolist()):
        symbols = inputs.int().argmax(1).tolist()
        assert (symbols[0], symbols[-1]) == (0, 1)
        relevant = [(place, symbol) for place, symbol in enumerate(symbols, start=1) if symbol >= 6]
        (t1, one), (t2, two) = relevant
        assert target == 2 * (one - 6) + (two - 6)
        first.add(t1)
        second.add(t2)
        assert set(symbols[1:-1]) - {6, 7} <= {2, 3, 4, 5}
    assert (first, second) == (set(range(10, 21)), set(range(50, 61)))
    assert torch.bincount(train.targets, minlength=4).min() > 100


@pytest.mark.parametrize("cls", [EmbeddedReber, LongLag, TwoSequence, TemporalOrder])
def test_seed_decides_and_splits_are_independent(cls):
    def text(seed, split):
        return [x.tolist() for x in getattr(cls(**SIZES).load(seed), split).inputs]

    assert text(0, "train") == text(0, "train")
    assert text(0, "train") != text(1, "train")
    assert text(0, "valid") != text(0, "test")


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (EmbeddedReber, {"test_size": 0}),
        (LongLag, {"lag": 0}),
        (LongLag, {"distractors": 0}),
        (TwoSequence, {"informative": 0}),
        (TwoSequence, {"length": 2}),
        (TemporalOrder, {"length": 19}),
    ],
)
def test_options_are_checked(cls, options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}="):
        cls(**options)


def test_the_possible_symbols_are_those_that_some_string_goes_on_with():
    """Against the strings of a large draw: what follows a prefix, and nothing else."""
    plain = EmbeddedReber(**{**SIZES, "train_size": 3000}).load(0).train
    marked = EmbeddedReber(possible=True, **{**SIZES, "train_size": 3000}).load(0).train
    assert EmbeddedReber(possible=True).spec.task == "next_symbols"
    follows: dict[tuple, set] = {}
    for targets in plain.targets:
        for n, symbol in enumerate(targets.tolist()):
            follows.setdefault(tuple(targets[:n].tolist()), set()).add(symbol)
    for targets, marks in zip(plain.targets[:300], marked.targets[:300]):
        assert marks.argmax(1).tolist() == targets.tolist()
        assert (marks == 2).sum(1).tolist() == [1] * len(targets)
        for n, row in enumerate(marks[:7]):  # short prefixes have gone every way
            assert set(row.nonzero().flatten().tolist()) == follows[tuple(targets[:n].tolist())]
