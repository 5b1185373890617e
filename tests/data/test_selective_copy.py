import math

import pytest
import torch

from rnnbench.data.selective_copy import SelectiveCopy


def load(seed=0, **options):
    sizes = {"train_size": 400, "valid_size": 50, "test_size": 50}
    return SelectiveCopy(**{"length": 12, "symbols": 3, "vocabulary": 6, **sizes, **options}).load(seed)


def test_shapes_agree_with_the_spec():
    spec = SelectiveCopy(vocabulary=6).spec
    assert (spec.task, spec.input_size, spec.target_size, spec.per_step) == ("classification", 6, 6, True)
    batch = load().train.batch(torch.arange(400))
    assert batch.inputs_BTI.shape == (400, 15, 6)
    assert (batch.inputs_BTI.sum(-1) == 1).all()
    assert batch.targets.shape == batch.mask.shape == (400, 15)
    assert batch.lengths_B is None


def test_the_markers_ask_for_the_tokens_in_order():
    batch = load().train.batch(torch.arange(400))
    for shown, target, asked in zip(batch.inputs_BTI.argmax(-1).tolist(), batch.targets.tolist(), batch.mask.tolist()):
        tokens = [symbol for symbol in shown[:12] if symbol]
        assert len(tokens) == 3
        assert all(2 <= token < 6 for token in tokens)
        assert shown[12:] == [1] * 3
        assert target[12:] == tokens
        assert asked == [False] * 12 + [True] * 3


def test_places_and_tokens_are_even():
    shown = load(train_size=4000).train.batch(torch.arange(4000)).inputs_BTI.argmax(-1)[:, :12]
    taken = (shown > 0).double().mean(0)
    assert torch.allclose(taken, torch.full((12,), 0.25).double(), atol=4 * math.sqrt(0.25 * 0.75 / 4000))
    counts = torch.bincount(shown[shown > 0])[2:].double() / 12000
    assert torch.allclose(counts, torch.full((4,), 0.25).double(), atol=4 * math.sqrt(0.25 * 0.75 / 12000))


def test_the_baseline_is_a_guess_among_tokens():
    batch = load().test.batch(torch.arange(50))
    log_p = torch.full((6,), -math.inf)
    log_p[2:] = -math.log(4)
    scored = -log_p[batch.targets[batch.mask]].mean()
    assert SelectiveCopy(vocabulary=6).baseline() == {"nll": pytest.approx(float(scored)), "accuracy": 0.25}


def test_seed_decides_and_splits_are_independent():
    assert torch.equal(load(0).train.inputs, load(0).train.inputs)
    assert not torch.equal(load(0).train.inputs, load(1).train.inputs)
    assert not torch.equal(load(0).train.inputs[:50], load(0).valid.inputs)
    assert torch.equal(load(0).test.inputs, load(0, train_size=3).test.inputs)


@pytest.mark.parametrize("options", [{"symbols": 0}, {"length": 2}, {"vocabulary": 2}, {"test_size": 0}])
def test_options_are_checked(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}="):
        SelectiveCopy(**{"symbols": 3, **options})
