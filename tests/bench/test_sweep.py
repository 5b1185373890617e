import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl

from rnnbench.bench import sweep
from rnnbench.bench.bare import Bare, train_bare
from rnnbench.bench.overhead import DifferentWork
from rnnbench.bench.sweep import SweepCost, measure_sweep
from rnnbench.bench.timing import Seconds
from rnnbench.training.command import INTERRUPTED, Outcome
from rnnbench.training.compose import Remembering

TINY = ("model.hidden_size=4", "debug.limit_batches=2", "trainer.max_epochs=1")


def test_every_job_is_composed_once_run_and_compared(monkeypatch, capsys):
    trained, composed, read = [], [], []
    put_together, original = ConfigLoaderImpl.load_sweep_config, Remembering.with_values

    def seen(plan):
        trained.append(plan.job.seed)
        return train_bare(plan)

    def counted(self, master, overrides):
        composed.extend(o for o in overrides if o.startswith("seed="))
        return original(self, master, overrides)

    def from_files(self, master, overrides):
        read.append(overrides)
        return put_together(self, master, overrides)

    monkeypatch.setattr(sweep, "train_bare", seen)
    monkeypatch.setattr(Remembering, "with_values", counted)
    monkeypatch.setattr(ConfigLoaderImpl, "load_sweep_config", from_files)
    result = measure_sweep(TINY, jobs=2)
    assert trained == [0, 0, 1]  # one to warm up
    assert composed == [f"seed={seed}" for seed in trained]  # planning and launching share it
    assert len(read) == 2  # once a sweep, the first to warm up
    assert result.jobs == len(result.bare) == 2
    assert capsys.readouterr().out == ""


def test_other_work_is_not_timed(monkeypatch):
    def other(plan):
        return Bare({name: weight + 1 for name, weight in train_bare(plan).weights.items()})

    monkeypatch.setattr(sweep, "train_bare", other)
    with pytest.raises(DifferentWork):
        measure_sweep(TINY, jobs=1)


def test_a_job_that_did_not_finish_is_no_measure():
    with pytest.raises(DifferentWork, match="diverged, not finished"):
        measure_sweep((*TINY, "optimizer.lr=1e38", "optimizer=sgd", "trainer.clip_norm=null"), jobs=1)


def test_a_stopped_sweep_is_no_measure(monkeypatch):
    monkeypatch.setattr(sweep, "run_jobs", lambda *_: Outcome(INTERRUPTED, None, "interrupted"))
    with pytest.raises(KeyboardInterrupt):
        measure_sweep(TINY, jobs=1)


def test_added_is_what_is_not_training():
    cost = SweepCost([], 4, Seconds(2, 1), Seconds(6, 4), [Seconds(w, 0.5) for w in (1, 1.5, 1, 9)])
    assert cost.per_job("bare") == 1.25
    assert cost.per_job("added") == 0.5 + 1.5 - 1.25
    assert cost.per_job("added", "cpu") == 0.25 + 1 - 0.5
    assert cost.as_dict()["per_job"]["running"] == {"wall": 1.5, "cpu": 1}
