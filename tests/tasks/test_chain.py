"""Against all sequences of tags, one by one."""

import itertools
import math

import pytest
import torch

from rnnbench.tasks.chain import best_tags, log_partition, score

LENGTHS = torch.tensor([4, 1, 3, 2, 1, 3, 2, 1, 2, 3, 1, 2])


@pytest.fixture
def pairs():
    generator = torch.Generator().manual_seed(0)
    pairs_BTOO = torch.randn(len(LENGTHS), 4, 3, 3, generator=generator, dtype=torch.float64)
    pairs_BTOO[:, 0] = pairs_BTOO[:, 0, :1]
    return pairs_BTOO


def enumerate_scores(pairs_TOO, length):
    """Every sequence of ``length`` tags with its score."""
    found = {}
    for tags in itertools.product(range(3), repeat=length):
        steps = [pairs_TOO[0, 0, tags[0]], *(pairs_TOO[t, tags[t - 1], tags[t]] for t in range(1, length))]
        found[tags] = float(sum(steps))
    return found


def test_all_sequences_together_the_best_and_each(pairs):
    total, best = log_partition(pairs, LENGTHS), best_tags(pairs, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        every = enumerate_scores(pairs[row], length)
        assert len(every) == 3**length
        assert float(total[row]) == pytest.approx(math.log(sum(map(math.exp, every.values()))), rel=1e-12)
        assert tuple(best[row, :length].tolist()) == max(every, key=every.__getitem__)
        assert best[row, length:].tolist() == [0] * (4 - length)
        for tags, expected in every.items():
            padded = torch.full((len(LENGTHS), 4), -1)
            padded[row, :length] = torch.tensor(tags)
            assert float(score(pairs, padded, LENGTHS)[row]) == pytest.approx(expected, rel=1e-12)


def test_gradient_of_the_partition_is_a_probability(pairs):
    pairs.requires_grad_()
    log_partition(pairs, LENGTHS).sum().backward()
    per_step = pairs.grad.sum((2, 3))
    expected = (torch.arange(4)[None] < LENGTHS[:, None]).double()
    torch.testing.assert_close(per_step, expected)
