from functools import partial

import numpy as np
import pytest
import torch

from rnnbench.data.spec import DataSpec
from rnnbench.layers import LSTM
from rnnbench.models import build_model
from rnnbench.tasks import LogisticUnits, NextSymbols


def outputs(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_half_the_squared_error_of_logistic_units(kind):
    out_NO, task = outputs(30, 4), LogisticUnits()
    classes_N = torch.arange(30) % 4
    targets = classes_N if kind == "classes" else outputs(30, 4, seed=1).sigmoid()
    wanted_NO = np.eye(4)[classes_N] if kind == "classes" else targets.double().numpy()
    errors_NO = 1 / (1 + np.exp(-out_NO.double().numpy())) - wanted_NO
    assert task.losses(out_NO, targets).tolist() == pytest.approx((errors_NO**2).sum(1) / 2, rel=1e-5)
    assert task.errors(out_NO, targets).tolist() == pytest.approx(abs(errors_NO).max(1), rel=1e-5)
    collection = task.metrics(DataSpec("classification", 1, 4))
    for rows in torch.arange(30).split(7):
        task.update(collection, out_NO[rows], targets[rows], task.losses(out_NO[rows], targets[rows]))
    found = {name: float(value) for name, value in collection.compute().items()}
    assert found == pytest.approx({"mse": (errors_NO**2).mean(), "mae": abs(errors_NO).mean()}, rel=1e-5)
    assert task.constant(targets, 4).sigmoid().tolist() == pytest.approx(wanted_NO.mean(0), rel=1e-5)


def test_its_gradient_is_the_papers_delta():
    """With half the squared error, (y - d) y (1 - y) at the output unit."""
    net = torch.tensor([[0.3, -1.0]], dtype=torch.float64, requires_grad=True)
    (delta,) = torch.autograd.grad(LogisticUnits().losses(net, torch.tensor([0])).sum(), net)
    y = net.detach().sigmoid()
    assert delta.tolist()[0] == pytest.approx(((y - torch.tensor([[1.0, 0.0]])) * y * (1 - y)).tolist()[0])


def test_a_next_symbol_is_right_when_every_possible_one_is_above_every_other():
    targets = torch.tensor([[2, 1, 0, 0]] * 4)
    out = torch.tensor([[0.2, 0.1, 0.0, -1.0], [0.1, 0.3, 0.2, 0.0], [5.0, -1.0, -2.0, -3.0], [1.0, 0.5, 0.5, 0.0]])
    task = NextSymbols()
    assert task.errors(out, targets).tolist() == [0, 1, 0, 1]  # a tie is not above
    came = torch.tensor([[1.0, 0.0, 0.0, 0.0]] * 4)
    assert torch.equal(task.losses(out, targets), LogisticUnits().losses(out, came))
    assert task.constant(targets, 4).sigmoid().tolist() == pytest.approx([1.0, 0.0, 0.0, 0.0], abs=1e-6)


def test_the_units_can_be_trained_to_show_all_possible_symbols():
    targets = torch.tensor([[2, 1, 0, 0], [0, 0, 2, 0]])
    out = torch.tensor([[0.2, 0.1, 0.0, -1.0], [0.1, 0.3, 0.2, 0.0]])
    task = NextSymbols(target="possible")
    could = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    assert torch.equal(task.losses(out, targets), LogisticUnits().losses(out, could))
    assert task.errors(out, targets).tolist() == [0, 1]
    assert task.constant(targets, 4).sigmoid().tolist() == pytest.approx([0.5, 0.5, 0.5, 0.0], abs=1e-6)
    with pytest.raises(ValueError, match="target='both': choose one of follows, possible"):
        NextSymbols(target="both")


def test_the_units_start_in_the_range_of_the_paper_and_the_rest_as_before():
    spec = DataSpec("classification", 3, 4)
    tasks = LogisticUnits(head_range=0.1), LogisticUnits()
    near, usual = (build_model(partial(LSTM, hidden_size=5), spec, task, (1, 2, 3)) for task in tasks)
    drawn = torch.cat([weights.flatten() for weights in near.head.parameters()])
    assert 0.08 < drawn.abs().max() <= 0.1
    assert max(weights.abs().max() for weights in usual.head.parameters()) > 0.3
    for one, other in zip(near.backbone.parameters(), usual.backbone.parameters()):
        assert torch.equal(one, other)
    with pytest.raises(ValueError, match="head_range=0: must be above 0"):
        LogisticUnits(head_range=0)
