from itertools import chain, islice

import pytest
import torch

from rnnbench.data.dataset import Sequences
from rnnbench.data.loader import BatchLoader, EpochOrder


def numbered(count, lengths=None):
    """Sequences whose target is their own number."""
    if lengths is None:
        return Sequences(torch.zeros(count, 3, 1), torch.arange(count))
    return Sequences([torch.ones(n, 1) for n in lengths], torch.arange(count))


def random_lengths(count, high=100, seed=0):
    return torch.randint(1, high, (count,), generator=torch.Generator().manual_seed(seed)).tolist()


def flat(batches):
    return list(chain.from_iterable(batches))


def epoch(loader, number):
    loader.sampler.set_epoch(number)
    return [batch.targets.tolist() for batch in loader]


RAGGED = {"equal": None, "ragged": random_lengths(103)}


@pytest.mark.parametrize("lengths", RAGGED.values(), ids=RAGGED)
@pytest.mark.parametrize("shuffle", [True, False])
def test_every_sequence_once_an_epoch(lengths, shuffle):
    loader = BatchLoader(numbered(103, lengths), 10, seed=1, shuffle=shuffle)
    for number in (0, 1, 7):
        batches = epoch(loader, number)
        assert sorted(flat(batches)) == list(range(103))
        assert sorted(map(len, batches)) == [3] + [10] * 10
        assert len(loader) == len(batches) == 11


@pytest.mark.parametrize("lengths", RAGGED.values(), ids=RAGGED)
def test_order_depends_on_seed_and_epoch_alone(lengths):
    def order(seed, number):
        return epoch(BatchLoader(numbered(103, lengths), 10, seed, shuffle=True), number)

    assert order(0, 3) == order(0, 3)
    seen = [str(order(seed, number)) for seed in (0, 1) for number in (0, 1, 2)]
    assert len(set(seen)) == 6
    again = BatchLoader(numbered(103, lengths), 10, 0, shuffle=True)
    torch.manual_seed(5)
    epoch(again, 0)
    assert epoch(again, 3) == order(0, 3)  # whatever came before


def test_neither_reads_nor_moves_the_global_generator():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    epoch(BatchLoader(numbered(50), 10, 0, shuffle=True), 0)
    assert torch.equal(before, torch.get_rng_state())


def test_skip_counts_once():
    loader = BatchLoader(numbered(50), 10, 0, shuffle=True)
    whole = epoch(loader, 2)
    loader.skip = 3
    assert epoch(loader, 2) == whole[3:]
    assert epoch(loader, 2) == whole
    assert len(loader) == 5


def test_skipping_a_whole_epoch_means_that_it_was_over():
    loader = BatchLoader(numbered(50), 10, 0, shuffle=True)
    whole = epoch(loader, 3)
    loader.skip = 5
    assert epoch(loader, 3) == whole


def test_checkpoint_of_another_order_is_refused():
    loader = BatchLoader(numbered(50), 10, 0, shuffle=True)
    loader.load_state_dict(BatchLoader(numbered(50), 10, 0, shuffle=True).state_dict())
    with pytest.raises(ValueError, match="batch_size"):
        loader.load_state_dict(BatchLoader(numbered(50), 5, 0, shuffle=True).state_dict())


def test_order_is_decided_at_the_first_batch_not_at_iter():
    # Lightning calls iter() before it sets the epoch and before a resume can set `skip`
    loader = BatchLoader(numbered(50), 10, 0, shuffle=True)
    wanted = epoch(loader, 4)
    loader.sampler.set_epoch(0)
    iterator = iter(loader)
    loader.sampler.set_epoch(4)
    loader.skip = 2
    assert [b.targets.tolist() for b in iterator] == wanted[2:]


def test_fixed_order_without_shuffle():
    loader = BatchLoader(numbered(25), 10, 0, shuffle=False)
    assert flat(epoch(loader, 0)) == flat(epoch(loader, 9)) == list(range(25))


