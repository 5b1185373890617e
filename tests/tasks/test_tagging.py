import pytest
import torch

from rnnbench.data.spec import Batch, DataSpec, Outputs
from rnnbench.tasks import Entities, Tagging
from rnnbench.tasks.tagging import EntityScores

TAGS = ("B-a", "B-b", "I-a", "I-b", "O")
SPEC = DataSpec("entities", 1, 5, True, vocabulary=9, labels=TAGS)


def numbers(*rows):
    longest = max(len(row.split()) for row in rows)
    ids = [[TAGS.index(tag) for tag in row.split()] for row in rows]
    return torch.tensor([row + [-1] * (longest - len(row)) for row in ids])


def test_entities_by_hand():
    scores = EntityScores(TAGS)
    # right: the second of three; wrong end, wrong kind, one too many, one not found
    scores.update(numbers("B-a O B-b I-b O B-a", "B-a"), numbers("B-a I-a B-b I-b O B-b", "O"))
    scores.update(numbers("O O"), numbers("B-a I-a"))
    found = {name: float(value) for name, value in scores.compute().items()}
    assert found == pytest.approx({"precision": 1 / 4, "recall": 1 / 4, "f1": 2 / 8})


def test_no_entities_at_all_score_zero():
    scores = EntityScores(TAGS)
    scores.update(numbers("O O"), numbers("O O"))
    assert [float(value) for value in scores.compute().values()] == [0, 0, 0]


def batch(rows, lengths):
    targets = numbers(*rows).clamp(min=0)
    return Batch(torch.zeros(*targets.shape, 1, dtype=torch.int64), targets, torch.tensor(lengths))


ROWS = ("B-a I-a O", "O")


def test_words_by_themselves_are_scored_within_length():
    torch.manual_seed(0)
    values, given = torch.randn(2, 3, 5), batch(ROWS, [3, 1])
    task = Tagging()
    _, targets, losses = task.score(Outputs(values, given.lengths_B), given, True)
    assert targets.tolist() == [[0, 2, 4], [4, -1, -1]]
    logs = values.double().log_softmax(-1)
    expected = [-float(logs[0, 0, 0]), -float(logs[0, 1, 2]), -float(logs[0, 2, 4]), -float(logs[1, 0, 4])]
    assert losses.tolist() == pytest.approx(expected, rel=1e-5)


def test_a_chain_without_transitions_is_the_same_as_words_by_themselves():
    torch.manual_seed(0)
    values, given = torch.randn(2, 3, 5).double(), batch(ROWS, [3, 1])
    pairs = values[:, :, None].expand(-1, -1, 5, -1)
    for task in (Tagging(), Entities()):
        alone = task.score(Outputs(values, given.lengths_B), given, True)[2]
        chained = task.score(Outputs(pairs, given.lengths_B), given, True)[2]
        assert len(chained) == 4
        assert float(chained.mean()) == pytest.approx(float(alone.mean()), rel=1e-12)
        told = [task.predictions(Outputs(v, given.lengths_B), given, True) for v in (values, pairs)]
        assert [row.tolist() for row in told[0]] == [row.tolist() for row in told[1]]
        assert [len(row) for row in told[0]] == [3, 1]


def test_metrics_over_batches():
    task, given = Entities(), batch(ROWS, [3, 1])
    metrics = task.metrics(SPEC)
    values = torch.nn.functional.one_hot(torch.tensor([[0, 2, 1], [4, 0, 0]]), 5).float() * 9
    for _ in range(2):
        task.update(metrics, *task.score(Outputs(values, given.lengths_B), given, True))
    found = {name: float(value) for name, value in metrics.compute().items()}
    assert set(found) == set(task.modes)
    assert (found["accuracy"], found["precision"], found["recall"]) == (0.75, 0.5, 1)
    assert found["f1"] == pytest.approx(2 / 3)


def test_a_chain_is_not_decoded_in_training():
    assert set(Entities().train_metrics(SPEC)) == {"nll", "accuracy"}
    task, given = Entities(composition=object), batch(ROWS, [3, 1])
    metrics = task.train_metrics(SPEC)
    task.update(metrics, torch.full((2, 3, 5, 5), float("nan")), given.targets, torch.tensor([1.0, 3.0]))
    assert {name: float(value) for name, value in metrics.compute().items()} == {"nll": 2}


def test_constant_is_the_most_frequent_tag():
    constant = Tagging().constant(torch.tensor([4, 4, 4, 0, 1]), 5)
    assert constant.softmax(0)[4] == pytest.approx(4 / 10)
    assert int(constant.argmax()) == 4
