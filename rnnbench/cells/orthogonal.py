"""Recurrences whose matrix is orthogonal or unitary by construction.

Shape suffixes: B rows of the batch, H hidden size, N complex units.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnnbench.cells.antisymmetric import Skewed
from rnnbench.cells.base import Cell, Product, Stage
from rnnbench.cells.gated import as_is

#: 2e-6 after 50 steps, against 1e-7 of the LSTM: what a float32 is, times the steps.
_NOTHING_DECAYS = {"float32": "the recurrence keeps the length of every vector, so rounding errors add up"}


@dataclass(frozen=True)
class _Orthogonal(Skewed):
    """``h' = modReLU(Q h + W_ih x)`` with Q a function of an antisymmetric matrix; threshold (H) if ``bias``."""

    version = 2  # 2: modReLU(0) is 0
    exceptions = _NOTHING_DECAYS
    biases = ()
    reads = ()

    @property
    def parameters_read(self) -> tuple[str, ...]:
        return ("threshold",) if self.bias else ()

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return super().parameter_shapes() | dict.fromkeys(self.parameters_read, (self.hidden_size,))

    def step(self, sum_BH: Tensor, *threshold_H: Tensor) -> tuple[Tensor]:
        if not threshold_H:
            return (sum_BH,)
        # sign(a) * relu(|a| + b), whose derivative is right on both sides and 0 at 0
        (b,) = threshold_H
        below = torch.where(sum_BH < 0, -torch.relu(b - sum_BH), 0 * sum_BH)
        return (torch.where(sum_BH > 0, torch.relu(b + sum_BH), below),)

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """As ``Cell``; the threshold within ±0.01, as the authors' code, and A as rotations in planes by ``angle``."""
        super().reset_parameters(params)
        with torch.no_grad():
            if self.bias:
                nn.init.uniform_(params["threshold"], -0.01, 0.01)
            params["skew_hh"].zero_()
            # The entries beside the diagonal, (0, 1), (2, 3), ...: row i begins after the rows above it
            H = self.hidden_size
            starts = [i * (2 * H - i - 1) // 2 for i in range(0, H - 1, 2)]
            params["skew_hh"][starts] = self.angle(torch.rand(len(starts))).to(params["skew_hh"])

    def angle(self, uniform: Tensor) -> Tensor:
        """The entries of A at the start, from numbers uniform in 0..1."""
        raise NotImplementedError(f"{type(self).__name__} does not define its angle")


@dataclass(frozen=True)
class ExpRNN(_Orthogonal):
    """The orthogonal network whose matrix is the exponential of an antisymmetric one.

    ::

        h' = modReLU(exp(A) h + W_ih x)                        A antisymmetric
        modReLU(a) = sign(a) * relu(abs(a) + b)                b is threshold

    Source: Lezcano-Casado and Martinez-Rubio 2019, arXiv:1901.08428; modReLU: Arjovsky, Shah and Bengio 2016.
    exp(A) reaches every rotation; ``ScoRNN`` takes the Cayley map instead. ``bias=False`` is b = 0, which makes the
    network linear.
    """

    def recurrent_weight(self, A_HH: Tensor, eye_HH: Tensor) -> Tensor:
        return torch.linalg.matrix_exp(A_HH)

    def angle(self, uniform: Tensor) -> Tensor:
        """Rotations by angles uniform in ±pi (Henaff, Szlam and LeCun 2016)."""
        return math.pi * (2 * uniform - 1)


@dataclass(frozen=True)
class ScoRNN(_Orthogonal):
    """The scaled Cayley orthogonal network.

    ::

        h' = modReLU(Q h + W_ih x)                             Q = (1 + A)^-1 (1 - A) D, A antisymmetric
        modReLU(a) = sign(a) * relu(abs(a) + b)                b is threshold

    D is diagonal with fixed entries: -1 in its first ``negative`` part, 1 in the rest. The Cayley map alone misses
    the matrices with an eigenvalue -1; with the right D every orthogonal matrix is reached.

    Source: Helfrich, Willmott and Ye 2018, arXiv:1707.09520.

    Attributes:
        negative: the part of the entries of D that is -1, in 0..1 (the paper's rho over H), rounded to units.
    """

    negative: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.negative <= 1:
            raise ValueError(f"negative={self.negative}: must be in 0..1")

    def recurrent_weight(self, A_HH: Tensor, eye_HH: Tensor) -> Tensor:
        flipped = round(self.negative * self.hidden_size)
        Q_HH = torch.linalg.solve(eye_HH + A_HH, eye_HH - A_HH)
        return torch.cat((-Q_HH[:, :flipped], Q_HH[:, flipped:]), 1)

    def angle(self, uniform: Tensor) -> Tensor:
        """The paper's: sqrt((1 - cos t) / (1 + cos t)), t uniform in 0..pi/2."""
        cosine = torch.cos(math.pi / 2 * uniform)
        return torch.sqrt((1 - cosine) / (1 + cosine))


@dataclass(frozen=True)
class URNN(Cell):
    """The unitary network: N complex units and a unitary matrix made of seven factors.

    ::

        h' = modReLU(U h + V x)                                h complex; ``[Re h, Im h]`` is the output
        U = D3 R2 F^-1 D2 P R1 F D1
        D = diag(exp(i w));  R = 1 - 2 v v* / (v* v);  F: unitary Fourier transform;  P: a fixed permutation
        modReLU(a) = a * relu(m + b) / m,  m = sqrt(abs(a)^2 + 1e-10)

    Source: Arjovsky, Shah and Bengio 2016, arXiv:1511.06464, eq. 6 and 8; the small number keeps the derivative
    at 0 finite. The paper's learned initial state is the layer's business. U has 7N real parameters and so is
    not every unitary matrix; it is multiplied out once a sequence to the real [[Re, -Im], [Im, Re]].

    Shapes, N being ``hidden_size``: state and output 2N; weight_ih = V (2N, I), real then imaginary rows;
    phases = w (3N), D1 D2 D3; reflections = v (4N), real and imaginary part of R1's, then of R2's;
    threshold = b (N), 0 without ``bias``.
    """

    exceptions = _NOTHING_DECAYS

    @property
    def state(self) -> dict[str, int]:
        """``h``: N real parts, then N imaginary parts."""
        return {"h": 2 * self.hidden_size}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        N = self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (2 * N, self.input_size)}
        shapes |= {"phases": (3 * N,), "reflections": (4 * N,)}
        return shapes | ({"threshold": (N,)} if self.bias else {})

    @property
    def permutation(self) -> list[int]:
        """P: row n of the result is row ``permutation[n]``; fixed by N."""
        return random.Random(0).sample(range(self.hidden_size), self.hidden_size)

    def prepare(self, params: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """weight_hh = U as a real matrix (2N, 2N), from phases and reflections."""
        prepared = dict(params)
        D1, D2, D3 = torch.exp(1j * prepared.pop("phases")).chunk(3)
        re1, im1, re2, im2 = prepared.pop("reflections").chunk(4)
        eye = torch.eye(self.hidden_size, dtype=D1.dtype, device=D1.device)
        U = torch.fft.fft(D1[:, None] * eye, dim=0, norm="ortho")
        U = D2[:, None] * _reflect(re1, im1, U)[self.permutation]
        U = D3[:, None] * _reflect(re2, im2, torch.fft.ifft(U, dim=0, norm="ortho"))
        rows = torch.cat((U.real, -U.imag), 1), torch.cat((U.imag, U.real), 1)
        return prepared | {"weight_hh": torch.cat(rows)}

    def stages(self) -> tuple[Stage, ...]:
        pointwise, reads = (self._modrelu, ("threshold",)) if self.bias else (as_is, ())
        return (Stage(pointwise, ("h",), reads, (0, 2 * self.hidden_size), Product("h", "weight_hh"), joint=True),)

    def _modrelu(self, sum_B2N: Tensor, b_N: Tensor) -> tuple[Tensor]:
        re, im = sum_B2N.chunk(2, -1)
        m = torch.sqrt(re * re + im * im + 1e-10)
        scale = torch.relu(m + b_N) / m
        return (torch.cat((scale * re, scale * im), -1),)

    def reset_parameters(self, params: Mapping[str, Tensor]) -> None:
        """The paper's: V as Glorot, w uniform in ±pi, v in ±1, b = 0."""
        nn.init.xavier_uniform_(params["weight_ih"])
        nn.init.uniform_(params["phases"], -math.pi, math.pi)
        nn.init.uniform_(params["reflections"], -1, 1)
        if self.bias:
            nn.init.zeros_(params["threshold"])


def _reflect(re_N: Tensor, im_N: Tensor, U_NN: Tensor) -> Tensor:
    """R U with R = 1 - 2 v v* / (v* v)."""
    v_N = torch.complex(re_N, im_N)
    return U_NN - torch.outer(v_N, v_N.conj() @ U_NN) * (2 / (re_N.square() + im_N.square()).sum())
