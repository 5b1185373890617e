import math
from collections import Counter

import pytest
import torch

from rnnbench.data.dataset import Splits
from rnnbench.data.streams import cut_streams, encode, shares, tokens, unigram_nll
from rnnbench.errors import UserError


def test_tokens_by_hand():
    assert tokens("a  b\n\nc", "words") == ["a", "b", "<eos>", "<eos>", "c"]
    assert list(tokens("a b\n", "characters")) == ["a", " ", "b", "\n"]
    assert tokens("", "words") == []


def test_streams_by_hand():
    rows = cut_streams(torch.arange(1, 13), 2, 3)  # 11 targets: 6 and 5
    assert rows.streams == 2
    assert [x[:, 0].tolist() for x in rows.inputs] == [[1, 2, 3], [7, 8, 9], [4, 5, 6], [10, 11]]
    assert [y.tolist() for y in rows.targets] == [[1, 2, 3], [7, 8, 9], [4, 5, 6], [10, 11]]  # the next id, less one


@pytest.mark.parametrize(("length", "count", "steps"), [(2, 1, 1), (12, 2, 3), (13, 3, 4), (50, 7, 100), (31, 5, 6)])
def test_every_token_is_predicted_once_from_the_one_before(length, count, steps):
    ids = torch.randperm(length) + 1
    rows = cut_streams(ids, count, steps)
    assert sorted(int(y) for row in rows.targets for y in row) == sorted(int(i) - 1 for i in ids[1:])
    after = dict(zip(ids.tolist(), ids[1:].tolist()))
    for x, y in zip(rows.inputs, rows.targets):
        assert [after[i] for i in x[:, 0].tolist()] == [i + 1 for i in y.tolist()]
    for c in range(1, len(rows.inputs) // count):  # each row goes on where the same stream of the last batch ended
        for b in range(count):
            before, here = (rows.inputs[k * count + b][:, 0].tolist() for k in (c - 1, c))
            assert len(before) == steps
            assert after[before[-1]] == here[0]


def test_unknown_characters_are_named_where_nothing_stands_for_them():
    with pytest.raises(UserError, match="the model knows no 'X', 'é'; its text has none"):
        encode("aXbéX", ["a", "b"])
    with pytest.raises(UserError, match="'s', 't', 'u', 'v', 'w' and 4 more"):
        encode("stuvwxyz!", ["a"])


def test_shares_in_order():
    assert shares("abcdefghijklmnopqrst", (0.9, 0.05, 0.05)) == ("abcdefghijklmnopqr", "s", "t")
    assert shares(["a", "b", "c", "d", "e"], (0.6, 0.2, 0.2)) == (["a", "b", "c"], ["d"], ["e"])


def test_unigram_of_a_text_on_itself_is_its_entropy():
    ids = torch.randint(1, 6, (200_001,), generator=torch.Generator().manual_seed(0))
    part = cut_streams(ids, 4, 1000)
    counts = Counter(ids[1:].tolist())
    entropy = -sum(n / 200_000 * math.log(n / 200_000) for n in counts.values())
    assert unigram_nll(Splits(part, part, part), 5) == pytest.approx(entropy, rel=1e-6)
    few = cut_streams(torch.tensor([1, 1, 1, 2]), 1, 9)  # seen once 0, twice...: 0 0 1; tested on 1 and the unseen 2
    test = cut_streams(torch.tensor([1, 2, 3]), 1, 9)
    assert unigram_nll(Splits(few, few, test), 3) == pytest.approx(-(math.log(2 / 6) + math.log(1 / 6)) / 2)
