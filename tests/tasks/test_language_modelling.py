import numpy as np
import pytest
import torch

from rnnbench.data.spec import Batch, DataSpec, Outputs
from rnnbench.tasks import LanguageModelling

SPEC = DataSpec("language_modelling", 1, 6, per_step=True, carries_state=True, vocabulary=7)


def scores(count=50):
    generator = torch.Generator().manual_seed(0)
    return 3 * torch.randn(count, 6, generator=generator), torch.randint(0, 6, (count,), generator=generator)


def nll(outputs, targets):
    x = outputs.double().numpy()
    log_p = x - np.log(np.exp(x).sum(1, keepdims=True))
    return -log_p[np.arange(len(x)), targets.numpy()]


def test_perplexity_and_bits_by_numpy():
    outputs, targets = scores()
    task = LanguageModelling()
    collection = task.metrics(SPEC)
    for o, t in zip(outputs.split([1, 40, 9]), targets.split([1, 40, 9])):  # tokens count, not batches
        task.update(collection, o, t, task.losses(o, t))
    mean = nll(outputs, targets).mean()
    found = {k: float(v) for k, v in collection.compute().items()}
    assert found == pytest.approx({"nll": mean, "perplexity": 2 ** (mean / np.log(2)), "bpc": mean / np.log(2)}, 1e-5)
    assert found.keys() == task.modes.keys()


def test_constant_is_the_unigram_model():
    _, targets = scores()
    p = LanguageModelling().constant(targets, 6).softmax(-1)
    counts = np.bincount(targets.numpy(), minlength=6)
    assert p.tolist() == pytest.approx(((counts + 1) / (counts.sum() + 6)).tolist())


def test_predictions_are_the_losses_of_each_text():
    outputs, targets = scores(12)
    lengths = torch.tensor([6, 4])
    ids = torch.ones(2, 6, 1, dtype=torch.long)
    batch = Batch(ids, targets.view(2, 6), lengths)
    rows = LanguageModelling().predictions(Outputs(outputs.view(2, 6, 6), lengths), batch, per_step=True)
    expected = nll(outputs, targets)
    assert [len(row) for row in rows] == [6, 4]
    assert torch.cat(rows).tolist() == pytest.approx([*expected[:6], *expected[6:10]], rel=1e-5)
