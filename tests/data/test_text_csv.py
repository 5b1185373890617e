import pytest

from rnnbench.data.text_csv import TextCsv
from rnnbench.errors import UserError

ROWS = [("fine, I say", "good"), ("None", "bad")] * 20


@pytest.fixture
def file(tmp_path):
    def write(rows=ROWS, name="texts.csv", head="text,label", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes("\n".join([head, *(f'"{text}",{label}' for text, label in rows)]).encode(encoding))
        return str(path)

    return write


def test_a_table_is_split_by_class(file):
    dataset = TextCsv(path=file())
    splits = dataset.load(0)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [32, 4, 4]
    assert splits.test.targets.tolist().count(0) == 2
    assert dataset.artifacts()["labels"] == ["bad", "good"]
    assert "none" in dataset.artifacts()["words"]  # the word, not a missing value
    assert (dataset.spec.target_size, dataset.spec.vocabulary) == (2, 2 + 5)


def test_a_file_of_its_own_for_the_test(file):
    dataset = TextCsv(path=file(), test_path=file([("what", "bad")], "test.csv"))
    splits = dataset.load(0)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [36, 4, 1]
    assert set(dataset.fingerprint()) == {"texts.csv", "test.csv"}


def test_a_tab_as_a_shell_gives_it_and_no_header(tmp_path):
    path = tmp_path / "texts.tsv"
    path.write_text("\n".join(f"{label}\t{text}" for text, label in ROWS))
    dataset = TextCsv(path=str(path), separator="\\t", header=False, text_column=1, label_column=0)
    assert len(dataset.load(0).train) == 32


@pytest.mark.parametrize(
    ("rows", "head", "message"),
    [
        (ROWS, "txt,label", "no column 'text'; did you mean txt"),
        ([*ROWS, ("fine", "")], "text,label", "column 'label' is empty on line 42"),
        ([*ROWS, ("", "good")], "text,label", "column 'text' is empty on line 42"),
        (ROWS[::2], "text,label", "column 'label' has one class, 'good'"),
        ([], "text,label", "has no rows"),
        (ROWS[:2], "text,label", "2 rows are too few, valid gets none"),
    ],
)
def test_a_file_that_does_not_serve_is_told_in_one_line(rows, head, message, file):
    with pytest.raises(UserError, match=message) as caught:
        TextCsv(path=file(rows, head=head)).load(0)
    assert "\n" not in str(caught.value)


def test_other_mistakes(file, tmp_path):
    with pytest.raises(UserError, match=r"absent\.csv: cannot be read"):
        _ = TextCsv(path=str(tmp_path / "absent.csv")).spec
    with pytest.raises(UserError, match=r"is not utf-8 text; convert it, or set dataset\.encoding"):
        _ = TextCsv(path=file([*ROWS, ("café", "bad")], encoding="cp1252")).spec
    with pytest.raises(UserError, match="class 'odd' is not among those of the training texts: bad, good"):
        TextCsv(path=file(), test_path=file([("what", "odd")], "test.csv")).load(0)
    with pytest.raises(ValueError, match="path=null: name the file"):
        TextCsv()
    with pytest.raises(ValueError, match="three shares above 0"):
        TextCsv(path=file(), split=(0.9, 0.2, 0.1))
