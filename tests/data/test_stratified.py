import numpy as np
import pytest
import torch

from rnnbench.data.stratified import stratified

LABELS = ["a"] * 50 + ["b"] * 30 + ["c"] * 20


def test_every_row_is_in_one_part_and_every_class_is_shared_out_alike():
    parts = stratified(LABELS, [0.5, 0.3], seed=1)
    assert sorted(torch.cat(parts).tolist()) == list(range(100))
    assert [np.unique(np.array(LABELS)[part], return_counts=True)[1].tolist() for part in parts] == [
        [25, 15, 10],
        [15, 9, 6],
        [10, 6, 4],
    ]


def test_equal_shares_are_folds():
    folds = stratified(LABELS, [0.1] * 9, seed=1)
    assert [len(fold) for fold in folds] == [10] * 10


def test_the_draw_follows_from_the_seed_alone():
    first, again, other = (stratified(LABELS, [0.5], seed)[0].tolist() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("count", [1, 2])
def test_a_rare_class_is_in_the_first_part(count):
    first, rest = stratified(["x"] * 20 + ["rare"] * count, [0.9], seed=0)
    assert [int((part >= 20).sum()) for part in (first, rest)] == [count, 0]
