import pytest
import torch
from sklearn.metrics import mean_absolute_error, mean_squared_error

from rnnbench.data.spec import DataSpec
from rnnbench.tasks import Regression


def test_against_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    outputs, targets = torch.randn(50, 3, generator=generator), torch.randn(50, 3, generator=generator)
    task = Regression()
    collection = task.metrics(DataSpec("regression", 1, 3))
    for o, t in zip(outputs.split(7), targets.split(7)):
        task.update(collection, o, t, task.losses(o, t))
    found = {k: float(v) for k, v in collection.compute().items()}
    assert found == pytest.approx(
        {"mse": mean_squared_error(targets, outputs), "mae": mean_absolute_error(targets, outputs)}, rel=1e-5
    )
    assert float(task.losses(outputs, targets).mean()) == pytest.approx(found["mse"], rel=1e-5)


def test_no_constant_is_better_than_the_mean():
    targets = torch.tensor([[1.0], [2.0], [9.0]])
    task = Regression()

    def cost(c):
        return float(task.losses(c.float().expand(3, 1), targets).mean())

    mean = task.constant(targets, 1)
    assert float(mean) == 4.0
    assert all(cost(mean) < cost(mean + d) for d in (-0.1, 0.1))
