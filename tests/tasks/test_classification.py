import numpy as np
import pytest
import torch
from sklearn import metrics as reference

from rnnbench.data.spec import DataSpec
from rnnbench.tasks import Classification


def scores(task, outputs, targets, spec, parts=3):
    """Metrics over several batches."""
    collection = task.metrics(spec)
    for o, t in zip(outputs.chunk(parts), targets.chunk(parts)):
        task.update(collection, o, t, task.losses(o, t))
    return {k: float(v) for k, v in collection.compute().items()}


def test_softmax_against_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    outputs, targets = torch.randn(101, 4, generator=generator), torch.randint(0, 4, (101,), generator=generator)
    found = scores(Classification(), outputs, targets, DataSpec("classification", 1, 4))
    classes, truth, macro = outputs.argmax(1).numpy(), targets.numpy(), {"average": "macro", "zero_division": 0}
    assert found == pytest.approx(
        {
            "nll": reference.log_loss(truth, outputs.double().softmax(1).numpy(), labels=range(4)),
            "accuracy": reference.accuracy_score(truth, classes),
            "precision": reference.precision_score(truth, classes, **macro),
            "recall": reference.recall_score(truth, classes, **macro),
            "f1": reference.f1_score(truth, classes, **macro),
        },
        rel=1e-5,
    )


def test_sigmoid_is_binary_cross_entropy():
    task, spec = Classification(loss="sigmoid"), DataSpec("classification", 1, 2)
    outputs, targets = torch.tensor([[2.0], [-1.0], [0.5], [-3.0]]), torch.tensor([1, 1, 0, 0])
    p = 1 / (1 + np.exp(-outputs[:, 0].double().numpy()))
    expected = -np.log(np.where(targets.numpy() == 1, p, 1 - p))
    assert task.losses(outputs, targets).numpy() == pytest.approx(expected, rel=1e-5)
    assert task.output_size(spec) == 1
    found = scores(task, outputs, targets, spec, parts=2)
    assert (found["accuracy"], found["nll"]) == (0.5, pytest.approx(expected.mean(), rel=1e-5))


def test_sigmoid_wants_two_classes():
    with pytest.raises(ValueError, match="two classes; this dataset has 3"):
        Classification(loss="sigmoid").output_size(DataSpec("classification", 1, 3))


@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test_constant_gives_smoothed_frequencies(loss):
    task, targets = Classification(loss=loss), torch.tensor([0] * 6 + [1] * 2)
    constant = task.constant(targets, 2 if loss == "softmax" else 1)
    p1 = constant.softmax(0)[1] if loss == "softmax" else constant.sigmoid()[0]
    assert float(p1) == pytest.approx(3 / 10)


def test_bad_options():
    with pytest.raises(ValueError, match="loss='mse'"):
        Classification(loss="mse")
    with pytest.raises(ValueError, match="pooling='first'"):
        Classification(pooling="first")
