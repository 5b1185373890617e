import hashlib

import pytest
import torch

from rnnbench.models.word_vectors import fill, sha256


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "vectors.txt"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_the_words_of_the_vocabulary_get_their_vectors(file):
    weight = torch.zeros(5, 2)
    assert fill(weight, ["film", "the", "odd"], file("the 1 2\nelse 9 9\nfilm 3.5 -4e-1\n")) == pytest.approx(2 / 3)
    assert weight.tolist() == [[0, 0], [0, 0], [3.5, pytest.approx(-0.4)], [1, 2], [0, 0]]


def test_first_line_of_fasttext_and_capitals(file):
    weight = torch.zeros(4, 2)
    assert fill(weight, ["us", "the"], file("4 2\nUS 5 5\nUs 6 6\nThe 7 7\nthe 1 2\n")) == 1
    assert weight[2:].tolist() == [[5, 5], [1, 2]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("film 1 2 3\n", "line 1: has 3 numbers, task.encoder.size is 2"),
        ("other 1 2\nfilm 1 two\n", "line 2: is not a word and its numbers"),
        ("other 1 2\n", "has a vector for none of the 1 words"),
    ],
)
def test_a_file_that_does_not_serve_is_told(text, message, file):
    with pytest.raises(ValueError, match=message):
        fill(torch.zeros(3, 2), ["film"], file(text))


def test_an_absent_or_binary_file(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        fill(torch.zeros(3, 2), ["film"], str(tmp_path / "absent"))
    with pytest.raises(ValueError, match="cannot be read"):
        sha256(str(tmp_path / "absent"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="cannot be read as UTF-8 text"):
        fill(torch.zeros(3, 2), ["film"], str(tmp_path / "binary"))


def test_the_sum_is_that_of_the_file_as_it_is_now(file):
    for text in ("film 1 2\n", "film 1 2 3\n"):
        assert sha256(file(text)) == hashlib.sha256(text.encode()).hexdigest()
