from contextlib import suppress

import lightning as L
import pytest
import torch

from rnnbench.data.adding import Adding
from rnnbench.data.module import SequenceDataModule
from rnnbench.data.seeding import derive


class Recorder(L.LightningModule):
    """Trains one number and notes the epoch and contents of each batch."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen = []

    def training_step(self, batch, batch_idx):
        self.seen.append((self.current_epoch, batch_idx, batch.targets.flatten().tolist()))
        return self.weight * batch.targets.mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


class StopAt(L.Callback):
    def __init__(self, epoch, batch, path):
        self.at, self.path = (epoch, batch), path

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        if (trainer.current_epoch, batch_idx) == self.at:
            trainer.save_checkpoint(self.path)
            raise KeyboardInterrupt


class Resume(L.Callback):
    """What the training package does: tell the loader how many batches of the epoch are done."""

    def on_train_start(self, trainer, module):
        trainer.train_dataloader.skip = trainer.fit_loop.epoch_loop.batch_progress.current.ready


def dataset():
    return Adding(length=4, train_size=35, valid_size=8, test_size=6, batch_size=8, eval_batch_size=5)


def train(callbacks=(), ckpt_path=None):
    module = Recorder()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = L.Trainer(max_epochs=4, accelerator="cpu", enable_model_summary=False, callbacks=list(callbacks), **quiet)
    with suppress(KeyboardInterrupt, SystemExit):
        trainer.fit(module, datamodule=SequenceDataModule(dataset(), seed=0), ckpt_path=ckpt_path)
    return module.seen


@pytest.mark.filterwarnings("error:.*dataloader is not resumable")
@pytest.mark.filterwarnings("ignore:.*no `validation_step`")
@pytest.mark.parametrize("where", [(0, 0), (1, 2), (2, 4), (3, 3)])
def test_trainer_sees_the_same_batches_after_a_mid_epoch_resume(tmp_path, where):
    whole = train()
    assert len(whole) == 4 * 5
    assert len({str(sorted(b[2])) for b in whole if b[1] == 0}) == 4  # each epoch in an order of its own
    first = train([StopAt(*where, tmp_path / "stop.ckpt")])
    assert first == whole[: len(first)]
    assert len(first) == 5 * where[0] + where[1] + 1
    second = train([Resume()], ckpt_path=tmp_path / "stop.ckpt")
    assert first + second == whole


def collect(loader):
    return torch.cat([b.targets for b in loader])


def test_splits_and_sizes():
    module = SequenceDataModule(dataset(), seed=0)
    module.prepare_data()
    module.setup()
    loaded = dataset().load(derive(0, "data"))
    assert torch.equal(collect(module.val_dataloader()), loaded.valid.targets)
    assert torch.equal(collect(module.test_dataloader()), loaded.test.targets)
    assert torch.equal(collect(module.train_eval_dataloader()), loaded.train.targets)
    assert not torch.equal(collect(module.train_dataloader()), loaded.train.targets)
    assert [len(b) for b in module.val_dataloader()] == [5, 3]
    assert len(module.train_dataloader()) == 5


def test_data_are_loaded_once():
    module = SequenceDataModule(dataset(), seed=0)
    module.setup("fit")
    splits = module.splits
    module.setup("test")
    assert module.splits is splits


def test_seed_decides_data_and_order():
    zero, again, one = (SequenceDataModule(dataset(), seed=s) for s in (0, 0, 1))
    assert torch.equal(collect(zero.train_dataloader()), collect(again.train_dataloader()))
    assert not torch.equal(zero.splits.train.targets, one.splits.train.targets)
    assert zero.train_dataloader().sampler.seed != one.train_dataloader().sampler.seed
