import pytest

from rnnbench.data.of_words import OfWords
from rnnbench.data.text import PAD, RESERVED, UNKNOWN


class Toy(OfWords):
    """Counts how often its texts are read."""

    def __init__(self, max_words=None, min_count=1):
        super().__init__("toy", True, min_count, max_words, 2, None)
        self.read_texts = 0

    def training_words(self):
        self.read_texts += 1
        return [["A", "b", "a"], ["c", "b", "a"]]


def test_words_are_counted_once_and_only_where_the_size_is_not_given():
    counted, given = Toy(), Toy(max_words=2)
    assert (counted.ids, counted.ids, counted.read_texts) == (RESERVED + 3, RESERVED + 3, 1)
    assert (given.ids, given.read_texts) == (RESERVED + 2, 0)
    assert given.vocabulary().words == ("a", "b")
    assert given.vocabulary([["z"]]) is given.vocabulary()
    assert given.read_texts == 1
    assert Toy(min_count=3).vocabulary().encode(["a", "B", ""]).flatten().tolist() == [RESERVED, UNKNOWN, UNKNOWN]
    assert PAD not in (RESERVED, UNKNOWN)


@pytest.mark.parametrize("option", ["max_words", "min_count"])
def test_options_are_checked(option):
    with pytest.raises(ValueError, match=f"{option}=0: must be at least 1"):
        Toy(**{option: 0})
