from functools import partial

import pytest
import torch

from rnnbench.data.spec import Batch, DataSpec
from rnnbench.layers import TorchGRU
from rnnbench.models import Embedding, LinearChain, build_model, count_parameters
from rnnbench.tasks import Classification, Tagging

SPEC = DataSpec("tagging", 1, 3, True, vocabulary=5)
IDS = torch.tensor([[[1], [4], [2]], [[2], [3], [0]]])


def built(task=None, spec=SPEC):
    def make(input_size, batch_first):
        return TorchGRU(input_size, 4, batch_first=batch_first)

    task = task or Tagging(encoder=partial(Embedding, size=6), composition=LinearChain)
    return build_model(make, spec, task, (1, 2, 3))


@pytest.mark.parametrize("lengths", [None, torch.tensor([3, 2])])
def test_pairs_by_hand(lengths):
    model = built()
    for p in (model.transitions, model.begin, model.end):
        torch.nn.init.normal_(p)
    pairs = model.run(Batch(IDS, IDS, lengths)).values
    plain = model.head(model.backbone(model.encoder(IDS, None)[0], lengths=lengths)[0])
    for row, length in enumerate([3, 3] if lengths is None else lengths.tolist()):
        for t in range(length):
            for i in range(3):
                before = model.begin if t == 0 else model.transitions[i]
                expected = plain[row, t] + before + (model.end if t == length - 1 else 0)
                torch.testing.assert_close(pairs[row, t, i], expected)


def test_transitions_are_counted_with_the_head():
    assert count_parameters(built())["head"] == (4 * 3 + 3) + 3 * 3 + 2 * 3


def test_a_sequence_with_one_target_has_no_chain():
    task = Classification(encoder=partial(Embedding, size=6))
    task.composition = LinearChain
    with pytest.raises(ValueError, match="needs a tag for every step"):
        built(task, DataSpec("classification", 1, 3, vocabulary=5))
