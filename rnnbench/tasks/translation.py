"""A sequence of words answered by another one: translation.

Shape suffixes: B sentences, N tokens of all translations with their ends, O tokens to choose from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MeanMetric, Metric, MetricCollection

from rnnbench.data.parallel import written_text
from rnnbench.data.spec import Batch, DataSpec, Outputs
from rnnbench.tasks.language_modelling import Perplexity
from rnnbench.tasks.task import Task

ORDERS = 4  # n-grams of BLEU


class Translation(Task):
    """Cross-entropy of each token after the true ones before it, in nats; and BLEU of what is written without help.

    BLEU (Papineni et al. 2002) is sacrebleu's, of texts with their spaces put back against the lines of the file:
    nrefs:1|case:lc|eff:no|tok:13a|smooth:exp, or case:mixed where capitals stay. It is measured on test and validation
    at the end.

    Args:
        name: the name of the task.
        label_smoothing: share of the target that is spread over all tokens, in the loss alone.
        beam: hypotheses of the search by which sentences are written; 1 takes the likeliest word at each step.
        length_power: a hypothesis is worth log p / length ** this.
        valid_bleu: whether BLEU is measured on validation after each epoch, too.
        encoder: see ``Task``.
        composition: see ``Task``; a ``rnnbench.models.Translator``.

    Raises:
        ValueError: in one line, for an option out of range.
    """

    primary: str = "nll"
    modes: ClassVar[dict[str, str]] = {"nll": "min", "perplexity": "min", "bleu": "max"}

    def __init__(
        self,
        name: str = "translation",
        label_smoothing: float = 0.0,
        beam: int = 5,
        length_power: float = 1.0,
        valid_bleu: bool = False,
        encoder: Callable[..., Any] | None = None,
        composition: Callable[..., Any] | None = None,
    ):
        super().__init__(name, encoder=encoder, composition=composition)
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing={label_smoothing}: must be in 0..1, below 1")
        if beam < 1:
            raise ValueError(f"beam={beam}: must be at least 1")
        self.label_smoothing, self.beam, self.length_power = label_smoothing, beam, length_power
        self.valid_bleu = valid_bleu
        self.words: list[str] = []
        self.lower = False

    def bind(self, artifacts: Mapping[str, Any]) -> None:
        """Take the words that are written, and whether BLEU is blind to capitals."""
        self.words, self.lower = artifacts["target_words"], artifacts["lower"]

    def select_by(self, metric: str | None) -> None:
        """BLEU selects where it is measured on validation."""
        if metric == "bleu" and not self.valid_bleu:
            raise ValueError("bleu: set task.valid_bleu=true, to measure it after each epoch")
        super().select_by(metric)

    def score(self, outputs: Outputs, batch: Batch, per_step: bool) -> tuple[Tensor, Tensor, Tensor]:
        """In place of outputs the nll of each token ``(N,)``; its id; and the loss, which smoothing makes another one.

        Outputs ``(B, O)``, one for each sentence, are the same for all of its tokens.
        """
        assert batch.mask is not None
        targets_N, values_NO = batch.targets[batch.mask], outputs.values
        if len(values_NO) == len(batch):  # a sentence has two tokens at least, a word and the end
            values_NO = values_NO.repeat_interleave(batch.mask.sum(1), 0)
        if not self.label_smoothing:
            nll_N = F.cross_entropy(values_NO, targets_N, reduction="none")
            return nll_N, targets_N, nll_N
        log_p_NO = values_NO.log_softmax(-1)
        nll_N = F.nll_loss(log_p_NO, targets_N, reduction="none")
        even_N = -log_p_NO.mean(-1)
        return nll_N, targets_N, (1 - self.label_smoothing) * nll_N + self.label_smoothing * even_N

    def metrics(self, spec: DataSpec) -> MetricCollection:
        """nll a token, perplexity, BLEU."""
        return MetricCollection({**_of_tokens(), "bleu": Bleu(self.lower)}, compute_groups=False)

    def train_metrics(self, spec: DataSpec) -> MetricCollection:
        """Without BLEU."""
        return MetricCollection(_of_tokens(), compute_groups=False)

    def valid_metrics(self, spec: DataSpec) -> MetricCollection:
        """With BLEU where it is asked for."""
        return self.metrics(spec) if self.valid_bleu else self.train_metrics(spec)

    def update(self, metrics: MetricCollection, outputs_NO: Tensor, targets_N: Tensor, losses_N: Tensor) -> None:
        """Add tokens, by what ``score`` gives."""
        for name in ("nll", "perplexity"):
            metrics[name].update(outputs_NO)

    def listen(self, metrics: MetricCollection, outputs: Outputs, batch: Batch) -> None:
        """Add what is written, where BLEU is measured and there are texts to compare with."""
        if "bleu" in metrics and batch.texts is not None and outputs.decode is not None:
            written = [written_text(ids, self.words) for ids in self.predictions(outputs, batch, False)]
            metrics["bleu"].update(written, batch.texts)

    def predictions(self, outputs: Outputs, batch: Batch, per_step: bool) -> list[Any]:
        """The translation of each sentence, int64 ids."""
        assert outputs.decode is not None
        return outputs.decode(self.beam, self.length_power)

    def constant(self, targets_N: Tensor, size: int) -> Tensor:
        """Logits of the frequencies of tokens (with one count added to each)."""
        return (torch.bincount(targets_N, minlength=size).double() + 1).log()


def _of_tokens() -> dict[str, Metric | MetricCollection]:
    return {"nll": MeanMetric(nan_strategy="disable"), "perplexity": Perplexity(nan_strategy="disable")}


class Bleu(Metric):
    """sacrebleu's BLEU of a corpus, 0 to 100, from counts that are summed over batches.

    Args:
        lower: whether it is blind to capitals.
    """

    full_state_update: ClassVar[bool] = False
    counts: Tensor
    totals: Tensor
    lengths: Tensor

    def __init__(self, lower: bool):
        super().__init__()
        from sacrebleu.metrics import BLEU

        self.bleu = BLEU(lowercase=lower)
        for name, size in (("counts", ORDERS), ("totals", ORDERS), ("lengths", 2)):
            self.add_state(name, torch.zeros(size, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, written: list[str], references: list[str]) -> None:
        """Add texts and what they should be."""
        found = self.bleu.corpus_score(written, [references])
        self.counts += self.counts.new_tensor(found.counts)
        self.totals += self.totals.new_tensor(found.totals)
        self.lengths += self.lengths.new_tensor([found.sys_len, found.ref_len])

    def compute(self) -> Tensor:
        """That of all texts as one corpus."""
        # whole again, where a run of double precision has put the states of all metrics into that
        counts, totals, lengths = (state.long().tolist() for state in (self.counts, self.totals, self.lengths))
        found = self.bleu.compute_bleu(counts, totals, *lengths, smooth_method=self.bleu.smooth_method)
        return torch.tensor(found.score)
