"""The module against a training loop written out by hand."""

from functools import partial

import lightning as L
import pytest
import torch
from torch import nn

from rnnbench.data.dataset import Sequences
from rnnbench.data.loader import BatchLoader
from rnnbench.data.spec import DataSpec
from rnnbench.layers import TorchGRU
from rnnbench.models import Embedding, build_model
from rnnbench.tasks import Classification, Regression
from rnnbench.tasks.module import Diverged, SequenceModule, evaluate

SPEC = DataSpec("regression", 2, 1)
DATA = Sequences(
    torch.randn(12, 5, 2, generator=torch.Generator().manual_seed(0)),
    torch.randn(12, 1, generator=torch.Generator().manual_seed(1)),
)


def build(lr=0.1, **options):
    model = build_model(
        lambda input_size, batch_first: TorchGRU(input_size, 3, batch_first=batch_first), SPEC, Regression(), (1, 2, 3)
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


# --- carried state

STREAM = DataSpec("classification", 1, 5, per_step=True, carries_state=True, vocabulary=5)


def cut(ids, streams, steps):
    """Sequences of ``steps`` out of ``streams`` parallel halves of a long one, the next symbol as the target."""
    rows = ids[: (len(ids) - 1) // streams * streams + 1]
    inputs, targets = (part.view(streams, -1) for part in (rows[:-1], rows[1:]))
    pieces = [(x, y) for x, y in zip(inputs.split(steps, 1), targets.split(steps, 1))]
    return Sequences(
        [row[:, None] for x, _ in pieces for row in x], [row for _, y in pieces for row in y], streams=streams
    )


def language_model(lr=0.5):
    task = Classification(encoder=partial(Embedding, size=3))
    model = build_model(
        lambda input_size, batch_first: TorchGRU(input_size, 4, batch_first=batch_first), STREAM, task, (1, 2, 3)
    )
    return SequenceModule(model, task, STREAM, lambda p: torch.optim.SGD(p, lr=lr))


IDS = torch.randint(0, 5, (61,), generator=torch.Generator().manual_seed(0))


def test_state_goes_from_batch_to_batch_and_no_gradient_with_it():
    data, module, plain = cut(IDS, 2, 7), language_model(), language_model()
    loaders = BatchLoader(data, 99, 0, shuffle=True), BatchLoader(data, 1, 0, shuffle=True)
    L.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    ).fit(module, *loaders)
    weights = list(plain.model.parameters())
    for _ in range(2):
        state = None
        for batch in BatchLoader(data, 99, 0, shuffle=False):
            assert len(batch) == 2
            x, _ = plain.model.encoder(batch.inputs_BTI, None)
            y, state = plain.model.backbone(x, state)
            state = state.detach()
            loss = nn.functional.cross_entropy(plain.model.head(y).flatten(0, 1), batch.targets.flatten())
            for p, g in zip(weights, torch.autograd.grad(loss, weights)):
                p.data -= 0.5 * g
    for ours, theirs in zip(module.model.parameters(), weights):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    whole = Sequences(IDS[None, :-1, None], IDS[None, 1:])
    one_stream = evaluate(module, BatchLoader(cut(IDS, 1, 9), 1, 0, shuffle=False))
    assert one_stream == pytest.approx(evaluate(module, BatchLoader(whole, 1, 0, shuffle=False)), rel=1e-5)
    assert module.series["valid/nll"][-1] == pytest.approx(
        evaluate(module, BatchLoader(data, 1, 0, shuffle=False))["nll"], rel=1e-5
    )


def test_the_carried_state_is_in_the_checkpoint():
    module, again, kept = language_model(), language_model(), {}
    batches = list(BatchLoader(cut(IDS, 2, 7), 2, 0, shuffle=False))
    module.scheduler = None
    module.training_step(batches[0], 0)
    module.on_save_checkpoint(kept)
    again.on_load_checkpoint(kept)
    again.load_state_dict(module.state_dict())
    assert torch.equal(module.training_step(batches[1], 1), again.training_step(batches[1], 1))
    assert not torch.equal(module.training_step(batches[1], 1), language_model().training_step(batches[1], 1))
