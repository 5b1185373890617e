import pytest

from rnnbench.data.ts_format import read_ts
from rnnbench.errors import UserError

HEAD = "# a comment\n@problemName x\n@classLabel true a b\n@data\n"


def test_dimensions_steps_and_classes():
    series = read_ts(HEAD + "1,2,3:4,5,6.5:a\n\n7:-1e1:b\n", "f")
    assert [x.tolist() for x, _ in series] == [[[1, 4], [2, 5], [3, 6.5]], [[7, -10]]]
    assert [label for _, label in series] == ["a", "b"]
    assert series[0][0].dtype == "float32"


def test_without_classes():
    ((x, label),) = read_ts("@classLabel false\n@data\n1,2:3,4\n", "f")
    assert (x.shape, label) == ((2, 2), None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f: has no series, and no line @data; is it a .ts file"),
        (HEAD, "f: has no series"),
        ("1,2:a\n", "f: line 1 stands before @data; is it a .ts file"),
        (HEAD + "1,?:a\n", "f: line 5: has missing values"),
        (HEAD + "1,nan:a\n", "f: line 5: has missing values"),
        (HEAD + "1,x:a\n", "f: line 5: has values that are no numbers"),
        (HEAD + ":a\n", "f: line 5: has values that are no numbers"),
        (HEAD + "(0,1):a\n", "f: line 5: has time stamps"),
        (HEAD + "1,2:3:a\n", r"f: line 5: its dimensions have \[1, 2\] steps"),
        (HEAD + "1:2:a\n1:a\n", "f: series 2 has 1 dimensions, the first 2"),
    ],
)
def test_a_file_that_does_not_serve_is_told_in_one_line(text, message):
    with pytest.raises(UserError, match=message):
        read_ts(text, "f")
