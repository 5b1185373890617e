import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from rnnbench.layers.packing import from_packed, from_padded, to_padded, to_steps

LENGTHS = torch.tensor([2, 5, 1, 5])


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("lengths", [LENGTHS, torch.full((4,), 6), torch.ones(4, dtype=torch.int64)], ids=str)
def test_data_and_batch_sizes_are_those_of_torch(batch_first, lengths):
    x = torch.randn(4, 6, 3) if batch_first else torch.randn(6, 4, 3)
    data, packing = from_padded(x, lengths, batch_first)
    theirs = pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False)
    assert torch.equal(data, theirs.data)
    assert list(packing.batch_sizes) == theirs.batch_sizes.tolist()
    beyond = torch.arange(6) >= lengths[:, None]
    expected = x.masked_fill((beyond if batch_first else beyond.T)[..., None], 0)
    assert torch.equal(to_padded(data, packing, batch_first), expected)


def test_states_are_sorted_and_back():
    state = torch.randn(2, 4, 3)
    _, packing = from_padded(torch.randn(4, 6, 3), LENGTHS, True)
    assert torch.equal(packing.sort(state), state[:, [1, 3, 0, 2]])
    assert torch.equal(packing.unsort(packing.sort(state)), state)


@pytest.mark.parametrize("lengths", [LENGTHS, torch.full((4,), 5)], ids=str)
def test_every_step_gets_the_row_of_its_sequence(lengths):
    rows = torch.randn(4, 3)
    packed = pack_padded_sequence(rows.expand(5, 4, 3), lengths, enforce_sorted=False)
    assert torch.equal(to_steps(rows[packed.sorted_indices], packed.batch_sizes.tolist()), packed.data)


def test_a_packed_sequence_keeps_its_order():
    x, state = torch.randn(6, 4, 3), torch.randn(2, 4, 3)
    packed = pack_padded_sequence(x, LENGTHS, enforce_sorted=False)
    data, packing = from_packed(packed)
    assert data is packed.data
    assert torch.equal(packing.sort(state), state.index_select(1, packed.sorted_indices))
    assert torch.equal(packing.unsort(state), state.index_select(1, packed.unsorted_indices))


def test_gradients_of_the_padding_are_zero_and_twice_differentiable():
    x = torch.randn(3, 4, 2, dtype=torch.float64, requires_grad=True)

    def there_and_back(x):
        data, packing = from_padded(x, torch.tensor([1, 4, 2]), True)
        return to_padded(data.sin(), packing, True)

    assert torch.autograd.gradcheck(there_and_back, x)
    assert torch.autograd.gradgradcheck(there_and_back, x)
