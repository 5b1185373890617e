"""Everything written is read back with TensorBoard's own reader."""

import math

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2, metadata

from rnnbench.records import events as E

CURVES = {"valid/mse": [(20, 0.5), (40, 0.25), (60, math.inf)], "lr": [(20, 1e-3)]}


def accumulate(folder):
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    accumulator.Reload()
    return accumulator


def scalars_by_tensorboard(folder):
    accumulator = accumulate(folder)
    return {tag: [(e.step, e.value) for e in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]}


def as_float32(value):
    return pytest.approx(value, rel=1e-7)


def test_scalars_are_what_tensorboard_reads(tmp_path):
    E.write_scalars(tmp_path, CURVES)
    theirs, ours = scalars_by_tensorboard(tmp_path), E.read_scalars(tmp_path)
    assert ours == theirs
    assert ours["valid/mse"] == CURVES["valid/mse"]
    assert ours["lr"][0][1] == as_float32(1e-3)


def test_writing_again_replaces(tmp_path):
    E.write_scalars(tmp_path, CURVES)
    E.write_scalars(tmp_path, {"lr": [(1, 2.0)]})
    assert E.read_scalars(tmp_path) == {"lr": [(1, 2.0)]}


def test_an_event_file_can_be_written_step_by_step(tmp_path):
    with E.EventFile(tmp_path) as first:
        first.scalar("a", 1.0, step=1)
        first.flush()
        assert E.read_scalars(tmp_path) == {"a": [(1, 1.0)]}
        with E.EventFile(tmp_path) as second:
            second.scalar("b", 2.0, step=2)
    assert scalars_by_tensorboard(tmp_path) == {"a": [(1, 1.0)], "b": [(2, 2.0)]}


def test_a_torn_file_gives_its_whole_records_at_every_cut(tmp_path):
    E.write_scalars(tmp_path / "whole", {"a": [(i, float(i)) for i in range(20)]})
    data = next((tmp_path / "whole").iterdir()).read_bytes()
    torn = tmp_path / "torn"
    torn.mkdir()
    counts = []
    for cut in range(0, len(data) + 1, 7):
        (torn / "events.out.tfevents.1").write_bytes(data[:cut])
        points = E.read_scalars(torn).get("a", [])
        assert points == [(i, float(i)) for i in range(len(points))]
        counts.append(len(points))
    assert counts == sorted(counts)
    assert counts[-1] in (19, 20)
    # A tail of garbage is no reason to lose what came before it.
    (torn / "events.out.tfevents.1").write_bytes(data + b"\x05" + b"\x00" * 11 + b"\xff" * 9)
    assert len(E.read_scalars(torn)["a"]) == 20


def test_torch_style_tensors_are_read_too(tmp_path):
    tensors = E._tensorboard("compat.proto.tensor_pb2")
    summary = E._tensorboard("compat.proto.summary_pb2")
    plugin = summary.SummaryMetadata(plugin_data=summary.SummaryMetadata.PluginData(plugin_name="scalars"))
    with E.EventFile(tmp_path) as events:
        events.add([{"tag": "d", "tensor": tensors.TensorProto(dtype=2, double_val=[0.1]), "metadata": plugin}], step=3)
        events.add([{"tag": "t", "tensor": tensors.TensorProto(dtype=7, string_val=[b"x"])}], step=3)
    assert E.read_scalars(tmp_path) == {"d": [(3, 0.1)]}


def plugin_data(folder, tag):
    return accumulate(folder).SummaryMetadata(tag).plugin_data.content


def test_a_session_holds_typed_hyperparameters_and_metrics(tmp_path):
    hparams = {"optimizer.lr": 0.01, "size": 8, "bias": True, "name": "lstm", "clip": None, "betas": [1, 2]}
    E.write_hparams_session(tmp_path, hparams, {"final/mse": 0.25, "final/f1": None}, step=60)
    start = metadata.parse_session_start_info_plugin_data(plugin_data(tmp_path, metadata.SESSION_START_INFO_TAG))
    values = {key: getattr(value, value.WhichOneof("kind")) for key, value in start.hparams.items()}
    assert values == {"optimizer.lr": 0.01, "size": 8.0, "bias": True, "name": "lstm", "betas": "[1, 2]"}
    assert type(values["bias"]) is bool
    end = metadata.parse_session_end_info_plugin_data(plugin_data(tmp_path, metadata.SESSION_END_INFO_TAG))
    assert end.status == api_pb2.Status.Value("STATUS_SUCCESS")
    assert scalars_by_tensorboard(tmp_path) == {"final/mse": [(60, 0.25)]}


def test_a_session_is_replaced_and_leaves_the_curves_alone(tmp_path):
    E.write_scalars(tmp_path, CURVES)
    E.write_hparams_session(tmp_path, {}, {"m": 1.0})
    E.write_hparams_session(tmp_path, {}, {"m": 2.0}, succeeded=False)
    assert E.read_scalars(tmp_path)["m"] == [(0, 2.0)]
    assert len(E.read_scalars(tmp_path)["valid/mse"]) == 3
    end = metadata.parse_session_end_info_plugin_data(plugin_data(tmp_path, metadata.SESSION_END_INFO_TAG))
    assert end.status == api_pb2.Status.Value("STATUS_FAILURE")


