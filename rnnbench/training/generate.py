"""``rnnbench generate``: text from a trained language model, token by token."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rnnbench.data.running_text import RunningText
from rnnbench.data.spec import Batch
from rnnbench.errors import UserError
from rnnbench.training.predict import Trained


@torch.no_grad()
def generate(trained: Trained, prompt: str, length: int, temperature: float, seed: int) -> str:
    """``prompt`` and ``length`` tokens that go on from it.

    Args:
        trained: a language model.
        prompt: text that goes before; may be empty.
        length: tokens to draw.
        temperature: the scores are divided by it: 1 draws as the model believes, 0 takes the likeliest token.
        seed: of the drawing.

    Raises:
        UserError: the run is of another task, or ``prompt`` has a token that the model does not know.
    """
    dataset, artifacts = trained.dataset, trained.artifacts
    if not isinstance(dataset, RunningText):
        raise UserError(f"the run is of {trained.spec.task} on {dataset.name}: only a language model generates text")
    if not temperature >= 0:  # NaN, too
        raise UserError(f"temperature={temperature:g}: must be at least 0")
    if not -(2**63) <= seed < 2**64:
        raise UserError(f"seed={seed}: must have at most 64 bits")
    generator = torch.Generator().manual_seed(seed)
    written: list[int] = dataset.begin(prompt, artifacts).tolist()
    fresh, state = written, None
    for _ in range(length):
        scores_O, state = _scores(trained, fresh, state)
        written = [*written, 1 + draw(scores_O, temperature, generator)]
        fresh = written if state is None else written[-1:]  # a model that carries nothing reads all of it again
    return dataset.written(written[1:], artifacts)


def _scores(trained: Trained, ids: list[int], state: Any) -> tuple[Tensor, Any]:
    """Of every token to come after ``ids`` ``(O,)``, and the state there."""
    ids_BTI = torch.tensor(ids)[None, :, None]
    outputs = trained.model.run(Batch(ids_BTI, ids_BTI), state)
    return outputs.values[0, -1], outputs.state


def draw(scores_O: Tensor, temperature: float, generator: torch.Generator) -> int:
    """A place in ``scores_O``, with probability softmax(scores / temperature); the highest at temperature 0."""
    if temperature == 0:
        return int(scores_O.argmax())
    below_O = scores_O.double() - scores_O.max()  # the likeliest stays 0, and finite, at any temperature
    p_O = (below_O / temperature).softmax(-1)
    return int(torch.multinomial(p_O, 1, generator=generator))
