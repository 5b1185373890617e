import pytest
import torch

from rnnbench.data.spec import Batch
from rnnbench.tasks import Regression
from rnnbench.tasks.task import Task, constant_outputs, scored


def test_scored_leaves_padding_out():
    outputs, targets = torch.arange(6.0).reshape(2, 3, 1), torch.arange(6.0).reshape(2, 3, 1) * 10
    batch = Batch(torch.zeros(2, 3, 1), targets, lengths_B=torch.tensor([1, 3]))
    o, t = scored(outputs, batch, per_step=True)
    assert o[:, 0].tolist() == [0, 3, 4, 5]
    assert t[:, 0].tolist() == [0, 30, 40, 50]


def test_scored_keeps_to_the_mask():
    outputs, targets = torch.arange(6.0).reshape(2, 3, 1), torch.arange(6.0).reshape(2, 3, 1)
    mask = torch.tensor([[True, False, True], [False, True, True]])
    batch = Batch(torch.zeros(2, 3, 1), targets, lengths_B=torch.tensor([2, 3]), mask=mask)
    assert scored(outputs, batch, per_step=True)[0][:, 0].tolist() == [0, 4, 5]
    rows = Batch(torch.zeros(2, 3, 1), torch.tensor([[1.0], [2.0]]), mask=torch.tensor([False, True]))
    assert scored(torch.tensor([[3.0], [4.0]]), rows, per_step=False)[0].tolist() == [[4.0]]


def test_constant_outputs_weigh_positions_not_batches():
    batches = [Batch(torch.zeros(n, 1, 1), torch.full((n, 1), v)) for n, v in ((3, 1.0), (1, 5.0))]
    assert float(constant_outputs(Regression(), batches, per_step=False)) == 2.0


def test_a_task_must_say_what_it_measures():
    task = Task("x")
    for call in (lambda: task.losses(None, None), lambda: task.metrics(None), lambda: task.constant(None)):
        with pytest.raises(NotImplementedError, match="Task defines no"):
            call()
