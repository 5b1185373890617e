import pytest
import torch

from rnnbench.data.spec import DataSpec
from rnnbench.models import Embedding, WordsAndCharacters

SPEC = DataSpec("classification", 1, 2, vocabulary=7)


def test_every_token_has_its_vector_and_padding_none():
    encoder = Embedding(SPEC, size=3)
    ids = torch.tensor([[[2], [6], [0]]])
    x, lengths = encoder(ids, torch.tensor([2]))
    assert lengths.tolist() == [2]
    assert torch.equal(x[0, 0], encoder.vectors.weight[2])
    assert x[0, 2].tolist() == [0, 0, 0]
    x.sum().backward()
    assert encoder.vectors.weight.grad[0].tolist() == [0, 0, 0]
    assert encoder.vectors.weight.grad[6].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        (DataSpec("classification", 1, 2), {}, "are numbers, with nothing to embed"),
        (SPEC, {"size": 0}, "encoder.size=0: must be at least 1"),
        (SPEC, {"dropout": 1.0}, "encoder.dropout=1.0: must be in 0..1, below 1"),
        (SPEC, {"word_dropout": -0.1}, "encoder.word_dropout=-0.1: must be in 0..1, below 1"),
    ],
)
def test_options_out_of_range_are_told_in_one_line(spec, options, message):
    with pytest.raises(ValueError, match=message):
        Embedding(spec, **options)


def test_some_words_are_read_as_the_unknown_one_in_training_alone():
    torch.manual_seed(0)
    encoder = Embedding(SPEC, size=3, word_dropout=0.25)
    ids = torch.tensor([2, 0]).repeat(2000)[None, :, None]
    x, _ = encoder(ids, None)
    dropped = (x[0, ::2] == encoder.vectors.weight[1]).all(-1).double()
    assert 0.2 < float(dropped.mean()) < 0.3
    assert (x[0, 1::2] == 0).all()  # the padding stays
    assert torch.equal(encoder.eval()(ids, None)[0][0, 0], encoder.vectors.weight[2])


def test_frozen_vectors():
    assert [p.requires_grad for p in Embedding(SPEC, trainable=False).parameters()] == [False]


CHARACTERS = DataSpec("tagging", 5, 3, True, vocabulary=7, characters=9)
WORDS = torch.tensor([[[2, 3, 4, 0, 0], [3, 8, 0, 0, 0], [1, 2, 3, 4, 5]], [[2, 3, 4, 0, 0], [0] * 5, [0] * 5]])


@pytest.mark.parametrize("characters", ["cnn", "lstm"])
def test_a_word_is_read_by_itself_and_its_padding_not_at_all(characters):
    torch.manual_seed(0)
    encoder = WordsAndCharacters(CHARACTERS, characters, character_size=3, character_features=4, size=2).double()
    x, lengths = encoder(WORDS, torch.tensor([3, 1]))
    assert x.shape == (2, 3, 6) == (*x.shape[:2], encoder.output_size)
    assert lengths.tolist() == [3, 1]
    for row, step, length in ((0, 0, 2), (0, 1, 1), (0, 2, 4)):
        characters_C = encoder.characters(WORDS[row, step, 1 : 1 + length])
        if characters == "cnn":
            alone = encoder.reader(characters_C.T[None])[0].amax(1)
        else:
            alone = encoder.reader(characters_C[None])[1][0].flatten()
        torch.testing.assert_close(x[row, step, 2:], alone)
        assert torch.equal(x[row, step, :2], encoder.vectors.weight[WORDS[row, step, 0]])
    assert torch.equal(x[0, 0], x[1, 0])
    x.sum().backward()
    assert encoder.characters.weight.grad[0].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        (SPEC, {}, "gives no characters: set dataset.characters"),
        (CHARACTERS, {"characters": "gru"}, "encoder.characters='gru': choose cnn or lstm"),
        (CHARACTERS, {"kernel": 2}, "encoder.kernel=2: must be odd"),
        (CHARACTERS, {"characters": "lstm", "character_features": 5}, "character_features=5: must be even"),
        (CHARACTERS, {"character_size": 0}, "must be at least 1"),
    ],
)
def test_options_of_characters_out_of_range(spec, options, message):
    with pytest.raises(ValueError, match=message):
        WordsAndCharacters(spec, **options)
