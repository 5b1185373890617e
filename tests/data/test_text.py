import pytest

from rnnbench.data.text import Vocabulary, count_words, detokenise, read_text, tokenise, user_texts
from rnnbench.errors import UserError


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("It's fine, isn't it?", ["It", "'s", "fine", ",", "is", "n't", "it", "?"]),
        ("do n't stop", ["do", "n't", "stop"]),  # cut already
        ("DON’T!", ["DO", "N’T", "!"]),
        ("1,000 at 9:30 for $3.50 ...", ["1,000", "at", "9:30", "for", "$", "3.50", "..."]),
        ("@ada sees #rnn: https://a.org/b?c=1 .", ["@ada", "sees", "#rnn", ":", "https://a.org/b?c=1", "."]),
        ("well-acted 'drama'", ["well", "-", "acted", "'", "drama", "'"]),
        ("naïve Größe 😂", ["naïve", "Größe", "😂"]),
        (" \t\n", []),
    ],
)
def test_tokens(text, tokens):
    assert tokenise(text) == tokens


def test_words_are_numbered_by_frequency_then_by_the_alphabet():
    texts = [["b", "a", "B"], ["a", "c", "b"]]
    assert count_words(texts).words == ("b", "a", "c")
    assert count_words(texts, lower=False).words == ("a", "b", "B", "c")
    assert count_words(texts, min_count=2).words == ("b", "a")
    assert count_words(texts, max_words=1).words == ("b",)


def test_more_words_than_there_are_is_told():
    with pytest.raises(UserError, match=r"max_words=4: the training texts have 2 words that occur min_count=2 times"):
        count_words([["b", "a", "b", "a", "c"]], min_count=2, max_words=4)


def test_ids():
    words = Vocabulary(("b", "a"))
    assert len(words) == 4
    assert words.encode(["A", "b", "new"]).tolist() == [[3], [2], [1]]
    assert Vocabulary(("b", "a"), lower=False).encode(["A"]).tolist() == [[1]]


def test_a_user_gives_a_text_or_a_file_of_lines(tmp_path):
    assert user_texts("A fine day") == [["A", "fine", "day"]]
    path = tmp_path / "texts.txt"
    path.write_text("\ufeffone\ntwo three\n\n", encoding="utf-8")
    assert user_texts(str(path)) == [["one"], ["two", "three"]]
    assert user_texts("x" * 5000) == [["x" * 5000]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"one\n\ntwo\n", "line 2 has no words"),
        ("caf\u00e9 \u201c".encode("cp1252"), "is not UTF-8 text"),
    ],
)
def test_a_file_that_does_not_serve_is_told_in_one_line(content, message, tmp_path):
    path = tmp_path / "texts.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        user_texts(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_line_ends_where_an_editor_ends_it(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_bytes("a\u2028b\r\nc\x0cd\ne\n\n".encode())
    assert user_texts(str(path)) == [["a", "b"], ["c", "d"], ["e"]]


def test_a_text_without_words_and_an_absent_file():
    with pytest.raises(UserError, match="the text has no words"):
        user_texts("  ")
    with pytest.raises(UserError, match=r"reviews\.txt: no such file"):
        user_texts("reviews.txt")


def test_a_folder_is_no_text_but_a_word_may_be_named_like_one(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="is a folder"):
        user_texts(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rain").mkdir()
    assert user_texts("rain") == [["rain"]]


@pytest.mark.parametrize(
    "text",
    [
        "A man (in blue) doesn't wear a t-shirt, it's his dog's; 3.5 km, 50% off!",
        "The girls' team runs and/or jumps... well.",
        "Obst- und Gemüsehändler im T-Shirt: 1.000 €.",
    ],
)
def test_a_text_comes_back_from_its_tokens(text):
    assert detokenise(tokenise(text)) == text


def test_tokens_of_a_text_put_together_are_the_same_tokens():
    tokens = tokenise("\"Go - now!\" she'll say -- don't; 'tis #1 at 9:30 / http://a.org/b ``x''")
    assert tokenise(detokenise(tokens)) == tokens


def test_a_file_in_another_encoding(tmp_path):
    (tmp_path / "a.txt").write_bytes("é".encode("cp1252"))
    assert read_text(str(tmp_path / "a.txt"), "cp1252") == "é"
    with pytest.raises(UserError, match=r"a\.txt: is not utf-8 text; set dataset\.encoding"):
        read_text(str(tmp_path / "a.txt"), "utf-8")
