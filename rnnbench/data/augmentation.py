"""Random changes of windows in training. They are drawn from torch's generator, which a run seeds at every step.

Shape suffixes: B batch, T time, I features, V columns of values.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """Changes the columns of values of each window; marks and calendar stay (Um et al. 2017, Le Guennec et al. 2016).

    Attributes:
        jitter: standard deviation of noise on every value, in scaled units.
        scaling: standard deviation, around 1, of a factor on all values of a window and on what it predicts.
        shift: the window is late by up to so many rows; its oldest row is repeated at the start.
        warp: a random point inside the window moves by up to this part of its length, and the time on either side is
            stretched or squeezed; first and last row stay.
    """

    jitter: float = 0.0
    scaling: float = 0.0
    shift: int = 0
    warp: float = 0.0

    def __post_init__(self) -> None:
        for name in ("jitter", "scaling", "shift"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)}: must be at least 0")
        if not 0 <= self.warp < 0.5:
            raise ValueError(f"warp={self.warp}: must be at least 0 and below 0.5")

    @property
    def active(self) -> bool:
        """Whether anything is changed."""
        return bool(self.jitter or self.scaling or self.shift or self.warp)

    def __call__(self, inputs_BTI: Tensor, targets_BO: Tensor, values: int) -> tuple[Tensor, Tensor]:
        """Changed copies of inputs and targets; the first ``values`` columns of the inputs are values."""
        B, T, _ = inputs_BTI.shape
        x_BTV, rest = inputs_BTI[..., :values], inputs_BTI[..., values:]
        draw = {"device": x_BTV.device, "dtype": x_BTV.dtype}
        if self.shift or self.warp:
            x_BTV = _at(x_BTV, self._times(B, T, draw))
        if self.scaling:
            factor_B = 1 + self.scaling * torch.randn(B, **draw)
            x_BTV, targets_BO = x_BTV * factor_B[:, None, None], targets_BO * factor_B[:, None]
        if self.jitter:
            x_BTV = x_BTV + self.jitter * torch.randn(x_BTV.shape, **draw)
        return torch.cat([x_BTV, rest], dim=-1), targets_BO

    def _times(self, B: int, T: int, draw: dict) -> Tensor:
        """``(B, T)``: the place in the window, 0 to T - 1, that each row is taken from."""
        t_BT = torch.arange(T, **draw).expand(B, T)
        if self.warp:
            # between the points (0, 0), (u, v) and (1, 1)
            u_B1 = 0.5 + (torch.rand(B, 1, **draw) - 0.5) * (0.9 - 2 * self.warp)
            v_B1 = u_B1 + (2 * torch.rand(B, 1, **draw) - 1) * self.warp
            s_BT = t_BT / max(T - 1, 1)
            before, after = s_BT * v_B1 / u_B1, 1 - (1 - s_BT) * (1 - v_B1) / (1 - u_B1)
            t_BT = torch.where(s_BT <= u_B1, before, after) * (T - 1)
        if self.shift:
            t_BT = t_BT - torch.randint(self.shift + 1, (B, 1), device=draw["device"])
        return t_BT.clamp(0, T - 1)


def _at(x_BTV: Tensor, t_BT: Tensor) -> Tensor:
    """Values at broken times, on the line between the neighbouring rows."""
    last = x_BTV.shape[1] - 1
    left_BT = t_BT.floor().long().clamp(max=max(last - 1, 0))
    part_BT1 = (t_BT - left_BT)[..., None]

    def rows(index_BT: Tensor) -> Tensor:
        return x_BTV.gather(1, index_BT[..., None].expand(-1, -1, x_BTV.shape[2]))

    return rows(left_BT) * (1 - part_BT1) + rows((left_BT + 1).clamp(max=last)) * part_BT1
