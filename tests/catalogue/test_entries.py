from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from rnnbench import cells
from rnnbench.catalogue.entries import build, entries, gates, models
from rnnbench.errors import UserError
from rnnbench.layers import Recurrent

CONF = Path(__file__).parents[2] / "conf"
NO_PAPER = {"torch_gru", "torch_lstm", "torch_rnn"}


@pytest.fixture(scope="module")
def listed():
    return {entry.model: entry for entry in entries(10, 16)}


def test_every_model_is_listed(listed):
    assert set(listed) == {path.stem for path in (CONF / "model").glob("[!_]*.yaml")}


def test_every_model_has_a_paper_and_a_year(listed):
    assert {name for name, entry in listed.items() if entry.paper is None} == NO_PAPER
    # The docstring of SGRN has the number of its paper, and no year.
    assert [name for name, entry in listed.items() if entry.paper and not entry.paper.year] == ["sgrn"]


@pytest.mark.parametrize(
    ("name", "authors", "year"),
    [
        ("lstm_1997", "Hochreiter and Schmidhuber", 1997),
        ("gru_cho", "Cho", 2014),
        ("gru_chung", "Chung", 2014),
        ("mgu2", "Heck and Salem", 2017),
        ("lstm_peephole", "Graves", 2013),
        ("lstm_b", "Jozefowicz", 2015),
        ("lstmp", "Sak", 2014),
        ("irnn", "Le", 2015),
        ("rnn_relu", "Elman", 1990),
        ("sru", "Lei", 2017),
        ("sru_peephole", "Lei", 2018),
        ("transformer", "Vaswani", 2017),
    ],
)
def test_papers(listed, name, authors, year):
    paper = listed[name].paper
    assert paper.authors.startswith(authors)
    assert paper.year == year


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_numbers_are_those_of_torch(listed, kind):
    twin = getattr(torch.nn, kind)(10, 16)
    entry = listed[kind.lower()]
    assert entry.parameters == sum(p.numel() for p in twin.parameters())
    assert entry.gates == twin.weight_ih_l0.shape[0] // 16
    assert entry.state == (32 if kind == "LSTM" else 16)
    assert listed["torch_" + kind.lower()].parameters == entry.parameters


def test_engines_and_exceptions(listed):
    assert "scan" in listed["min_gru"].engines
    assert "scan" not in listed["gru"].engines
    assert listed["tcn"].engines == ("torch",)
    assert set(listed["lstm_1997_truncated"].exceptions) == {"gradients"}


def test_a_model_that_refuses_the_sizes_says_why(listed):
    assert listed["gru_sum"].parameters is None
    assert "must be equal" in listed["gru_sum"].note
    # proj_size is 32 in its configuration
    assert "proj_size" in listed["lstmp"].note


@pytest.mark.parametrize("name", ["gru_cho", "lstmp", "clockwork_rnn", "tcn", "torch_lstm", "s4d"])
def test_configurations_are_those_that_hydra_composes(name):
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base=None):
        composed = OmegaConf.to_container(compose(f"model/{name}").model)
    assert models()[name][1] == composed


def test_build_makes_the_layer_of_a_configuration():
    layer = build(models()["gru_chung"][1], 3, 5, device="cpu", engine="loop")
    assert isinstance(layer, Recurrent)
    assert layer.cells[0] == cells.GRU(3, 5, reset="before", update="write", recurrent_bias=False)
    assert layer(torch.zeros(2, 1, 3))[0].shape == (2, 1, 5)


@pytest.mark.parametrize(
    ("cell", "number"),
    [(cells.MGU1, 2), (cells.NAS, 8), (cells.MinGRU, 2), (cells.IndRNN, 1), (cells.LEM, 4), (cells.JANET, 2)],
)
def test_gates_are_blocks_of_rows(cell, number):
    assert gates(cell(3, 5)) == number


def test_own_models_are_listed_beside_ours(tmp_path, monkeypatch):
    (tmp_path / "my_conf" / "model").mkdir(parents=True)
    (tmp_path / "my_cells_listed.py").write_text(
        "from dataclasses import dataclass\nfrom rnnbench.cells import RNN\n"
        '@dataclass(frozen=True)\nclass MyCell(RNN):\n    """Of Me 2030, arXiv:3001.00001."""\n'
    )
    (tmp_path / "my_conf" / "model" / "mine.yaml").write_text(
        "defaults: [_recurrent, _self_]\nname: mine\n"
        "cell: {_target_: my_cells_listed.MyCell, _partial_: true, nonlinearity: relu}\n"
    )
    monkeypatch.chdir(tmp_path)
    mine = {entry.model: entry for entry in entries(3, 5, Path("my_conf"))}["mine"]
    assert (mine.cell.__name__, mine.paper.year, mine.parameters) == ("MyCell", 2030, 5 * (3 + 5 + 2))


def test_mistakes_are_one_line(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        entries(3, 5, tmp_path / "nowhere")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "mine.yaml").write_text("cell: {_target_: not_there.MyCell}\n_target_: rnnbench.layers.Recurrent\n")
    with pytest.raises(UserError, match=r"model=mine: .*not_there"):
        entries(3, 5, tmp_path)
    (folder / "mine.yaml").write_text("a: [\n")
    with pytest.raises(UserError, match=r"mine.yaml: "):
        entries(3, 5, tmp_path)
