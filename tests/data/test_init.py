"""The package as users see it: what it exports, and the configurations that name its classes."""

import inspect
from pathlib import Path

import pytest
import yaml

import rnnbench.data
from rnnbench.data.listing import _built, options

CONFIGS = sorted((Path(__file__).parents[2] / "conf/dataset").glob("[!_]*.yaml"))


def test_all_names_exist():
    assert all(hasattr(rnnbench.data, name) for name in rnnbench.data.__all__)


def test_there_are_configurations():
    names = {"digits", "adding", "copy_memory", "jsb", "nottingham", "muse_data", "piano_midi", "csv"}
    assert names <= {path.stem for path in CONFIGS}


def idle(node):
    """Options of a time series that say nothing beside its source: those of a file, and where published ones lie."""
    if "source" not in node:
        return {"source", "data_dir"} if "path" in node else set()
    of_a_file = {"path", "time_column", "time_format", "encoding", "separator", "header"}
    return of_a_file | (set() if "file" in node["source"] else {"data_dir"})


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configuration_builds_the_dataset_and_names_its_task(path, tmp_path):
    node, given = options(path), yaml.safe_load(path.read_text())
    cls = getattr(rnnbench.data, node.pop("_target_").removeprefix("rnnbench.data."))
    # every option is spelt out, so that `--cfg job` shows all there is to set
    assert set(node) == set(inspect.signature(cls).parameters) - idle(node)
    if "data_dir" in node:
        assert node["data_dir"] == "${paths.data_dir}"
        node["data_dir"] = tmp_path
    if "path" in node:
        lines = "word X\n\n" * 20 if "tag_column" in node else "a,text,label\n" + "1,fine,x\n2,poor,y\n" * 9
        if "target_column" in node and "target_path" in node:
            lines = "ein Wort\ta word\n" * 20
        (tmp_path / "any.csv").write_text(lines)
        node["path"] = str(tmp_path / "any.csv")
    if node.get("name") == "ts":
        (tmp_path / "any.csv").write_text("@classLabel true\n@data\n1,2:x\n")
        node["test_path"] = node["path"]
    if "targets" in node:
        node["targets"] = ["a"]
    dataset = _built({**node, "_target_": f"rnnbench.data.{cls.__name__}"})
    assert dataset.name == path.stem
    overrides = {k: v for entry in given["defaults"] if isinstance(entry, dict) for k, v in entry.items()}
    tasks = [task for key, task in overrides.items() if key.startswith("override /task")]
    assert tasks == [dataset.spec.task] or "_target_" not in given  # or inherited with the rest
