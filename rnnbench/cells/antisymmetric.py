"""Cells read off a stable differential equation: antisymmetric recurrences and the Lipschitz RNN.

Shape suffixes: B rows of the batch, H hidden size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnbench.cells.base import Product, Stage
from rnnbench.cells.gated import Gated


def skew(upper: Tensor, size: int) -> Tensor:
    """The antisymmetric matrix ``(size, size)`` whose entries above the diagonal are ``upper``, row by row."""
    row, column = torch.triu_indices(size, size, 1, device=upper.device)
    where = torch.zeros(size, size, dtype=torch.long, device=upper.device)
    where[row, column] = torch.arange(1, len(row) + 1, device=upper.device)
    matrix = F.pad(upper, (1, 0))[where]
    return matrix - matrix.t()


@dataclass(frozen=True)
class AntisymmetricRNN(Gated):
    """One forward Euler step of a stable differential equation.

    ::

        h' = h + epsilon * tanh((A - gamma * 1) h + W_ih x + b_ih)          A antisymmetric

    Source: Chang, Chen, Haber and Chi 2019, arXiv:1902.09689. The paper's sizes count only the entries of
    A above the diagonal, and so does this class; libraries store all of W_h and take A = W_h - W_h^T.

    Shapes: weight_ih (H, I), bias_ih (H), skew_hh (H (H - 1) / 2): A above its diagonal, row by row.

    Attributes:
        epsilon: step size.
        gamma: diffusion, which makes the step stable.

    Example:
        >>> AntisymmetricRNN(input_size=3, hidden_size=5).parameter_shapes()["skew_hh"]
        (10,)
    """

    epsilon: float = 0.1
    gamma: float = 0.01

    gates: ClassVar[tuple[str, ...]] = ("h",)
    recurrent: ClassVar[tuple[str, ...]] = ()
    biases: ClassVar[tuple[str, ...]] = ("bias_ih",)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """See above."""
        return super().parameter_shapes() | {"skew_hh": (self.hidden_size * (self.hidden_size - 1) // 2,)}

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """weight_hh = A - gamma * 1 from skew_hh."""
        prepared = dict(params)
        A = skew(prepared.pop("skew_hh"), self.hidden_size)
        eye = torch.eye(self.hidden_size, dtype=A.dtype, device=A.device)
        return prepared | {"weight_hh": A - self.gamma * eye}

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        return (Stage(self._step, ("h",), ("h",), self.all_rows, Product("h", "weight_hh"), joint=True),)

    def _step(self, sum_BH: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        return (h_BH + self.epsilon * torch.tanh(sum_BH),)


@dataclass(frozen=True)
class GatedAntisymmetricRNN(AntisymmetricRNN):
    """The antisymmetric network with a gate on its step.

    ::

        a = (A - gamma * 1) h                                               A antisymmetric
        z = sigmoid(a + W_iz x + b_iz)                                      gate: the same a
        h' = h + epsilon * z * tanh(a + W_in x + b_in)

    Source: Chang, Chen, Haber and Chi 2019, arXiv:1902.09689. Gate and candidate share one recurrent product.

    Shapes: weight_ih (2H, I), bias_ih (2H), rows in the order z n; skew_hh (H (H - 1) / 2).
    """

    gates: ClassVar[tuple[str, ...]] = ("z", "n")

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        return (Stage(self._gated_step, ("h",), ("h",), self.all_rows, Product("h", "weight_hh")),)

    def _gated_step(self, share_BG: Tensor, a_BH: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        z, n = share_BG.chunk(2, -1)
        return (h_BH + self.epsilon * torch.sigmoid(z + a_BH) * torch.tanh(n + a_BH),)


@dataclass(frozen=True)
class LipschitzRNN(Gated):
    """One forward Euler step of a linear plus a Lipschitz nonlinear equation.

    ::

        h' = h + epsilon * (A h + tanh(W h + W_ih x + b_ih))
        A = (1 - beta) (M + M^T) + beta (M - M^T) - gamma_A * 1             W likewise, with gamma_W

    Source: Erichson, Azencot, Queiruga, Hodgkinson and Mahoney 2021, arXiv:2006.12070. With A = 0 and beta = 1 it
    is the antisymmetric network.

    Shapes: weight_ih (H, I), weight_hh (2H, H), the rows of M for A, then for W; bias_ih (H).

    Attributes:
        epsilon: step size.
        beta: from 0.5, no constraint, to 1, antisymmetric.
        gamma_A: moves the eigenvalues of A to the left.
        gamma_W: moves those of W.
    """

    epsilon: float = 0.03
    beta: float = 0.75
    gamma_A: float = 0.001
    gamma_W: float = 0.001

    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ({"gamma_A": 0.2, "gamma_W": 0.4},)
    gates: ClassVar[tuple[str, ...]] = ("h",)
    recurrent: ClassVar[tuple[str, ...]] = ("A", "W")
    biases: ClassVar[tuple[str, ...]] = ("bias_ih",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.5 <= self.beta <= 1:
            raise ValueError(f"beta={self.beta}: must be in 0.5..1")

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """A above W in weight_hh."""
        M_A, M_W = params["weight_hh"].chunk(2)
        return {**params, "weight_hh": torch.cat((self._shape(M_A, self.gamma_A), self._shape(M_W, self.gamma_W)))}

    def _shape(self, M_HH: Tensor, gamma: float) -> Tensor:
        # (1 - beta) (M + M^T) + beta (M - M^T) = M + (1 - 2 beta) M^T
        eye = torch.eye(self.hidden_size, dtype=M_HH.dtype, device=M_HH.device)
        return M_HH + (1 - 2 * self.beta) * M_HH.t() - gamma * eye

    def stages(self) -> tuple[Stage, ...]:
        """One stage."""
        return (Stage(self._step, ("h",), ("h",), self.all_rows, self.product()),)

    def _step(self, share_BH: Tensor, product_BG: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        linear, nonlinear = product_BG.chunk(2, -1)
        return (h_BH + self.epsilon * (linear + torch.tanh(nonlinear + share_BH)),)
