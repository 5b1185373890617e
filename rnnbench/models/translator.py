"""A backbone that reads a sentence and a second one that writes its translation, with or without attention.

Shape suffixes: B sentences, S their words, T words of translations with the end, K hypotheses, E features of a word's
vector, H features of the decoder's output, M those of the encoder's, O tokens to choose from, N tokens that count.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from rnnbench.data.spec import EDGE, Batch, Outputs
from rnnbench.layers.yardstick import Yardstick
from rnnbench.models.attention import Lookup, Memory, Score
from rnnbench.models.decoding import beam_search
from rnnbench.models.model import SequenceModel, pool

NEVER = (0, 1)  # padding and the unknown word are not written
FACTOR, EXTRA = 2, 10  # a translation may have twice the words of its sentence, and some more

Mechanism = Literal["none", "bahdanau", "luong"]


class Translator(SequenceModel):
    """Encoder-decoder with teacher forcing (Sutskever, Vinyals and Le 2014, arXiv:1409.3215).

    The decoder is of the encoder's kind and size and begins with its last state; of a bidirectional encoder with that
    of the direction that reads backwards (Bahdanau et al. 2015, A.2.2, without their layer between).

    - ``none``: that state is all the decoder knows.
    - ``bahdanau``: before each step the decoder's last output looks at the encoder's outputs by ``concat`` scores, and
      the context is part of the step's input; words are scored from tanh(W [output, context, input]) (arXiv:1409.0473;
      they have a maxout layer there).
    - ``luong``: after each step its output looks, and words are scored from tanh(W [context, output])
      (arXiv:1508.04025, equation 5), over all steps at once; or, with ``input_feeding``, step by step, where that
      vector is part of the next step's input (section 3.3).

    Args:
        backbone: the encoder, see ``SequenceModel``.
        output_size: ids of the other language (O).
        pooling: without effect.
        encoder: vectors of the words that are read.
        decoder: called with ``input_size`` and ``bidirectional``, builds the second backbone.
        attention: ``none``, ``bahdanau`` or ``luong``.
        score: of ``luong``: ``dot``, ``general`` or ``concat``, see ``Lookup``; ``bahdanau`` has the last.
        input_feeding: of ``luong``.
        size: features of the vectors of words that are written (E).
        dropout: probability of dropping a number of these vectors, and of what words are scored from.
        init_range: vectors and scores of words start uniform in plus or minus this; None: as torch starts them.

    Raises:
        ValueError: in one line, for options that do not go together, or a backbone without a state.
    """

    def __init__(
        self,
        backbone: nn.Module,
        output_size: int,
        pooling: str | None = None,
        encoder: nn.Module | None = None,
        *,
        decoder: Callable[..., nn.Module],
        attention: Mechanism = "luong",
        score: Score = "general",
        input_feeding: bool = False,
        size: int = 100,
        dropout: float = 0.0,
        init_range: float | None = 0.1,
    ) -> None:
        _check(backbone, attention, input_feeding)
        _check_sizes(size, dropout, init_range)
        super().__init__(backbone, output_size, None, encoder)
        memory: Any = backbone.output_size
        self.both = bool(getattr(backbone, "bidirectional", False))
        width = memory // (1 + self.both)
        self.mechanism, self.input_feeding = attention, input_feeding
        self.vectors = nn.Embedding(output_size, size, padding_idx=0)
        self.head = nn.Linear(width, output_size)
        self.dropout = nn.Dropout(dropout)
        if init_range is not None:
            self._start(init_range)
        score = "concat" if attention == "bahdanau" else score
        self.lookup = None if attention == "none" else Lookup(width, memory, score)
        seen = {"none": 0, "luong": memory + width, "bahdanau": memory + width + size}[attention]
        self.readout = nn.Linear(seen, width) if seen else None
        fed = {"none": 0, "luong": width * input_feeding, "bahdanau": memory}[attention]
        self.decoder = decoder(input_size=size + fed, **({"bidirectional": False} if self.both else {}))

    @torch.no_grad()
    def _start(self, width: float) -> None:
        """Draw vectors and scores of words anew; the padding stays 0."""
        tables = [self.vectors, *([read] if (read := getattr(self.encoder, "vectors", None)) is not None else [])]
        for parameter in (self.head.weight, self.head.bias, *(table.weight for table in tables)):
            nn.init.uniform_(parameter, -width, width)
        for table in tables:
            table.weight[0].zero_()

    def run(self, batch: Batch, state: Any = None) -> Outputs:
        """Scores ``(N, O)`` of the tokens of ``batch.targets`` that count, each after the true ones before it."""
        memory, begin = self.read(batch)
        real_BT = batch.mask
        assert real_BT is not None
        seen_BTH, _ = self._forced(batch, memory, begin)
        return Outputs(self.head(self.dropout(seen_BTH[real_BT])), decode=partial(self._decode, batch, memory, begin))

    def read(self, batch: Batch) -> tuple[Memory | None, Any]:
        """What attention looks at, and the state that the decoder begins with: the backbone's and what is fed."""
        x_BSE, lengths_B = batch.inputs_BTI, batch.lengths_B
        if self.encoder is not None:
            x_BSE, lengths_B = self.encoder(x_BSE, lengths_B)
        y_BSM, state = self.backbone(x_BSE, lengths=lengths_B)
        memory = None if self.lookup is None else self.lookup.remember(y_BSM, lengths_B)
        if self.both:
            state = state[1::2] if isinstance(state, Tensor) else tuple(part[1::2] for part in state)
        if not self.stepwise:
            return memory, (state, None)
        fed_BH = pool(y_BSM, lengths_B, "last", self.both)
        fed_BH = fed_BH[:, fed_BH.shape[1] // 2 :] if self.both else fed_BH
        return memory, (state, (torch.zeros_like(fed_BH) if self.input_feeding else fed_BH)[None])

    @property
    def stepwise(self) -> bool:
        """Whether a step's input depends on the step before, beyond the state."""
        return self.mechanism == "bahdanau" or self.input_feeding

    def attention_weights(self, batch: Batch) -> Tensor:
        """``(B, T, S)``: where the decoder looks when it writes ``batch.targets``. Raises ``ValueError``: nowhere."""
        _, weights_BTS = self._forced(batch, *self.read(batch))
        if weights_BTS is None:
            raise ValueError("composition.attention=none: the decoder does not look at the words it translates")
        return weights_BTS

    def _forced(self, batch: Batch, memory: Memory | None, state: Any) -> tuple[Tensor, Tensor | None]:
        """What words are scored from ``(B, T, H)``, after the true words before; and where attention looked."""
        before_BT = torch.cat([torch.full_like(batch.targets[:, :1], EDGE), batch.targets[:, :-1]], 1)
        x_BTE = self.dropout(self.vectors(before_BT))
        if self.stepwise:
            seen, looked = [], []
            for x_B1E in x_BTE.split(1, 1):
                seen_B1H, weights_B1S, state = self._step(x_B1E, memory, state)
                seen.append(seen_B1H)
                looked.append(weights_B1S)
            return torch.cat(seen, 1), torch.cat(looked, 1)
        assert batch.mask is not None
        y_BTH, _ = self.decoder(x_BTE, state[0], lengths=batch.mask.sum(1).cpu())
        return self._look(y_BTH, memory)

    def _look(self, y_BTH: Tensor, memory: Memory | None) -> tuple[Tensor, Tensor | None]:
        """Luong's step from the decoder's outputs to what words are scored from."""
        if memory is None or self.lookup is None or self.readout is None:
            return y_BTH, None
        context_BTM, weights_BTS = self.lookup(y_BTH, memory)
        return torch.tanh(self.readout(torch.cat([context_BTM, y_BTH], -1))), weights_BTS

    def _step(self, x_BKE: Tensor, memory: Memory | None, state: Any) -> tuple[Tensor, Any, Any]:
        """One step of K hypotheses each: what words are scored from, where it looked, the new state."""
        hidden, fed_1NH = state
        B, K = x_BKE.shape[:2]
        inputs, context_BKM, weights_BKS = x_BKE, None, None
        if fed_1NH is not None:
            fed_BKH = fed_1NH[0].unflatten(0, (B, K))
            if self.mechanism == "bahdanau" and self.lookup is not None:
                context_BKM, weights_BKS = self.lookup(fed_BKH, memory)
                inputs = torch.cat([x_BKE, context_BKM], -1)
            else:
                inputs = torch.cat([x_BKE, fed_BKH], -1)
        y_N1H, hidden = self.decoder(inputs.flatten(0, 1)[:, None], hidden)
        y_BKH = y_N1H[:, 0].unflatten(0, (B, K))
        if context_BKM is not None and self.readout is not None:
            seen_BKH, fed_BKH = torch.tanh(self.readout(torch.cat([y_BKH, context_BKM, x_BKE], -1))), y_BKH
        else:
            seen_BKH, weights_BKS = self._look(y_BKH, memory)
            fed_BKH = seen_BKH
        return seen_BKH, weights_BKS, (hidden, fed_BKH.flatten(0, 1)[None] if self.stepwise else None)

    def _decode(self, batch: Batch, memory: Memory | None, state: Any, beam: int, power: float) -> list[Tensor]:
        """The translation of each sentence, int64 ids, see ``beam_search``."""
        S = batch.inputs_BTI.shape[1]
        lengths_B = torch.full((len(batch),), S) if batch.lengths_B is None else batch.lengths_B
        longest_B = (FACTOR * lengths_B + EXTRA).to(batch.inputs_BTI.device)

        def step(last_BK: Tensor, state: Any) -> tuple[Tensor, Any]:
            seen_BKH, _, state = self._step(self.dropout(self.vectors(last_BK)), memory, state)
            return self.head(self.dropout(seen_BKH)), state

        return beam_search(step, state, longest_B, beam, power, EDGE, NEVER)[0]


def _check(backbone: nn.Module, attention: str, input_feeding: bool) -> None:
    """Raise ``ValueError`` for options that do not go together."""
    if attention not in get_args(Mechanism):
        raise ValueError(f"composition.attention={attention}: must be one of {', '.join(get_args(Mechanism))}")
    if isinstance(backbone, Yardstick):
        raise ValueError("composition: a translator needs a network with a state, from which the decoder goes on")
    if input_feeding and attention != "luong":
        raise ValueError(f"composition.input_feeding=True: belongs to attention=luong, not to {attention}")
    masks = getattr(backbone, "variational_dropout", {}), getattr(backbone, "weight_dropout", 0.0)
    if (input_feeding or attention == "bahdanau") and (any(masks[0].values()) or masks[1]):
        raise ValueError(
            "model.variational_dropout, model.weight_dropout: keep one mask for a sentence, which a decoder that goes "
            "step by step cannot; set them to 0, or attention=luong and input_feeding=false"
        )


def _check_sizes(size: int, dropout: float, init_range: float | None) -> None:
    """Raise ``ValueError`` for a number out of range."""
    if size < 1:
        raise ValueError(f"composition.size={size}: must be at least 1")
    if not 0 <= dropout < 1:
        raise ValueError(f"composition.dropout={dropout}: must be in 0..1, below 1")
    if init_range is not None and init_range <= 0:
        raise ValueError(f"composition.init_range={init_range}: must be greater than 0")
