"""A user's own cell, from its file to the table."""

import pytest

from rnnbench import cli
from rnnbench.layers.contract import CHECKS

SOURCE = '''
from dataclasses import dataclass
from typing import ClassVar

import torch

from rnnbench.cells import Cell, Product, RNN, Stage


@dataclass(frozen=True)
class MyCell(Cell):
    """One gate that writes.

    ::

        z, n = W x + b + U h
        h' = h + sigmoid(z) * (tanh(n) - h)
    """

    @property
    def state(self):
        return {"h": self.hidden_size}

    def parameter_shapes(self):
        H = self.hidden_size
        shapes = {"weight_ih": (2 * H, self.input_size), "weight_hh": (2 * H, H)}
        return shapes | ({"bias_ih": (2 * H,)} if self.bias else {})

    def stages(self):
        rows = (0, 2 * self.hidden_size)
        return (Stage(self.step, ("h",), ("h",), rows, Product("h", "weight_hh"), joint=True),)

    def step(self, total, h):
        z, n = total.chunk(2, -1)
        return (h + torch.sigmoid(z) * (torch.tanh(n) - h),)


class Mixes(MyCell):
    """Rows are not kept apart."""

    def step(self, total, h):
        return (super().step(total, h)[0] + h.mean(0),)


Mixes = dataclass(frozen=True)(Mixes)


@dataclass(frozen=True)
class Excused(Mixes):
    exceptions: ClassVar = {"rows": "it sees the batch", "padding": "so", "reverse": "so"}


@dataclass(frozen=True)
class Refuses(MyCell):
    def __post_init__(self):
        raise ValueError("never")


@dataclass(frozen=True)
class NoSteps(Cell):
    pass


class NoDataclass(MyCell):
    pass


not_a_cell = 3
'''


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    (tmp_path / "my_checked.py").write_text(SOURCE)
    (tmp_path / "my_broken.py").write_text("def f(:\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNBENCH_RUNS", str(tmp_path / "runs"))
    monkeypatch.syspath_prepend(str(tmp_path))  # taken out again at the end


def check(name, capsys):
    code = cli.main(["check-cell", name])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_sound_cell_passes_every_check_with_every_option_set(capsys):
    code, out, err = check("my_checked:MyCell", capsys)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line for line in lines if line.startswith("MyCell(")] == ["MyCell(bias=True)", "MyCell(bias=False)"]
    names = [check.__name__.removeprefix("check_") for check in CHECKS]
    assert [line.split() for line in lines[1 : 1 + len(CHECKS)]] == [[name, "ok"] for name in names]
    assert lines[-2] == f"2 option sets, {len(CHECKS)} checks each: the contract holds"
    assert lines[-1].startswith("engines: ")
    assert "loop" in lines[-1]


def test_what_does_not_hold_is_said_and_ends_with_1(capsys):
    code, out, _ = check("my_checked:Mixes", capsys)
    assert code == 1
    assert "  rows         does not hold: the input of another sequence matters" in out.splitlines()
    assert "  chunks       ok" in out.splitlines()
    assert out.splitlines()[-1].endswith("did not hold")


def test_a_declared_exception_is_shown_and_no_failure(capsys):
    code, out, _ = check("my_checked:Excused", capsys)
    assert code == 0
    assert "  rows         declared exception: it sees the batch" in out.splitlines()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my_checked", "name a cell as module:Class"),
        ("my_checked:", "name a cell as module:Class"),
        ("my_checkd:MyCell", "cannot import my_checkd: ModuleNotFoundError"),
        ("my_broken:MyCell", "cannot import my_broken: SyntaxError"),
        ("my_checked:MyCel", "my_checked has no MyCel; did you mean MyCell?"),
        ("my_checked:not_a_cell", "not_a_cell is no cell"),
        ("torch:Tensor", "Tensor is no cell"),
        ("my_checked:NoSteps", "defines no stages"),
        ("my_checked:NoDataclass", "NoDataclass needs @dataclass(frozen=True)"),
        ("my_checked:Refuses", "Refuses refuses every combination of its options"),
    ],
)
def test_bad_input_is_one_line_and_2(name, said, capsys):
    code, out, err = check(name, capsys)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_an_own_cell_goes_from_a_config_folder_through_a_sweep_into_a_table(tmp_path, capsys):
    folder = tmp_path / "my_conf" / "model"
    folder.mkdir(parents=True)
    (folder / "mycell.yaml").write_text(
        "defaults: [_recurrent, _self_]\nname: mycell\ncell: {_target_: my_checked.MyCell, _partial_: true}\n"
    )
    words = ["--config-dir", "my_conf", "model=mycell,rnn", "model.hidden_size=3", "seed=0,1"]
    assert cli.main(["train", "-m", *words, "debug=two_steps", "trainer.max_epochs=1", "logger=none"]) == 0
    capsys.readouterr()
    assert cli.main(["status"]) == 0
    assert "4 jobs: 4 finished" in capsys.readouterr().out
    assert cli.main(["table", "--format", "md"]) == 0
    assert "| mycell |" in capsys.readouterr().out
    assert cli.main(["cells", "--config-dir", "my_conf", "--format", "csv"]) == 0
    assert "\nmycell,MyCell,,,2,64," in capsys.readouterr().out
