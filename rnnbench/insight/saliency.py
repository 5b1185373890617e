"""``rnnbench inspect --saliency``: how much each token, or each variable at each step, has to do with an answer.

Shape suffixes: B sequences, T steps, I inputs of a step, E features of a token's vector, O outputs, V variables shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from rnnbench.data.running_text import RunningText, user_text
from rnnbench.data.seeding import derive
from rnnbench.data.spec import Batch
from rnnbench.data.text import UNKNOWN, user_texts
from rnnbench.errors import UserError
from rnnbench.insight.heat import draw
from rnnbench.records.events import write_image
from rnnbench.records.files import write_whole
from rnnbench.tasks import Classification, Forecasting, LanguageModelling, Polyphonic, Regression, Tagging
from rnnbench.training.predict import Trained

Method = Literal["integrated", "gradient"]
METHODS = get_args(Method)
POINTS = (64, 256, 1024)  # of the Gauss-Legendre rule along the path: more where the shares do not yet sum up
SCORED = (Classification, Tagging, LanguageModelling, Forecasting, Regression, Polyphonic)
CLOSE = 1e-3  # of what they must sum to


@dataclass(frozen=True)
class Attribution:
    """What one answer rests on.

    Attributes:
        title: which number is explained, and its value.
        shares_TV: of each step and variable; one variable for tokens.
        seen_TV: the input; empty for tokens.
        names: of the variables, or the tokens.
        score: what is explained, f(x).
        gap: f(x) - f(baseline) less the sum of the shares: 0 for a path that is followed closely enough; None of
            gradients, which do not sum to anything.
    """

    title: str
    shares_TV: np.ndarray
    seen_TV: np.ndarray
    names: tuple[str, ...]
    score: float
    gap: float | None

    @property
    def of_tokens(self) -> bool:
        """Whether the names are tokens, one a step."""
        return not self.seen_TV.size


def attribute(trained: Trained, batch: Batch, method: Method = "integrated", target: str | None = None,
              tokens: Sequence[str] | None = None) -> Attribution:  # fmt: skip
    """What the answer to one sequence rests on.

    ``integrated``: integrated gradients, the integral of the gradient along the straight line from a baseline to the
    input, times the way (Sundararajan, Taly and Yan 2017, arXiv:1703.01365); the shares sum to f(input) - f(baseline).
    The baseline is an input of zeros, or a vector of zeros for each token, which is that of the padding. What belongs
    to the whole sequence stays as it is.
    ``gradient``: how strongly the answer changes with the input there (Simonyan, Vedaldi and Zisserman 2014,
    arXiv:1312.6034): magnitudes, for a token the norm over its vector.

    Args:
        trained: a run.
        batch: one sequence, as its dataset gives it.
        method: see above.
        target: the class to explain; None: the likeliest one.
        tokens: the words of a text as they were written; None: as the vocabulary has them.

    Raises:
        UserError: no single score says what the task answers; an unknown ``target``.
    """
    from captum.attr import Saliency

    model, of_tokens, gap = trained.model, trained.spec.vocabulary is not None, None
    pick: Callable[[Tensor], Tensor] = lambda values: values  # noqa: E731

    def forward(x_BTE: Tensor) -> Tensor:
        side_BS = None if batch.side_BS is None else batch.side_BS.expand(len(x_BTE), -1)
        return pick(model.run(Batch(x_BTE, x_BTE, side_BS=side_BS)).values)

    _check(trained)
    x_BTE = batch.inputs_BTI if not of_tokens else model.encoder(batch.inputs_BTI, None)[0].detach()
    with bare(model) if of_tokens else nullcontext():
        with torch.no_grad():
            name, pick = explained(trained, forward(x_BTE), target)
            score = float(forward(x_BTE))
        if method == "integrated":
            shares_BTE, gap = integrated(forward, x_BTE)
        else:
            shares_BTE = Saliency(forward).attribute(x_BTE.requires_grad_())
    title, shares_TE = f"{name}: {score:.3g}", shares_BTE[0].detach()
    if not of_tokens:
        return Attribution(title, shares_TE.numpy(), x_BTE[0].detach().numpy(), variables(trained), score, gap)
    shares_T1 = shares_TE.sum(-1, True) if method == "integrated" else shares_TE.norm(dim=-1, keepdim=True)
    words = tuple(tokens or written(trained, batch.inputs_BTI[0, :, 0].tolist()))
    return Attribution(title, shares_T1.numpy(), np.empty((0, 0)), words, score, gap)


def _check(trained: Trained) -> None:
    """Raise ``UserError`` for tasks whose answers are chosen as a whole."""
    if hasattr(trained.model, "transitions") or not isinstance(trained.task, SCORED):
        name = f"{trained.config['task']['name']} on {trained.dataset.name}"
        raise UserError(f"--saliency: {name} is answered by a whole sequence, of which no single score tells")


def integrated(forward: Callable[[Tensor], Tensor], x_BTE: Tensor) -> tuple[Tensor, float]:
    """Integrated gradients from zeros to one sequence, and what they lack of their sum."""
    from captum.attr import IntegratedGradients

    shares_BTE, gap = x_BTE, 0.0
    for points in POINTS:
        rule = {"n_steps": points, "method": "gausslegendre", "internal_batch_size": POINTS[0]}
        shares_BTE, delta_B = IntegratedGradients(forward).attribute(x_BTE, 0, return_convergence_delta=True, **rule)
        gap = -float(delta_B)
        if abs(gap) <= CLOSE * abs(float(shares_BTE.sum()) + gap):
            break
    return shares_BTE, gap


@contextmanager
def bare(model: Any) -> Any:
    """``model`` without its encoder: it reads vectors in place of tokens."""
    encoder, model.encoder = model.encoder, None
    try:
        yield
    finally:
        model.encoder = encoder


def explained(trained: Trained, values: Tensor, target: str | None) -> tuple[str, Callable[[Tensor], Tensor]]:
    """Which number of the outputs ``(1, O)`` or ``(1, T, O)`` is explained: its name, and what picks it ``(B,)``.

    Of a class its score; of a forecast and a regression the mean of what is predicted. Of outputs at every step those
    of the last step.
    """
    task = trained.task
    last: Callable[[Tensor], Tensor] = (lambda v: v[:, -1]) if values.dim() == 3 else (lambda v: v)
    if not isinstance(task, (Classification, Tagging, LanguageModelling)):
        if target is not None:
            raise UserError(f"--target {target}: {task.name} has no classes")
        if isinstance(task, Forecasting):
            return "forecast, scaled, its mean", lambda v: task.point(last(v)).mean(-1)
        return "mean of the outputs", lambda v: last(v).mean(-1)
    names = classes(trained)
    sigmoid = last(values).shape[-1] == 1
    likeliest = int(last(values)[0, 0] > 0) if sigmoid else int(last(values)[0].argmax())
    if target is not None and target not in names:
        known = (name if name.split() == [name] else repr(name) for name in names[:50])  # a line break is a token, too
        raise UserError(f"--target {target}: choose one of {', '.join(known)}")
    chosen = likeliest if target is None else names.index(target)
    when = "" if values.dim() == 2 else "next " if isinstance(task, LanguageModelling) else "last step "
    name = f"score of {when}{names[chosen]!r}"
    if sigmoid:  # one score, for the second class
        return name, lambda v: last(v)[:, 0] * (1 if chosen else -1)
    return name, lambda v: last(v)[:, chosen]


def classes(trained: Trained) -> list[str]:
    """Names of the classes; their numbers where the run has none."""
    kept = trained.artifacts
    names = kept.get("labels") or kept.get("tags") or kept.get("vocabulary")
    return list(names) if names else [str(number) for number in range(trained.spec.target_size)]


def written(trained: Trained, ids_T: Sequence[int]) -> list[str]:
    """The tokens of ids, as far as the vocabulary has them."""
    if isinstance(trained.dataset, RunningText):
        return [trained.artifacts["vocabulary"][i - 1] for i in ids_T]
    words = trained.artifacts["words"]
    return [words[i - UNKNOWN - 1] if i > UNKNOWN else "<unknown>" for i in ids_T]


def variables(trained: Trained) -> tuple[str, ...]:
    """Names of the inputs of a step, by their number where the run has none."""
    size = trained.spec.input_size
    names = list(trained.artifacts.get("features", ()))[:size]
    return (*names, *(f"input {number}" for number in range(len(names) + 1, size + 1)))


def sequences(trained: Trained, source: str, count: int) -> list[tuple[Batch, list[str] | None]]:
    """The first ``count`` sequences of a user's input, or of validation where ``source`` is empty; and their words.

    Raises:
        UserError: for an input that does not serve.
    """
    dataset = trained.dataset
    if source and isinstance(dataset, RunningText):
        ids_1T1 = dataset.begin(user_text(source), trained.artifacts)[None, :, None]
        return [(Batch(ids_1T1, ids_1T1), None)]
    if source:
        given = dataset.read(source, trained.artifacts)
    else:
        given = dataset.load(derive(trained.config["seed"], "data")).valid
    rows = [given.batch(torch.tensor([n])) for n in range(min(count, len(given)))]
    texts = user_texts(source) if source and trained.spec.vocabulary else [None] * len(rows)
    return [(row, None if words is None else words[: row.inputs_BTI.shape[1]]) for row, words in zip(rows, texts)]


def saliency(
    runs: Sequence[tuple[str, Path, Trained]], source: str, method: Method, target: str | None, count: int, path: Path
) -> list[str]:
    """Draw what answers of runs rest on: one picture of all, and each run's own in its TensorBoard.

    Args:
        runs: labels, directories and runs.
        source: an input of the user's own, as for ``rnnbench predict``; empty: sequences of validation.
        method: see ``attribute``.
        target: the class to explain; None: the likeliest of each sequence.
        count: how many sequences are looked at.
        path: of the PNG.

    Returns:
        a line for each run and sequence.
    """
    panels: list[tuple[str, Attribution]] = []
    lines = []
    for label, folder, trained in runs:
        given = sequences(trained, source, count)
        own = [(label, attribute(trained, row, method, target, words)) for row, words in given]
        lines += [f"{label:<32} {line(found)}" for _, found in own]
        if trained.config["logger"]["tensorboard"]:
            write_image(folder, "saliency", *draw(own, method))
        panels += own
    write_whole(path, draw(panels, method)[0])
    return lines


def line(found: Attribution) -> str:
    """The answer, what the shares sum to, and where the strongest stand."""
    V = found.shares_TV.shape[1]
    order = np.argsort(-np.abs(found.shares_TV), axis=None)[:3]
    places = [divmod(int(i), V) for i in order]
    if found.of_tokens:
        strongest = ", ".join(f"{found.names[t]!r} {found.shares_TV[t, 0]:+.3g}" for t, _ in places)
    else:
        strongest = ", ".join(f"{found.names[v]} at step {t + 1} {found.shares_TV[t, v]:+.3g}" for t, v in places)
    whole = "" if found.gap is None else f"; all sum to {found.shares_TV.sum():+.3g} (off by {abs(found.gap):.1g})"
    return f"{found.title}; most from {strongest}{whole}"
