import pytest

from rnnbench.data.ts_format import parse
from rnnbench.errors import UserError

HEAD = "#said\n@problemName x\n@classLabel true a b\n@data\n"


def test_dimensions_steps_and_class():
    cases = parse(HEAD + "1,2,3:4,5,6:a\n\n7:8:b\n", "x.ts")
    assert cases.classes == ("a", "b")
    assert cases.labels == ["a", "b"]
    assert [case.tolist() for case in cases.series] == [[[1, 4], [2, 5], [3, 6]], [[7, 8]]]


def test_cases_without_a_class():
    cases = parse("@classLabel false\n@data\n1,2:3,4\n", "x.ts")
    assert (cases.labels, cases.series[0].tolist()) == ([], [[1, 3], [2, 4]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3:a\n", "x.ts: line 1: a header line begins with @"),
        (HEAD, "x.ts: no cases after @data"),
        (HEAD + "1,2:3:a\n", "x.ts: line 5: its dimensions differ in length"),
        (HEAD + "1,?:a\n", "x.ts: line 5: not a number: .*missing values must be filled"),
        (HEAD + "1,NaN:a\n", "x.ts: line 5: a value is missing or infinite"),
        (HEAD + "a\n", "x.ts: line 5: no numbers"),
        (HEAD + "1:a\n1:2:b\n", "x.ts: cases differ in their number of dimensions"),
    ],
)
def test_mistakes_are_one_line_with_its_number(text, message):
    with pytest.raises(UserError, match=message):
        parse(text, "x.ts")
