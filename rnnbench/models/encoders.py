"""What turns the inputs of a batch into what a backbone reads; equal for all models compared.

An encoder is called with ``(inputs_BTI, lengths_B)`` and gives ``(x_BTE, lengths_B)``, both perhaps of other lengths.

Shape suffixes: B sequences, T steps, I inputs of a step, E features of a step.
"""

from __future__ import annotations

from torch import Tensor, nn

from rnnbench.data.spec import DataSpec


class Embedding(nn.Module):
    """A learned vector for every token; the padding, id 0, is all zeros and stays so.

    Args:
        spec: of data with a vocabulary.
        size: features of a vector (E).
        dropout: probability of dropping a number of a vector.

    Raises:
        ValueError: in one line, for data that are numbers, or an option out of range.
    """

    def __init__(self, spec: DataSpec, size: int = 100, dropout: float = 0.0) -> None:
        super().__init__()
        if spec.vocabulary is None:
            raise ValueError("encoder: the inputs of this dataset are numbers, with nothing to embed: set it to null")
        if size < 1:
            raise ValueError(f"encoder.size={size}: must be at least 1")
        if not 0 <= dropout < 1:
            raise ValueError(f"encoder.dropout={dropout}: must be in 0..1, below 1")
        self.vectors = nn.Embedding(spec.vocabulary, size, padding_idx=0)
        self.dropout = nn.Dropout(dropout)
        self.output_size = size

    def forward(self, inputs_BTI: Tensor, lengths_B: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Vectors ``(B, T, E)`` of int64 ids; lengths stay."""
        return self.dropout(self.vectors(inputs_BTI[..., 0])), lengths_B
