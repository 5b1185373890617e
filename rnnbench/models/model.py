"""A backbone between what the data give and what the task asks for.

Shape suffixes: B batch, T time, I input features, H backbone outputs, O task outputs,
S numbers that belong to a whole sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from rnnbench.data.spec import Batch, DataSpec, Outputs

PARTS = ("backbone", "head", "encoder")  # each draws its initial weights from a seed of its own


class SequenceModel(nn.Module):
    """Encoder where there is one, backbone, pooling where a sequence has one target, and a linear head.

    Args:
        backbone: called like ``backbone(x_BTI, hx, lengths=lengths_B)``, gives ``(y_BTH, state)``.
        output_size: outputs of the head (O).
        pooling: ``last``, ``mean``, ``max`` or ``attention`` over the steps within length; None gives an output for
            every step.
        encoder: called like ``encoder(inputs_BTI, lengths_B)``, gives ``(x_BTI, lengths_B)``.
        side_size: numbers that belong to a whole sequence (S), which the head reads beside what comes of the steps.
        head_range: the head starts uniform in plus or minus this; None: as ``nn.Linear``.
    """

    def __init__(
        self,
        backbone: nn.Module,
        output_size: int,
        pooling: str | None,
        encoder: nn.Module | None = None,
        side_size: int = 0,
        head_range: float | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.backbone = backbone
        width: Any = backbone.output_size
        self.head = nn.Linear(width + side_size, output_size)
        if head_range is not None:
            for weights in self.head.parameters():
                nn.init.uniform_(weights, -head_range, head_range)
        self.attention = Attention(width) if pooling == "attention" else None
        self.pooling = pooling

    def forward(self, inputs_BTI: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """Outputs ``(B, O)``, or ``(B, T, O)`` without pooling."""
        return self.run(Batch(inputs_BTI, inputs_BTI, lengths_B)).values

    def reads(self, inputs_BTI: Tensor, lengths_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """What the backbone reads of inputs, and the lengths of that."""
        return (inputs_BTI, lengths_B) if self.encoder is None else self.encoder(inputs_BTI, lengths_B)

    def run(self, batch: Batch, state: Any = None) -> Outputs:
        """The outputs for a batch, whose targets are not looked at; ``state``: of the backbone at the start."""
        x_BTI, lengths_B = self.reads(batch.inputs_BTI, batch.lengths_B)
        begin = {} if state is None else {"hx": state}
        y_BTH, state = self.backbone(x_BTI, lengths=lengths_B, **begin)
        return Outputs(self.tell(y_BTH, lengths_B, batch.side_BS), lengths_B, state)

    def tell(self, y_BTH: Tensor, lengths_B: Tensor | None, side_BS: Tensor | None) -> Tensor:
        """Outputs from those of the backbone: pooling, the second input where there is one, and the head."""
        if self.attention is not None:
            y_BTH = self.attention(y_BTH, lengths_B)
        elif self.pooling is not None:
            bidirectional = getattr(self.backbone, "bidirectional", False)
            y_BTH = pool(y_BTH, lengths_B, self.pooling, bidirectional)
        if side_BS is not None:
            each = side_BS if y_BTH.dim() == 2 else side_BS[:, None].expand(-1, y_BTH.shape[1], -1)
            y_BTH = torch.cat([y_BTH, each.to(y_BTH)], -1)
        return self.head(y_BTH)


class Attention(nn.Module):
    """A weighted mean over the steps within length: weights softmax_t(v . tanh(W y_t + b)).

    Source: Yang et al. 2016, Hierarchical Attention Networks, equations 5 to 7, with v as the learned context.

    Args:
        width: features of a step (H).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden, self.context = nn.Linear(width, width), nn.Linear(width, 1, bias=False)

    def weights(self, y_BTH: Tensor, lengths_B: Tensor | None) -> Tensor:
        """The weight of each step, ``(B, T)``; 0 beyond the length, 1 in sum."""
        scores_BT = self.context(torch.tanh(self.hidden(y_BTH)))[..., 0]
        if lengths_B is not None:
            scores_BT = scores_BT.masked_fill(beyond(y_BTH, lengths_B), float("-inf"))
        return scores_BT.softmax(1)

    def forward(self, y_BTH: Tensor, lengths_B: Tensor | None) -> Tensor:
        """``(B, H)``."""
        return torch.einsum("bt,bth->bh", self.weights(y_BTH, lengths_B), y_BTH)


