"""Labels beside a window: the last row's, of those that training has seen."""

import pytest
import torch

from rnnbench.data.series import TimeSeries
from rnnbench.errors import UserError


@pytest.fixture
def make(tmp_path):
    """A data set on a file whose column ``a`` counts rows and ``c`` is that number modulo 2."""

    def made(change=None, **options):
        cells = [[str(i), (change or {}).get(i, str(i % 2))] for i in range(100)]
        path = tmp_path / "t.csv"
        path.write_text("a,c\n" + "".join(",".join(line) + "\n" for line in cells))
        return TimeSeries(path=str(path), window=5, scaling="none", targets="a", **options)

    return made


def test_the_label_of_the_last_row_looked_at_stands_beside_the_window(make):
    """A label that training has not seen says nothing."""
    dataset = make({72: "new", 82: "new"}, horizon=3, gap=2, labels=["c"])
    splits, spec = dataset.load(0), dataset.spec
    assert (spec.input_size, spec.side_size) == (1, 2)
    assert dataset.artifacts()["side_labels"] == {"c": ["0", "1"]}
    for part in (splits.train, splits.valid, splits.test):
        last_N = part.inputs[:, -1, 0].int()
        expected = torch.nn.functional.one_hot(last_N.long() % 2, 2).float()
        expected[(last_N == 72) | (last_N == 82)] = 0
        assert torch.equal(part.side, expected)


def test_a_label_that_is_missing_is_one_line(make):
    with pytest.raises(UserError, match=r"t.csv: column 'c' has no word on line 7; fill it"):
        make({5: ""}, labels="c").load(0)
    with pytest.raises(UserError, match=r"no column 'd'"):
        make(labels=["d"]).load(0)
