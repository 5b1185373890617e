import pytest
import torch

from rnnbench.data.parallel import END, Pairs, Parallel, words_of, written_text
from rnnbench.data.spec import EDGE
from rnnbench.errors import UserError

TRAIN = [("Ein Hund rennt.", "A dog runs."), ("Ein Mann", "A man"), ("Ein Hund und ein Mann", "A dog and a man")]
REST = [("Eine Katze", "A cat's nap")]


class Toy(Parallel):
    def __init__(self, lower=True, min_count=1, max_words=None, max_length=None):
        super().__init__("toy", lower, min_count, max_words, max_length, 2, None)

    def pairs(self):
        return TRAIN, REST, REST


def test_both_languages_have_words_of_their_own():
    dataset = Toy()
    assert dataset.artifacts() == {
        "words": ["ein", "hund", "mann", ".", "rennt", "und"],
        "target_words": [END, "a", "dog", "man", ".", "and", "runs"],
        "lower": True,
    }
    spec = dataset.spec
    assert (spec.vocabulary, spec.target_size, spec.task, spec.writes, spec.per_step) == (8, 9, "translation", True, 0)
    assert (Toy(max_words=3).spec.vocabulary, Toy(max_words=3).spec.target_size) == (5, 6)
    few = Toy(max_words=3)
    assert few.load(0).train.targets[0].tolist() == [3, 4, 1, 1, EDGE]
    assert (few.spec.vocabulary, few.spec.target_size) == (5, 6)
    assert "Ein" in Toy(lower=False).artifacts()["words"]


def test_a_batch_pads_either_side_for_itself():
    splits = Toy().load(0)
    batch = splits.train.batch(torch.tensor([1, 0]))
    assert batch.inputs_BTI[..., 0].tolist() == [[2, 4, 0, 0], [2, 3, 6, 5]]
    assert batch.lengths_B.tolist() == [2, 4]
    assert batch.targets.tolist() == [[3, 5, EDGE, 0, 0], [3, 4, 8, 6, EDGE]]
    assert batch.targets.dtype == batch.inputs_BTI.dtype == torch.int64
    assert batch.mask.sum(1).tolist() == [3, 5]
    assert batch.texts is None
    assert splits.train.batch(torch.tensor([1])).mask.all()


def test_test_sentences_keep_their_texts():
    batch = Toy().load(0).test.batch(torch.tensor([0]))
    assert batch.texts == ["A cat's nap"]
    assert batch.targets.tolist() == [[3, 1, 1, 1, EDGE]]
    assert batch.to("cpu").texts == batch.texts


def test_long_training_pairs_are_left_out():
    dataset = Toy(max_length=4)
    splits = dataset.load(0)
    assert [len(split) for split in (splits.train, splits.valid, splits.test)] == [2, 1, 1]
    assert "und" not in dataset.artifacts()["words"]
    with pytest.raises(UserError, match=r"dataset\.max_length=1: no training pair"):
        Toy(max_length=1).load(0)
    with pytest.raises(ValueError, match="max_length=0"):
        Toy(max_length=0)


def test_ids_become_a_text():
    words = Toy().artifacts()["target_words"]
    ids = torch.tensor([3, 4, 1, 6, EDGE, 0])
    assert words_of(ids, words) == ["a", "dog", "<unk>", ".", END]
    assert written_text(ids, words) == "a dog <unk>."
    assert Toy().answer(ids, {"target_words": words}) == {"translation": "a dog <unk>."}


def test_a_sentence_of_a_users_own(tmp_path):
    dataset = Toy()
    (tmp_path / "own.txt").write_text("Ein Hund\nKatzen\n")
    read = dataset.read(str(tmp_path / "own.txt"), dataset.artifacts())
    assert isinstance(read, Pairs)
    assert read.batch(torch.arange(2)).inputs_BTI[..., 0].tolist() == [[2, 3], [1, 0]]
