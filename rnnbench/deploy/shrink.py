"""``rnnbench shrink``: what a trained network loses and gains by 8 bits a weight, or by fewer weights.

Shape suffixes: T steps, I inputs of a step.
"""

from __future__ import annotations

import copy
import io
import statistics
import time
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import prune
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnnbench.data.dataset import Sequences
from rnnbench.data.module import SequenceDataModule
from rnnbench.errors import UserError
from rnnbench.layers.exported import own_twin, torch_twin
from rnnbench.records.store import write_json
from rnnbench.tasks.module import SequenceModule, evaluate
from rnnbench.training.predict import Trained, check_data

FILE = "shrunk.json"
TIMED, ROUNDS = 20, 5  # sequences, and how often each is read


@dataclass
class Variant:
    """A form of the network and what was measured of it.

    Attributes:
        name: for the table.
        weights: numbers that it has.
        nonzero: how many of them are not 0; of one in 8 bits, of what was rounded.
        bytes: of the file with its weights.
        compressed: of that file, deflated: here zeros take no room.
        ms: for one sequence by itself, the median.
        valid: metrics on validation.
        test: on test.
    """

    name: str
    weights: int
    nonzero: int
    bytes: int
    compressed: int
    ms: float = float("nan")
    valid: dict[str, float] | None = None
    test: dict[str, float] | None = None


def int8(model: Any) -> Any:
    """A copy whose LSTM, GRU, linear and embedding layers hold 8 bits a weight; the rest, and all sums, stay float.

    Dynamic quantisation: activations are rounded as they come, by their own range.

    Raises:
        UserError: the backbone has none of these layers.
    """
    from torch.ao import quantization

    model = copy.deepcopy(model)
    for part in ("backbone", "decoder"):
        layer = own_twin(getattr(model, part, None) or nn.Identity())
        twin = None if layer is None else torch_twin(layer)
        if twin is not None and _has_int8(twin):
            setattr(model, part, Packed(twin))
    if not any(type(layer) in (nn.LSTM, nn.GRU, nn.Linear) for layer in model.backbone.modules()):
        raise UserError(
            "its recurrence has no form in int8: torch has one for linear layers, the GRU and the LSTM, these with "
            "biases and without a projection"
        )
    kinds: dict[Any, Any] = dict.fromkeys((nn.LSTM, nn.GRU, nn.Linear), quantization.default_dynamic_qconfig)
    if not any(isinstance(part, nn.Embedding) for part in model.head.modules()):
        kinds[nn.Embedding] = quantization.float_qparams_weight_only_qconfig  # shared ones are read as numbers, too
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that torch.ao will leave torch
        return quantization.quantize_dynamic(model, kinds, dtype=torch.qint8).eval()


def _has_int8(twin: Any) -> bool:
    """Whether torch has this layer in 8 bits: no RNN, no projection, none without biases."""
    return not isinstance(twin, nn.RNN) and not twin.proj_size and twin.bias


