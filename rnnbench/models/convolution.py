"""A convolution over time before the recurrent layers.

Shape suffixes: B sequences, T steps, I inputs of a step, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnbench.data.spec import DataSpec


class Convolution(nn.Module):
    """Layers of filters over neighbouring steps, each followed by max(0, x) (CNN-LSTM: Sainath et al. 2015).

    A layer with stride s gives a step for every s that it sees, the last of them perhaps incomplete: ceil(T / s).
    Whatever stands beyond the length of a sequence is seen as zeros.

    Args:
        spec: of data that are numbers.
        channels: filters of each layer (C).
        layers: on top of each other.
        kernel: steps under a filter; at least ``stride``, so that none is left out.
        stride: steps from one output of a layer to the next.
        causal: whether filters end at the newest step they speak for; else it stands in their middle.
        dropout: probability of dropping a number of the output.

    Raises:
        ValueError: in one line, for tokens, targets that need every step or forbid to look ahead, or an option out of
            range.
    """

    def __init__(
        self,
        spec: DataSpec,
        channels: int = 64,
        layers: int = 1,
        kernel: int = 5,
        stride: int = 1,
        causal: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        for name, value in (("channels", channels), ("layers", layers), ("kernel", kernel), ("stride", stride)):
            if value < 1:
                raise ValueError(f"encoder.{name}={value}: must be at least 1")
        if not 0 <= dropout < 1:
            raise ValueError(f"encoder.dropout={dropout}: must be in 0..1, below 1")
        if spec.vocabulary is not None:
            raise ValueError("encoder: a convolution reads numbers, and the inputs of this dataset are ids of tokens")
        if kernel < stride:
            raise ValueError(
                f"encoder.kernel={kernel}: must be at least encoder.stride={stride}, or steps are left out"
            )
        if spec.per_step and stride > 1:
            raise ValueError(f"encoder.stride={stride}: every step of this dataset has a target; set it to 1")
        if spec.looks_ahead and not causal:
            raise ValueError("encoder.causal=False: targets are inputs to come, which it would see; set it to true")
        self.kernel, self.stride = kernel, stride
        self.after = stride - 1 if causal else max(stride - 1, kernel // 2)  # steps seen behind the first of a stride
        sizes = [spec.input_size, *[channels] * layers]
        self.filters = nn.ModuleList(nn.Conv1d(below, channels, kernel, stride) for below in sizes[:-1])
        self.dropout = nn.Dropout(dropout)
        self.output_size = channels

    def forward(self, inputs_BTI: Tensor, lengths_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Features ``(B, ceil(T / s), C)``, zero beyond the lengths, and these."""
        x_BCT = _within(inputs_BTI.transpose(1, 2), lengths_B)
        for layer in self.filters:
            x_BCT = layer(F.pad(x_BCT, (self.kernel - 1 - self.after, self.after))).relu()
            lengths_B = None if lengths_B is None else -(-lengths_B // self.stride)
            x_BCT = _within(x_BCT, lengths_B)
        return self.dropout(x_BCT.transpose(1, 2)), lengths_B


def _within(x_BCT: Tensor, lengths_B: Tensor | None) -> Tensor:
    if lengths_B is None:
        return x_BCT
    beyond_BT = torch.arange(x_BCT.shape[2]) >= lengths_B[:, None]
    return x_BCT.masked_fill(beyond_BT[:, None].to(x_BCT.device), 0)