def test_evaluation_is_sorted_by_length_unless_told_otherwise():
    lengths = random_lengths(40)
    by_length = flat(epoch(BatchLoader(numbered(40, lengths), 7, 0, shuffle=False), 0))
    assert [lengths[i] for i in by_length] == sorted(lengths)
    given = BatchLoader(numbered(40, lengths), 7, 0, shuffle=False, bucket=False)
    assert flat(epoch(given, 0)) == list(range(40))


def padding(batches, lengths):
    padded = sum(len(b) * max(lengths[i] for i in b) for b in batches)
    return padded / sum(lengths) - 1


def test_buckets_cut_padding():
    lengths = random_lengths(4000)
    with_buckets = epoch(BatchLoader(numbered(4000, lengths), 16, 0, shuffle=True), 0)
    without = epoch(BatchLoader(numbered(4000, lengths), 16, 0, shuffle=True, bucket=False), 0)
    assert padding(without, lengths) > 0.7
    assert padding(with_buckets, lengths) < 0.05


def test_buckets_still_mix():
    # in a set of few batches too, the same sequences must not meet in every epoch, nor lengths rise through one
    lengths = random_lengths(160)
    loader = BatchLoader(numbered(160, lengths), 16, 0, shuffle=True)
    first, second = (epoch(loader, number) for number in (0, 1))
    together = [{frozenset((i, j)) for b in batches for i in b for j in b if i < j} for batches in (first, second)]
    assert len(together[0] & together[1]) < 0.5 * len(together[0])
    means = [sum(lengths[i] for i in b) / len(b) for b in first]
    assert means != sorted(means)


@pytest.mark.parametrize("lengths", RAGGED.values(), ids=RAGGED)
@pytest.mark.parametrize("world_size", [2, 3, 4])
def test_ranks_share_each_batch(lengths, world_size):
    whole = epoch(BatchLoader(numbered(101, lengths and lengths[:101]), 10, 0, shuffle=True, world_size=1), 1)
    ranks = [
        epoch(BatchLoader(numbered(101, lengths and lengths[:101]), 10, 0, True, rank=rank, world_size=world_size), 1)
        for rank in range(world_size)
    ]
    assert sorted(i for batches in ranks for b in batches for i in b) == list(range(101))
    assert len({len(batches) for batches in ranks}) == 1
    assert all(b for batches in ranks for b in batches)  # no rank is ever without rows
    if lengths is None:
        for number in range(9):
            assert sorted(flat(batches[number] for batches in ranks)) == sorted(whole[number])


def test_too_many_devices():
    with pytest.raises(ValueError, match="4 devices need at least 4"):
        BatchLoader(numbered(10), 3, 0, shuffle=True, world_size=4)


def test_small_remainder_joins_its_neighbour():
    assert EpochOrder(21, None, 10, 0, shuffle=True, least=2).sizes == [10, 11]
    assert EpochOrder(22, None, 10, 0, shuffle=True, least=2).sizes == [10, 10, 2]
    assert EpochOrder(20, None, 10, 0, shuffle=True, least=2).sizes == [10, 10]
    assert EpochOrder(3, None, 10, 0, shuffle=True).sizes == [3]


def test_interrupted_iteration_leaves_nothing_behind():
    loader = BatchLoader(numbered(50), 10, 0, shuffle=True)
    whole = epoch(loader, 0)
    list(islice(loader, 2))
    assert epoch(loader, 0) == whole


def test_rows_that_follow_each_other_keep_their_order_and_number():
    rows = torch.arange(6)[:, None, None]  # three streams, cut into two pieces each
    loader = BatchLoader(Sequences(rows, rows[:, :, 0], streams=3), 4, seed=0, shuffle=True)
    assert [batch.inputs_BTI.flatten().tolist() for batch in loader] == [[0, 1, 2], [3, 4, 5]]
