"""The models of several runs as one: forward, loss and gradient of all of them in a step.

Small models of equally long sequences stand side by side, and every operation is done for all of them at once. Models
large enough to keep the processor busy, and sequences that differ in length, take turns: operations on all would only
read memory more often, or compute what the longest sequence needs for every other. Only where a model is so small that
its arithmetic hardly counts do sequences of different lengths stand side by side too, padded.

Shape suffixes: M runs, P all trainable weights of a run in a row, B batch, T time, I features, H backbone outputs,
O task outputs, N positions of one run (sequences, or sequences times steps).
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from rnnbench.data.spec import Batch
from rnnbench.models.model import SequenceModel, build_model, pool
from rnnbench.tasks.task import Task, counted, scored, sequence_errors
from rnnbench.training.callbacks import reseed
from rnnbench.training.plan import Plan
from rnnbench.training.stacked_data import Packed, StackedBatch, StackedSequences

# Weights times sequences of a batch. Measured on GRUs, T 100, batch 32, against runs alone: at 110,000 (32 units) side
# by side gives 1.7 and taking turns 1.4 times the speed; at 410,000 (64 units) 1.0 and 1.2; at 1,600,000 (128 units)
# 0.9 and 1.0.
LARGEST = 200_000
# Likewise for sequences of different lengths. Measured on LSTMs of 4 units, 10 runs, T 100 to 110, batch 1: side by
# side gives 3.4 times the speed of taking turns.
LARGEST_RAGGED = 5_000


@dataclass(frozen=True)
class Scores:
    """What a batch gave each of M runs.

    Attributes:
        outputs: ``(N, O)`` for each run, of all positions.
        targets: likewise.
        losses: ``(N,)`` for each run.
        scored_MN: which positions count; None: all.
        errors: of the sequences of each run, in their order; None where no criterion asks for them.
    """

    outputs: Sequence[Tensor] | Tensor
    targets: Sequence[Tensor] | Tensor
    losses: Sequence[Tensor] | Tensor
    scored_MN: Tensor | None = None
    errors: list[list[float]] | None = None

    def of(self, m: int) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs ``(N, O)``, targets and losses ``(N,)`` of the positions of a run that count."""
        found = self.outputs[m], self.targets[m], self.losses[m]
        if self.scored_MN is None:
            return found
        return found[0][self.scored_MN[m]], found[1][self.scored_MN[m]], found[2][self.scored_MN[m]]


@dataclass(frozen=True)
class Trained:
    """What a training step gave: the scores, each run's mean loss, and its gradient."""

    scores: Scores
    loss_M: Tensor
    grad_MP: Tensor


