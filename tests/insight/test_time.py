"""Gradients through time against finite differences and a closed form; gates against the equations."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from rnnbench.cells import GRU, LSTM, MGU, QRNN, SRU
from rnnbench.cli import main
from rnnbench.data.spec import Batch, Window
from rnnbench.insight.time import gates, gradient_flow, labels, told
from rnnbench.layers import Recurrent
from rnnbench.layers.contract import examples, find_cells
from rnnbench.models import SequenceModel
from rnnbench.models.forecaster import Forecaster


def trained(cell, inputs=2, units=3):
    torch.manual_seed(0)
    model = SequenceModel(Recurrent(cell, inputs, units, batch_first=True), 1, "last")
    return SimpleNamespace(model=model)


class Leaky(nn.Module):
    """y_t = a y_(t-1) + x_t, whose gradient k steps back is a^k."""

    output_size = 1

    def forward(self, x_BTI, hx=None, lengths=None):
        y, out = torch.zeros(len(x_BTI), 1), []
        for x in x_BTI.unbind(1):
            y = 0.5 * y + x
            out.append(y)
        return torch.stack(out, 1), y


def test_the_gradient_of_a_leaky_sum_halves_with_every_step():
    leaky = SimpleNamespace(model=SequenceModel(Leaky(), 1, "last"))
    x = torch.randn(2, 5, 1)
    np.testing.assert_allclose(gradient_flow(leaky, Batch(x, x)), 0.5 ** np.arange(5), rtol=1e-6)
    ragged = gradient_flow(leaky, Batch(x, x, torch.tensor([3, 2])))
    np.testing.assert_allclose(ragged[:3], 0.5 ** np.arange(3), rtol=1e-6)
    assert np.isnan(ragged[3:]).all()


def test_a_last_output_without_a_gradient_is_told():
    dead = trained(GRU)
    with torch.no_grad():
        dead.model.backbone.weight_ih_l0.zero_()
    x = torch.randn(2, 4, 2)
    assert "no gradient: the last output does not depend" in told("gru", gradient_flow(dead, Batch(x, x)))
    assert "gradient 3 steps back: 0.125 of that" in told("leaky", 0.5 ** np.arange(4))


def test_no_run_is_lost_among_others_of_its_name(tmp_path):
    first, second, other = (tmp_path / name for name in ("digits-gru-s0-aa", "digits-gru-s0-bb", "my run"))
    assert labels([first, other]) == ["digits-gru-s0", "my run"]
    assert labels([first, second]) == ["digits-gru-s0-aa", "digits-gru-s0-bb"]
    assert labels([first, tmp_path / "copy" / first.name]) == [str(first), str(tmp_path / "copy" / first.name)]


@pytest.mark.parametrize("cell", [LSTM, GRU])
def test_gates_are_those_of_torch(cell):
    run = trained(cell)
    x = torch.randn(2, 4, 2)
    found = gates(run, Batch(x, x, torch.tensor([3, 4])))
    twin = {"LSTM": nn.LSTMCell, "GRU": nn.GRUCell}[cell.__name__](2, 3)
    twin.load_state_dict({k.removesuffix("_l0"): v for k, v in run.model.backbone.state_dict().items()})
    h, c, expected = torch.zeros(1, 3), torch.zeros(1, 3), {}
    for step in x[0, :3]:
        sums = twin.weight_ih @ step + twin.bias_ih + twin.weight_hh @ h[0] + twin.bias_hh
        names = ("i", "f", None, "o") if cell is LSTM else ("r", "z", None)
        for name, part in zip(names, sums.chunk(len(names))):
            if name:
                expected.setdefault(name, []).append(torch.sigmoid(part))
        if cell is LSTM:
            h, c = twin(step[None], (h, c))
        else:
            h = twin(step[None], h)
    assert set(found) == set(expected)
    for name, rows in expected.items():
        torch.testing.assert_close(found[name], torch.stack(rows).detach())


def test_a_forecast_over_the_last_value_is_seen_as_the_network_sees_it():
    window = Window(4, 1, (0,), 1)
    torch.manual_seed(0)
    backbone = Recurrent(GRU, 1, 3, batch_first=True)
    run = SimpleNamespace(model=Forecaster(backbone, 1, 1, "last", window, anchor="last"))
    x = torch.randn(2, 4, 1)
    less = x - x[:, -1:]
    for name, gate in gates(SimpleNamespace(model=SequenceModel(backbone, 1, "last")), Batch(less, less)).items():
        torch.testing.assert_close(gates(run, Batch(x, x))[name], gate)
        torch.testing.assert_close(gates(run, Batch(x + 9, x))[name], gate)
    np.testing.assert_allclose(gradient_flow(run, Batch(x + 9, x)), gradient_flow(run, Batch(x, x)), rtol=1e-4)


@pytest.mark.parametrize("options", [{"zoneout": 0.5}, {"learned_state": True}, {"layer_norm": True}])
def test_gates_are_those_of_the_layer_with_what_is_around_its_cell(options):
    """Made again from the states that the layer gives when it is fed a step at a time."""
    torch.manual_seed(0)
    layer = Recurrent(GRU, 2, 3, batch_first=True, **options)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    layer.eval()
    x = torch.randn(1, 4, 2)
    found = gates(SimpleNamespace(model=SequenceModel(layer, 1, "last").eval()), Batch(x, x))
    weights, state = layer.state_dict(), None
    h = weights["initial_h_l0"][None] if "initial_h_l0" in weights else torch.zeros(1, 3)
    for t in range(4):
        sums = {"ih": x[:, t] @ weights["weight_ih_l0"][:6].t(), "hh": h @ weights["weight_hh_l0"][:6].t()}
        if "layer_norm" in options:  # over the rows of a stage, and r and z are made in one
            sums = {k: nn.functional.layer_norm(s, (6,), weights[f"gain_{k}_l0"][:6]) for k, s in sums.items()}
        r, z = sum(s + weights[f"bias_{k}_l0"][:6] for k, s in sums.items()).sigmoid().chunk(2, -1)
        torch.testing.assert_close(found["r"][t], r[0])
        torch.testing.assert_close(found["z"][t], z[0])
        _, state = layer(x[:, t : t + 1], state)
        h = state[0].detach()


def test_a_cell_without_named_gates_has_no_picture_of_them():
    assert isinstance(gates(trained(MGU), Batch(torch.randn(1, 2, 2), torch.zeros(1))), dict)


@pytest.mark.parametrize("cell", find_cells(), ids=lambda cell: cell.__name__)
def test_what_is_drawn_as_a_gate_is_one_at_each_step(cell):
    example = examples(cell)[0]
    layer = example.layer(torch.float32)
    x = 3 * example.inputs(1, 7, dtype=torch.float32)  # far enough that sums leave 0..1
    for gate in gates(SimpleNamespace(model=SequenceModel(layer, 1, "last")), Batch(x, x)).values():
        assert len(gate) == 7
        assert ((gate >= 0) & (gate <= 1)).all()


@pytest.mark.parametrize(("cell", "name"), [(QRNN, "o"), (SRU, "r"), (GRU, "z"), (LSTM, "f")])
def test_gates_that_are_written_are_found(cell, name):
    layer = Recurrent(cell, 2, 3, batch_first=True)
    x = torch.randn(1, 4, 2)
    assert name in gates(SimpleNamespace(model=SequenceModel(layer, 1, "last")), Batch(x, x))


def test_the_command_draws_a_picture_of_several_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RNNBENCH_RUNS", str(tmp_path / "runs"))
    for model in ("gru", "torch_gru"):
        words = [f"model={model}", "dataset=digits", "model.hidden_size=3", "trainer.max_epochs=1"]
        assert main(["train", *words, "debug=two_steps"]) == 0
    paths = sorted(map(str, (tmp_path / "runs" / "runs").glob("digits-*")))
    assert len(paths) == 2
    capsys.readouterr()
    out = tmp_path / "look.of_both"  # an ending of no kind of picture
    assert main(["inspect", *paths, "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    said = capsys.readouterr().out
    assert "digits-gru-s0" in said
    assert str(out) in said
    assert main(["inspect", paths[0], "--out", str(tmp_path)]) == 2
    assert f"--out {tmp_path}: is a folder" in capsys.readouterr().err
    assert main(["inspect", str(tmp_path), "--out", str(out)]) == 2
    assert "not the directory of a finished run" in capsys.readouterr().err
