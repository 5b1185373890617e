import pytest
import torch

from rnnbench.data.dataset import Sequences
from rnnbench.data.generated import Generated
from rnnbench.data.seeding import derive


class Noise(Generated):
    def generate(self, count, seed):
        return Sequences(torch.randn(count, 2, 1, generator=torch.Generator().manual_seed(seed)), torch.zeros(count))


def test_every_split_has_its_size_and_a_seed_of_its_own():
    dataset = Noise("noise", 5, 3, 2)
    splits, again = dataset.load(7), dataset.load(7)
    assert [len(split) for split in (splits.train, splits.valid, splits.test)] == [5, 3, 2]
    for name in ("train", "valid", "test"):
        expected = torch.randn(dataset.sizes[name], 2, 1, generator=torch.Generator().manual_seed(derive(7, name)))
        assert torch.equal(getattr(splits, name).inputs, expected)
        assert torch.equal(getattr(again, name).inputs, expected)
    assert not torch.equal(splits.train.inputs[:2], splits.test.inputs)
    assert not torch.equal(splits.train.inputs, dataset.load(8).train.inputs)


@pytest.mark.parametrize("size", ["train_size", "valid_size", "test_size"])
def test_sizes_are_checked(size):
    with pytest.raises(ValueError, match=f"{size}=0: must be at least 1"):
        Noise("noise", **{size: 0})