class StackedModel:
    """Several models of equal shapes.

    The trainable weights of all lie in ``weights_MP``, and those of each model become views of its row: what trains
    the stack trains the models.

    Args:
        models: of the runs.
        task: of all of them.
        per_step: whether every step has a target.
        deviations: of each run's weight noise.
        judged: the splits of which the errors of sequences are asked for.
    """

    def __init__(
        self,
        models: Sequence[SequenceModel],
        task: Task,
        per_step: bool,
        deviations: Sequence[float] | None = None,
        judged: Collection[str] = (),
    ):
        self.models, self.task, self.per_step, self.judged = models, task, per_step, judged
        self.deviations = deviations or [0.0] * len(models)
        self.trained = [[p for p in model.parameters() if p.requires_grad] for model in models]
        self.weights_MP = torch.stack([torch.cat([p.detach().flatten() for p in own]) for own in self.trained])
        for row_P, own in zip(self.weights_MP, self.trained):
            for p, values in zip(own, row_P.split([p.numel() for p in own])):
                p.data = values.view_as(p)

    def train(
        self, data: StackedSequences, runs: Sequence[int], indices: Sequence[Tensor], seeds: Sequence[int]
    ) -> Trained:
        """Losses and gradients of a batch of every run.

        Args:
            data: the training split.
            runs: which of the runs of ``data`` these are.
            indices: the sequences of each.
            seeds: of the randomness in each run's step.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define train")

    def score(self, data: StackedSequences, runs: Sequence[int], indices: Sequence[Tensor]) -> Scores:
        """Losses of a batch of every run, at evaluation."""
        raise NotImplementedError(f"{type(self).__name__} does not define score")

    def _set_training(self, training: bool) -> None:
        for model in self.models:
            if model.training != training:  # torch would go through all modules at every step
                model.train(training)


class InTurn(StackedModel):
    """Models that are run one after another."""

    def train(
        self, data: StackedSequences, runs: Sequence[int], indices: Sequence[Tensor], seeds: Sequence[int]
    ) -> Trained:
        """As the base says."""
        self._set_training(True)
        grad_MP = torch.empty_like(self.weights_MP)
        found, means = [], []
        batches = self._batches(data, runs, indices, "train" in self.judged)
        for m, batch in enumerate(batches):
            reseed(seeds[m], "cpu")
            clean_P = self._disturb(m)
            outputs, targets, losses, errors = self._score(m, batch, "train" in self.judged)
            mean = losses.mean()
            torch.cat([g.flatten() for g in torch.autograd.grad(mean, self.trained[m])], out=grad_MP[m])
            if clean_P is not None:
                self.weights_MP[m] = clean_P
            found.append((outputs.detach(), targets, losses.detach(), errors))
            means.append(mean.detach())
        return Trained(self._together(found), torch.stack(means), grad_MP)

    def _disturb(self, m: int) -> Tensor | None:
        """Put noise on a run's weights; the clean ones."""
        if not self.deviations[m]:
            return None
        clean_P = self.weights_MP[m].clone()
        with torch.no_grad():
            for p in self.trained[m]:
                p.add_(torch.randn_like(p), alpha=self.deviations[m])
        return clean_P

    def _batches(
        self, data: StackedSequences, runs: Sequence[int], indices: Sequence[Tensor], judged: bool
    ) -> Iterable[Batch | Packed]:
        if data.ragged and self.per_step and not judged:
            return data.packed(runs, indices)
        return (data.batch(run, rows) for run, rows in zip(runs, indices))

    def _score(self, m: int, batch: Batch | Packed, judged: bool) -> tuple[Tensor, Tensor, Tensor, list[float]]:
        """Outputs, targets and losses of what counts; errors of the sequences if they are asked for."""
        model, errors = self.models[m], []
        if isinstance(batch, tuple):
            inputs, targets, mask = batch
            outputs = model.head(model.backbone(inputs)[0].data)
            if mask is not None:
                outputs, targets = outputs[mask], targets[mask]
        else:
            raw = model(batch.inputs_BTI, batch.lengths_B)
            if judged:
                valid = counted(batch, self.per_step)
                errors = sequence_errors(self.task, raw, batch.targets, valid, self.per_step).tolist()
            outputs, targets = scored(raw, batch, self.per_step)
        return outputs, targets, self.task.losses(outputs, targets), errors

    def _together(self, found: Sequence[tuple[Tensor, Tensor, Tensor, list[float]]]) -> Scores:
        outputs, targets, losses, errors = (list(part) for part in zip(*found))
        return Scores(outputs, targets, losses, errors=errors if self.judged else None)

    @torch.no_grad()
    def score(self, data: StackedSequences, runs: Sequence[int], indices: Sequence[Tensor]) -> Scores:
        """As the base says."""
        self._set_training(False)
        judged = "valid" in self.judged
        batches = self._batches(data, runs, indices, judged)
        return self._together([self._score(m, batch, judged) for m, batch in enumerate(batches)])


