import math
from collections import Counter

import numpy as np
import pytest
import torch

from rnnbench.data import Corpus, TextFile, running_text
from rnnbench.data.files import locate
from rnnbench.data.loader import BatchLoader
from rnnbench.data.running_text import user_text
from rnnbench.data.streams import encode
from rnnbench.errors import UserError

RARE = "a a b\n" * 2 + "c\n" + "a\n" * 6 + "z z\n"
POEM = "the cat sat\non the mat\n\nthe cat\n"


def text_file(tmp_path, text=POEM * 20, **options):
    path = tmp_path / "poem.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return TextFile(path=str(path), **{"steps": 5, "batch_size": 2} | options)


def test_batches_of_words(tmp_path):
    splits = text_file(tmp_path, level="words").load(0)
    batch = next(iter(BatchLoader(splits.train, 99, 0, shuffle=True)))
    vocabulary = text_file(tmp_path, level="words").vocabulary
    assert vocabulary == ["<eos>", "<unk>", "the", "cat", "sat", "on", "mat"]
    assert batch.inputs_BTI.shape == (2, 5, 1)
    assert [vocabulary[i - 1] for i in batch.inputs_BTI[0, :, 0]] == ["the", "cat", "sat", "<eos>", "on"]
    assert [vocabulary[i] for i in batch.targets[0]] == ["cat", "sat", "<eos>", "on", "the"]
    sizes = [sum(map(len, part.targets)) + 1 for part in (splits.train, splits.valid, splits.test)]
    assert sizes == [216, 12, 12]  # of 20 times 12 tokens


def test_spec_and_artifacts(tmp_path):
    dataset = text_file(tmp_path, level="characters")
    spec = dataset.spec
    assert (spec.task, spec.target_size, spec.vocabulary) == ("language_modelling", 12, 13)  # 10 letters, blank...
    assert (spec.input_size, spec.per_step, spec.carries_state) == (1, True, True)
    assert dataset.artifacts() == {"level": "characters", "vocabulary": ["\n", "<unk>", *"the casonm"]}
    assert Corpus("ptb", "ptb", data_dir=tmp_path).spec.vocabulary == 10_001  # no file is read


def test_rare_and_new_words_are_unknown(tmp_path):
    dataset = text_file(tmp_path, RARE, level="words", min_count=2, split=(0.8, 0.1, 0.1))
    splits = dataset.load(0)
    assert dataset.vocabulary == ["<eos>", "<unk>", "a", "b"]
    assert splits.train.targets[0].tolist()[:3] == [2, 3, 0]
    assert [y.tolist() for y in splits.test.targets] == [[1, 0]]
    assert encode(["a", "q", "b"], dataset.vocabulary).tolist() == [3, 2, 4]
    text = "a b\n" * 8 + "y y y\n" + "z z z\n"
    valid = text_file(tmp_path, text, level="words", split=(0.75, 0.125, 0.125)).load(0).valid
    assert [y.tolist() for y in valid.targets] == [[1, 1, 0]]


def test_baseline_is_the_unigram_model(tmp_path):
    dataset = text_file(tmp_path, POEM * 20 + "mat on mat\n" * 3, level="words")
    assert dataset.baseline() is None
    splits = dataset.load(0)
    train, test = (Counter(int(y) for row in part.targets for y in row) for part in (splits.train, splits.test))
    total, size = sum(train.values()), len(dataset.vocabulary)
    nll = -sum(n * math.log((train[y] + 1) / (total + size)) for y, n in test.items()) / sum(test.values())
    assert dataset.baseline() == pytest.approx(
        {"loss": nll, "nll": nll, "perplexity": np.exp(nll), "bpc": nll / np.log(2)}
    )


def test_a_text_is_read_from_artifacts_alone(tmp_path):
    dataset = text_file(tmp_path, level="words")
    artifacts = dataset.artifacts()
    fresh = TextFile(path="gone.txt", level="words")
    rows = fresh.read("the dog\nsat", artifacts)
    assert torch.cat(rows.inputs)[:, 0].tolist() == [1, 3, 2, 1]
    assert torch.cat(rows.targets).tolist() == [2, 1, 0, 4]  # the <unk> <eos> sat
    (tmp_path / "mine.txt").write_text("the cat\n")
    assert torch.cat(fresh.read(str(tmp_path / "mine.txt"), artifacts).targets).tolist() == [2, 3, 0]
    assert fresh.written([3, 4, 1, 6, 1], artifacts) == "the cat\non\n"
    assert fresh.written([3, 5], {"level": "characters", "vocabulary": ["a", "b", "c", "d", "e"]}) == "ce"
    with pytest.raises(UserError, match="the text is empty"):
        fresh.read("", artifacts)
    assert len(torch.cat(fresh.read("the " * 2000, artifacts).targets)) == 2000  # too long for the name of a file


