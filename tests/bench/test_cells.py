import sys

import pytest
import torch

from rnnbench.bench import cells as module
from rnnbench.bench.cells import LONG, MODES, SIZES, Options, chosen, interleaved, measure
from rnnbench.bench.contenders import Size
from rnnbench.errors import UserError

SIZE = Size(2, 3, 4, 5)


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(module, "SAMPLE", 0.0)


def test_work_is_timed_in_turn_and_the_median_counts(monkeypatch):
    now, calls = [0.0], []
    takes = {"a": iter([9, 9, 1, 5, 3]), "b": iter([9, 9, 10, 20, 1000])}

    def work(name):
        calls.append(name)
        now[0] += next(takes[name])

    monkeypatch.setitem(module.CLOCKS, "wall", lambda: now[0])
    assert interleaved([lambda: work("a"), lambda: work("b")], rounds=3) == [3, 20]
    assert calls == ["a", "b"] * 5


def test_short_work_is_repeated(monkeypatch):
    now, calls = [0.0], []
    monkeypatch.setitem(module.CLOCKS, "wall", lambda: now[0])
    monkeypatch.setattr(module, "SAMPLE", 10.0)

    def work():
        calls.append(1)
        now[0] += 4.0

    assert interleaved([work], rounds=2) == [4.0]
    assert len(calls) == 2 + 2 * 3


def test_a_group_has_the_engines_the_rivals_and_the_measures():
    pytest.importorskip("torchrecurrent")
    result = measure(Options(cells=("mgu", "lstm"), sizes=(SIZE,), threads=(1,), rounds=1))
    names = {(row.model, row.contender) for row in result.rows}
    assert {("mgu", "loop"), ("mgu", "torchrecurrent"), ("mgu", "own lstm"), ("mgu", "matrix")} <= names
    assert {("lstm", "loop"), ("lstm", "torch.nn"), ("lstm", "matrix")} <= names
    assert ("lstm", "own lstm") not in names
    assert {row.mode for row in result.rows} == set(MODES)
    assert all(row.seconds > 0 and row.size == SIZE for row in result.rows)
    assert result.gates == {"mgu": 2, "lstm": 4}
    assert result.products["lstm 2,3,4,5"] == (80, 100)


def test_a_cell_without_gates_has_no_number_of_them():
    result = measure(Options(cells=("rnn",), sizes=(SIZE,), engines=("loop",), threads=(1,), rounds=1))
    assert result.gates == {}


def test_threads_are_set_and_put_back(monkeypatch):
    seen, before = [], torch.get_num_threads()
    monkeypatch.setattr(module, "_group", lambda *arguments: seen.append((arguments[-1], torch.get_num_threads())))
    measure(Options(cells=("mgu",), sizes=(SIZE,), threads=(1, 2)))
    assert seen == [(1, 1), (2, 2)]
    assert torch.get_num_threads() == before


def test_the_time_is_bounded():
    result = measure(Options(cells=("mgu",), sizes=(SIZE,), threads=(1,), limit=-1.0))
    assert result.rows == []
    assert result.notes == ["mgu (2,3,4,5): not measured: -1 s were over"]


def test_by_default_all_sizes_and_the_long_one_for_scans_alone(monkeypatch):
    seen = []
    monkeypatch.setattr(module, "_group", lambda *arguments: seen.append((arguments[2], arguments[4])))
    measure(Options(cells=("min_gru", "gru"), threads=(1,)))
    assert [size for name, size in seen if name == "gru"] == list(SIZES)
    assert [size for name, size in seen if name == "min_gru"] == [*SIZES, LONG]


def test_what_refuses_the_sizes_and_an_absent_package_are_notes(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchrecurrent", None)
    result = measure(Options(cells=("gru_sum", "mgu"), sizes=(SIZE,), threads=(1,), rounds=1))
    assert len(result.notes) == 2
    assert "gru_sum (2,3,4,5): not measured" in result.notes[0]
    assert "torchrecurrent is not installed" in result.notes[1]


def test_a_name_that_is_none_is_one_line():
    with pytest.raises(UserError, match="--cells grru: no model of ours; did you mean gru"):
        chosen(["grru"])
    with pytest.raises(UserError, match="--cells tcn"):
        chosen(["tcn"])
    assert set(chosen(["mgu"])) == {"mgu", "lstm"}
