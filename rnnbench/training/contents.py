"""Counting what the columns of a paper are trained and tested on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

from rnnbench.data.dataset import Sequences
from rnnbench.data.files import locate
from rnnbench.errors import UserError
from rnnbench.records.contents import CONTENTS, Contents, read_contents, write_contents
from rnnbench.records.identity import identity
from rnnbench.records.paper import Paper
from rnnbench.training.plan import Plan


def count(paper: Paper, plans: Iterable[Plan], archive: Path) -> None:
    """Bring ``data.csv`` beside ``archive`` up to date with the columns that ``plans`` are of.

    Nothing is downloaded: a column whose files are not there stays as it is.
    """
    path = archive.with_name(CONTENTS)
    before = read_contents(path)
    found = dict(before)
    for col, plan in {plan.job.dataset: plan for plan in reversed(list(plans))}.items():
        key = identity({name: plan.science.get(name) for name in ("dataset", "data")})
        if col in found and found[col].data == key:
            continue
        if all(locate(file, plan.dataset.data_dir) is not None for file in plan.dataset.files):
            try:
                found[col] = _counted(col, key, plan)
            except UserError as error:  # a package that gives the data is not installed
                print(f"{path.name}: {col}: {error}")
    declared = [col for table in paper.tables for col in table.cols]
    found = {col: found[col] for col in dict.fromkeys(declared) if col in found}
    if found != before:
        write_contents(list(found.values()), path)


def _counted(col: str, key: str, plan: Plan) -> Contents:
    splits, spec = plan.dataset.load(plan.job.seed), plan.dataset.spec
    parts = {"train": splits.train, "valid": splits.valid, "test": splits.test}
    counts = {name: len(part) for name, part in parts.items()}
    steps = {f"{name}_steps": _steps(part) for name, part in parts.items()}
    inputs = spec.input_size if spec.vocabulary is None else spec.vocabulary - 1  # id 0 pads
    return Contents(col, key, inputs, spec.vocabulary is not None, **counts, **steps)


def _steps(part: Sequences) -> int:
    if isinstance(part.inputs, Tensor):
        return len(part) * part.inputs.shape[1]
    return sum(map(len, part.inputs))
