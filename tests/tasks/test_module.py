"""The module against a training loop written out by hand."""

import lightning as L
import pytest
import torch
from torch import nn

from rnnbench.data.dataset import Sequences
from rnnbench.data.loader import BatchLoader
from rnnbench.data.spec import DataSpec
from rnnbench.layers import TorchGRU
from rnnbench.models import build_model
from rnnbench.tasks import Regression
from rnnbench.tasks.module import Diverged, SequenceModule, evaluate

SPEC = DataSpec("regression", 2, 1)
DATA = Sequences(
    torch.randn(12, 5, 2, generator=torch.Generator().manual_seed(0)),
    torch.randn(12, 1, generator=torch.Generator().manual_seed(1)),
)


def build(lr=0.1, **options):
    model = build_model(
        lambda input_size, batch_first: TorchGRU(input_size, 3, batch_first=batch_first), SPEC, 1, "last", (1, 2)
    )
    return SequenceModule(model, Regression(), SPEC, lambda p: torch.optim.SGD(p, lr=lr), **options)


class Seeded(L.Callback):
    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        torch.manual_seed(100 + trainer.global_step)


def fit(module, epochs=2):
    L.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[Seeded()],
    ).fit(module, BatchLoader(DATA, 4, 0, shuffle=True), BatchLoader(DATA, 6, 0, shuffle=False))
    return module


def by_hand(module, epochs=2, lr=0.1, clip_norm=None, clip_value=None, weight_noise=0.0):
    """Mean loss and mean gradient norm of each epoch; ``module.model`` is trained."""
    weights, step, points = list(module.model.parameters()), 0, []
    for epoch in range(epochs):
        losses, norms = [], []
        loader = BatchLoader(DATA, 4, 0, shuffle=True)
        loader.sampler.set_epoch(epoch)
        for batch in loader:
            torch.manual_seed(100 + step)
            noise = [weight_noise * torch.randn_like(p) if weight_noise else torch.zeros_like(p) for p in weights]
            for p, n in zip(weights, noise):
                p.data += n
            loss = (module.model(batch.inputs_BTI) - batch.targets).square().mean()
            grads = torch.autograd.grad(loss, weights)
            for p, n in zip(weights, noise):
                p.data -= n
            norm = torch.cat([g.flatten() for g in grads]).norm()
            if clip_norm is not None and norm > clip_norm:
                grads = [g * clip_norm / norm for g in grads]
            if clip_value is not None:
                grads = [g.clamp(-clip_value, clip_value) for g in grads]
            for p, g in zip(weights, grads):
                p.data -= lr * g
            losses.append(float(loss))
            norms.append(float(norm))
            step += 1
        points.append((sum(losses) / len(losses), sum(norms) / len(norms)))
    return points


@pytest.mark.parametrize(
    "options",
    [{}, {"clip_norm": 0.1}, {"clip_value": 0.01}, {"weight_noise": 0.1}, {"weight_noise": 0.1, "clip_norm": 0.1}],
    ids=str,
)
def test_against_a_loop_by_hand(options):
    module, plain = fit(build(**options)), build()
    points = by_hand(plain, **options)
    for ours, theirs in zip(module.model.parameters(), plain.model.parameters()):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    assert module.series["train/loss"] == pytest.approx([loss for loss, _ in points], rel=1e-5)
    assert module.series["grad_norm"] == pytest.approx([norm for _, norm in points], rel=1e-4)  # before clipping
    valid = evaluate(module, BatchLoader(DATA, 5, 0, shuffle=False))
    assert module.series["valid/mse"][-1] == pytest.approx(valid["mse"], rel=1e-5)
    outputs = plain.model(DATA.inputs)
    assert valid["loss"] == pytest.approx(nn.functional.mse_loss(outputs, DATA.targets).item(), rel=1e-4)


def test_schedule_steps_once_an_epoch():
    module = build()
    module.make_scheduler = lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    assert fit(module, epochs=5).series["lr"] == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])


def test_plateau_watches_validation():
    module = build(lr=0.0)  # nothing ever improves after the first epoch
    module.make_scheduler = lambda optimizer: torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    fit(module, epochs=4)
    assert module.scheduler.num_bad_epochs + 0 <= 1
    assert module.scheduler.best == pytest.approx(module.series["valid/mse"][0])


def test_divergence_ends_training():
    with pytest.raises(Diverged, match="not finite at step"):
        fit(build(lr=1e30), epochs=20)


def test_evaluate_leaves_weights_and_metrics_alone():
    module = build()
    before = [p.clone() for p in module.parameters()]
    first = evaluate(module, BatchLoader(DATA, 5, 0, shuffle=False))
    assert evaluate(module, BatchLoader(DATA, 12, 0, shuffle=False)) == pytest.approx(first, rel=1e-5)
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters()))
    constant = evaluate(module, BatchLoader(DATA, 5, 0, shuffle=False), torch.tensor([0.5]))
    assert constant["mse"] == pytest.approx((DATA.targets - 0.5).square().mean().item(), rel=1e-5)
    assert evaluate(module, []) == {}