def test_one_experiment_names_the_columns_of_all_models(tmp_path):
    hparams = [{"same": 1, "lr": 0.1, "memory": 4}, {"same": 1, "lr": 0.2, "bias": True}, {"same": 1, "lr": "auto"}]
    E.write_experiment(tmp_path, hparams, ["test/mse", "test/accuracy", "test/mse"], first=["lr"])
    content = plugin_data(tmp_path, metadata.EXPERIMENT_TAG)
    experiment = metadata.parse_experiment_plugin_data(content)
    types = {info.name: api_pb2.DataType.Name(info.type) for info in experiment.hparam_infos}
    assert types == {
        "lr": "DATA_TYPE_STRING",
        "memory": "DATA_TYPE_FLOAT64",
        "bias": "DATA_TYPE_BOOL",
        "same": "DATA_TYPE_FLOAT64",
    }
    assert [info.name for info in experiment.hparam_infos if info.differs] == ["lr"]
    assert [info.name.tag for info in experiment.metric_infos] == ["test/mse", "test/accuracy"]


def columns(folder):
    experiment = metadata.parse_experiment_plugin_data(plugin_data(folder, metadata.EXPERIMENT_TAG))
    kinds = {info.name: (info.type, info.differs) for info in experiment.hparam_infos}
    return kinds, [info.name.tag for info in experiment.metric_infos]


def test_columns_are_added_to_those_of_earlier_sweeps_or_replace_them(tmp_path):
    number, text = api_pb2.DATA_TYPE_FLOAT64, api_pb2.DATA_TYPE_STRING
    E.write_experiment(tmp_path, [{"lr": 0.1, "size": 4}], ["test/mse"], first=["lr"], extend=True)
    E.write_experiment(tmp_path, [{"lr": "auto", "depth": 2}], ["test/nll", "test/mse"], first=["depth"], extend=True)
    assert len(list(tmp_path.iterdir())) == 1
    expected = {"lr": (text, True), "size": (number, False), "depth": (number, True)}
    assert columns(tmp_path) == (expected, ["test/mse", "test/nll"])
    E.write_experiment(tmp_path, [{"size": 1}], ["test/mae"])
    assert columns(tmp_path) == ({"size": (number, False)}, ["test/mae"])


def test_columns_of_two_sweeps_that_began_at_once_are_both_kept(tmp_path):
    for name in ("a", "b"):
        E.write_experiment(tmp_path / name, [{name: 1}], [f"test/{name}"])
        (written,) = (tmp_path / name).glob("*.experiment")
        written.rename(tmp_path / written.name)
    E.write_experiment(tmp_path, [{"c": 1}], ["test/c"], extend=True)
    kinds, tags = columns(tmp_path)
    assert (set(kinds), set(tags)) == ({"a", "b", "c"}, {"test/a", "test/b", "test/c"})
    assert len(list(tmp_path.glob("*.experiment"))) == 1


def test_a_layout_of_lines_and_bands(tmp_path):
    E.write_layout(tmp_path, {"adding": {"mse": [("m", "lo", "hi")], "loss": ["train/.*", "valid/.*"]}})
    accumulator = accumulate(tmp_path)
    assert accumulator.SummaryMetadata("custom_scalars__config__").plugin_data.plugin_name == "custom_scalars"
    tensor = accumulator.Tensors("custom_scalars__config__")[0].tensor_proto
    layout = layout_pb2.Layout.FromString(tensor.string_val[0])
    band, lines = layout.category[0].chart
    assert layout.category[0].title == "adding"
    assert (band.title, band.margin.series[0].value, band.margin.series[0].upper) == ("mse", "m", "hi")
    assert list(lines.multiline.tag) == ["train/.*", "valid/.*"]


def test_a_picture_can_be_read_by_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    E.write_image(tmp_path, "forecast", b"first", (30, 20), step=7)
    E.write_image(tmp_path, "forecast", b"second", (30, 20), step=7)
    events = EventAccumulator(str(tmp_path)).Reload()
    (image,) = events.Images("forecast")
    assert (image.encoded_image_string, image.width, image.height, image.step) == (b"second", 30, 20, 7)


def test_a_text_is_one_for_tensorboard_too(tmp_path):
    E.write_text(tmp_path, "translations", "first", step=7)
    E.write_text(tmp_path, "translations", "a | b", step=8)
    events = EventAccumulator(str(tmp_path)).Reload()
    (text,) = events.Tensors("translations")
    assert (text.tensor_proto.string_val[0], text.step) == (b"a | b", 8)
    assert events.SummaryMetadata("translations").plugin_data.plugin_name == "text"
