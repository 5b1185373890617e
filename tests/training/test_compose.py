import pytest
from omegaconf import OmegaConf

from rnnbench.training.compose import Composer, any_budget, plain


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("budget=params_20k", "budget.params=20000"),
        ("budget=params_1.5M,params_300", "budget.params=1500000,300"),
        ("budget=none", "budget=none"),
        ("budget=params_x", "budget=params_x"),
        ("model=gru", "model=gru"),
    ],
)
def test_any_budget(typed, meant):
    assert any_budget(typed) == meant


def test_jobs_are_the_product_in_order(runs):
    _, jobs = runs.composer.sweep(["dataset=toy", "model=gru,lstm", "seed=0,1"])
    assert jobs == [["dataset=toy", f"model={m}", f"seed={s}"] for m in ("gru", "lstm") for s in (0, 1)]


def test_each_job_of_a_sweep_resolves_its_own_references(runs):
    master, jobs = runs.composer.sweep(["dataset=toy", "model.hidden_size=4,5", "optimizer.lr=${model.hidden_size}"])
    assert [runs.composer.job(master, job).optimizer.lr for job in jobs] == [4, 5]


def test_parameters_of_an_experiment_come_before_those_typed(runs):
    master, jobs = runs.composer.sweep(["experiment=quickstart", "seed=7"])
    seeds = {runs.composer.job(master, job).seed for job in jobs}
    assert seeds == {7}


def test_job_is_composed_as_a_single_run(runs):
    words = ["dataset=toy", "model=gru", "seed=3"]
    master, jobs = runs.composer.sweep(words)
    assert plain(runs.composer.job(master, jobs[0])) == plain(runs.composer.one(words))


@pytest.mark.parametrize(
    "words",
    [
        ["model=gru", "seed=3", "optimizer.lr=0.1"],
        ["optimizer.lr=0.1", "optimizer=sgd", "+optimizer.extra=0.01", "~scheduler"],
        ["model.hidden_size=4", "model={name: other, bias: false}", "trainer.clip_norm=null", "++new.key=[1,2]"],
        ["budget=params_20k", "budget.params=30", "budget.params=40", "optimizer.lr=${model.hidden_size}"],
        ["model.name='two words'", "hydra.job.name=mine", "hydra/launcher=joblib"],
    ],
    ids=" ".join,
)
def test_what_is_put_together_once_equals_what_hydra_composes_anew(runs, words):
    master, _ = runs.composer.sweep(["dataset=toy"])
    for job in (["dataset=toy", "seed=1"], ["dataset=toy", *words], ["dataset=toy", *words, "seed=2"]):
        quick, anew = runs.composer.job(master, job), runs.composer.loader.loader.load_sweep_config(master, job)
        assert OmegaConf.to_container(quick) == OmegaConf.to_container(anew)
        assert OmegaConf.is_struct(quick)


def test_files_are_put_together_once_for_jobs_that_choose_the_same(runs, monkeypatch):
    loader = runs.composer.loader.loader
    master, jobs = runs.composer.sweep(["dataset=toy", "model=gru,lstm", "seed=range(5)", "optimizer.lr=0.1,0.2"])
    made, make = [], loader.load_sweep_config
    monkeypatch.setattr(loader, "load_sweep_config", lambda *args: made.append(args) or make(*args))
    found = [runs.composer.job(master, job) for job in jobs]
    assert [[cfg.model.name, str(cfg.seed), str(cfg.optimizer.lr)] for cfg in found] == [
        [word.split("=")[1] for word in job[1:]] for job in jobs
    ]
    assert len(made) == 2


def test_a_users_folder_comes_first(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "gru.yaml").write_text("name: mine\n_target_: rnnbench.layers.TorchGRU\nhidden_size: 5\n")
    assert Composer(tmp_path).one(["model=gru"]).model.name == "mine"
