import pytest

from rnnbench.data.entities import is_bio, spans


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("O B-a I-a O B-b", [(1, 3, "a"), (4, 5, "b")]),
        ("B-a B-a", [(0, 1, "a"), (1, 2, "a")]),
        ("B-a I-b I-b", [(0, 1, "a"), (1, 3, "b")]),
        ("O I-a I-a", [(1, 3, "a")]),  # as conlleval and seqeval: an inside without a beginning begins
        ("B-creative-work I-creative-work", [(0, 2, "creative-work")]),
        ("O O", []),
        ("", []),
    ],
)
def test_by_hand(tags, expected):
    assert spans(tags.split()) == expected


def test_which_tags_mark_entities():
    assert is_bio(["O", "B-a", "I-a"])
    assert is_bio(["B-a"])
    assert not is_bio(["O"])
    assert not is_bio(["NOUN", "O"])
    assert not is_bio(["B", "I", "O"])
    assert not is_bio([])
