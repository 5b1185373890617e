"""Which rows of which parameters a compiled cell reads, and a parameter's gradient from those of its rows.

The rows are taken here and not by autograd, which would keep a node for each and add up tensors full of zeros.
Under ``vmap`` every tensor has one more leading dimension, that of the models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rnnbench.cells import Stage
from rnnbench.layers.fused.program import Program


class Rows(NamedTuple):
    """Rows of a parameter: the first and the one after the last; None for all."""

    name: str
    bounds: tuple[int, int] | None = None


class Weights:
    """What a program reads of the prepared parameters.

    Attributes:
        products: by the number of its kernel, the rows that a product multiplies.
        biases: likewise, the bias that a product adds itself.
        shared: for each stage with a share, its columns there and the biases that are in it.
        vectors: parameters read outside products.
        names: all parameters that are read, each once.
    """

    def __init__(self, program: Program, stages: Sequence[Stage], shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.shapes = shapes
        self.products: dict[int, Rows] = {}
        self.biases: dict[int, Rows] = {}
        for index, kernel in enumerate(program.kernels):
            if product := kernel.product:
                self.products[index] = self._rows(product.weight, product.rows)
                # The bias of a joint product is in the share.
                if product.bias and program.places[kernel.sum].buffer != "share":
                    self.biases[index] = self._rows(product.bias, product.rows)
        self.shared = [(stage.share, self._biases(stage)) for stage in stages if stage.share]
        self.vectors = tuple(program.vectors)
        used = [rows.name for rows in (*self.products.values(), *self.biases.values())]
        used += [rows.name for _, biases in self.shared for rows in biases]
        self.names: tuple[str, ...] = tuple(
            dict.fromkeys([*(["weight_ih"] if self.shared else []), *used, *self.vectors])
        )

    def _rows(self, name: str, bounds: tuple[int, int] | None) -> Rows:
        return Rows(name, None if bounds == (0, self.shapes[name][0]) else bounds)

    def _biases(self, stage: Stage) -> list[Rows]:
        found = [self._rows("bias_ih", stage.share)] if "bias_ih" in self.shapes else []
        if stage.joint and stage.product and stage.product.bias:
            found.append(self._rows(stage.product.bias, stage.product.rows))
        return found

    def buffers(self, params: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights, biases and vectors by the names of their buffers."""
        found = {f"weight:{index}": self._take(rows, params) for index, rows in self.products.items()}
        found |= {f"bias:{index}": self._take(rows, params) for index, rows in self.biases.items()}
        return found | {f"param:{name}": params[name].contiguous() for name in self.vectors}

    def share_bias(self, params: Mapping[str, Tensor]) -> Tensor | None:
        """What is added to the input's share of all stages."""
        parts = []
        for _, biases in self.shared:
            if biases:
                first, *others = (self._take(rows, params) for rows in biases)
                parts.append(first + others[0] if others else first)
        return None if not parts else parts[0] if len(parts) == 1 else torch.cat(parts, -1)

    def share_bias_gradients(self, gradient: Tensor) -> Iterable[tuple[Rows, Tensor]]:
        """Those of the rows that are in the bias of the share."""
        for (start, stop), biases in self.shared:
            part = gradient if stop - start == gradient.shape[-1] else gradient.narrow(-1, start, stop - start)
            for rows in biases:
                yield rows, part

    def gradients(self, parts: Iterable[tuple[Rows, Tensor]]) -> dict[str, Tensor]:
        """Those of whole parameters."""
        found: dict[str, list[tuple[Rows, Tensor]]] = {}
        for rows, gradient in parts:
            found.setdefault(rows.name, []).append((rows, gradient))
        return {name: self._whole(name, of_one) for name, of_one in found.items()}

    def _whole(self, name: str, parts: list[tuple[Rows, Tensor]]) -> Tensor:
        if len(parts) == 1 and parts[0][0].bounds is None:
            return parts[0][1]
        shape, like = self.shapes[name], parts[0][1]
        whole = like.new_zeros(*like.shape[: like.dim() - len(shape)], *shape)
        for rows, gradient in parts:
            self._of(rows, whole).add_(gradient)
        return whole

    def _take(self, rows: Rows, params: Mapping[str, Tensor]) -> Tensor:
        return self._of(rows, params[rows.name]).contiguous()

    def _of(self, rows: Rows, whole: Tensor) -> Tensor:
        if rows.bounds is None:
            return whole
        first, last = rows.bounds
        return whole.narrow(-len(self.shapes[rows.name]), first, last - first)