class SideBySide(StackedModel):
    """Models whose every operation is done for all at once."""

    def __init__(self, *given: Any, **named: Any):
        super().__init__(*given, **named)
        self.template = self.models[0]
        self.names = [name for name, p in self.template.named_parameters() if p.requires_grad]
        self.shapes = [p.shape for p in self.trained[0]]
        self.weights_MP.requires_grad_()
        fixed = [{**dict(m.named_parameters()), **dict(m.named_buffers())} for m in self.models]
        names = [name for name in fixed[0] if name not in self.names]
        self.fixed = {name: torch.stack([own[name].detach() for own in fixed]) for name in names}

    def train(
        self, data: StackedSequences, runs: Sequence[int], indices: Sequence[Tensor], seeds: Sequence[int]
    ) -> Trained:
        """As the base says."""
        self._set_training(True)
        batch = data.stacked(runs, indices)
        found = self._scores(batch, self._noise(seeds), "train" in self.judged)
        losses_MN = found.losses
        assert isinstance(losses_MN, Tensor)
        if found.scored_MN is None:
            loss_M = losses_MN.mean(1)
        else:
            loss_M = torch.where(found.scored_MN, losses_MN, 0).sum(1) / found.scored_MN.sum(1)
        (grad_MP,) = torch.autograd.grad(loss_M.sum(), self.weights_MP)
        return Trained(_detached(found), loss_M.detach(), grad_MP)

    @torch.no_grad()
    def score(self, data: StackedSequences, runs: Sequence[int], indices: Sequence[Tensor]) -> Scores:
        """As the base says."""
        self._set_training(False)
        return self._scores(data.stacked(runs, indices), None, "valid" in self.judged)

    def _scores(self, batch: StackedBatch, noise_MP: Tensor | None, judged: bool) -> Scores:
        outputs = self.outputs(batch.inputs_MBTI, noise_MP, batch.lengths_R)
        errors = None
        if judged:
            errors_MB = sequence_errors(self.task, outputs, batch.targets, batch.scored, self.per_step).tolist()
            errors = [own[:size] for own, size in zip(errors_MB, batch.sizes)]
        last = 3 if self.per_step else 2
        flat = outputs.flatten(0, last - 1), batch.targets.flatten(0, last - 1)
        losses_MN = self.task.losses(*flat).unflatten(0, (len(outputs), -1))
        scored_MN = None if batch.scored is None else batch.scored.flatten(1)
        return Scores(outputs.flatten(1, last - 1), batch.targets.flatten(1, last - 1), losses_MN, scored_MN, errors)

    def outputs(self, inputs_MBTI: Tensor, noise_MP: Tensor | None = None, lengths_R: Tensor | None = None) -> Tensor:
        """Outputs ``(M, B, O)``, or ``(M, B, T, O)`` for per-step targets.

        Args:
            inputs_MBTI: inputs; what stands beyond a sequence is computed and not looked at.
            noise_MP: is on the weights meanwhile.
            lengths_R: see ``StackedBatch``.
        """
        weights_MP = self.weights_MP if noise_MP is None else self.weights_MP + noise_MP
        pieces = weights_MP.split([shape.numel() for shape in self.shapes], 1)
        params = {n: p.unflatten(1, s) if s else p[:, 0] for n, p, s in zip(self.names, pieces, self.shapes)}
        params |= self.fixed
        backbone, prefix = self.template.backbone, "backbone."
        own = {name.removeprefix(prefix): p for name, p in params.items() if name.startswith(prefix)}
        y_MBTH = torch.vmap(lambda p, x: functional_call(backbone, p, (x,))[0])(own, inputs_MBTI)
        if self.template.pooling is not None:
            both = bool(getattr(backbone, "bidirectional", False))
            y_MBTH = pool(y_MBTH.flatten(0, 1), lengths_R, self.template.pooling, both).unflatten(0, y_MBTH.shape[:2])
        weight_MOH, bias_MO = params["head.weight"], params["head.bias"]
        flat = torch.baddbmm(bias_MO[:, None], y_MBTH.flatten(1, -2), weight_MOH.mT)
        return flat.unflatten(1, y_MBTH.shape[1:-1])

    def _noise(self, seeds: Sequence[int]) -> Tensor | None:
        """Gaussian noise for all weights, drawn for each run as it would draw it alone; None where all have none."""
        if not any(self.deviations):
            return None
        rows = []
        for seed, deviation in zip(seeds, self.deviations):
            reseed(seed, "cpu")
            drawn = [torch.randn(s, dtype=self.weights_MP.dtype).flatten() for s in self.shapes]
            rows.append(torch.cat(drawn) * deviation)
        return torch.stack(rows)


def _detached(scores: Scores) -> Scores:
    assert isinstance(scores.outputs, Tensor)
    assert isinstance(scores.losses, Tensor)
    return replace(scores, outputs=scores.outputs.detach(), losses=scores.losses.detach())


def stands_side_by_side(plan: Plan, ragged: bool = False) -> bool:
    """Whether models are small enough for it, and whether a trial gives the right numbers."""
    if plan.parameters["backbone"] * plan.dataset.batch_size > (LARGEST_RAGGED if ragged else LARGEST):
        return False
    spec = plan.dataset.spec
    model = build_model(plan.backbone, spec, plan.task).train()
    if ragged and getattr(model.backbone, "bidirectional", False):
        return False  # padding would come first
    x_BTI = torch.randn(2, 4, spec.input_size, generator=torch.Generator().manual_seed(0))
    random = torch.get_rng_state()
    alone = model(x_BTI)
    if not torch.equal(random, torch.get_rng_state()):
        return False
    try:
        stack = SideBySide([model, copy.deepcopy(model)], plan.task, spec.per_step)
        outputs = stack.outputs(x_BTI.expand(2, -1, -1, -1))
        torch.autograd.grad(outputs.square().sum(), stack.weights_MP)
    except (RuntimeError, NotImplementedError, ValueError):
        return False
    return torch.allclose(outputs[1], alone, rtol=1e-3, atol=1e-4)
