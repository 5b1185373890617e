import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from rnnbench.layers.fused.steps import Steps, steps

LENGTHS = [5, 3, 3, 1]
RAGGED = Steps((4, 3, 3, 1, 1), reverse=False, kept=True)


def test_rows_are_those_of_a_packed_sequence():
    """Every number says its step and sequence: where torch packs it, there ``index`` finds it."""
    padded_TB = torch.arange(5 * 4).view(5, 4)
    packed = pack_sequence([padded_TB[:length, b] for b, length in enumerate(LENGTHS)])
    assert tuple(packed.batch_sizes.tolist()) == RAGGED.sizes
    assert torch.equal(padded_TB.flatten()[RAGGED.index], packed.data)
    assert [list(values) for values in RAGGED.rows] == [[4, 3, 3, 1, 1], [0, 4, 7, 10, 11]]


def test_the_last_state_of_each_sequence():
    assert RAGGED.lengths == LENGTHS
    assert RAGGED.last.tolist() == [length * 4 + b for b, length in enumerate(LENGTHS)]
    assert not RAGGED.full
    assert Steps((2, 2), False, True).full


@pytest.mark.parametrize("slices", [1, 2, 3, 4])
@pytest.mark.parametrize("sizes", [(4, 3, 3, 1, 1), (4, 4, 4), (7, 1, 1, 1, 1, 1, 1, 1), (9,)], ids=str)
def test_threads_share_all_rows(sizes: tuple[int, ...], slices: int):
    cuts = list(Steps(sizes, False, True).cuts(slices))
    assert len(cuts) == slices + 1
    assert cuts[0] == 0
    assert cuts[-1] == sizes[0]
    assert cuts == sorted(cuts)


def test_threads_share_the_work_not_the_rows():
    """One sequence as long as all others together is a part of its own."""
    assert list(Steps((7, 1, 1, 1, 1, 1), False, True).cuts(2)) == [0, 1, 7]


def test_equal_batches_share_their_plan_and_few_are_remembered():
    assert steps((2, 2), False, True) is steps((2, 2), False, True)
    assert steps.cache_info().maxsize == 64
