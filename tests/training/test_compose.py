import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

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
        ["model.hidden_size=4", "model={hidden_size: 9}", "trainer.clip_norm=null", "++new.key=[1,2]"],
        ["budget=params_20k", "budget.params=30", "budget.params=40", "optimizer.lr=${model.hidden_size}"],
        ["model.name='two words'"],
    ],
    ids=" ".join,
)
def test_what_is_put_together_once_equals_what_hydra_composes_anew(runs, words):
    master, _ = runs.composer.sweep(["dataset=toy"])
    loader = runs.composer.loader
    for job in (["dataset=toy", "seed=1"], ["dataset=toy", *words], ["dataset=toy", *words, "seed=2"]):
        quick, anew = loader.with_values(master, job), loader.loader.load_sweep_config(master, job)
        assert OmegaConf.to_container(quick) == OmegaConf.to_container(anew)
        assert OmegaConf.is_struct(quick)


def test_values_that_were_resolved_for_the_sweep_are_those_of_its_jobs(runs):
    numbers = iter(range(9))
    OmegaConf.register_new_resolver("drawn", lambda: next(numbers), use_cache=True, replace=True)
    master, jobs = runs.composer.sweep(["dataset=toy", "seed=${drawn:}", "optimizer.lr=1,2"])
    assert [master.seed, *(runs.composer.job(master, job).seed for job in jobs)] == [0, 0, 0]


@pytest.mark.parametrize("word", ["hydra.job.name=mine", "hydra={job: {name: mine}}", "hydra/launcher=joblib"])
def test_hydras_own_node_is_left_to_hydra(runs, word):
    master, _ = runs.composer.sweep(["dataset=toy"])
    job = ["dataset=toy", word]
    assert runs.composer.loader.with_values(master, job) is None
    anew = runs.composer.loader.loader.load_sweep_config(master, job)
    assert OmegaConf.to_container(runs.composer.job(master, job)) == OmegaConf.to_container(anew)


def test_groups_that_a_search_path_brings_are_files_to_choose(runs, tmp_path):
    (tmp_path / "fresh").mkdir()
    (tmp_path / "fresh" / "a.yaml").write_text("# @package _global_\noptimizer: {lr: 0.5}\n")
    words = ["dataset=toy", f"hydra.searchpath=[file://{tmp_path}]", "+fresh=a", "seed=1,2"]
    master, jobs = runs.composer.sweep(words)
    assert [runs.composer.job(master, job).optimizer.lr for job in jobs] == [0.5, 0.5]


@pytest.mark.parametrize(
    "words",
    [["model=nothing"], ["model.nothing=1"], ["seed=1,2"], ["+seed=1"], ["~nothing"], ["optimizer.lr=["]],
    ids=str,
)
def test_mistakes_are_told_in_hydras_words(runs, words):
    master, _ = runs.composer.sweep(["dataset=toy"])
    told = []
    for compose in (runs.composer.loader.compose, runs.composer.loader.loader.load_sweep_config):
        with pytest.raises((HydraException, OmegaConfBaseException)) as mistake:
            compose(master, ["dataset=toy", *words])
        told.append((type(mistake.value), str(mistake.value)))
    assert told[0] == told[1]


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


def test_values_may_refer_to_hydras_own(runs):
    words = ["dataset=toy", "model.name=on_${hydra:runtime.choices.dataset}_${hydra:job.name}"]
    master, (job,) = runs.composer.sweep(words)
    for cfg in (runs.composer.one(words), runs.composer.job(master, job)):
        assert plain(cfg)["model"]["name"] == "on_toy_rnnbench"
    with pytest.raises(OmegaConfBaseException, match=r"hydra:job\.num is nothing that is known before a job starts"):
        plain(runs.composer.one(["dataset=toy", "seed=${hydra:job.num}"]))


def test_a_users_folder_comes_first(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "gru.yaml").write_text("name: mine\n_target_: rnnbench.layers.TorchGRU\nhidden_size: 5\n")
    assert Composer(tmp_path).one(["model=gru"]).model.name == "mine"
