import pytest

from rnnbench.data.parallel_text import ParallelText
from rnnbench.errors import UserError


@pytest.fixture
def file(tmp_path):
    def write(text, name="pairs.tsv", encoding="utf-8"):
        (tmp_path / name).write_bytes(text.encode(encoding))
        return str(tmp_path / name)

    return write


LINES = "".join(f"wort{i}\tword{i}\tby Ada\n" for i in range(1, 21))


def test_two_columns_of_one_file(file):
    dataset = ParallelText(path=file(LINES))
    train, valid, test = dataset.pairs()
    assert valid == [("wort9", "word9"), ("wort19", "word19")]
    assert test == [("wort10", "word10"), ("wort20", "word20")]
    assert len(train) == 16
    assert train[0] == ("wort1", "word1")
    assert set(dataset.fingerprint()) == {"pairs.tsv"}
    train, valid, test = ParallelText(path=file(LINES), test_path=file("v\tw\n", "test.tsv")).pairs()
    assert (len(train), len(valid), test) == (18, 2, [("v", "w")])  # what is not held out trains
    assert ("wort10", "word10") in train
    back = ParallelText(path=file(LINES), source_column=1, target_column=0)
    assert back.pairs()[0][0] == ("word1", "wort1")


def test_a_pair_of_files_for_each_part(file):
    source, target = file("ä b\r\nc\n", "de.txt", "cp1252"), file("a b\nc\n", "en.txt")
    rest = {"valid_path": file("v\tw\n"), "test_path": source, "test_target_path": target}
    dataset = ParallelText(path=source, target_path=target, encoding="cp1252", **rest)
    assert dataset.pairs() == ([("ä b", "a b"), ("c", "c")], [("v", "w")], [("ä b", "a b"), ("c", "c")])
    assert set(dataset.fingerprint()) == {"de.txt", "en.txt", "pairs.tsv"}


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("a\tb\nc\n", None, r"pairs.tsv: line 2 has 1 of 2 columns with tabs between; or set dataset.target_path"),
        ("a\tb\n\tc\n", None, "pairs.tsv: line 2 has a side without words"),
        ("\n", None, "pairs.tsv: is empty"),
        ("a\tb\n", None, "1 pairs are too few to split"),
        ("a\nb\n", "c\n", r"en.txt: has 1 lines, .*pairs.tsv has 2; they must pair up"),
        ("a\n\nb\n", "c\nd\ne\n", "pairs.tsv: line 2 has a side without words"),
    ],
)
def test_files_that_do_not_serve(file, text, target, message):
    dataset = ParallelText(path=file(text), target_path=None if target is None else file(target, "en.txt"))
    with pytest.raises(UserError, match=message):
        dataset.load(0)


def test_options_that_need_each_other():
    with pytest.raises(ValueError, match="path=null"):
        ParallelText()
    with pytest.raises(ValueError, match=r"test_target_path=x: needs dataset\.test_path"):
        ParallelText(path="a", test_target_path="x")
    with pytest.raises(UserError, match=r"nowhere\.tsv: cannot be read"):
        ParallelText(path="nowhere.tsv").pairs()