class Packed(nn.Module):
    """A layer of ``torch.nn`` as a backbone: with ``lengths``, and of torch's own class, by which it is quantised."""

    def __init__(self, twin: Any) -> None:
        super().__init__()
        sizes = (twin.input_size, twin.hidden_size, twin.num_layers, twin.bias, True, 0.0, twin.bidirectional)
        self.net = nn.LSTM(*sizes) if isinstance(twin, nn.LSTM) else nn.GRU(*sizes)
        self.net.load_state_dict(twin.state_dict())
        self.bidirectional, self.output_size = twin.bidirectional, twin.output_size

    def forward(self, input: Tensor, hx: Any = None, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        """As ``Recurrent``."""
        if lengths is None:
            return self.net(input, hx)
        out, state = self.net(pack_padded_sequence(input, lengths, True, enforce_sorted=False), hx)
        return pad_packed_sequence(out, True, total_length=input.shape[1])[0], state


def matrices(model: nn.Module) -> list[Tensor]:
    """What is pruned: all weights but biases, states and others that are one number a row."""
    return [p for p in model.parameters() if p.dim() >= 2 and p[0].numel() > 1]


@torch.no_grad()
def pruned(model: Any, share: float, together: bool) -> Any:
    """A copy with the ``share`` of weights of the least magnitude at 0, of each matrix or of all ``together``."""
    model = copy.deepcopy(model)
    found, method = matrices(model), prune.L1Unstructured(amount=share)
    flat = [torch.cat([p.flatten() for p in found])] if together else [p.flatten() for p in found]
    masks = torch.cat([method.compute_mask(part, torch.ones_like(part)) for part in flat])
    for p, mask in zip(found, masks.split([p.numel() for p in found])):
        p.mul_(mask.view_as(p))
    return model


def sized(name: str, model: Any, of: nn.Module | None = None) -> Variant:
    """A variant with its sizes; ``of``: the model that it was rounded from."""
    held = io.BytesIO()
    torch.save(model.state_dict(), held)
    counted = list((of or model).parameters())
    total, nonzero = sum(p.numel() for p in counted), sum(int(p.count_nonzero()) for p in counted)
    return Variant(name, total, nonzero, len(held.getvalue()), len(zlib.compress(held.getvalue())))


@torch.no_grad()
def milliseconds(models: Sequence[Any], split: Sequences) -> list[float]:
    """For one sequence, of each model: the median over sequences and rounds, models taking turns."""
    batches = [split.batch(torch.tensor([n])) for n in range(min(TIMED, len(split)))]
    seen: list[list[float]] = [[] for _ in models]
    for turn in range(ROUNDS + 1):
        for batch in batches:
            for model, times in zip(models, seen):
                started = time.perf_counter()
                model.run(batch)
                if turn:  # the first warms up
                    times.append(1e3 * (time.perf_counter() - started))
    return [statistics.median(times) for times in seen]


def shrink(trained: Trained, in_int8: bool, shares: Sequence[float], together: bool) -> tuple[list[Variant], list[str]]:
    """Measure the network as trained and in the forms asked for; and what is to be said of them.

    The test split is read once for each form.

    Raises:
        UserError: there is no form in int8, and nothing else was asked for.
    """
    name, notes = trained.config["model"]["name"], []
    models: dict[str, Any] = {"as trained": trained.model}
    if in_int8:
        try:
            models["int8"] = int8(trained.model)
        except UserError as error:
            if not shares:
                raise UserError(f"{name}: {error}") from error
            notes.append(f"int8: {name}: {error}")
    where = "all" if together else "each matrix"
    for share in shares:
        models[f"pruned {100 * share:g} % of {where}"] = pruned(trained.model, share, together)
    variants = [sized(key, model, trained.model if key == "int8" else None) for key, model in models.items()]
    data = SequenceDataModule(trained.dataset, trained.config["seed"])
    data.setup()
    for variant, ms in zip(variants, milliseconds(list(models.values()), data.splits.valid)):
        variant.ms = ms
    for variant, model in zip(variants, models.values()):
        module = SequenceModule(model, trained.task, trained.spec, _no_optimizer)
        variant.valid = evaluate(module, data.val_dataloader())
        variant.test = evaluate(module, data.test_dataloader())
    return variants, notes


def _no_optimizer(parameters: Any) -> torch.optim.Optimizer:
    raise NotImplementedError("a network that is measured is not trained")


def markdown(variants: Sequence[Variant], primary: str, modes: Sequence[str]) -> str:
    """The table: sizes, time, the metric that selects on validation, and all metrics on test."""
    known = variants[0].test or {}
    columns: list[tuple[str, Callable[[Variant], str]]] = [
        ("network", lambda v: v.name),
        ("KiB", lambda v: f"{v.bytes / 1024:.1f}"),
        ("KiB deflated", lambda v: f"{v.compressed / 1024:.1f}"),
        ("weights not 0", lambda v: f"{v.nonzero:,}"),
        ("ms a sequence", lambda v: f"{v.ms:.3g}"),
        (f"valid {primary}", lambda v: f"{(v.valid or {})[primary]:.4g}"),
        *((f"test {name}", lambda v, name=name: f"{(v.test or {})[name]:.4g}") for name in modes if name in known),
    ]
    rows = [[title for title, _ in columns], ["---", *["---:"] * (len(columns) - 1)]]
    rows += [[cell(variant) for _, cell in columns] for variant in variants]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main(trained: Trained, run: Path, in_int8: bool, shares: Sequence[float], together: bool) -> list[str]:
    """``rnnbench shrink``: the lines that it prints, and ``shrunk.json`` in the run's directory."""
    if not in_int8 and not shares:
        in_int8, shares = True, (0.5, 0.8, 0.9)
    check_data(trained, run)
    variants, notes = shrink(trained, in_int8, shares, together)
    threads = torch.get_num_threads()
    write_json(run / FILE, {"schema": 1, "threads": threads, "variants": [asdict(v) for v in variants], "notes": notes})
    task = trained.task
    return [
        markdown(variants, task.primary, list(task.modes)),
        "",
        *notes,
        f"The test split was read once for each row. Times: median of {ROUNDS} rounds over {TIMED} sequences at most, "
        f"one at a time, rows taking turns; threads: {threads}. Zeros save room in a deflated file, no time.",
        f"numbers:     {run / FILE}",
    ]
