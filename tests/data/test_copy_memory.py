import math

import pytest
import torch

from rnnbench.data.copy_memory import CopyMemory

FORMS = ("arjovsky2016", "bai2018")


def load(form, length=7, **sizes):
    return CopyMemory(length=length, form=form, **{"train_size": 200, "valid_size": 100, "test_size": 50, **sizes})


@pytest.mark.parametrize(("form", "features", "classes"), [("arjovsky2016", 10, 9), ("bai2018", 1, 10)])
def test_shapes_agree_with_the_spec(form, features, classes):
    dataset = load(form)
    spec, splits = dataset.spec, dataset.load(0)
    assert (spec.task, spec.input_size, spec.target_size, spec.per_step) == ("classification", features, classes, True)
    assert [len(s) for s in (splits.train, splits.valid, splits.test)] == [200, 100, 50]
    batch = splits.train.batch(torch.arange(200))
    assert batch.inputs_BTI.shape == (200, 27, features)
    assert batch.inputs_BTI.dtype == torch.float32
    assert batch.targets.shape == (200, 27)
    assert batch.targets.dtype == torch.int64
    assert batch.lengths_B is None


@pytest.mark.parametrize(("form", "delimiters"), [("arjovsky2016", 1), ("bai2018", 11)])
@pytest.mark.parametrize("length", [1, 2, 30])
def test_layout(form, delimiters, length):
    batch = load(form, length).load(0).train.batch(torch.arange(200))
    symbols = batch.inputs_BTI.argmax(-1) if form == "arjovsky2016" else batch.inputs_BTI[..., 0].long()
    if form == "arjovsky2016":
        assert (batch.inputs_BTI.sum(-1) == 1).all()
    for shown, target in zip(symbols.tolist(), batch.targets.tolist(), strict=True):
        word = shown[:10]
        assert all(1 <= s <= 8 for s in word)
        assert shown[10:] == [0] * (length - 1) + [9] * delimiters + [0] * (11 - delimiters)
        assert target == [0] * (length + 10) + word
    assert symbols[:, :10].unique().tolist() == list(range(1, 9))


@pytest.mark.parametrize("form", FORMS)
def test_seed_decides_and_splits_are_independent(form):
    first, again, other = (load(form).load(seed) for seed in (0, 0, 1))
    assert torch.equal(first.train.targets, again.train.targets)
    assert not torch.equal(first.train.targets, other.train.targets)
    words = [tuple(row[-10:].tolist()) for s in (first.train, first.valid, first.test) for row in s.targets]
    assert len(set(words)) == len(words)  # of 8^10 words, 350 collide with a chance of 6e-5
    assert torch.equal(first.test.targets, load(form, train_size=3).load(0).test.targets)


@pytest.mark.parametrize(("length", "published"), [(100, 0.173), (200, 0.095), (300, 0.065), (500, 0.040)])
def test_baseline_is_the_published_one(length, published):
    assert CopyMemory(length=length).baseline()["nll"] == pytest.approx(published, abs=6e-4)


def test_baseline_is_what_a_memoryless_prediction_scores():
    dataset = load("bai2018")
    targets = dataset.load(0).test.targets.long()
    log_p = torch.full((targets.shape[1], 10), -math.inf)
    log_p[:-10, 0] = 0.0
    log_p[-10:, 1:9] = -math.log(8)
    scored = -log_p.expand(len(targets), -1, -1).gather(2, targets[..., None]).mean()
    assert float(scored) == pytest.approx(dataset.baseline()["nll"])


@pytest.mark.parametrize("options", [{"length": 0}, {"form": "le2015"}, {"test_size": 0}])
def test_options_are_checked(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}="):
        CopyMemory(**options)
