import pytest
import torch

from rnnbench.data.spec import Batch, DataSpec, Outputs
from rnnbench.errors import UserError
from rnnbench.tasks import Transcription

SPEC = DataSpec("transcription", 2, 3, labels=("0", "1", "2"))
BLANK, NO = 3, -1


def given(paths, targets, lengths=None):
    """Outputs that are sure of a path for each sequence, and a batch."""
    values = 50 * torch.nn.functional.one_hot(torch.tensor(paths), 4).float()
    lengths = None if lengths is None else torch.tensor(lengths)
    return Outputs(values, lengths), Batch(torch.zeros(len(paths), len(paths[0]), 2), torch.tensor(targets), lengths)


@pytest.mark.parametrize("decoding", ["greedy", "beam"])
def test_metrics_by_hand(decoding):
    task = Transcription(decoding=decoding)
    metrics = task.metrics(SPEC)
    # right; one replaced and one left out of three; one too many, beyond whose length a label does not count
    outputs, batch = given(
        [[0, BLANK, 0, 1], [2, 2, BLANK, 0], [1, 0, 2, 2]], [[0, 0, 1], [2, 1, 1], [1, NO, NO]], [4, 4, 2]
    )
    scored = task.score(outputs, batch, False)
    task.update(metrics, *scored)
    found = {name: float(value) for name, value in metrics.compute().items()}
    assert set(found) == set(task.modes)
    assert found["wer"] == pytest.approx(3 / 7)
    assert found["exact"] == pytest.approx(1 / 3)
    assert found["nll"] == pytest.approx(float(scored[2].mean()))
    assert float(scored[2][0]) == pytest.approx(0, abs=1e-6)
    assert task.predictions(outputs, batch, False) == [[0, 0, 1], [2, 0], [1, 0]]


def test_the_search_keeps_as_many_beginnings_as_it_is_told():
    logs = torch.tensor([[[0.4, 0.0, 0.6]] * 2]).log()  # Graves 2012, figure 7.3
    told = [Transcription(decoding="beam", beam_width=width).decode(logs) for width in (10, 1)]
    assert told == [[[0]], [[]]]


def test_the_loss_is_that_of_torch():
    torch.manual_seed(0)
    task, values, targets = Transcription(), torch.randn(2, 6, 4), torch.tensor([[0, 2, 1], [1, NO, NO]])
    lengths = torch.tensor([6, 4])
    losses = task.score(Outputs(values, lengths), Batch(values, targets, lengths), False)[2]
    flat, counts = torch.tensor([0, 2, 1, 1]), torch.tensor([3, 1])
    expected = torch.nn.CTCLoss(blank=BLANK)(values.log_softmax(-1).transpose(0, 1), flat, lengths, counts)
    assert float(losses.mean()) == pytest.approx(float(expected), rel=1e-5)


def test_training_measures_the_loss_alone():
    task = Transcription()
    metrics = task.train_metrics(SPEC)
    outputs, batch = given([[0, 1, 2]], [[0, 1]])
    task.update(metrics, *task.score(outputs, batch, False))
    assert set(metrics.compute()) == {"nll"}


def test_too_few_steps_are_told_and_a_loss_that_diverged_is_not_taken_for_that():
    task = Transcription()
    with pytest.raises(UserError, match=r"fewer steps than its targets need; lower task\.encoder\.stride"):
        task.score(*given([[0, 1, 2]], [[0, 1, 1]]), False)
    outputs, batch = given([[0, 1, 2]], [[0, 1, NO]])
    outputs.values[0, 0, 0] = torch.inf
    assert not bool(task.score(outputs, batch, False)[2].isfinite().any())


@pytest.mark.parametrize(
    ("options", "message"),
    [({"decoding": "best"}, "decoding='best': choose greedy or beam"), ({"beam_width": 0}, "beam_width=0")],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        Transcription(**options)


def test_the_head_has_an_output_for_the_blank_and_there_is_no_constant():
    task = Transcription()
    assert task.output_size(SPEC) == 4
    assert task.constant(torch.zeros(1), 2) is None
