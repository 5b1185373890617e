"""One sequence of numbers that a user hands over, for data that have no form of their own to be given in.

Shape suffixes: T time, I features of one input step.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from rnnbench.data.dataset import Sequences
from rnnbench.data.spec import DataSpec
from rnnbench.data.table import Table
from rnnbench.errors import UserError


def read_steps(source: str, spec: DataSpec) -> Sequences:
    """The sequence of a CSV file without a header: a line a step, ``spec.input_size`` numbers as the model sees them.

    Raises:
        UserError: no such file, not a table of that width, a cell that is empty or no number.
    """
    wanted = f"a line for every step, {spec.input_size} number(s) a line, without a header"
    if not Path(source).expanduser().is_file():
        raise UserError(f"{source}: no such file; give a CSV file, {wanted}")
    table = Table(source, header=False)
    if len(table.columns) != spec.input_size:
        raise UserError(f"{source}: has {len(table.columns)} column(s); wanted: {wanted}")
    x_TI = table.values(table.columns)
    if len(missing := np.flatnonzero(np.isnan(x_TI).any(1))):
        raise UserError(f"{source}: empty cells on line {table.lines(missing)}; wanted: {wanted}")
    targets = torch.zeros((1, len(x_TI)) if spec.per_step else 1, dtype=torch.long)
    return Sequences(torch.from_numpy(x_TI).float()[None], targets)
