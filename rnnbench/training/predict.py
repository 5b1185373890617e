"""``rnnbench predict``: a trained run's answer to a user's own input, from the run's directory alone."""

from __future__ import annotations

import sys
import textwrap
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from rnnbench.data.dataset import Dataset
from rnnbench.data.loader import BatchLoader
from rnnbench.data.spec import DataSpec, Window
from rnnbench.errors import UserError
from rnnbench.models import build_model
from rnnbench.records.store import RunDirectory, read_json
from rnnbench.tasks.task import Task
from rnnbench.training.check import locate
from rnnbench.training.plan import build_part, build_task
from rnnbench.training.run import ARTIFACTS

OURS = "rnnbench."


@dataclass
class Trained:
    """A finished run, ready to answer.

    Attributes:
        config: its configuration.
        dataset: reads inputs and names answers; its files are not needed.
        task: reads predictions off the model's outputs.
        spec: of the data that it was trained on.
        model: with the weights that its table shows, in evaluation mode.
        artifacts: what ``dataset.artifacts`` kept.
    """

    config: dict[str, Any]
    dataset: Dataset
    task: Task
    spec: DataSpec
    model: Any
    artifacts: dict[str, Any]

    @torch.no_grad()
    def predict(self, source: str) -> list[dict[str, Any]]:
        """An answer for each sequence of ``source``, a file or the input itself. Raises ``UserError``.

        Where state is carried, rows that go on from each other are one sequence.
        """
        sequences = self.dataset.read(source, self.artifacts)
        predictions: list[list[Any]] = []
        state = None
        for batch in BatchLoader(sequences, self.dataset.eval_batch_size, 0, shuffle=False, bucket=False):
            outputs = self.model.run(batch, state)
            state = outputs.state if self.spec.carries_state else None
            predictions.append(self.task.predictions(outputs, batch, self.spec.per_step))
        if self.spec.carries_state:
            predictions = [[torch.cat(parts) for parts in zip(*predictions)]]
        return self.dataset.answers([one for row in predictions for one in row], source, self.artifacts)


def load_trained(folder: Path, modules: Sequence[str] = ()) -> Trained:
    """The trained model of a run directory.

    Args:
        folder: of a finished run.
        modules: of the user's own that its configuration may name, found from the working folder too; importing one
            runs its code.

    Raises:
        UserError: the folder holds no finished run or not its weights, or names a class of another module.
    """
    directory = RunDirectory(folder)
    if modules and (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name the directory of a finished run")
    record, weights = directory.result(), directory.checkpoints / "selected.ckpt"
    kept = read_json(folder / ARTIFACTS)
    if record is None or kept is None or not weights.exists():
        raise UserError(f"{folder}: not the directory of a finished run (result.json, {ARTIFACTS}, selected.ckpt)")
    config = _config(folder / "config.yaml")
    for group in ("dataset", "task", "model"):
        check_targets(config[group], modules)
    parts = {group: build_part(group, config[group]) for group in ("dataset", "model")}
    task = build_task(config)
    try:
        spec = spec_of(kept["spec"])
        task.bind(kept["dataset"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{folder / ARTIFACTS}: is damaged ({_reason(error)}); train the run again") from error
    model = build_model(parts["model"], spec, task)
    try:
        _check_sums(weights)
        state = torch.load(weights, map_location="cpu", weights_only=True)["state_dict"]
        model.load_state_dict({name.removeprefix("model."): value.float() for name, value in state.items()})
    except Exception as error:  # torch raises whatever its reader stumbles over
        raise UserError(f"{weights}: does not hold the weights of this run: {_reason(error)}") from error
    return Trained(config, parts["dataset"](), task, spec, model.eval(), kept["dataset"])


def _check_sums(weights: Path) -> None:
    """torch reads what the archive holds and never asks whether it is what was written."""
    if zipfile.is_zipfile(weights):
        with zipfile.ZipFile(weights) as archive:
            if (bad := archive.testzip()) is not None:
                raise ValueError(f"{bad} is damaged")


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()).partition(". ")[0]
    return textwrap.shorten(text, 200, placeholder=" ...") or "it ends too early"


def check_data(trained: Trained, folder: Path) -> None:
    """Refuse to measure a run on other data than its own: the task would still scale by those that it was trained on.

    Raises:
        UserError: a file of its data has changed since.
    """
    known = (RunDirectory(folder).result() or {}).get("data_sha256", {})
    for name, digest in trained.dataset.fingerprint().items():
        if known.get(name, digest) != digest:
            raise UserError(f"{folder}: {name} has changed since the run was trained on it; put the old file back")


def _config(path: Path) -> dict[str, Any]:
    groups = ("dataset", "task", "model", "trainer")
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    parts = [config.get(group) for group in groups] if isinstance(config, dict) else []
    built = [isinstance(part, dict) and isinstance(part.get("_target_"), str) for part in parts[:3]]
    if not parts or not all(built) or not isinstance(parts[-1], dict):
        raise UserError(f"{path}: is not the configuration of a run, with {', '.join(groups)}")
    return config


def spec_of(kept: Mapping[str, Any]) -> DataSpec:
    """What ``dataclasses.asdict`` made of a ``DataSpec``, and JSON of that, made one again."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}
    if (window := values.get("window")) is not None:
        values["window"] = Window(**{**window, "targets": tuple(window["targets"])})
    return DataSpec(**values)


def check_targets(node: Mapping[str, Any], modules: Sequence[str]) -> None:
    """Refuse classes that a run directory names from outside of rnnbench, unless the user has named their module.

    Raises:
        UserError: for the first of them.
    """
    target = str(node.get("_target_") or "")
    module = target.rpartition(".")[0]
    if target and not _ours(target) and module not in modules:
        raise UserError(f"_target_={target}: its code would run here; if you trust it, add --module {module}")
    for value in node.values():
        _check_inside(value, modules)


def _check_inside(value: Any, modules: Sequence[str]) -> None:
    """Hydra builds what stands in a list as well."""
    if isinstance(value, Mapping):
        check_targets(value, modules)
    elif isinstance(value, list):
        for one in value:
            _check_inside(one, modules)


def _ours(target: str) -> bool:
    """Whether the class is of rnnbench, and not something else that one of its modules imports."""
    return target.startswith(OURS) and str(locate(target).__module__).startswith(OURS)
