"""``rnnbench export``: a trained network as one file that needs nothing of rnnbench, checked before it is kept.

Shape suffixes: B sequences, T steps, I inputs of a step.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from rnnbench.data.spec import Batch, DataSpec
from rnnbench.errors import UserError
from rnnbench.layers.exported import Stepwise, own_twin, torch_twin
from rnnbench.training.predict import Trained

Format = Literal["onnx", "torch_export"]
FORMATS = get_args(Format)
FILES = {"onnx": "model.onnx", "torch_export": "model.pt2"}
KEPT = "artifacts.json"  # in a torch_export file; in an ONNX file the metadata of this name
TOLERANCE = 1e-4  # of the largest output
Args = dict[str, Tensor]


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: of the file.
        shapes: of the batches with which it was compared.
        difference: the largest from PyTorch, absolute.
        inputs: names and shapes, as ``inputs (batch, time, 8)``.
    """

    path: Path
    shapes: tuple[tuple[int, int], ...]
    difference: float
    inputs: str


class Deployed(nn.Module):
    """A trained model as a function of tensors: ``inputs (B, T, I)``; ``lengths (B,)`` and ``side (B, S)`` or None.

    Args:
        model: as trained.
        form: what a backbone is replaced by.
    """

    def __init__(self, model: Any, form: Callable[[nn.Module], nn.Module]) -> None:
        super().__init__()
        self.model = copy.deepcopy(model)
        self.model.backbone = Forwards(form(self.model.backbone))
        if getattr(self.model, "decoder", None) is not None:
            self.model.decoder = Forwards(form(self.model.decoder))

    def forward(self, inputs: Tensor, lengths: Tensor | None = None, side: Tensor | None = None) -> Tensor:
        """The outputs of the head."""
        return self.model.run(Batch(inputs, inputs, lengths, side_BS=side)).values


