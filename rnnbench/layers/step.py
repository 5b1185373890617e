"""One time step of a cell as a module: what ``torch.nn.LSTMCell`` is to ``torch.nn.LSTM``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnnbench.cells import Cell
from rnnbench.layers.loop import loop
from rnnbench.layers.recurrent import Hidden


class CellModule(nn.Module):
    """A cell with its parameters, called like ``torch.nn.LSTMCell``, with the same ``state_dict`` keys.

    Args:
        cell: the description.
        device: of the parameters.
        dtype: of the parameters.

    Example:
        >>> step = CellModule(rnnbench.cells.LSTM(input_size=3, hidden_size=5))
        >>> h_BH, c_BH = step(torch.zeros(2, 3))
    """

    def __init__(self, cell: Cell, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.cell = cell
        for name, shape in cell.parameter_shapes().items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def _params(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in self.cell.parameter_shapes()}

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        self.cell.reset_parameters(self._params())

    def forward(self, input: Tensor, hx: Hidden | None = None) -> Hidden:
        """One step.

        Args:
            input: ``(B, I)``, or ``(I,)`` without a batch.
            hx: state ``(B, S)`` or ``(S,)``: a tensor, or a tuple for a cell with several. Zeros if None.

        Returns:
            The new state, shaped like ``hx``.

        Raises:
            ValueError: in one line, for sizes that do not fit.
        """
        names = self.cell.state
        if input.dim() not in (1, 2) or input.shape[-1] != self.cell.input_size:
            wanted = f"(B, {self.cell.input_size}) or ({self.cell.input_size},)"
            raise ValueError(f"input: must have shape {wanted}, got {tuple(input.shape)}")
        batch = input.shape[:-1]
        if hx is None:
            dtype = next(self.parameters()).dtype
            hx = tuple(torch.zeros(*batch, size, device=input.device, dtype=dtype) for size in names.values())
        given = (hx,) if isinstance(hx, Tensor) else tuple(hx)
        wanted = [(*batch, size) for size in names.values()]
        if [tuple(s.shape) for s in given] != wanted:
            seen = [tuple(s.shape) for s in given]
            raise ValueError(f"hx: {', '.join(names)} must have shapes {wanted}, got {seen}")
        x_BI, state = (input, given) if batch else (input[None], tuple(s[None] for s in given))
        _, new = loop(self.cell, self._params(), x_BI, [len(x_BI)], state)
        new = new if batch else tuple(s[0] for s in new)
        return new[0] if len(new) == 1 else new

    def extra_repr(self) -> str:
        """The cell with its options."""
        return repr(self.cell)