def beyond(y_BTH: Tensor, lengths_B: Tensor) -> Tensor:
    """Bool ``(B, T)``: steps beyond the length of their sequence."""
    return torch.arange(y_BTH.shape[1], device=y_BTH.device)[None] >= lengths_B.to(y_BTH.device)[:, None]


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
    beyond_BT1 = beyond(y_BTH, lengths)[..., None]
    if how == "mean":
        return y_BTH.masked_fill(beyond_BT1, 0).sum(1) / lengths[:, None].to(y_BTH)
    return y_BTH.masked_fill(beyond_BT1, float("-inf")).amax(1)


def build_model(
    backbone: Callable[..., nn.Module],
    spec: DataSpec,
    task: Any,
    seeds: Sequence[int] = (0, 0, 0),
    device: str | None = None,
) -> SequenceModel:
    """The model for ``spec``; ``backbone`` is called with the sizes that follow from data and encoder.

    The parts draw their initial weights from seeds of their own, in the order of ``PARTS``, so that equal heads stay
    equal whatever stands before them. ``device="meta"`` allocates nothing, for counting.

    Args:
        backbone: called with ``input_size`` and ``batch_first``.
        spec: of the data.
        task: a ``rnnbench.tasks.Task``: its encoder, composition, pooling and output size.
        seeds: of the parts.
        device: of the weights; None: the CPU.

    Raises:
        ValueError: in one line, for parts that do not fit together.
    """
    if spec.vocabulary is not None and task.encoder is None:
        raise ValueError("the inputs are ids of tokens: the task needs an encoder, as task/encoder=embedding")
    if spec.per_step and task.pooling not in ("last", None):
        raise ValueError(f"task.pooling={task.pooling}: every step has a target here, there is nothing to pool")
    seed = dict(zip(PARTS, seeds))
    with torch.random.fork_rng(), torch.device(device or "cpu"):
        torch.manual_seed(seed["encoder"])
        encoder = None if task.encoder is None else task.encoder(spec=spec)
        torch.manual_seed(seed["backbone"])
        built = backbone(input_size=spec.input_size if encoder is None else encoder.output_size, batch_first=True)
        _check_directions(built, spec)
        torch.manual_seed(seed["head"])
        # not a composition like others: its decoder is a second backbone, of sizes that the window gives
        options, sizes = task.model_options(), (task.output_size(spec), None if spec.per_step else task.pooling)
        if spec.window is not None and (options.get("strategy", "direct") != "direct" or options.get("anchor")):
            return _forecaster(built, backbone, spec, *sizes, seed["head"], {**options, "encoder": encoder})
        if task.composition is None:
            if spec.writes:
                raise ValueError("composition=null: sequences are answered by sequences, which takes a Translator")
            return SequenceModel(built, *sizes, encoder, spec.side_size, options.get("head_range"))
        if spec.side_size:
            raise ValueError("task.composition: takes no second input beside the steps; set it to null")
        if spec.writes:  # its decoder is a second backbone, of sizes that the composition gives
            return task.composition(built, *sizes, encoder, decoder=partial(backbone, batch_first=True))
        return task.composition(built, *sizes, encoder)


def _check_directions(backbone: nn.Module, spec: DataSpec) -> None:
    """Raise ``ValueError`` where a network may not read backwards and does."""
    if not getattr(backbone, "bidirectional", False):
        return
    if spec.carries_state:
        raise ValueError("bidirectional=True: the state is carried from batch to batch, which goes forwards only")
    if spec.looks_ahead:
        raise ValueError("bidirectional=True: targets are inputs to come, which it would read; set it to false")


def _forecaster(
    built: nn.Module,
    backbone: Callable[..., nn.Module],
    spec: DataSpec,
    output_size: int,
    pooling: str | None,
    seed: int,
    options: Mapping[str, Any],
) -> SequenceModel:
    from rnnbench.models.forecaster import Forecaster

    decoder, window = None, spec.window
    assert window is not None
    if options["strategy"] == "encoder_decoder":
        decoder = backbone(input_size=len(window.targets) + window.calendar, batch_first=True)
    torch.manual_seed(seed)
    options = {**options, "side_size": spec.side_size}
    return Forecaster(built, spec.input_size, output_size, pooling, window, decoder=decoder, **options)


def count_parameters(model: nn.Module) -> dict[str, int]:
    """Trainable weights of the backbone (and of a decoder of its kind), of the encoder, and of the rest: the head."""

    def count(module: Any) -> int:
        return 0 if module is None else sum(p.numel() for p in module.parameters() if p.requires_grad)

    backbone = count(model.backbone) + count(getattr(model, "decoder", None))
    parts = {"backbone": backbone, "encoder": count(model.encoder)}
    return parts | {"head": count(model) - sum(parts.values())}