class Forwards(nn.Module):
    """A backbone that runs over padding as over other steps: forwards in time no step depends on later ones."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.bidirectional = getattr(inner, "bidirectional", False)

    def forward(self, input: Tensor, hx: Any = None, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        """As the backbone."""
        return self.inner(input) if hx is None else self.inner(input, hx)


def for_onnx(backbone: nn.Module) -> nn.Module:
    """ONNX has an operator for the LSTM and GRU of ``torch.nn``, not for a projection; torch unrolls an RNN."""
    layer = own_twin(backbone)
    if layer is None:
        return backbone
    twin = torch_twin(layer)
    return twin if isinstance(twin, (nn.LSTM, nn.GRU)) and not twin.proj_size else Stepwise(layer)


def for_torch(backbone: nn.Module) -> nn.Module:
    """``torch.export`` fixes the number of steps of a layer of ``torch.nn``, but not that of a scan."""
    layer = own_twin(backbone)
    return backbone if layer is None else Stepwise(layer)


def export(trained: Trained, to: Format, path: Path, lengths: bool = False) -> Exported:
    """Write a trained model as ``path`` and compare what the file answers with PyTorch, in batches of other shapes.

    Args:
        trained: a run.
        to: the kind of file.
        path: of the file.
        lengths: whether it takes the steps of each sequence as well, so that batches may be padded.

    Raises:
        UserError: the model cannot be exported, the file answers otherwise, or a package is missing.
    """
    _check(trained, to, lengths)
    if path.is_dir():
        raise UserError(f"--output {path}: is a folder; name the file, as {path / FILES[to]}")
    T = 7 if trained.spec.window is None else trained.spec.window.length
    shapes = ((1, T), (5, T + 4))
    model = Deployed(trained.model, for_onnx if to == "onnx" else for_torch).eval()
    temporary = path.with_name(f".{path.name}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with torch.no_grad(), quietly():
            write, args = {"onnx": _onnx, "torch_export": _torch}[to], example(trained.spec, 2, T, lengths)
            answer = write(model, args, trained, temporary)
            difference = max(_difference(trained, answer, shape, lengths) for shape in shapes)
        os.replace(temporary, path)
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{_name(trained)}: no export to {to}: {type(error).__name__}: {reason}") from error
    finally:
        temporary.unlink(missing_ok=True)
    sizes = {"inputs": f"time, {trained.spec.input_size}", "side": str(trained.spec.side_size)}
    told = [f"{name} ({', '.join(['batch', *([sizes[name]] if name in sizes else [])])})" for name in args]
    return Exported(path, shapes, difference, ", ".join(told))


def _name(trained: Trained) -> str:
    return f"{trained.config['model']['name']} on {trained.dataset.name}"


def _check(trained: Trained, to: str, lengths: bool) -> None:
    """What can be refused before anything is tried."""
    if to == "onnx":
        try:
            import onnx  # noqa: F401
            import onnxruntime  # noqa: F401
            import onnxscript  # noqa: F401
        except ImportError as error:
            raise UserError("export --to onnx: needs onnx; run `pip install 'rnnbench[export]'`") from error
    model, name = trained.model, _name(trained)
    if hasattr(model, "transitions"):
        raise UserError(f"{name}: no export of a chain of tags: the search for the best one is not part of the network")
    if trained.spec.writes:
        raise UserError(f"{name}: no export of a network that writes: word by word is a search around it")
    if trained.spec.characters is not None:
        raise UserError(f"{name}: no export of words with characters: which words are equal is found while it runs")
    if not lengths:
        return
    if model.pooling is None or trained.spec.window is not None:
        raise UserError(f"--lengths: {name} answers at every step or reads whole windows: there are none")
    if getattr(model.backbone, "bidirectional", False):
        raise UserError(f"--lengths: {name} reads backwards too, where padding comes first; export without it, "
                        "and give batches of equally long sequences")  # fmt: skip


def example(spec: DataSpec, B: int, T: int, lengths: bool, seed: int = 0) -> Args:
    """Inputs as the data have them, drawn at random; and lengths, one of them T; by the names of the arguments."""
    generator = torch.Generator().manual_seed(seed)
    if spec.vocabulary is None:
        inputs_BTI = torch.randn(B, T, spec.input_size, generator=generator)
    else:
        inputs_BTI = torch.randint(1, spec.vocabulary, (B, T, spec.input_size), generator=generator)
    given = {"inputs": inputs_BTI}
    if lengths:
        given["lengths"] = torch.arange(T, T - B, -1).clamp(min=1)
    if spec.side_size:
        given["side"] = torch.randn(B, spec.side_size, generator=generator)
    return given


def _dynamic(args: Args) -> dict[str, Any]:
    auto = torch.export.Dim.AUTO
    return {name: {0: auto, 1: auto} if name == "inputs" else {0: auto} for name in args}


def _kept(trained: Trained) -> str:
    """What makes inputs and names answers, as ``Dataset.artifacts`` gives it."""
    return json.dumps(trained.artifacts, ensure_ascii=False)


def _onnx(model: nn.Module, args: Args, trained: Trained, path: Path) -> Callable[..., Tensor]:
    import onnxruntime

    given: dict[str, Any] = {"input_names": list(args), "output_names": ["outputs"], "dynamic_shapes": _dynamic(args)}
    program: Any = torch.onnx.export(model, kwargs=args, dynamo=True, verbose=False, **given)
    program.model.metadata_props[KEPT] = _kept(trained)
    _open_steps(program.model.graph)
    program.save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda **args: torch.from_numpy(session.run(None, {name: a.numpy() for name, a in args.items()})[0])


def _open_steps(graph: Any) -> None:
    """Take back that outputs have as many steps as the example: torch says so of what follows an LSTM or a GRU."""
    (outputs,) = graph.outputs
    told = outputs.shape
    for node in graph:
        for value in node.outputs:
            value.shape = None  # whoever reads the file finds them out again
    outputs.shape = type(told)(["steps" if at == 1 < len(told) - 1 else size for at, size in enumerate(told)])


def _torch(model: nn.Module, args: Args, trained: Trained, path: Path) -> Callable[..., Tensor]:
    program = torch.export.export(model, (), kwargs=args, dynamic_shapes=_dynamic(args))
    with path.open("wb") as file:  # a name would have to end in .pt2
        torch.export.save(program, file, extra_files={KEPT: _kept(trained)})
    with path.open("rb") as file:
        return torch.export.load(file).module()


def _difference(trained: Trained, answer: Callable[..., Tensor], shape: tuple[int, int], lengths: bool) -> float:
    """The largest between the file's answers and the model's; raises ``UserError`` for more than rounding."""
    args = example(trained.spec, *shape, lengths, seed=1)
    inputs, steps = args["inputs"], args.get("lengths")
    wanted, found = trained.model.run(Batch(inputs, inputs, steps, side_BS=args.get("side"))).values, answer(**args)
    if found.shape != wanted.shape:
        raise UserError(f"{_name(trained)}: the exported file gives {list(found.shape)}, not {list(wanted.shape)}")
    difference = float((found - wanted).abs().max())
    if not difference <= TOLERANCE * max(1.0, float(wanted.abs().max())):  # NaN, too
        raise UserError(f"{_name(trained)}: the exported file is off by {difference:.3g}; it was not kept")
    return difference


@contextmanager
def quietly() -> Iterator[None]:
    """Without what torch's exporters tell of packages that are not there and of their own plans."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels):
                logger.setLevel(level)


def main(trained: Trained, run: Path, to: Format, output: Path | None, lengths: bool) -> Sequence[str]:
    """``rnnbench export``: the lines that it prints."""
    made = export(trained, to, output or run / FILES[to], lengths)
    by = "onnxruntime" if to == "onnx" else "torch.export"
    shapes = " and ".join(f"{B}x{T}" for B, T in made.shapes)
    return [
        f"{_name(trained)}: {made.inputs} -> outputs; {made.path.stat().st_size / 1024:.0f} KiB",
        f"checked:     {by} and PyTorch differ by {made.difference:.1g} at most, batches of {shapes}",
        f"file:        {made.path}",
    ]
