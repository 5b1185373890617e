"""Exported files answer as PyTorch does; what cannot be exported is one line."""

import io
import json
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from rnnbench import layers
from rnnbench.cli import main
from rnnbench.data.spec import DataSpec
from rnnbench.deploy import export as module
from rnnbench.errors import UserError
from rnnbench.models import build_model
from rnnbench.tasks import Regression, Transcription
from rnnbench.training.predict import load_trained

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def answer(path, **inputs):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (outputs,) = session.run(["outputs"], {name: value.numpy() for name, value in inputs.items()})
    return torch.from_numpy(outputs)


@torch.no_grad()
def test_onnx_has_the_operator_of_an_lstm_and_its_numbers(finished, capsys):
    run = finished("model=lstm", "dataset=digits")
    capsys.readouterr()
    assert main(["export", str(run), "--to", "onnx"]) == 0
    said = capsys.readouterr().out
    assert "lstm on digits: inputs (batch, time, 8) -> outputs" in said
    assert f"file:        {run / 'model.onnx'}" in said
    state = torch.load(run / "checkpoints" / "selected.ckpt", weights_only=True)["state_dict"]
    lstm, head = nn.LSTM(8, 5, batch_first=True), nn.Linear(5, 10)
    lstm.load_state_dict({k.removeprefix("model.backbone."): v for k, v in state.items() if "backbone" in k})
    head.load_state_dict({k.removeprefix("model.head."): v for k, v in state.items() if "head" in k})
    x_BTI = torch.randn(3, 13, 8)
    torch.testing.assert_close(answer(run / "model.onnx", inputs=x_BTI), head(lstm(x_BTI)[0][:, -1]))
    file = onnx.load(run / "model.onnx")
    assert "LSTM" in {node.op_type for node in file.graph.node}
    assert 7 not in {d.dim_value for value in file.graph.value_info for d in value.type.tensor_type.shape.dim}
    assert {entry.key: json.loads(entry.value) for entry in file.metadata_props if entry.key == "artifacts.json"}


WIDTHS = {"gru_sum": 8, "intersection_rnn": 8, "clockwork_rnn": 4}  # that their equations ask for
MODELS = sorted(path.stem for path in (Path(__file__).parents[2] / "conf" / "model").glob("[!_]*.yaml"))


@pytest.mark.slow
@pytest.mark.parametrize("to", module.FORMATS)
@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_exported(name, to, finished, tmp_path):
    overrides = [f"model.hidden_size={WIDTHS.get(name, 6)}", *(["model.cell.proj_size=2"] if name == "lstmp" else [])]
    trained = load_trained(finished(f"model={name}", "dataset=digits", *overrides))
    assert module.export(trained, to, tmp_path / "file").difference < 1e-5  # it compares with batches of other shapes


@torch.no_grad()
def test_torch_export_takes_any_number_of_steps(finished):
    run = finished("model=torch_lstm", "dataset=digits")
    assert main(["export", str(run), "--to", "torch_export"]) == 0
    kept = {"artifacts.json": ""}
    program = torch.export.load(io.BytesIO((run / "model.pt2").read_bytes()), extra_files=kept).module()
    x_BTI = torch.randn(4, 9, 8)
    torch.testing.assert_close(program(inputs=x_BTI), load_trained(run).model(x_BTI))
    assert json.loads(kept["artifacts.json"]) == {}


@torch.no_grad()
def test_a_cell_that_onnx_does_not_know_is_a_scan_and_with_lengths_padding_takes_no_part(finished, tmp_path):
    trained = load_trained(finished("model=mgu", "dataset=sentences", "task.pooling=mean"))
    path = module.export(trained, "onnx", tmp_path / "new" / "x.onnx", lengths=True).path
    assert "Scan" in {node.op_type for node in onnx.load(path).graph.node}
    ids_BTI = torch.randint(2, trained.spec.vocabulary, (2, 6, 1))
    found = answer(path, inputs=ids_BTI, lengths=torch.tensor([6, 4]))
    alone = [trained.model(ids_BTI[:1]), trained.model(ids_BTI[1:, :4])]
    torch.testing.assert_close(found, torch.cat(alone))


