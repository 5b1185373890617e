"""TensorBoard event files without torch or TensorFlow: scalars, hyperparameters, chart layouts, and a quick
reader.

TensorBoard itself is imported by the functions that write or read, because that costs a quarter of a second.
"""

from __future__ import annotations

import importlib
import os
import struct
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

Points = Sequence[tuple[int, float]]
Layout = Mapping[str, Mapping[str, Sequence[tuple[str, str, str]] | Sequence[str]]]
HPARAMS = "plugins.hparams."

_counter = 0


class EventFile:
    """A new event file in a folder. Points appear in TensorBoard after ``flush`` or ``close``.

    Example:
        >>> with EventFile(folder) as events:
        ...     events.scalar("train/loss", 0.5, step=10)
    """

    def __init__(self, folder: str | os.PathLike[str], suffix: str = ""):
        from tensorboard.summary.writer.record_writer import RecordWriter

        global _counter
        _counter += 1
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard takes the files of a folder in the order of their names.
        name = f"events.out.tfevents.{int(time.time()):010d}.rnnbench.{os.getpid()}.{_counter}{suffix}"
        self._event = _tensorboard("compat.proto.event_pb2").Event
        self._summary = _tensorboard("compat.proto.summary_pb2").Summary
        self._file = open(folder / name, "wb")  # noqa: SIM115  closed by close()
        self._records = RecordWriter(self._file)
        self._records.write(self._event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Add one point."""
        self.add([{"tag": tag, "simple_value": value}], step)

    def add(self, values: Iterable[Mapping[str, Any]], step: int = 0) -> None:
        """Add summary values, given as the fields of TensorBoard's ``Summary.Value``."""
        summary = self._summary(value=[self._summary.Value(**value) for value in values])
        event = self._event(wall_time=time.time(), step=step, summary=summary)
        self._records.write(event.SerializeToString())

    def flush(self) -> None:
        """Hand what was added to the system."""
        self._file.flush()

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def __enter__(self) -> EventFile:
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def write_scalars(folder: str | os.PathLike[str], scalars: Mapping[str, Points]) -> None:
    """Write curves, ``{tag: [(step, value), ...]}``, in place of those this function wrote there before."""
    _remove(folder, ".scalars")
    with EventFile(folder, ".scalars") as events:
        for tag, points in scalars.items():
            for step, value in points:
                events.scalar(tag, value, step)


def write_image(folder: str | os.PathLike[str], tag: str, png: bytes, size: tuple[int, int], step: int = 0) -> None:
    """Write a picture of ``size`` (width, height), in place of that of this ``tag`` which was written there before."""
    suffix = f".{tag.replace('/', '-')}.image"
    _remove(folder, suffix)
    image = {"width": size[0], "height": size[1], "colorspace": 4, "encoded_image_string": png}  # 4: RGBA
    with EventFile(folder, suffix) as events:
        events.add([{"tag": tag, "image": image}], step)


def write_text(folder: str | os.PathLike[str], tag: str, text: str, step: int = 0) -> None:
    """Write a text, shown as Markdown, in place of those this function wrote there before."""
    metadata = _tensorboard("plugins.text.metadata").create_summary_metadata(tag, "")
    kind = _tensorboard("compat.proto.types_pb2").DT_STRING
    tensor = _tensorboard("compat.proto.tensor_pb2").TensorProto(dtype=kind, string_val=[text.encode()])
    _remove(folder, ".text")
    with EventFile(folder, ".text") as events:
        events.add([{"tag": tag, "tensor": tensor, "metadata": metadata}], step)


def write_hparams_session(
    folder: str | os.PathLike[str],
    hparams: Mapping[str, Any],
    metrics: Mapping[str, float | None],
    step: int = 0,
    succeeded: bool = True,
) -> None:
    """Make the run in ``folder`` a row of the HParams page; writing it again replaces it.

    torch's own writer adds a list of columns to every run, of which TensorBoard believes only one, so that a
    sweep of different models loses columns. Here a run gives its values alone, and ``write_experiment`` the
    columns of all.

    Args:
        folder: the run's.
        hparams: flat; None is left out, what is not a number, text or bool is shown as text.
        metrics: flat; written as scalars of one point, too, from where the page takes them. None is left out.
        step: of these points.
        succeeded: False shows the run as failed.
    """
    api_pb2, plugin_data_pb2 = _tensorboard(HPARAMS + "api_pb2"), _tensorboard(HPARAMS + "plugin_data_pb2")
    metadata = _tensorboard(HPARAMS + "metadata")
    start = plugin_data_pb2.SessionStartInfo(start_time_secs=time.time())
    for key, value in hparams.items():
        if isinstance(value, bool):
            start.hparams[key].bool_value = value
        elif isinstance(value, int | float):
            start.hparams[key].number_value = value
        elif value is not None:
            start.hparams[key].string_value = str(value)
    status = api_pb2.Status.Value("STATUS_SUCCESS" if succeeded else "STATUS_FAILURE")
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
    _remove(folder, ".hparams")
    with EventFile(folder, ".hparams") as events:
        start_data = plugin_data_pb2.HParamsPluginData(session_start_info=start)
        end_data = plugin_data_pb2.HParamsPluginData(session_end_info=end)
        events.add([_hparams_value(metadata.SESSION_START_INFO_TAG, start_data)])
        for tag, value in metrics.items():
            if value is not None:
                events.scalar(tag, value, step)
        events.add([_hparams_value(metadata.SESSION_END_INFO_TAG, end_data)])


def write_experiment(
    folder: str | os.PathLike[str],
    hparams: Iterable[Mapping[str, Any]],
    metrics: Iterable[str],
    first: Collection[str] = (),
    extend: bool = False,
) -> None:
    """Name every column of the HParams page, once for all runs below ``folder``.

    TensorBoard believes one such list, whichever it meets first: no folder that it is given may hold two.

    Args:
        folder: above those of the runs.
        hparams: the flat hyperparameters of every run.
        metrics: tags of the scalars that ``write_hparams_session`` writes, in the order of the columns.
        first: hyperparameters to the left of all others. The page opens with five columns of each kind, and orders
            the hyperparameters by whether they are said to differ, then by name.
        extend: keep the columns that were named in ``folder`` before.
    """
    api_pb2 = _tensorboard(HPARAMS + "api_pb2")
    before = sorted(Path(folder).glob("*.experiment"))
    # Of two sweeps that start at once each removes only what it has read, so that none takes the other's columns away.
    experiment = _merged(before) if extend else api_pb2.Experiment()
    known = {info.name: info for info in experiment.hparam_infos}
    for key, values in sorted(_union(hparams).items()):
        kind = api_pb2.DataType.Value(_column_type(values))
        info = known[key] if key in known else experiment.hparam_infos.add(name=key, type=kind)
        info.type = kind if info.type == kind else api_pb2.DATA_TYPE_STRING
        info.differs = info.differs or key in first
    tags = [info.name.tag for info in experiment.metric_infos]
    for tag in dict.fromkeys(metrics):
        if tag not in tags:
            experiment.metric_infos.add(name=api_pb2.MetricName(tag=tag))
    data = _tensorboard(HPARAMS + "plugin_data_pb2").HParamsPluginData(experiment=experiment)
    with EventFile(folder, ".experiment") as events:
        events.add([_hparams_value(_tensorboard(HPARAMS + "metadata").EXPERIMENT_TAG, data)])
    for path in before:
        path.unlink(missing_ok=True)


def _merged(paths: Iterable[Path]) -> Any:
    """The columns named in all of these files."""
    metadata = _tensorboard(HPARAMS + "metadata")
    columns: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    for value in (value for path in paths for event in _events(path) for value in event.summary.value):
        experiment = metadata.parse_experiment_plugin_data(value.metadata.plugin_data.content)
        columns = {info.name: info for info in experiment.hparam_infos} | columns
        metrics |= {info.name.tag: info for info in experiment.metric_infos if info.name.tag not in metrics}
    infos = {"hparam_infos": columns.values(), "metric_infos": metrics.values()}
    return _tensorboard(HPARAMS + "api_pb2").Experiment(**infos)


def write_layout(folder: str | os.PathLike[str], layout: Layout) -> None:
    """Lay out the Custom Scalars page.

    Args:
        folder: of any one run.
        layout: ``{category: {chart: series}}``, a series being a regular expression for tags, drawn as lines,
            or a tuple ``(mean, lo, hi)`` of tags, drawn as a line with a band. Every run that has the tags is
            drawn.
    """
    metadata = _tensorboard("plugins.custom_scalar.metadata")
    message = _tensorboard("plugins.custom_scalar.layout_pb2").Layout()
    for name, charts in layout.items():
        category = message.category.add(title=name)
        for title, series in charts.items():
            chart = category.chart.add(title=title)
            for one in series:
                if isinstance(one, str):
                    chart.multiline.tag.append(one)
                else:
                    chart.margin.series.add(value=one[0], lower=one[1], upper=one[2])
    text = _tensorboard("compat.proto.types_pb2").DT_STRING
    tensor = _tensorboard("compat.proto.tensor_pb2").TensorProto(dtype=text, string_val=[message.SerializeToString()])
    _remove(folder, ".layout")
    with EventFile(folder, ".layout") as events:
        summary_metadata = metadata.create_summary_metadata()
        events.add([{"tag": metadata.CONFIG_SUMMARY_TAG, "tensor": tensor, "metadata": summary_metadata}])


def read_scalars(folder: str | os.PathLike[str]) -> dict[str, list[tuple[int, float]]]:
    """All scalars of the event files in ``folder``, in the order of writing: ``{tag: [(step, value), ...]}``.

    A file that was cut off gives the whole records before the cut. Checksums are not looked at.
    """
    scalars: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(Path(folder).glob("*tfevents*")):
        for event in _events(path):
            for value in event.summary.value:
                number = _number(value)
                if number is not None:
                    scalars.setdefault(value.tag, []).append((event.step, number))
    return scalars


def _events(path: Path) -> Iterator[Any]:
    """The events of a file, up to where it was cut off."""
    from google.protobuf.message import DecodeError

    Event = _tensorboard("compat.proto.event_pb2").Event
    for payload in _records(path.read_bytes()):
        try:
            yield Event.FromString(payload)
        except DecodeError:  # the torn tail was overwritten with something else: nothing behind it can be trusted
            return


def _tensorboard(module: str) -> Any:
    """A module of TensorBoard; its messages are made at run time, where no type checker sees them."""
    return importlib.import_module(f"tensorboard.{module}")


def _records(data: bytes) -> Iterable[bytes]:
    """The payloads of a TFRecord file: 8 bytes of length, 4 of checksum, the payload, 4 of checksum."""
    at = 0
    while at + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        end = at + 12 + length
        if end + 4 > len(data):
            return
        yield data[at + 12 : end]
        at = end + 4


def _number(value: Any) -> float | None:
    if value.HasField("simple_value"):
        return value.simple_value
    if value.HasField("tensor") and value.metadata.plugin_data.plugin_name == "scalars":
        numbers = value.tensor.float_val or value.tensor.double_val
        return numbers[0] if numbers else None
    return None


def _hparams_value(tag: str, data: Any) -> dict[str, Any]:
    metadata = _tensorboard(HPARAMS + "metadata")
    return {"tag": tag, "tensor": metadata.NULL_TENSOR, "metadata": metadata.create_summary_metadata(data)}


def _union(hparams: Iterable[Mapping[str, Any]]) -> dict[str, set[Any]]:
    union: dict[str, set[Any]] = {}
    for values in hparams:
        for key, value in values.items():
            if value is not None:
                union.setdefault(key, set()).add(value if isinstance(value, bool | int | float) else str(value))
    return union


def _column_type(values: set[Any]) -> str:
    if all(isinstance(value, bool) for value in values):
        return "DATA_TYPE_BOOL"
    if any(isinstance(value, str) for value in values):
        return "DATA_TYPE_STRING"
    return "DATA_TYPE_FLOAT64"


def _remove(folder: str | os.PathLike[str], suffix: str) -> None:
    for old in Path(folder).glob(f"events.out.tfevents.*.rnnbench.*{suffix}"):
        old.unlink()
