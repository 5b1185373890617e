"""Cells read off a stable differential equation: antisymmetric recurrences and the Lipschitz RNN.

Shape suffixes: B rows of the batch, H hidden size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnbench.cells.gated import OneStage


def skew(upper: Tensor, size: int) -> Tensor:
    """The antisymmetric matrix ``(size, size)`` whose entries above the diagonal are ``upper``, row by row."""
    row, column = torch.triu_indices(size, size, 1, device=upper.device)
    where = torch.zeros(size, size, dtype=torch.long, device=upper.device)
    where[row, column] = torch.arange(1, len(row) + 1, device=upper.device)
    matrix = F.pad(upper, (1, 0))[where]
    return matrix - matrix.t()


@dataclass(frozen=True)
class Skewed(OneStage):
    """Base of cells whose weight_hh is a function of an antisymmetric matrix A, which is skew_hh above its diagonal.

    Shapes: skew_hh (H (H - 1) / 2), row by row, in place of weight_hh.
    """

    gates = ("h",)
    recurrent = ("h",)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes = super().parameter_shapes()
        del shapes["weight_hh"]
        return shapes | {"skew_hh": (self.hidden_size * (self.hidden_size - 1) // 2,)}

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """weight_hh from skew_hh."""
        prepared = dict(params)
        A_HH = skew(prepared.pop("skew_hh"), self.hidden_size)
        eye_HH = torch.eye(self.hidden_size, dtype=A_HH.dtype, device=A_HH.device)
        return prepared | {"weight_hh": self.recurrent_weight(A_HH, eye_HH)}

    def recurrent_weight(self, A_HH: Tensor, eye_HH: Tensor) -> Tensor:
        """weight_hh for A; the identity is given."""
        raise NotImplementedError(f"{type(self).__name__} does not define its recurrent_weight")


@dataclass(frozen=True)
class AntisymmetricRNN(Skewed):
    """One forward Euler step of a stable differential equation.

    ::

        h' = h + epsilon * tanh((A - gamma * 1) h + W_ih x + b_ih)          A antisymmetric

    Source: Chang, Chen, Haber and Chi 2019, arXiv:1902.09689. The paper's sizes count only the entries of
    A above the diagonal, and so does this class; libraries store all of W_h and take A = W_h - W_h^T.

    Attributes:
        epsilon: step size.
        gamma: diffusion, which makes the step stable.
    """

    epsilon: float = 0.1
    gamma: float = 0.01

    def recurrent_weight(self, A_HH: Tensor, eye_HH: Tensor) -> Tensor:
        return A_HH - self.gamma * eye_HH

    def step(self, sum_BH: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        return (h_BH + self.epsilon * torch.tanh(sum_BH),)


@dataclass(frozen=True)
class GatedAntisymmetricRNN(AntisymmetricRNN):
    """The antisymmetric network with a gate on its step.

    ::

        a = (A - gamma * 1) h                                               A antisymmetric
        z = sigmoid(a + W_iz x + b_iz)                                      gate: the same a
        h' = h + epsilon * z * tanh(a + W_in x + b_in)

    Source: Chang, Chen, Haber and Chi 2019, arXiv:1902.09689. Gate and candidate share one recurrent product.
    """

    gates = ("z", "n")
    joint = False

    def step(self, share_BG: Tensor, a_BH: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        z, n = share_BG.chunk(2, -1)
        return (h_BH + self.epsilon * torch.sigmoid(z + a_BH) * torch.tanh(n + a_BH),)


@dataclass(frozen=True)
class LipschitzRNN(OneStage):
    """One forward Euler step of a linear plus a Lipschitz nonlinear equation.

    ::

        h' = h + epsilon * (A h + tanh(W h + W_ih x + b_ih))
        A = (1 - beta) (M + M^T) + beta (M - M^T) - gamma_A * 1             W likewise, with gamma_W

    Source: Erichson, Azencot, Queiruga, Hodgkinson and Mahoney 2021, arXiv:2006.12070. With A = 0 and beta = 1 it
    is the antisymmetric network. The authors' code starts on MNIST from M normal with deviation 12 / H and takes
    beta=0.65 and epsilon=0.1 there; here M is drawn like every weight.

    Shapes: weight_hh (2H, H), the rows of M for A, then for W.

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

    examples = ({"gamma_A": 0.2, "gamma_W": 0.4},)
    gates = ("h",)
    recurrent = ("A", "W")
    joint = False

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

    def step(self, share_BH: Tensor, product_BG: Tensor, h_BH: Tensor) -> tuple[Tensor]:
        linear, nonlinear = product_BG.chunk(2, -1)
        return (h_BH + self.epsilon * (linear + torch.tanh(nonlinear + share_BH)),)
