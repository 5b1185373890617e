"""Metrics of a group, against means over all that it was given."""

import torch

from rnnbench.data.spec import DataSpec
from rnnbench.tasks.regression import Regression
from rnnbench.training import stacked_metrics
from rnnbench.training.stacked_metrics import BATCHES, StackedMetrics
from rnnbench.training.stacked_model import Scores

SPEC = DataSpec("regression", 1, 1)


def fed(counts):
    """The metrics of two runs after batches of these sizes, the squared errors of each, and the batches that waited."""
    tasks = [Regression(), Regression()]
    stacked = StackedMetrics(tasks, [task.metrics(SPEC) for task in tasks])
    generator = torch.Generator().manual_seed(3)
    errors, waited = [[], []], []
    for count in counts:
        outputs_MNO, targets_MNO = torch.rand(2, 2, count, 1, generator=generator)
        losses_MN = (outputs_MNO - targets_MNO).square()[..., 0]
        stacked.add(Scores(outputs_MNO, targets_MNO, losses_MN))
        waited.append(len(stacked._waiting))
        for own, losses_N in zip(errors, losses_MN.double()):
            own += losses_N.tolist()
    stacked.flush()
    return stacked.metrics, errors, waited


def test_every_batch_counts_once_however_many_waited():
    metrics, errors, waited = fed([1, 3] * BATCHES + [2])
    assert max(waited) == BATCHES - 1
    for own, values in zip(metrics, errors):
        torch.testing.assert_close(own.compute()["mse"].double(), torch.tensor(values).double().mean())


def test_large_batches_wait_for_few_others(monkeypatch):
    monkeypatch.setattr(stacked_metrics, "HELD", 10)
    assert fed([4, 4, 4, 4])[2] == [1, 2, 0, 1]
