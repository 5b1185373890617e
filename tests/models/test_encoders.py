import pytest
import torch

from rnnbench.data.spec import DataSpec
from rnnbench.models import Embedding

SPEC = DataSpec("classification", 1, 2, vocabulary=7)


def test_every_token_has_its_vector_and_padding_none():
    encoder = Embedding(SPEC, size=3)
    ids = torch.tensor([[[2], [6], [0]]])
    x, lengths = encoder(ids, torch.tensor([2]))
    assert lengths.tolist() == [2]
    assert torch.equal(x[0, 0], encoder.vectors.weight[2])
    assert x[0, 2].tolist() == [0, 0, 0]
    x.sum().backward()
    assert encoder.vectors.weight.grad[0].tolist() == [0, 0, 0]
    assert encoder.vectors.weight.grad[6].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        (DataSpec("classification", 1, 2), {}, "are numbers, with nothing to embed"),
        (SPEC, {"size": 0}, "encoder.size=0: must be at least 1"),
        (SPEC, {"dropout": 1.0}, "encoder.dropout=1.0: must be in 0..1, below 1"),
    ],
)
def test_options_out_of_range_are_told_in_one_line(spec, options, message):
    with pytest.raises(ValueError, match=message):
        Embedding(spec, **options)
