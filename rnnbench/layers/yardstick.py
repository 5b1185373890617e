"""What layers without a recurrence share with ``Recurrent``: the call, the lengths, no initial state.

Shape suffixes: B sequences, T padded steps, I input, H channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnnbench.layers.packing import all_full


class Yardstick(nn.Module):
    """Base of the layers that a recurrent one is measured against.

    A subclass gives ``run(x_BTI) -> out_BTH``, causal: no output depends on a later input, so that padding,
    which stands at the end, changes nothing before it.

    Attributes:
        engine: ``torch``: there is no loop over time to run in another way.
    """

    #: Raised when a fix changes the numbers: part of every run's identity.
    version = 1
    engine = "torch"
    bidirectional = False

    def __init__(self, input_size: int, hidden_size: int, batch_first: bool) -> None:
        super().__init__()
        at_least_1(input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.batch_first = input_size, hidden_size, batch_first

    @property
    def output_size(self) -> int:
        """Features of the output: H."""
        return self.hidden_size

    def run(self, x_BTI: Tensor) -> Tensor:
        """All outputs ``(B, T, H)``."""
        raise NotImplementedError(f"{type(self).__name__} does not define run")

    def forward(self, input: Tensor, hx: None = None, lengths: Tensor | None = None) -> tuple[Tensor, None]:
        """Run over all steps.

        Args:
            input: ``(T, B, I)``, or ``(B, T, I)`` with ``batch_first``.
            hx: None: there is no state to begin from.
            lengths: steps of each sequence, ``(B,)`` int64 on the CPU. None: every sequence fills T.

        Returns:
            The output in the layout of the input, zero beyond the lengths; and None, as there is no state.

        Raises:
            ValueError: in one line, for an input or lengths that do not fit, and for a state.
        """
        if hx is not None:
            raise ValueError(f"hx: {type(self).__name__} has no state to begin from; leave it out")
        if isinstance(input, PackedSequence) or input.dim() != 3 or input.shape[-1] != self.input_size:
            seen = "a PackedSequence" if isinstance(input, PackedSequence) else f"shape {tuple(input.shape)}"
            raise ValueError(f"input: must be a padded batch with input_size={self.input_size} last, got {seen}")
        x_BTI = input if self.batch_first else input.transpose(0, 1)
        B, T = x_BTI.shape[:2]
        if lengths is None or all_full(lengths, B, T):
            out_BTH = self.run(x_BTI)
        else:
            beyond_BT1 = (torch.arange(T) >= lengths[:, None])[..., None].to(x_BTI.device)
            # Filled before, so that no NaN of the padding reaches a gradient; and after.
            out_BTH = self.run(x_BTI.masked_fill(beyond_BT1, 0)).masked_fill(beyond_BT1, 0)
        return (out_BTH if self.batch_first else out_BTH.transpose(0, 1)), None


def at_least_1(**options: object) -> None:
    """Check options that count something.

    Raises:
        ValueError: in one line, with the first that is no integer or below 1.
    """
    for name, value in options.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name}={value!r}: must be an integer of at least 1")


def probability(**options: float) -> None:
    """Check options that are probabilities below 1.

    Raises:
        ValueError: in one line.
    """
    for name, value in options.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name}={value!r}: must be in 0..1, below 1")
