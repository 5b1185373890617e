"""The ``.ts`` text format of the UEA and UCR archives: one series of any number of dimensions a line, and its class.

Shape suffixes: T steps, I dimensions.
"""

from __future__ import annotations

import numpy as np

from rnnbench.errors import UserError

Series = tuple[np.ndarray, str | None]  # float32 (T, I), and the class where the line has one


def read_ts(text: str, where: str) -> list[Series]:
    """The series of a file.

    Lines that begin with ``#`` are comments and those with ``@`` say what follows; of these only ``@classLabel`` and
    ``@data`` count. Dimensions are separated by colons, their values by commas; the class is the last part.

    Args:
        text: of the file.
        where: its name, for messages.

    Raises:
        UserError: in one line, for a file of another kind, with missing values or time stamps, or without series.
    """
    labelled, begun, series = False, False, []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if not begun:
            if not words[0].startswith("@"):
                raise UserError(f"{where}: line {number} stands before @data; is it a .ts file?")
            begun = words[0].lower() == "@data"
            labelled = labelled or (words[0].lower() == "@classlabel" and words[1:2] == ["true"])
        else:
            series.append(_series(line.strip(), labelled, f"{where}: line {number}"))
    if not series:
        raise UserError(f"{where}: has no series" + ("" if begun else ", and no line @data; is it a .ts file?"))
    width = series[0][0].shape[1]
    for number, (x_TI, _) in enumerate(series, 1):
        if x_TI.shape[1] != width:
            raise UserError(f"{where}: series {number} has {x_TI.shape[1]} dimensions, the first {width}")
    return series


def _series(line: str, labelled: bool, where: str) -> Series:
    parts = line.split(":")
    label = parts.pop().strip() if labelled else None
    if "(" in line:
        raise UserError(f"{where}: has time stamps; series with a value at every step are wanted")
    try:
        columns = [np.array(part.split(","), dtype=np.float32) for part in parts]
    except ValueError:
        missing = "?" in line or "NaN" in line
        raise UserError(f"{where}: has {'missing values' if missing else 'values that are no numbers'}") from None
    lengths = {len(column) for column in columns}
    if len(lengths) != 1:
        raise UserError(f"{where}: its dimensions have {sorted(lengths)} steps; equal ones are wanted")
    x_TI = np.stack(columns, 1)
    if not np.isfinite(x_TI).all():
        raise UserError(f"{where}: has missing values")
    return x_TI, label
