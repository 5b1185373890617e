"""The one LightningDataModule; the only file of this package that imports Lightning."""

from __future__ import annotations

import lightning as L

from rnnbench.data.dataset import Dataset, Sequences, Splits
from rnnbench.data.loader import BatchLoader
from rnnbench.data.seeding import derive


class SequenceDataModule(L.LightningDataModule):
    """Serves a data set to the trainer.

    Args:
        dataset: what to serve.
        seed: of the run. The order of batches and the contents of generated data follow from it by different ways,
            so that every model sees the same data in the same order under one seed.
        splits: the data, when another run has loaded the same.
    """

    def __init__(self, dataset: Dataset, seed: int, splits: Splits | None = None):
        super().__init__()
        self.dataset = dataset
        self.seed = seed
        self._splits = splits

    @property
    def splits(self) -> Splits:
        """The loaded data, loaded now if they are not yet."""
        if self._splits is None:
            self._splits = self.dataset.load(derive(self.seed, "data"))
        return self._splits

    def prepare_data(self) -> None:
        """Make files present, in one process of a machine."""
        self.dataset.prepare()

    def setup(self, stage: str | None = None) -> None:
        """Load once, for every stage."""
        _ = self.splits

    def train_dataloader(self) -> BatchLoader:
        """The training split, in a new order each epoch."""
        return self._loader(self.splits.train, self.dataset.batch_size, shuffle=True)

    def train_eval_dataloader(self) -> BatchLoader:
        """The training split in a fixed order, for measuring."""
        return self._evaluation(self.splits.train)

    def val_dataloader(self) -> BatchLoader:
        """The validation split in a fixed order."""
        return self._evaluation(self.splits.valid)

    def test_dataloader(self) -> BatchLoader:
        """The test split in a fixed order."""
        return self._evaluation(self.splits.test)

    def _evaluation(self, sequences: Sequences) -> BatchLoader:
        return self._loader(sequences, self.dataset.eval_batch_size, shuffle=False)

    def _loader(self, sequences: Sequences, batch_size: int, shuffle: bool) -> BatchLoader:
        rank = self.trainer.global_rank if self.trainer else 0
        world_size = self.trainer.world_size if self.trainer else 1
        return BatchLoader(sequences, batch_size, derive(self.seed, "order"), shuffle, rank=rank, world_size=world_size)
