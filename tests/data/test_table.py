import gzip
import os

import numpy as np
import pytest

from rnnbench.data.table import Table
from rnnbench.errors import UserError


@pytest.fixture
def write(tmp_path):
    def written(text, name="t.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
        return path

    return written


def test_values_and_numeric_columns(write):
    table = Table(write("date,a, b ,note\n2020-01-01,1,-2.5e3,x\n2020-01-02,3,,y\n"))
    assert table.columns == ["date", "a", "b", "note"]
    assert table.numeric() == ["a", "b"]
    np.testing.assert_array_equal(table.values(["b", "a"]), [[-2500, 1], [np.nan, 3]])


@pytest.mark.parametrize("missing", ["", "NA", "NaN", "null"])
def test_words_for_missing(write, missing):
    assert np.isnan(Table(write(f"a,b\n{missing},1\n2,2\n")).values(["a"])[0, 0])


def test_blank_lines_are_missing_values_except_at_the_end(write):
    values = Table(write("a\n1\n\n3\n\n\n")).values(["a"])
    np.testing.assert_array_equal(values[:, 0], [1, np.nan, 3])


@pytest.mark.parametrize(("encoding", "named"), [("utf-8-sig", "utf-8"), ("cp1252", "cp1252"), ("utf-16", "utf-16")])
def test_encodings(write, encoding, named):
    assert Table(write("Größe,b\n1,2\n", encoding=encoding), encoding=named).columns == ["Größe", "b"]


def test_gzip_separator_and_no_header(write):
    path = write(gzip.compress(b"1;2\n3;4\n", mtime=0), "t.csv.gz")
    table = Table(path, separator=";", header=False)
    np.testing.assert_array_equal(table.values(["1", "0"]), [[2, 1], [4, 3]])
    assert table.lines(np.array([0, 1])) == "1, 2"


def test_a_changed_file_is_read_again(write):
    path = write("a\n1\n")
    assert Table(path).values(["a"]).tolist() == [[1]]
    write("a\n2\n")
    os.utime(path, ns=(1, 1))
    assert Table(path).values(["a"]).tolist() == [[2]]


def test_sha256_is_that_of_the_bytes(write):
    # printf 'a\n1\n' | sha256sum
    assert Table(write("a\n1\n")).sha256() == "309b0e45a73d3fc5325e2b6ed0a01ef8b9cde6b05a5633c1f893f970d52bfddc"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "is empty"),
        ("a,b\n", {}, "has no rows"),
        ("a,b\n,\n\n", {}, "has no rows"),
        ("a,b\n1,2\n1,2,3\n", {}, "is no table"),
        ("a,b\n1,2,3\n1,2,3\n", {}, "is no table"),
        ('a,b\n1,"2\n', {}, "is no table"),
        ("1,2\n3,4\n", {}, "set dataset.header=false"),
        ("a;b\n1;2\n", {}, "set dataset.separator"),
        ("a\tb\n1\t2\n", {}, "set dataset.separator"),
        ("Größe\n1\n".encode("cp1252"), {}, "set dataset.encoding"),
        ("a\n1\n", {"encoding": "utf-99"}, "set dataset.encoding"),
        (b"\x1f\x8b nonsense", {"name": "t.csv.gz"}, "is no table"),
    ],
)
def test_unreadable_files_get_one_line(write, text, options, message):
    path = write(text, options.pop("name", "t.csv"))
    with pytest.raises(UserError, match=message) as caught:
        Table(path, **options)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["none.csv", "."])
def test_absent_file_and_folder(tmp_path, name):
    with pytest.raises(UserError, match=r"cannot be read|is no table"):
        Table(tmp_path / name)


def test_unknown_column_names_the_nearest(write):
    table = Table(write("price,volume\n1,2\n"))
    with pytest.raises(UserError, match="no column 'prise'; did you mean price"):
        table.require(["volume", "prise"])
    with pytest.raises(UserError, match="choose one of price, volume"):
        table.require(["zzz"])


@pytest.mark.parametrize("cell", ["1.2.3", "12 kg", "inf", '"1,5"'])
def test_wrong_cells_are_named_by_line(write, cell):
    table = Table(write(f"a,b\n1,1\n2,2\n{cell},3\nx,4\n"))
    shown = cell.strip('"')
    with pytest.raises(UserError, match=rf"column 'a' holds '{shown}' on line 4, not a number \(2 such"):
        table.values(["b", "a"])


def test_long_lists_of_lines_are_cut(write):
    assert Table(write("a\n1\n")).lines(np.arange(7)) == "2, 3, 4, 5, 6, ..."


@pytest.mark.parametrize(
    ("times", "time_format"),
    [
        (("2020-01-01", "2020-01-02"), None),
        (("2020-01-01 00:00:00", "2020-01-01 01:00:00"), None),
        (("2020-03-29T01:00+01:00", "2020-03-29T03:00+02:00"), None),
        (("1990", "1991.5"), None),
        (("02.01.2020", "01.02.2020"), "%d.%m.%Y"),
    ],
)
def test_times_that_increase(write, times, time_format):
    found = Table(write("when\n" + "\n".join(times) + "\n")).times("when", time_format)
    assert len(found) == len(times)
    assert found[0] < found[1]


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (("2020-01-02", "2020-01-03", "2020-01-01"), "does not increase on line 4"),
        (("1", "2", "2"), "does not increase on line 4"),
        (("2020-01-02", "soon", "2020-01-03"), "holds 'soon' on line 3"),
        (("2020-01-02", "", "2020-01-03"), "line 3"),
    ],
)
def test_times_that_do_not(write, times, message):
    with pytest.raises(UserError, match=message):
        Table(write("when,a\n" + "".join(f"{t},1\n" for t in times))).times("when", None)
