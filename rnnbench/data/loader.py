"""Batches in an order that is a pure function of seed and epoch, so that a resumed run sees what it would have seen.

No ``DataLoader``: the data are in memory, and one gather a batch is faster than any worker.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from rnnbench.data.dataset import Sequences
from rnnbench.data.seeding import derive
from rnnbench.data.spec import Batch

POOL = 50  # batches whose sequences are sorted by length together
POOLS = 4  # pools an epoch has at least: fewer would put the same sequences together in every epoch


class EpochOrder:
    """Which sequences stand in which batch of an epoch. Lightning sets ``epoch`` through ``set_epoch``.

    Args:
        count: sequences.
        lengths: their steps; None when equal.
        batch_size: sequences in a batch; the last one of an epoch may have fewer.
        seed: of the shuffling.
        shuffle: a new order each epoch, else always the same.
        bucket: put sequences of like length together; without effect when all are equal.
        least: a remainder of fewer sequences than this joins the batch before it.
    """

    def __init__(
        self,
        count: int,
        lengths: Tensor | None,
        batch_size: int,
        seed: int,
        shuffle: bool,
        bucket: bool = True,
        least: int = 1,
    ):
        self.count, self.lengths, self.batch_size = count, lengths if bucket else None, batch_size
        self.seed, self.shuffle = seed, shuffle
        self.epoch = 0
        full, rest = divmod(count, batch_size)
        self.sizes = [batch_size] * full + ([rest] if rest else [])
        if rest and rest < least and full:
            self.sizes[-2:] = [batch_size + rest]

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def batches(self) -> list[Tensor]:
        """Indices (int64) of each batch of the epoch."""
        if not self.shuffle:
            order_N = torch.arange(self.count) if self.lengths is None else self.lengths.argsort(stable=True)
            return list(order_N.split(self.sizes))
        generator = torch.Generator().manual_seed(derive(self.seed, self.epoch))
        order_N = torch.randperm(self.count, generator=generator)
        if self.lengths is None:
            return list(order_N.split(self.sizes))
        batches = list(self._sorted_in_pools(order_N).split(self.sizes))
        return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]

    def _sorted_in_pools(self, order_N: Tensor) -> Tensor:
        assert self.lengths is not None
        pool = min(POOL, -(-len(self.sizes) // POOLS)) * self.batch_size
        return torch.cat([part[self.lengths[part].argsort(stable=True)] for part in order_N.split(pool)])


class BatchLoader:
    """Iterates over the batches of one epoch.

    Args:
        sequences: the split.
        batch_size: sequences of a batch over all ranks together.
        seed: of the order.
        shuffle: a new order each epoch.
        bucket: batches of like lengths; padding is then short. The split's ``streams`` stand above all three.
        rank: of this process; it gets every ``world_size``-th row of each batch.
        world_size: processes that share each batch.

    Attributes:
        sampler: the ``EpochOrder``; Lightning finds it by this name.
        skip: batches to leave out at the start of the next iteration, and of that one only; a whole epoch of them
            means that it was over, and leaves none out.
    """

    def __init__(
        self,
        sequences: Sequences,
        batch_size: int,
        seed: int,
        shuffle: bool,
        bucket: bool = True,
        rank: int = 0,
        world_size: int = 1,
    ):
        if min(batch_size, len(sequences)) < world_size:
            raise ValueError(
                f"batch_size={batch_size}: {world_size} devices need at least {world_size} sequences a batch "
                f"(the split has {len(sequences)})"
            )
        if sequences.streams is not None:  # rows that go on from each other stay in their order
            batch_size, shuffle, bucket = sequences.streams, False, False
        self.sequences, self.batch_size = sequences, batch_size
        self.rank, self.world_size = rank, world_size
        self.sampler = EpochOrder(
            len(sequences), sequences.lengths, batch_size, seed, shuffle, bucket, least=world_size
        )
        self.batch_sampler = None  # where there is a `sampler`, Lightning asks for this too
        self.skip = 0

    def __len__(self) -> int:
        return len(self.sampler.sizes)

    def __iter__(self) -> Iterator[Batch]:
        # a generator on purpose: Lightning calls iter() before it sets the epoch and before a resume sets `skip`
        skip, self.skip = self.skip, 0
        for indices in self.sampler.batches()[skip % len(self) :]:
            yield self.sequences.batch(indices[self.rank :: self.world_size])

    def state_dict(self) -> dict[str, int]:
        """What the order follows from. How far it got is not here: Lightning counts finished batches, we those begun.

        Lightning warns at a resume inside an epoch unless a loader has this method.
        """
        return {"seed": self.sampler.seed, "sequences": len(self.sequences), "batch_size": self.batch_size}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Refuse, with ``ValueError``, to go on in another order than the checkpoint began."""
        if state != self.state_dict():
            raise ValueError(f"the checkpoint's data order {state} is not this run's {self.state_dict()}")
