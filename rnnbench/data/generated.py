"""What data sets that are drawn and not read have in common."""

from __future__ import annotations

from rnnbench.data.dataset import Dataset, Sequences, Splits, at_least
from rnnbench.data.seeding import derive


class Generated(Dataset):
    """Splits drawn once a run, each from a seed of its own; a subclass gives ``spec`` and ``generate``.

    Args:
        name: what tables call it.
        train_size: training sequences.
        valid_size: validation sequences.
        test_size: test sequences.
        batch_size: sequences of a training step.
        eval_batch_size: sequences of an evaluation step; None: as ``batch_size``.
    """

    def __init__(
        self,
        name: str,
        train_size: int = 10_000,
        valid_size: int = 1_000,
        test_size: int = 1_000,
        batch_size: int = 20,
        eval_batch_size: int | None = None,
    ):
        super().__init__(name, batch_size, eval_batch_size)
        self.sizes = {
            "train": at_least("train_size", train_size, 1),
            "valid": at_least("valid_size", valid_size, 1),
            "test": at_least("test_size", test_size, 1),
        }

    def load(self, seed: int) -> Splits:
        """Generate the splits."""
        return Splits(**{split: self.generate(n, derive(seed, split)) for split, n in self.sizes.items()})

    def generate(self, count: int, seed: int) -> Sequences:
        """``count`` sequences, the same for the same seed."""
        raise NotImplementedError(f"{type(self).__name__} generates nothing")
