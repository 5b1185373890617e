"""The package as users see it: what it exports, and the configurations that name its classes."""

import inspect
from pathlib import Path

import pytest
import yaml

import rnnbench.data

CONFIGS = sorted((Path(__file__).parents[2] / "conf/dataset").glob("*.yaml"))


def test_all_names_exist():
    assert all(hasattr(rnnbench.data, name) for name in rnnbench.data.__all__)


def test_there_are_configurations():
    names = {"digits", "adding", "copy_memory", "jsb", "nottingham", "muse_data", "piano_midi", "csv"}
    assert names <= {path.stem for path in CONFIGS}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_configuration_builds_the_dataset_and_names_its_task(path, tmp_path):
    node = yaml.safe_load(path.read_text())
    cls = getattr(rnnbench.data, node.pop("_target_").removeprefix("rnnbench.data."))
    ((_, task),) = node.pop("defaults")[0].items()
    # every option is spelt out, so that `--cfg job` shows all there is to set
    assert set(node) == set(inspect.signature(cls).parameters)
    if "data_dir" in node:
        assert node["data_dir"] == "${paths.data_dir}"
        node["data_dir"] = tmp_path
    if "path" in node:
        node |= {"path": "any.csv", "targets": ["a"]}
    dataset = cls(**node)
    assert dataset.name == path.stem
    assert dataset.spec.task == task
