import subprocess
import sys

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence, pad_sequence

from rnnbench.data.dataset import Dataset, Sequences


def ragged(lengths=(3, 1, 5, 2), features=2):
    torch.manual_seed(0)
    return [torch.randn(n, features) for n in lengths]


def test_equal_lengths_are_plain_rows():
    inputs, targets, side = torch.randn(6, 4, 2), torch.arange(6), torch.randn(6, 3)
    batch = Sequences(inputs, targets, side=side).batch(torch.tensor([5, 0, 5]))
    assert torch.equal(batch.inputs_BTI, inputs[[5, 0, 5]])
    assert batch.targets.tolist() == [5, 0, 5]
    assert torch.equal(batch.side_BS, side[[5, 0, 5]])
    assert batch.lengths_B is None
    assert batch.mask is None


def test_ragged_batch_equals_pad_sequence():
    inputs = ragged()
    targets = [x.sum(1) for x in inputs]
    mask = [x[:, 0] > 0 for x in inputs]
    sequences = Sequences(inputs, targets, mask)
    assert sequences.lengths.tolist() == [3, 1, 5, 2]
    for rows in ([2, 0], [1, 3], [3, 1, 0], [0, 1, 2, 3]):
        batch = sequences.batch(torch.tensor(rows))
        assert torch.equal(batch.inputs_BTI, pad_sequence([inputs[i] for i in rows], batch_first=True))
        assert torch.equal(batch.targets, pad_sequence([targets[i] for i in rows], batch_first=True))
        assert torch.equal(batch.mask, pad_sequence([mask[i] for i in rows], batch_first=True))
        assert batch.lengths_B.tolist() == [len(inputs[i]) for i in rows]
        assert batch.lengths_B.device.type == "cpu"


def test_several_batches_packed_at_once_are_what_torch_packs():
    """Of different sizes and lengths, one of them with sequences of equal length, whose order stays."""
    inputs = ragged((3, 1, 5, 2, 3))
    parts = inputs, [x.sum(1) for x in inputs], [x[:, 0] > 0 for x in inputs]
    groups = [[2, 0, 4], [1, 3], [3, 1, 0, 4], [1]]
    for rows, found in zip(groups, Sequences(*parts).packed([torch.tensor(rows) for rows in groups]), strict=True):
        expected = [pack_sequence([part[i] for i in rows], enforce_sorted=False) for part in parts]
        assert torch.equal(found[0].data, expected[0].data)
        assert torch.equal(found[0].batch_sizes, expected[0].batch_sizes)
        assert torch.equal(found[1], expected[1].data)
        assert torch.equal(found[2], expected[2].data)


def test_ragged_inputs_with_one_target_each():
    batch = Sequences(ragged(), torch.tensor([[1.0], [2.0], [3.0], [4.0]])).batch(torch.tensor([3, 2]))
    assert batch.targets.tolist() == [[4.0], [3.0]]
    assert batch.inputs_BTI.shape == (2, 5, 2)


def test_no_lengths_where_nothing_is_padded():
    sequences = Sequences(ragged((3, 2, 3)), torch.zeros(3))
    assert sequences.batch(torch.tensor([0, 2])).lengths_B is None
    assert sequences.batch(torch.tensor([1])).inputs_BTI.shape == (1, 2, 2)


@pytest.mark.parametrize(
    ("stored", "given"),
    [
        (torch.bool, torch.float32),
        (torch.float64, torch.float32),
        (torch.uint8, torch.int64),
        (torch.int32, torch.int64),
    ],
)
def test_batches_have_two_types(stored, given):
    batch = Sequences(torch.ones(2, 3, 1).to(stored), torch.ones(2, 3).to(stored)).batch(torch.tensor([0]))
    assert batch.inputs_BTI.dtype == (torch.int64 if stored is torch.int32 else torch.float32)  # ids stay ids
    assert batch.targets.dtype == given


def test_lengths_of_parts_must_agree():
    with pytest.raises(ValueError, match="targets: 3 for 4 sequences"):
        Sequences(ragged(), torch.zeros(3))


@pytest.mark.parametrize("sizes", [{"batch_size": 0}, {"batch_size": 2, "eval_batch_size": 0}])
def test_sizes_are_checked(sizes):
    with pytest.raises(ValueError, match="batch_size=0: must be at least 1"):
        Dataset("x", **sizes)


def test_evaluation_batches_default_to_training_batches():
    assert Dataset("x", 7).eval_batch_size == 7
    assert Dataset("x", 7, 9).eval_batch_size == 9


def test_a_dataset_without_files():
    dataset = Dataset("x", 1)
    assert (dataset.fingerprint(), dataset.prepare(), dataset.baseline()) == ({}, [], None)


def test_import_is_light():
    heavy = "sklearn scipy pandas lightning pooch requests torchmetrics"
    code = f"import sys, rnnbench.data; print([m for m in '{heavy}'.split() if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
