import pytest
import torch

from rnnbench.data.text_classification import TextClassification
from rnnbench.errors import UserError

ROWS = ([("a b a", "x"), ("b c", "y")], [("c d", "x")], [("A", "y")])


class Small(TextClassification):
    classes = 2

    def __init__(self, rows=ROWS, max_words=None, max_length=None, lower=True):
        super().__init__("small", lower, 1, max_words, max_length, 2, None)
        self._rows, self.reads = rows, 0

    def rows(self):
        self.reads += 1
        return self._rows


def test_words_are_counted_on_train_alone():
    dataset = Small()
    splits = dataset.load(0)
    assert dataset.artifacts() == {"words": ["a", "b", "c"], "labels": ["x", "y"]}
    assert [x.flatten().tolist() for x in splits.train.inputs] == [[2, 3, 2], [3, 4]]
    assert splits.valid.inputs[0].flatten().tolist() == [4, 1]
    assert splits.test.inputs[0].flatten().tolist() == [2]
    assert [part.targets.tolist() for part in (splits.train, splits.valid, splits.test)] == [[0, 1], [0], [1]]
    batch = splits.train.batch(torch.tensor([0, 1]))
    assert batch.inputs_BTI.dtype is torch.int64
    assert batch.inputs_BTI[1, 2, 0] == 0
    assert batch.lengths_B.tolist() == [3, 2]


def test_a_given_number_of_words_needs_no_text():
    dataset = Small(max_words=2)
    assert dataset.spec.vocabulary == 4
    assert dataset.reads == 0
    dataset.load(0)
    assert dataset.artifacts()["words"] == ["a", "b"]
    assert dataset.spec.vocabulary == 4


def test_else_the_texts_are_counted_once():
    dataset = Small()
    assert dataset.spec.vocabulary == dataset.spec.vocabulary == 5
    assert dataset.reads == 1
    assert (dataset.spec.task, dataset.spec.input_size, dataset.spec.target_size) == ("text_classification", 1, 2)


def test_long_texts_are_cut():
    dataset = Small(max_length=1)
    assert dataset.load(0).train.lengths.tolist() == [1, 1]
    assert dataset.read("a b\u00a0c", dataset.artifacts()).lengths.tolist() == [1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (([("a", "x")], [("a", "x")], [("a", "x")]), "1 classes in the training texts, not 2"),
        ((ROWS[0], [("a", "z")], ROWS[2]), "class 'z' is not among those of the training texts: x, y"),
        ((ROWS[0], [(" ", "x")], ROWS[2]), "the text ' ' of class 'x' has no words"),
    ],
)
def test_texts_that_do_not_serve_are_told(rows, message):
    with pytest.raises(UserError, match=message):
        Small(rows).load(0)


def test_an_input_is_read_and_answered_from_the_artifacts():
    artifacts = {"words": ["a", "b"], "labels": ["x", "y"]}
    read = Small().read("B new A", artifacts)
    assert read.inputs[0].flatten().tolist() == [3, 1, 2]
    answer = Small().answer(torch.tensor([0.25, 0.75]), artifacts)
    assert answer == {"label": "y", "probabilities": {"x": 0.25, "y": 0.75}}
