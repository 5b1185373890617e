"""Sums with distractors and nested tags, against Python's own arithmetic and an independent parser."""

import random
import re
from collections import Counter

import pytest
import torch

from rnnbench.data.characters import Arithmetic, Tags

SIZES = {"train_size": 300, "valid_size": 20, "test_size": 20}


def texts(data, split="train", seed=0):
    part = getattr(data.load(seed), split)
    for inputs, targets, mask in zip(part.inputs, part.targets, part.mask, strict=True):
        codes = [*inputs.int().argmax(1).tolist(), int(targets[-1])]
        assert codes[1:] == targets.tolist()
        yield "".join(data.alphabet[code] for code in codes), mask.tolist()


def test_the_answer_is_right_and_alone_is_scored():
    signs = Counter()
    for text, mask in texts(Arithmetic("arithmetic", **SIZES)):
        asked, answer = text.split("=")
        problem = re.sub("[a-z]", "", asked)
        left, sign, right = re.fullmatch(r"(-?\d+)([+-])(-?\d+)", problem).groups()
        assert max(len(left.lstrip("-")), len(right.lstrip("-"))) <= 8
        assert answer == f"{int(left) + int(right) if sign == '+' else int(left) - int(right)}."
        assert not re.search("[a-z]{4}", asked)
        assert mask == [False] * (len(asked)) + [True] * len(answer)
        signs[sign] += 1
    assert min(signs.values()) > 100


def test_tags_close_in_their_order():
    kinds = Counter()
    for text, mask in texts(Tags("tags", **SIZES)):
        opened = []
        assert text.endswith(".")
        assert all(mask)
        for closing, name in re.findall(r"<(/?)([a-z]{2,10})>", text):
            if closing:
                assert opened.pop() == name
            else:
                opened.append(name)
            kinds[closing] += 1
        assert opened == []
        assert re.sub(r"</?[a-z]{2,10}>", "", text) == "."
    assert kinds["/"] == kinds[""]


def test_tags_are_opened_by_a_fair_coin_and_no_more_after_fifty_turns():
    strings = [Tags("tags").write(random.Random(seed))[0] for seed in range(2000)]
    single = sum(re.fullmatch(r"<(\w+)></\1>\.", s) is not None for s in strings) / 2000
    assert single == pytest.approx(0.25, abs=0.04)  # closed at once, and nothing after it

    class Tails(random.Random):
        def random(self):
            return 0.9

    text, _ = Tags("tags").write(Tails(0))
    assert len(re.findall("<[a-z]", text)) == len(re.findall("</", text)) == 50


@pytest.mark.parametrize("cls", [Arithmetic, Tags])
def test_batches_seeds_and_splits(cls):
    data = cls("x", **SIZES)
    batch = data.load(0).train.batch(torch.arange(5))
    assert batch.inputs_BTI.shape[2] == data.spec.input_size == data.spec.target_size == len(data.alphabet)
    assert batch.mask.shape == batch.targets.shape
    assert list(texts(data)) == list(texts(data))
    assert list(texts(data)) != list(texts(data, seed=1))
    assert list(texts(data, "valid")) != list(texts(data, "test"))
    with pytest.raises(ValueError, match="test_size="):
        cls("x", test_size=0)
