"""The models of several runs as one: forward, loss and gradient with a leading dimension for the runs.

Shape suffixes: M runs, P all trainable weights of a run in a row, B batch, T time, I features, H backbone outputs,
O task outputs, N positions of one run (sequences, or sequences times steps).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from rnnbench.models.model import SequenceModel, pool
from rnnbench.tasks.task import Task
from rnnbench.training.stacked_data import StackedBatch


@dataclass(frozen=True)
class Scores:
    """What a batch gave: outputs, targets and losses of all positions, and which of these count (None: all)."""

    outputs_MNO: Tensor
    targets_MN: Tensor
    losses_MN: Tensor
    scored_MN: Tensor | None

    def mean_M(self) -> Tensor:
        """Each run's mean loss over the positions that count."""
        if self.scored_MN is None:
            return self.losses_MN.mean(1)
        return torch.where(self.scored_MN, self.losses_MN, 0).sum(1) / self.scored_MN.sum(1)


class StackedModel:
    """Several models of equal shapes.

    The trainable weights of all lie in ``weights_MP``, and those of each model become views of its row: what trains
    the stack trains the models.
    """

    def __init__(self, models: Sequence[SequenceModel], task: Task, per_step: bool):
        self.task, self.per_step = task, per_step
        self.template = models[0]
        trained = [[p for p in model.parameters() if p.requires_grad] for model in models]
        self.names = [name for name, p in models[0].named_parameters() if p.requires_grad]
        self.shapes = [p.shape for p in trained[0]]
        self.weights_MP = torch.stack([torch.cat([p.detach().flatten() for p in own]) for own in trained])
        for row_P, own in zip(self.weights_MP, trained):
            for p, values in zip(own, row_P.split([p.numel() for p in own])):
                p.data = values.view_as(p)
        self.weights_MP.requires_grad_()
        fixed = [{**dict(m.named_parameters()), **dict(m.named_buffers())} for m in models]
        names = [name for name in fixed[0] if name not in self.names]
        self.fixed = {name: torch.stack([own[name].detach() for own in fixed]) for name in names}

    def scores(self, batch: StackedBatch, noise_MP: Tensor | None = None) -> Scores:
        """Losses of a batch; ``noise_MP`` is on the weights meanwhile."""
        outputs = self.outputs(batch, noise_MP)
        last = 3 if self.per_step else 2
        flat = outputs.flatten(0, last - 1), batch.targets.flatten(0, last - 1)
        losses_MN = self.task.losses(*flat).unflatten(0, (len(outputs), -1))
        scored_MN = None if batch.scored is None else batch.scored.flatten(1)
        return Scores(
            outputs.flatten(1, last - 1) if self.per_step else outputs,
            batch.targets.flatten(1, last - 1) if self.per_step else batch.targets,
            losses_MN,
            scored_MN,
        )

    def outputs(self, batch: StackedBatch, noise_MP: Tensor | None = None) -> Tensor:
        """Outputs ``(M, B, O)``, or ``(M, B, T, O)`` for per-step targets."""
        weights_MP = self.weights_MP if noise_MP is None else self.weights_MP + noise_MP
        pieces = weights_MP.split([shape.numel() for shape in self.shapes], 1)
        params = {n: p.unflatten(1, s) if s else p[:, 0] for n, p, s in zip(self.names, pieces, self.shapes)}
        params |= self.fixed
        backbone, prefix = self.template.backbone, "backbone."
        own = {name.removeprefix(prefix): p for name, p in params.items() if name.startswith(prefix)}
        y_MBTH = torch.vmap(lambda p, x: _run(backbone, p, x, batch.union_B))(own, batch.inputs_MBTI)
        if self.template.pooling is not None:
            lengths = None if batch.lengths_MB is None else batch.lengths_MB.flatten()
            both = bool(getattr(backbone, "bidirectional", False))
            y_MBTH = pool(y_MBTH.flatten(0, 1), lengths, self.template.pooling, both).unflatten(0, y_MBTH.shape[:2])
        weight_MOH, bias_MO = params["head.weight"], params["head.bias"]
        flat = torch.baddbmm(bias_MO[:, None], y_MBTH.flatten(1, -2), weight_MOH.mT)
        return flat.unflatten(1, y_MBTH.shape[1:-1])

    def gradient(self, loss_M: Tensor) -> Tensor:
        """Each run's gradient of its own loss, in a row."""
        (grad_MP,) = torch.autograd.grad(loss_M.sum(), self.weights_MP)
        return grad_MP

    def norms(self, grad_MP: Tensor) -> Tensor:
        """The norm of each run's gradient."""
        return grad_MP.norm(dim=1)

    def noise(self, seeds: Sequence[int], deviations: Sequence[float]) -> Tensor | None:
        """Gaussian noise for all weights, drawn for each run as it would draw it alone; None where all have none."""
        if not any(deviations):
            return None
        rows = []
        for seed, deviation in zip(seeds, deviations):
            random = torch.Generator().manual_seed(seed)
            drawn = [torch.randn(s, generator=random, dtype=self.weights_MP.dtype).flatten() for s in self.shapes]
            rows.append(torch.cat(drawn) * deviation)
        return torch.stack(rows)


def _run(backbone: nn.Module, params: dict[str, Tensor], x_BTI: Tensor, lengths_B: Tensor | None) -> Tensor:
    return functional_call(backbone, params, (x_BTI,), {"lengths": lengths_B})[0]
