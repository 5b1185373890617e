"""A backbone between what the data gives and what the task asks for.

Shape suffixes: B batch, T time, I input features, H backbone outputs, O task outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rnnbench.data.spec import DataSpec


class SequenceModel(nn.Module):
    """Backbone, pooling where a sequence has one target, and a linear head.

    Args:
        backbone: called like ``backbone(x_BTI, lengths=lengths_B)``, gives ``(y_BTH, state)``.
        output_size: outputs of the head (O).
        pooling: ``last``, ``mean`` or ``max`` over the steps within length; None gives an output for every step.
    """

    def __init__(self, backbone: nn.Module, output_size: int, pooling: str | None):
        super().__init__()
        self.backbone = backbone
        width: Any = backbone.output_size
        self.head = nn.Linear(width, output_size)
        self.pooling = pooling

    def forward(self, inputs_BTI: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Outputs ``(B, O)``, or ``(B, T, O)`` without pooling."""
        y_BTH, _ = self.backbone(inputs_BTI, lengths=lengths_B)
        if self.pooling is not None:
            bidirectional = getattr(self.backbone, "bidirectional", False)
            y_BTH = pool(y_BTH, lengths_B, self.pooling, bidirectional)
        return self.head(y_BTH)


def pool(y_BTH: Tensor, lengths_B: Tensor | None, how: str, bidirectional: bool) -> Tensor:
    """One vector ``(B, H)`` a sequence; padding takes no part.

    ``last`` of a bidirectional layer is where each direction ends: the last step forwards, the first backwards.
    """
    B, T, H = y_BTH.shape
    lengths = torch.full((B,), T) if lengths_B is None else lengths_B
    lengths = lengths.to(y_BTH.device)
    if how == "last":
        last_BH = y_BTH[torch.arange(B, device=y_BTH.device), lengths - 1]
        if bidirectional:
            last_BH = torch.cat([last_BH[:, : H // 2], y_BTH[:, 0, H // 2 :]], dim=-1)
        return last_BH
    beyond = torch.arange(T, device=y_BTH.device)[None, :, None] >= lengths[:, None, None]
    if how == "mean":
        return y_BTH.masked_fill(beyond, 0).sum(1) / lengths[:, None].to(y_BTH)
    return y_BTH.masked_fill(beyond, float("-inf")).amax(1)


def build_model(
    backbone: Callable[..., nn.Module],
    spec: DataSpec,
    output_size: int,
    pooling: str,
    seeds: tuple[int, int] = (0, 0),
    device: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> SequenceModel:
    """The model for ``spec``; ``backbone`` is called with the sizes that follow from the data.

    Backbone and head draw their initial weights from seeds of their own, so that equal heads stay equal whatever
    stands before them. ``device="meta"`` allocates nothing, for counting. ``options`` are the task's, on how outputs
    are composed: see ``rnnbench.models.forecaster``.
    """
    options = options or {}
    with torch.random.fork_rng(), torch.device(device or "cpu"):
        torch.manual_seed(seeds[0])
        built = backbone(input_size=spec.input_size, batch_first=True)
        if spec.window is not None and (options.get("strategy", "direct") != "direct" or options.get("anchor")):
            return _forecaster(built, backbone, spec, output_size, pooling, seeds[1], options)
        torch.manual_seed(seeds[1])
        return SequenceModel(built, output_size, None if spec.per_step else pooling)


def _forecaster(
    built: nn.Module,
    backbone: Callable[..., nn.Module],
    spec: DataSpec,
    output_size: int,
    pooling: str,
    seed: int,
    options: Mapping[str, Any],
) -> SequenceModel:
    from rnnbench.models.forecaster import Forecaster

    decoder, window = None, spec.window
    assert window is not None
    if options["strategy"] == "encoder_decoder":
        decoder = backbone(input_size=len(window.targets) + window.calendar, batch_first=True)
    torch.manual_seed(seed)
    return Forecaster(built, spec.input_size, output_size, pooling, window, decoder=decoder, **options)


def count_parameters(model: SequenceModel) -> dict[str, int]:
    """Trainable weights of backbone (with the decoder of a forecaster) and head, apart; there is no encoder."""

    def count(module: nn.Module) -> int:
        return sum(p.numel() for p in module.parameters() if p.requires_grad)

    decoder = getattr(model, "decoder", None)
    backbone = count(model.backbone) + (0 if decoder is None else count(decoder))
    return {"backbone": backbone, "encoder": 0, "head": count(model.head)}