def test_answer_in_nats_bits_and_perplexity():
    losses = torch.tensor([math.log(2), math.log(8)])
    words = Corpus().answer(losses, {"level": "words"})
    assert words == pytest.approx({"tokens": 2, "nll": 2 * math.log(2), "perplexity": 4})
    characters = Corpus().answer(losses, {"level": "characters"})
    assert characters == pytest.approx({"tokens": 2, "nll": 2 * math.log(2), "perplexity": 4, "bpc": 2})


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (b"", {}, "is empty"),
        (b" \n\n", {}, "is empty"),
        (b"caf\xe9 " * 30, {}, "is not utf-8: byte 3 cannot be read"),
        (b"abc", {"encoding": "martian"}, "encoding=martian: there is no such encoding"),
        (b"abc", {}, "text_file: train has 3 tokens, too few for batch_size=8 streams"),
        (b"abcdefgh" * 2, {"batch_size": 1}, "text_file: validation has 1 tokens, too few for eval_streams=1 streams"),
    ],
)
def test_a_file_that_does_not_serve(tmp_path, text, options, message):
    with pytest.raises(UserError, match=message):
        text_file(tmp_path, text, **{"batch_size": 8} | options).load(0)


def test_options_are_checked(tmp_path):
    with pytest.raises(UserError, match=r"gone\.txt cannot be read: No such file"):
        TextFile(path="gone.txt").prepare()
    for options, message in (
        ({}, "path=null: name the text file"),
        ({"path": "a", "level": "letters"}, "level='letters': choose one of words, characters"),
        ({"path": "a", "split": (0.9, 0.1)}, "three shares above 0 that sum to 1"),
        ({"path": "a", "steps": 0}, "steps=0: must be at least 1"),
        ({"path": "a", "eval_streams": 0}, "eval_streams=0: must be at least 1"),
        ({"path": "a", "min_count": 0}, "min_count=0: must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            TextFile(**options)
    with pytest.raises(ValueError, match="corpus='brown': choose one of ptb"):
        Corpus(corpus="brown")


def test_another_encoding_and_windows_line_ends(tmp_path):
    dataset = text_file(tmp_path, "café\r\nthé\r\n".encode("latin-1") * 9, encoding="latin-1")
    assert dataset.vocabulary == ["\n", "<unk>", *"café", *"th"]
    assert dataset.fingerprint().keys() == {"poem.txt"}
    marked = text_file(tmp_path, b"\xef\xbb\xbf" + "thé\n".encode() * 9)  # as some editors save it
    assert "\ufeff" not in marked.vocabulary


# tokens of train / validation / test with the ends of lines, and distinct ones, as published
FACTS = {
    "ptb": ((929_589, 73_760, 82_430), 10_000, "aer banknote berlitz"),
    "ptb_char": ((5_017_482, 393_042, 442_423), 50, "aer banknote berlitz"),
    "wikitext2": ((2_088_628, 217_646, 245_569), 33_278, "\n= Valkyria Chronicles III ="),
    "tinyshakespeare": ((1_003_854, 55_770, 55_770), 65, "First Citizen:\nBefore we"),
}


@pytest.mark.parametrize("name", FACTS)
def test_published_counts(real_data, name):
    counts, distinct, first = FACTS[name]
    dataset = Corpus(name, name, data_dir=real_data)
    for file in dataset.files:
        if locate(file, real_data) is None:
            pytest.skip(f"{file} is not in the data folder")
    parts = dataset._parts()
    assert tuple(map(len, parts)) == counts
    vocabulary = list(dict.fromkeys(parts[0]))
    assert len(vocabulary) == distinct == dataset.spec.target_size
    assert set(parts[1]) | set(parts[2]) <= set(vocabulary)
    ids = encode(parts[0][:100], vocabulary).tolist()
    assert dataset.written(ids, {"level": dataset.level, "vocabulary": vocabulary}).startswith(first)


def test_running_text_is_a_base():
    with pytest.raises(NotImplementedError, match="reads no text"):
        running_text.RunningText("x", "words", 1, 1, 1).load(0)


def test_a_users_own_text_is_a_file_or_itself(tmp_path):
    (tmp_path / "own.txt").write_text("once\r\nupon")
    assert user_text(str(tmp_path / "own.txt")) == "once\nupon"
    assert user_text("once upon a time.") == "once upon a time."
    with pytest.raises(UserError, match=r"own2\.txt: no such file; a text of your own goes in quotes"):
        user_text(str(tmp_path / "own2.txt"))
