import pytest
import torch

from rnnbench.data.spec import Batch, DataSpec, Outputs
from rnnbench.tasks import Classification, LanguageModelling, LogisticUnits, Polyphonic, Regression, Tagging
from rnnbench.tasks.task import Task, constant_outputs, counted, scored, sequence_errors


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
    spec = DataSpec("regression", input_size=1, target_size=1, per_step=False)
    batches = [Batch(torch.zeros(n, 1, 1), torch.full((n, 1), v)) for n, v in ((3, 1.0), (1, 5.0))]
    assert float(constant_outputs(Regression(), batches, spec)) == 2.0


def test_error_of_a_sequence_is_its_largest():
    outputs = torch.tensor([[[1.0, 0.0], [0.0, 3.0]], [[0.0, -1.0], [9.0, 9.0]]])  # two sequences, two steps
    batch = Batch(torch.zeros(2, 2, 1), torch.zeros(2, 2, 2), lengths_B=torch.tensor([2, 1]))
    valid = counted(batch, per_step=True)
    assert sequence_errors(Regression(), outputs, batch.targets, valid, per_step=True).tolist() == [3, 1]
    rows = Batch(torch.zeros(2, 2, 1), torch.tensor([[1.0], [2.0]]), mask=torch.tensor([True, False]))
    valid = counted(rows, per_step=False)
    assert sequence_errors(Regression(), torch.zeros(2, 1), rows.targets, valid, per_step=False).tolist() == [1, 0]


def test_errors_of_classes_are_of_probabilities():
    log = torch.tensor([[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]]).log()
    assert Classification().errors(log, torch.tensor([0, 2])).tolist() == pytest.approx([0.3, 0.75])
    one = torch.logit(torch.tensor([[0.9], [0.2]]))
    assert Classification(loss="sigmoid").errors(one, torch.tensor([1, 1])).tolist() == pytest.approx([0.1, 0.8])
    notes = torch.logit(torch.tensor([[0.9, 0.4]]))
    assert Polyphonic().errors(notes, torch.tensor([[1.0, 0.0]])).tolist() == pytest.approx([0.4])


def test_predictions_end_with_their_sequences():
    values = torch.arange(12.0).reshape(2, 3, 2)
    rows = Regression().predictions(Outputs(values, torch.tensor([1, 3])), None, True)
    assert [row.tolist() for row in rows] == [[[0, 1]], [[6, 7], [8, 9], [10, 11]]]


def test_a_task_must_say_what_it_measures():
    task = Task("x")
    calls = (lambda: task.losses(None, None), lambda: task.metrics(None), lambda: task.constant(None, 1))
    for call in (*calls, lambda: task.errors(None, None)):
        with pytest.raises(NotImplementedError, match="Task defines no"):
            call()


def test_a_class_that_training_lacks_has_an_output_too():
    """Of five classes training has seen the first two; one count added to each where frequencies are smoothed."""
    spec = DataSpec("classification", input_size=1, target_size=5, per_step=False)
    batches = [Batch(torch.zeros(3, 1, 1), torch.tensor([0, 1, 1]))]
    for task in (Classification(), Tagging(), LanguageModelling()):
        p = constant_outputs(task, batches, spec).softmax(-1)
        assert p.tolist() == pytest.approx([2 / 8, 3 / 8, 1 / 8, 1 / 8, 1 / 8])
    assert constant_outputs(LogisticUnits(), batches, spec).sigmoid().tolist() == pytest.approx(
        [1 / 3, 2 / 3, 0, 0, 0], abs=1e-6
    )
