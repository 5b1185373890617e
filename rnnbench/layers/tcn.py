"""The temporal convolutional network: a yardstick without recurrence.

Shape suffixes: B sequences, T padded steps, I input, H channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from rnnbench.layers.yardstick import Yardstick, at_least_1, probability


class TCN(Yardstick):
    """The TCN of Bai, Kolter and Koltun 2018, arXiv:1803.01271, section 3.

    ::

        level l, l = 0, 1, ...:  dilation d = 2^l
        y = dropout(relu(conv_d(x)));  y = dropout(relu(conv_d(y)))      causal, k wide, weight-normalised
        x' = relu(y + x)                                                 a 1x1 convolution of x where widths differ

    Dropout drops whole channels, as the paper's text says; the authors' code drops single values. Not WaveNet: no
    gates, no skips to the output.

    Args:
        input_size: features of the input (I).
        hidden_size: channels of every level (H).
        kernel_size: width k of the convolutions.
        levels: residual blocks on top of each other.
        dropout: probability of dropping a channel.
        batch_first: whether tensors are ``(B, T, ...)``; ``(T, B, ...)`` otherwise.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        ValueError: in one line, with the argument, its value and what is allowed.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        kernel_size: int = 7,
        levels: int = 4,
        dropout: float = 0.0,
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, batch_first)
        at_least_1(kernel_size=kernel_size, levels=levels)
        probability(dropout=dropout)
        self.kernel_size, self.levels, self.dropout = kernel_size, levels, float(dropout)
        made = {"device": device, "dtype": dtype}
        sizes = [input_size, *[hidden_size] * levels]
        self.blocks = nn.ModuleList(
            _Block(below, hidden_size, kernel_size, 2**level, dropout, **made) for level, below in enumerate(sizes[:-1])
        )

    @property
    def receptive_field(self) -> int:
        """Steps that an output depends on, its own among them: 1 + 2 (k - 1) (2^levels - 1)."""
        return 1 + 2 * (self.kernel_size - 1) * (2**self.levels - 1)

    @property
    def state_size(self) -> int:
        """Numbers that running step by step must keep: what each convolution still needs of its past inputs."""
        kept = [(self.kernel_size - 1) * 2**level for level in range(self.levels)]
        return sum(steps * (block.below + self.hidden_size) for steps, block in zip(kept, self.blocks))  # type: ignore[misc]

    def run(self, x_BTI: Tensor) -> Tensor:
        """All outputs ``(B, T, H)``."""
        x_BI1T = x_BTI.transpose(1, 2).unsqueeze(2)
        if x_BI1T.device.type == "cpu":  # Half the time of a conv1d, which always puts the channels before the steps.
            x_BI1T = x_BI1T.contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            x_BI1T = block(x_BI1T)
        return x_BI1T.squeeze(2).transpose(1, 2)


class _Block(nn.Module):
    def __init__(self, below: int, channels: int, width: int, dilation: int, dropout: float, **made: object) -> None:
        super().__init__()
        self.below, self.past, self.dropout = below, (width - 1) * dilation, dropout
        convolutions = [nn.Conv1d(size, channels, width, dilation=dilation, **made) for size in (below, channels)]  # type: ignore[arg-type]
        self.skip = nn.Conv1d(below, channels, 1, **made) if below != channels else None  # type: ignore[arg-type]
        self.first, self.second = convolutions
        weight_norm(self.first)
        weight_norm(self.second)

    def forward(self, x_BI1T: Tensor) -> Tensor:
        y_BH1T = x_BI1T
        for convolution in (self.first, self.second):
            y_BH1T = torch.relu(_convolve(convolution, F.pad(y_BH1T, (self.past, 0))))
            y_BH1T = F.dropout2d(y_BH1T, self.dropout, self.training)
        return torch.relu(y_BH1T + (x_BI1T if self.skip is None else _convolve(self.skip, x_BI1T)))


def _convolve(convolution: nn.Conv1d, x_BI1T: Tensor) -> Tensor:
    """What a Conv1d makes of ``x_BI1T``, whose order in memory is kept."""
    return F.conv2d(x_BI1T, convolution.weight.unsqueeze(2), convolution.bias, dilation=(1, convolution.dilation[0]))
