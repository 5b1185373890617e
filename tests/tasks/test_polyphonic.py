import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from rnnbench.data.spec import Batch, DataSpec
from rnnbench.tasks import Polyphonic


def frames(count=40, notes=5):
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(count, notes, generator=generator)
    return outputs, (torch.rand(count, notes, generator=generator) < 0.3).float()


def test_nll_is_a_sum_over_notes_and_a_mean_over_frames():
    outputs, targets = frames()
    task = Polyphonic()
    collection = task.metrics(DataSpec("polyphonic", 5, 5, per_step=True))
    for o, t in zip(outputs.split([1, 30, 9]), targets.split([1, 30, 9])):  # frames count, not batches
        task.update(collection, o, t, task.losses(o, t))
    found = {k: float(v) for k, v in collection.compute().items()}
    p = 1 / (1 + np.exp(-outputs.double().numpy()))
    y = targets.numpy()
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(1).mean()
    assert found["nll"] == pytest.approx(expected, rel=1e-5)
    assert found["f1"] == pytest.approx(f1_score(y.ravel(), (p > 0.5).ravel()), rel=1e-5)


def test_constant_is_each_notes_smoothed_frequency():
    _, targets = frames()
    p = Polyphonic().constant(targets, targets.shape[-1]).sigmoid()
    assert p.tolist() == pytest.approx(((targets.sum(0) + 0.5) / 41).tolist())
    never = Polyphonic().constant(torch.zeros(10, 2), 2)
    assert torch.isfinite(never).all()


def test_inputs_are_noisy_in_training_alone():
    spec, batch = DataSpec("polyphonic", 5, 5, per_step=True), Batch(torch.zeros(3, 2000, 5), torch.zeros(3, 2000, 5))
    assert not Polyphonic().augments
    assert Polyphonic().augmented(batch, spec) is batch
    task = Polyphonic(input_noise=0.3)
    torch.manual_seed(0)
    noisy = task.augmented(batch, spec)
    assert task.augments
    assert float(noisy.inputs_BTI.std()) == pytest.approx(0.3, rel=0.03)
    assert torch.equal(noisy.targets, batch.targets)
    with pytest.raises(ValueError, match=r"input_noise=-1: must not be negative"):
        Polyphonic(input_noise=-1)
