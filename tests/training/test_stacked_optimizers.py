"""Optimisers of several runs in one tensor, against ``torch.optim`` on each run."""

import pytest
import torch

from rnnbench.training.stacked_optimizers import StackedOptimizer, why_not_stacked

CASES = [
    ("SGD", [{"lr": 0.1}, {"lr": 0.01, "weight_decay": 0.1}]),
    ("SGD", [{"lr": 0.1, "momentum": 0.9, "dampening": 0.2}, {"lr": 0.01, "dampening": 0.2}]),
    ("SGD", [{"lr": 0.1, "momentum": 0.9, "nesterov": True}, {"lr": 0.01, "momentum": 0.5}]),
    ("RMSprop", [{"lr": 0.1}, {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1, "alpha": 0.5}]),
    ("RMSprop", [{"lr": 0.1, "centered": True}, {"lr": 0.01, "centered": True, "alpha": 0.5}]),
    ("Adam", [{"lr": 0.1}, {"lr": 0.01, "weight_decay": 0.1, "betas": (0.5, 0.9), "eps": 1e-3}]),
    ("AdamW", [{"lr": 0.1, "weight_decay": 0.0}, {"lr": 0.01, "weight_decay": 0.1}]),
]


def runs_of(weights_MP):
    """For each run a matrix and a vector, views of its row."""
    made = []
    for row in weights_MP:
        views = [row[:6].view(2, 3), row[6:]]
        made.append([torch.nn.Parameter(torch.empty_like(v)) for v in views])
        for p, view in zip(made[-1], views):
            p.data = view
    return made


def step_both(stacked, alone, theirs, step, random):
    """One update of both runs by the same random gradients: stacked, and by torch on the weights in ``theirs``."""
    grad_MP = torch.randn(2, 7, dtype=torch.float64, generator=random)
    stacked.step(grad_MP, torch.full((2, 1), float(step), dtype=torch.float64))
    for m, optimizer in enumerate(alone):
        theirs[m][0].grad, theirs[m][1].grad = grad_MP[m, :6].view(2, 3).clone(), grad_MP[m, 6:].clone()
        optimizer.step()


@pytest.mark.parametrize(("name", "settings"), CASES, ids=str)
def test_equals_torch(name, settings):
    kind, random = getattr(torch.optim, name), torch.Generator().manual_seed(0)
    weights_MP = torch.randn(2, 7, dtype=torch.float64, generator=random)
    ours, theirs = runs_of(weights_MP), runs_of(weights_MP.clone())
    own = [kind(p, **s) for p, s in zip(ours, settings)]
    alone = [kind(p, **s) for p, s in zip(theirs, settings)]
    stacked = StackedOptimizer(own, weights_MP)
    for step in range(1, 21):
        if step == 8:  # as a schedule would
            for group in (g for optimizer in own + alone for g in optimizer.param_groups):
                group["lr"] *= 0.5
            stacked.read()
        if step == 14:  # a run that goes on, from the state that its own optimiser has
            stacked.export([step - 1] * 2)
            stacked = StackedOptimizer(own, weights_MP)
        step_both(stacked, alone, theirs, step, random)
    stacked.export([20, 20])
    for m in range(2):
        torch.testing.assert_close(ours[m], theirs[m], rtol=1e-12, atol=1e-14)
        states = [optimizer.state_dict()["state"] for optimizer in (own[m], alone[m])]
        assert states[0].keys() == states[1].keys()
        for key, state in states[1].items():
            known = {k: v for k, v in state.items() if v is not None}
            torch.testing.assert_close(states[0][key], known, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["SGD", "RMSprop"])
def test_momentum_that_a_schedule_puts_to_rest_goes_on_later(name):
    kind, random = getattr(torch.optim, name), torch.Generator().manual_seed(0)
    weights_MP = torch.randn(2, 7, dtype=torch.float64, generator=random)
    ours, theirs = runs_of(weights_MP), runs_of(weights_MP.clone())
    own, alone = ([kind(p, lr=0.1, momentum=0.9) for p in of_runs] for of_runs in (ours, theirs))
    stacked = StackedOptimizer(own, weights_MP)
    for step in range(1, 10):
        if step in (3, 6):
            for optimizer in own[:1] + alone[:1]:
                optimizer.param_groups[0]["momentum"] = 0.0 if step == 3 else 0.9
            stacked.read()
        if step == 4:  # another run has left
            stacked.export([step - 1] * 2)
            stacked = StackedOptimizer(own, weights_MP)
        step_both(stacked, alone, theirs, step, random)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)


def test_a_rate_of_decay_next_to_1_loses_no_digits_in_single_precision():
    weights_MP, random = torch.ones(1, 7), torch.Generator().manual_seed(0)
    ours, theirs = runs_of(weights_MP)[0], runs_of(weights_MP.clone())[0]
    own, alone = (torch.optim.Adam(p, lr=0.1, betas=(0.9, 0.9999)) for p in (ours, theirs))
    stacked = StackedOptimizer([own], weights_MP)
    for step in range(1, 6):
        grad_MP = torch.randn(1, 7, generator=random)
        stacked.step(grad_MP, torch.full((1, 1), float(step), dtype=torch.float64))
        theirs[0].grad, theirs[1].grad = grad_MP[0, :6].view(2, 3).clone(), grad_MP[0, 6:].clone()
        alone.step()
    squares = [optimizer.state[p[0]]["exp_avg_sq"] for optimizer, p in ((own, ours), (alone, theirs))]
    torch.testing.assert_close(*squares, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [("Adam", {"amsgrad": True}, "amsgrad"), ("Adamax", {}, "no form"), ("SGD", {"lr": 0.1, "maximize": True}, "max")],
)
def test_what_has_no_form_says_why(name, options, words):
    optimizer = getattr(torch.optim, name)([torch.nn.Parameter(torch.zeros(1))], **options)
    assert words in (why_not_stacked(optimizer) or "")


def test_what_has_one():
    assert why_not_stacked(torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])) is None
