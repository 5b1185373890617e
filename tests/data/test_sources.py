import hashlib

import numpy as np
import pytest

from rnnbench.data.sources import Counting, Packaged, PriceWalk, Published
from rnnbench.errors import UserError


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package with a table in it; importing it fails."""
    folder = tmp_path / "site" / "prices_pkg"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "a.csv").write_text("day,close\n2020-01-01,1.5\n2020-01-02,2\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return folder


def test_a_table_inside_a_package_is_read_without_importing_it(package):
    source = Packaged("prices_pkg", "a.csv", time_column="day")
    assert source.read(0, None).values(["close"])[:, 0].tolist() == [1.5, 2]
    assert source.fingerprint() == {"a.csv": hashlib.sha256((package / "a.csv").read_bytes()).hexdigest()}
    with pytest.raises(UserError, match=r"has no file b\.csv: pip install -U prices_pkg"):
        Packaged("prices_pkg", "b.csv").read(0, None)


def test_a_package_that_is_missing_is_named_with_the_command():
    with pytest.raises(UserError, match=r"no_such_pkg is not installed.*: pip install no-such") as caught:
        Packaged("no_such_pkg", "a.csv", install="no-such").fingerprint()
    assert "\n" not in str(caught.value)


def test_the_walk_is_the_sum_of_its_steps():
    walk = PriceWalk(days=20_000, start=50.0, step=2.0, mean=0.5)
    first, other = walk.read(1, None).values(["price"])[:, 0], walk.read(2, None).values(["price"])[:, 0]
    assert np.array_equal(first, walk.read(1, None).values(["price"])[:, 0])
    assert not np.array_equal(first, other)
    steps = np.diff(first)
    assert steps.std() == pytest.approx(2, rel=0.03)
    assert steps.mean() == pytest.approx(0.5, abs=0.05)
    assert abs(np.corrcoef(steps[1:], steps[:-1])[0, 1]) < 0.03
    assert abs(first[0] - 50.5) < 10
    assert walk.fingerprint() == {}


def test_counting():
    assert Counting(10).read(0, None).values(["value"])[:, 0].tolist() == list(range(1, 11))
    with pytest.raises(ValueError, match="last=0"):
        Counting(0)


@pytest.mark.parametrize(
    ("source", "column", "rows", "first"),
    [
        (Published("monthly_sunspots", "Month"), "Sunspots", 2820, 58.0),
        (Published("airline_passengers", "Month"), "Passengers", 144, 112),
        (Published("daily_min_temperatures", "Date"), "Temp", 3650, 20.7),
        (Published("daily_max_temperatures", "Date"), "Temperature", 3650, 38.1),
        (Published("santafe_laser"), "value", 10093, 86),
        (Published("etth1", "date"), "OT", 17420, 30.531),
        (Published("exchange_rate", header=False), "0", 7588, 0.7855),
    ],
    ids=lambda value: value.name if isinstance(value, Published) else "",
)
def test_published_series(real_data, source, column, rows, first):
    table = source.read(0, real_data)
    values = table.values([column])
    assert values.shape == (rows, 1)
    assert values[0, 0] == pytest.approx(first, abs=1e-3)
    assert np.isfinite(values).all()
    if source.time_column is not None:
        assert table.times(source.time_column).dtype.kind == "M"