def test_the_steps_of_the_example_are_not_those_of_the_file():
    ir = pytest.importorskip("onnx_ir")
    values = [onnx.helper.make_tensor_value_info(name, 1, ["batch", 7, 3]) for name in ("inputs", "inner", "outputs")]
    nodes = [onnx.helper.make_node("Relu", [a.name], [b.name]) for a, b in pairwise(values)]
    made = ir.from_proto(onnx.helper.make_graph(nodes, "net", values[:1], values[2:], value_info=values[1:2]))
    module._open_steps(made)
    assert ir.to_proto(made).output[0].type.tensor_type.shape.dim[1].dim_param == "steps"
    assert [d.dim_value for d in ir.to_proto(made).output[0].type.tensor_type.shape.dim] == [0, 0, 3]
    assert made.node(0).outputs[0].shape is None


def test_a_file_that_answers_otherwise_is_not_kept(finished, tmp_path, monkeypatch):
    trained = load_trained(finished("model=torch_lstm", "dataset=digits"))
    monkeypatch.setattr(module, "Stepwise", lambda layer: nn.LSTM(8, 5, batch_first=True))
    with pytest.raises(UserError, match=r"torch_lstm on digits: .*(off by|no export)"):
        module.export(trained, "torch_export", tmp_path / "x.pt2")
    assert list(tmp_path.iterdir()) == []


def test_mistakes_are_one_line(finished, tagged, tmp_path, monkeypatch, capsys):
    both = str(finished("model=gru", "dataset=sentences", "model.bidirectional=true"))
    chain = str(tagged("task/composition=crf"))
    for arguments, message in (
        ([str(tmp_path), "--to", "onnx"], "not the directory of a finished run"),
        ([str(tmp_path / "no"), "--to", "onnx"], "no such folder"),
        ([both, "--to", "onnx", "--lengths"], "--lengths: gru on sentences reads backwards too"),
        ([chain, "--to", "onnx"], "gru on conll: no export of a chain of tags"),
        ([both, "--to", "tflite"], "invalid choice: 'tflite'"),
        ([both], "the following arguments are required: --to"),
    ):
        capsys.readouterr()
        assert main(["export", *arguments]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert main(["export", both, "--to", "onnx"]) == 2
    assert "pip install 'rnnbench[export]'" in capsys.readouterr().err


def untrained(spec, task):
    """What ``export`` looks at of a run."""
    model = build_model(partial(layers.GRU, hidden_size=4), spec, task)
    return SimpleNamespace(
        config={"model": {"name": "gru"}}, dataset=SimpleNamespace(name="made"), task=task, spec=spec, model=model
    )


@pytest.mark.parametrize(
    ("spec", "task"),
    [
        (DataSpec("transcription", 2, 3, labels=("0", "1", "2")), Transcription()),
        (DataSpec("regression", 2, 3, per_step=True), Regression("regression")),
    ],
)
def test_lengths_are_refused_where_every_step_answers(spec, task, tmp_path):
    with pytest.raises(UserError, match="--lengths: gru on made answers at every step"):
        module.export(untrained(spec, task), "torch_export", tmp_path / "x.pt2", lengths=True)


def test_a_folder_is_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained = untrained(DataSpec("regression", 2, 3), Regression("regression"))
    for path in (tmp_path, Path()):
        with pytest.raises(UserError, match=r"is a folder; name the file, as .*model\.pt2"):
            module.export(trained, "torch_export", path)


def test_the_example_of_ids_is_in_the_vocabulary():
    given = module.example(DataSpec("tagging", 1, 2, vocabulary=7, side_size=2), 3, 50, lengths=True)
    assert set(given["inputs"].flatten().tolist()) == set(range(1, 7))
    assert given["lengths"].tolist() == [50, 49, 48]
    assert given["side"].shape == (3, 2)
