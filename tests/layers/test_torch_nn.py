"""The baselines have the interface of Recurrent: compared with our own layers of the same weights."""

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from rnnbench import layers

KINDS = [
    ("LSTM", {}),
    ("LSTM", {"proj_size": 2}),
    ("GRU", {}),
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu"}),
]


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=str)
@pytest.mark.parametrize(("num_layers", "bidirectional"), [(1, False), (2, True)])
@pytest.mark.parametrize("batch_first", [False, True])
def test_same_interface_and_numbers(kind, options, num_layers, bidirectional, batch_first):
    options = {**options, "num_layers": num_layers, "bidirectional": bidirectional, "batch_first": batch_first}
    built = []
    for name in (f"Torch{kind}", kind):
        torch.manual_seed(0)
        built.append(getattr(layers, name)(4, 5, dtype=torch.float64, **options))
    baseline, ours = built
    assert isinstance(baseline, getattr(torch.nn, kind))
    assert baseline.output_size == ours.output_size
    assert baseline.state_size == ours.state_size
    assert baseline.engine == "torch"
    x = torch.randn(3, 6, 4, dtype=torch.float64)
    x[0, 2:] = float("nan")
    x = x if batch_first else x.transpose(0, 1)
    for lengths in (torch.tensor([2, 5, 4]), torch.tensor([2, 6, 6])):
        (a, final_a), (b, final_b) = (layer(x, lengths=lengths) for layer in built)
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-14)
        torch.testing.assert_close(final_a, final_b, rtol=1e-10, atol=1e-14)
    full = x.nan_to_num()
    torch.testing.assert_close(baseline(full)[0], ours(full, lengths=torch.full((3,), 6))[0], rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ((torch.zeros(3, 6, 4), None, torch.tensor([1, 7, 2])), r"lengths: must be in 1\.\.6 .* got 1\.\.7"),
        ((torch.zeros(6, 4), None, torch.tensor([1])), "lengths: only for a padded batch"),
        ((pack_sequence([torch.zeros(2, 4)]), None, torch.tensor([1])), "lengths: only for a padded batch"),
    ],
)
def test_wrong_lengths(call, message):
    with pytest.raises(ValueError, match=message):
        layers.TorchGRU(4, 5, batch_first=True)(*call)
