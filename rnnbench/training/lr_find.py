"""``rnnbench lr-find``: one short training whose learning rate grows, and the rate at which the loss falls fastest.

The range test of Smith 2017, arXiv:1506.01186, with rates evenly apart on a log scale, by Lightning's ``Tuner``.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import math
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stderr
from pathlib import Path

import numpy as np
import torch

from rnnbench.data.module import SequenceDataModule
from rnnbench.data.seeding import derive
from rnnbench.errors import UserError
from rnnbench.tasks.module import SequenceModule
from rnnbench.training.command import list_jobs, refuse_idle
from rnnbench.training.compose import Composer, any_budget
from rnnbench.training.devices import quiet, use_processor
from rnnbench.training.pictures import save_picture
from rnnbench.training.plan import Plan, make_plan
from rnnbench.training.run import DOUBLE, build_module, read_vectors

BETA = 0.98  # of Lightning's running average of the loss
DIVERGED = 4.0  # times the lowest average so far ends the test
WIDTH = 1 / 20  # of the Gaussian under which losses are averaged, in all steps
FEWEST = 10  # steps that say something


class Probe(SequenceModule):
    """A module whose test ends where the loss is no longer a number, in place of failing."""

    def _check_finite(self) -> None:
        if not torch.isfinite(self.loss_sum):
            self.trainer.should_stop = True


def main(arguments: Sequence[str], parser: argparse.ArgumentParser) -> int:
    """Run ``rnnbench lr-find arguments``; the exit code."""
    args = parser.parse_intermixed_args(list(arguments))
    if not 0 < args.min_lr < args.max_lr < math.inf:
        rates = f"--min-lr {args.min_lr:g} --max-lr {args.max_lr:g}"
        raise UserError(f"{rates}: must be above 0 and finite, and the first be less")
    if args.out.is_dir():
        raise UserError(f"--out {args.out}: is a folder; name the picture, as {args.out / 'lr_find.png'}")
    refuse_idle(args.overrides, launches=False)
    overrides = [any_budget(override) for override in args.overrides]
    plan = make_plan(Composer(args.config_dir).one(overrides), overrides)
    if plan.config["dry_run"]:
        return list_jobs([plan])
    rates, losses = range_test(plan, args.min_lr, args.max_lr, args.steps)
    found = suggestion(rates, losses)
    draw(plan, rates, losses, found, args.out)
    name = f"{plan.job.model} on {plan.job.dataset}, {len(rates)} steps from {rates[0]:.1g} to {rates[-1]:.2g}"
    if found is None:
        print(f"{name}: the loss falls nowhere, no rate to suggest; try other --min-lr, --max-lr or more --steps")
    else:
        before = plan.config["optimizer"]["lr"]
        print(f"{name}: the loss falls fastest at\noptimizer.lr={found:.2g} (the configuration has {before:g})")
    print(f"picture:     {args.out}")
    return 0


def range_test(plan: Plan, low: float, high: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Learning rates and the loss of a batch there, ``(steps,)`` each or fewer where the loss ran away.

    Trains weights of its own, in a folder of its own that is gone afterwards; no run is touched.

    Raises:
        UserError: the run would train on several devices; the loss is not a number even at the lowest rate.
    """
    import lightning as L
    from lightning.pytorch.tuner import Tuner

    settings = plan.config["trainer"]
    if settings["devices"] not in (1, "1", "auto"):
        raise UserError("lr-find: looks on one device, set trainer.devices=1")
    quiet()
    use_processor(plan.config["threads"])
    data = SequenceDataModule(plan.dataset, plan.job.seed)
    data.setup()
    artifacts = plan.dataset.artifacts()
    plan.task.bind(artifacts)
    module = build_module(dataclasses.replace(plan, scheduler=None), Probe)
    read_vectors(plan, module, artifacts)
    torch.manual_seed(derive(plan.job.seed, "step", 0))
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):  # its progress bar has no switch
        trainer = L.Trainer(
            max_epochs=-1,
            check_val_every_n_epoch=steps + 1,
            accelerator=settings["accelerator"],
            devices=1,
            precision=DOUBLE.get(settings["precision"], settings["precision"]),  # type: ignore[arg-type]
            limit_train_batches=plan.config["debug"]["limit_batches"],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            default_root_dir=folder,
        )
        options = {"num_training": steps, "early_stop_threshold": DIVERGED, "update_attr": False}
        finder = Tuner(trainer).lr_find(module, datamodule=data, min_lr=low, max_lr=high, **options)
    assert finder is not None
    rates, averages = (np.array(finder.results[name], dtype=float) for name in ("lr", "loss"))
    averages *= 1 - BETA ** np.arange(2, len(averages) + 2)  # as Lightning divides
    losses = (averages - BETA * np.concatenate([[0.0], averages[:-1]])) / (1 - BETA)
    kept = np.isfinite(losses)
    if not kept.any():
        raise UserError("lr-find: the loss is not a number from the first step on; look at the data, or lower --min-lr")
    return rates[: len(losses)][kept], losses[kept]


def smooth(losses: np.ndarray) -> np.ndarray:
    """Averages over steps before and after alike: a running average would lag behind, and name too high a rate."""
    from scipy.ndimage import gaussian_filter1d

    return gaussian_filter1d(losses, WIDTH * len(losses), mode="nearest")


def suggestion(rates: np.ndarray, losses: np.ndarray) -> float | None:
    """The rate where the loss falls fastest, with the logarithm of the rate, on its way to its lowest; None: nowhere.

    Not Lightning's own suggestion, which takes the slope over the rate itself: on rates evenly apart on a log scale
    that finds the noise at the lowest ones.
    """
    if len(rates) < FEWEST:
        return None
    mean = smooth(losses)
    slopes = np.gradient(mean, np.log(rates))[: mean.argmin() + 1]
    return float(rates[slopes.argmin()]) if slopes.min() < 0 else None


def draw(plan: Plan, rates: np.ndarray, losses: np.ndarray, found: float | None, path: Path) -> None:
    """Write the picture, a PNG unless the name says otherwise: the loss over the rate, and where it falls fastest."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    ax, mean = figure.subplots(), smooth(losses)
    ax.semilogx(rates, losses, ".", color="tab:gray", alpha=0.6, label="of a batch")
    ax.semilogx(rates, mean, label="average")
    if found is not None:
        ax.plot(found, mean[rates == found][0], "o", color="tab:red", label=f"optimizer.lr={found:.2g}")
    low, high = mean.min(), mean[: mean.argmin() + 1].max()
    ax.set_ylim(low - 0.3 * (high - low) - 1e-6, high + 0.3 * (high - low) + 1e-6)  # not up to where it runs away
    ax.legend()
    title = f"{plan.job.model} on {plan.job.dataset}, seed {plan.job.seed}"
    ax.set(xlabel="learning rate", ylabel="training loss", title=title)
    save_picture(figure, path)
