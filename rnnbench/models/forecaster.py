"""How the forecast of several rows is composed from a backbone.

Shape suffixes: B batch, T rows seen, S rows predicted, I input features, V columns of values, K columns of the
calendar, H backbone outputs, C targets, P parameters by which a number is predicted, O outputs (steps x
targets x parameters).
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from rnnbench.data.spec import Batch, Outputs, Window
from rnnbench.layers.yardstick import Yardstick
from rnnbench.models.model import SequenceModel


class Forecaster(SequenceModel):
    """Direct, recursive or encoder-decoder forecasts, of values or of what is left over a simple forecast.

    Args:
        backbone: as for ``SequenceModel``.
        input_size: I.
        output_size: outputs of the head, for all rows (``direct``) or for one.
        pooling: what a direct forecast is read from.
        window: what the inputs are made of.
        strategy: ``direct``; ``recursive``: the forecast of a row is the next input; ``encoder_decoder``: likewise,
            of ``decoder``, which starts from the backbone's last state and sees targets and calendar alone.
        anchor: outputs are added to the ``last`` value, or to that a ``season`` before, and inputs are values less
            the last one.
        parameters: P.
        located: how many of these move with the values: all quantiles, but not a deviation.
        middle: which of them is fed back.
        decoder: the second network, for ``encoder_decoder``.
        encoder: as for ``SequenceModel``, for a direct forecast.
        side_size: see there, likewise.

    Raises:
        ValueError: what the strategy needs is not among the inputs.
    """

    def __init__(
        self,
        backbone: nn.Module,
        input_size: int,
        output_size: int,
        pooling: str | None,
        window: Window,
        strategy: Literal["direct", "recursive", "encoder_decoder"] = "direct",
        anchor: Literal["last", "season"] | None = None,
        parameters: int = 1,
        located: int = 1,
        middle: int = 0,
        decoder: nn.Module | None = None,
        encoder: nn.Module | None = None,
        side_size: int = 0,
    ):
        super().__init__(backbone, output_size, pooling or "last", encoder, side_size)
        self.window, self.strategy, self.anchor = window, strategy, anchor
        self.each, self.located, self.middle = parameters, located, middle
        self.decoder = decoder
        _check(backbone, input_size, window, strategy, anchor)
        if strategy != "direct":
            _check_alone(strategy, pooling, encoder, side_size)

    def run(self, batch: Batch, state: Any = None) -> Outputs:
        """Outputs ``(B, O)``; windows are whole and begin anew, so lengths and state say nothing."""
        return Outputs(self._forecast(batch.inputs_BTI, batch.side_BS))

    def reads(self, inputs_BTI: Tensor, lengths_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """As ``SequenceModel``."""
        return super().reads(self._seen(inputs_BTI), lengths_B)

    def _seen(self, inputs_BTI: Tensor) -> Tensor:
        """Inputs, with an anchor as values less the last one."""
        if self.anchor is None:
            return inputs_BTI
        V = self.window.values
        return torch.cat([inputs_BTI[..., :V] - inputs_BTI[:, -1:, :V], inputs_BTI[..., V:]], dim=-1)

    def _forecast(self, inputs_BTI: Tensor, side_BS: Tensor | None) -> Tensor:
        window, seen_BTI = self.window, self._seen(inputs_BTI)
        if self.anchor is None:
            return self._outputs(seen_BTI, None, side_BS)
        anchors_BSC = self._anchors(inputs_BTI)
        last_BC = inputs_BTI[:, -1, self._targets()]
        out = self._outputs(seen_BTI, anchors_BSC - last_BC[:, None], side_BS)
        parts_BSCP = out.unflatten(-1, (window.horizon, -1, self.each))
        moved = parts_BSCP[..., : self.located] + anchors_BSC[..., None]
        return torch.cat([moved, parts_BSCP[..., self.located :]], dim=-1).flatten(1)

    def _targets(self) -> list[int]:
        return [column for column in self.window.targets if column is not None]

    def _anchors(self, inputs_BTI: Tensor) -> Tensor:
        """What outputs are added to, ``(B, S, C)``."""
        steps_S = torch.arange(self.window.horizon, device=inputs_BTI.device)
        season = self.window.season if self.anchor == "season" and self.window.season else None
        T = inputs_BTI.shape[1]
        rows_S = torch.full_like(steps_S, T - 1) if season is None else T + steps_S - season * (steps_S // season + 1)
        return inputs_BTI[:, rows_S][:, :, self._targets()]

    def _outputs(self, seen_BTI: Tensor, anchors_BSC: Tensor | None, side_BS: Tensor | None) -> Tensor:
        x_BTI = seen_BTI if self.encoder is None else self.encoder(seen_BTI, None)[0]
        y_BTH, state = self.backbone(x_BTI)
        if self.strategy == "direct":
            return self.tell(y_BTH, None, side_BS)
        y_BH, values_BC, outputs = y_BTH[:, -1], seen_BTI[:, -1, self._targets()], []
        calendar_BTK = seen_BTI[:, :, seen_BTI.shape[2] - self.window.calendar :]
        for step in range(self.window.horizon):
            if self.decoder is not None:
                when_BK = calendar_BTK[:, step - self.window.horizon]
                y_B1H, state = self.decoder(torch.cat([values_BC, when_BK], dim=-1)[:, None], state)
                y_BH = y_B1H[:, 0]
            elif step:
                y_B1H, state = self.backbone(values_BC[:, None, self._order()], state)
                y_BH = y_B1H[:, 0]
            outputs.append(self.head(y_BH))
            values_BC = outputs[-1].unflatten(-1, (-1, self.each))[..., self.middle]
            if anchors_BSC is not None:
                values_BC = values_BC + anchors_BSC[:, step]
        return torch.cat(outputs, dim=-1)

    def _order(self) -> list[int]:
        """For each column of values the target that stands in it."""
        return [self.window.targets.index(column) for column in range(self.window.values)]


def _check(backbone: nn.Module, inputs: int, window: Window, strategy: str, anchor: str | None) -> None:
    """Raise ``ValueError`` where the inputs or the backbone do not allow the composition."""
    if (anchor or strategy != "direct") and None in window.targets:
        raise ValueError(f"anchor={anchor}, strategy={strategy}: every target must be among dataset.features")
    if anchor == "season" and (window.season is None or window.length < window.season):
        raise ValueError(f"anchor=season: window={window.length} must reach over dataset.season={window.season}")
    if strategy == "direct":
        return
    if isinstance(backbone, Yardstick) or getattr(backbone, "bidirectional", False):
        raise ValueError(f"strategy={strategy}: needs a network whose state goes on forwards in time")
    if strategy == "recursive" and inputs != len(window.targets):
        raise ValueError("strategy=recursive: forecasts are fed back, so inputs must be the targets alone (no other "
                         "features, marks or calendar); encoder_decoder takes them")  # fmt: skip
    if strategy == "encoder_decoder" and window.calendar and window.length < window.horizon:
        raise ValueError(f"strategy=encoder_decoder: with a calendar, dataset.window must be at least {window.horizon}")


def _check_alone(strategy: str, pooling: str | None, encoder: nn.Module | None, side_size: int) -> None:
    """Raise ``ValueError`` for parts that only a forecast of all rows at once can have."""
    if pooling not in ("last", None):
        raise ValueError(f"task.pooling={pooling}: a forecast row by row is read from the last step; set it to last, "
                         f"or task.strategy={strategy} to direct")  # fmt: skip
    if encoder is not None:
        raise ValueError(f"task.encoder: reads whole windows, and task.strategy={strategy} a row at a time; set it to "
                         "null")  # fmt: skip
    if side_size:
        raise ValueError(f"dataset.labels, dataset.calendar_at=head: are for task.strategy=direct, not {strategy}")
