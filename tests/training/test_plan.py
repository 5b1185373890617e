import pytest
import torch

from rnnbench.records.identity import identity
from rnnbench.training.check import Problems


def test_identity_is_the_hash_of_science(runs):
    plan = runs.plan()
    assert plan.job.identity == identity(plan.science)
    assert plan.path.name == f"toy-gru-s0-{plan.job.identity[:10]}"


@pytest.mark.parametrize(
    "override",
    [
        "threads=2",
        "logger=none",
        "logger.progress=off",
        "trainer.checkpoint_every=3",
        "trainer.accelerator=cpu",
        "dataset.batch_size=5",
        "model.engine=auto",
        "optimizer.lr=1e-3",
        "dry_run=true",
    ],
)
def test_what_changes_no_result_is_not_in_the_identity(runs, override):
    assert runs.plan(override).job.identity == runs.plan().job.identity


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "trainer.max_epochs=4",
        "trainer.precision=64",
        "trainer.weight_noise=0.1",
        "dataset.batch_size=6",
        "dataset.ragged=true",
        "model.hidden_size=4",
        "model.cell.reset=before",
        "optimizer.lr=0.002",
        "optimizer=adamw",
        "scheduler=step",
        "debug=two_steps",
    ],
)
def test_what_changes_results_is(runs, override):
    assert runs.plan(override).job.identity != runs.plan().job.identity


@pytest.mark.parametrize("part", ["rnnbench.cells.GRU", "rnnbench.tasks.Regression", "toys.Toy"])
def test_another_version_of_a_part_is_another_run(runs, monkeypatch, part):
    before = runs.plan().job.identity
    monkeypatch.setattr(f"{part}.version", 99)
    assert runs.plan().job.identity != before


def test_word_vectors_count_by_their_content_and_not_by_their_path(runs, tmp_path):
    files = [tmp_path / "a" / "vectors.txt", tmp_path / "b" / "vectors.txt"]
    for file in files:
        file.parent.mkdir()
        file.write_text("film 1 2\n")
    given = ["dataset=sentences", "task.encoder.size=2"]
    one, two = (runs.plan(*given, f"task.encoder.vectors={file}") for file in files)
    assert one.job.identity == two.job.identity != runs.plan(*given).job.identity
    files[1].write_text("film 1 3\n")
    assert runs.plan(*given, f"task.encoder.vectors={files[1]}").job.identity != one.job.identity
    with pytest.raises(Problems, match=r"task\.encoder\.vectors=absent\.txt: cannot be read"):
        runs.plan(*given, "task.encoder.vectors=absent.txt")


def test_the_resolved_engine_is_in_the_identity(runs):
    default, loop = runs.plan(), runs.plan("model.engine=loop")
    assert loop.engine == "loop"
    assert (default.job.identity == loop.job.identity) == (default.engine == "loop")
    assert runs.plan(f"model.engine={default.engine}").job.identity == default.job.identity


def test_a_plateau_is_one_of_what_selects(runs):
    words = ["dataset=digits", "scheduler=plateau", "scheduler.patience=1"]
    for metric, mode in (("accuracy", "max"), ("nll", "min")):
        plan = runs.plan(*words, f"trainer.select_by={metric}")
        weight = torch.nn.Parameter(torch.zeros(1))
        schedule = plan.scheduler(torch.optim.SGD([weight], lr=1.0))
        assert schedule.mode == mode
        for _ in range(6):
            schedule.step(0.9)
        assert schedule.get_last_lr() == [pytest.approx(schedule.factor**2)]  # nothing improves: torch's own count


def test_each_role_of_a_file_is_part_of_the_identity(runs, tmp_path):
    for name, text in (("a/x.csv", "t,c\n" + "good,1\nbad,0\n" * 9), ("b/x.csv", "t,c\n" + "nice,1\nsad,0\n" * 9)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    words = ["dataset=text_csv", "dataset.text_column=t", "dataset.label_column=c"]
    a, b = f"{tmp_path}/a/x.csv", f"{tmp_path}/b/x.csv"

    def name(*more):
        return runs.plan(*words, *more).job.identity

    forth = name(f"dataset.path={a}", f"dataset.test_path={b}")
    assert forth != name(f"dataset.path={b}", f"dataset.test_path={a}")
    (tmp_path / "c").mkdir()
    moved = tmp_path / "c" / "x.csv"
    moved.write_text((tmp_path / "a/x.csv").read_text())
    assert forth == name(f"dataset.path={moved}", f"dataset.test_path={b}")  # where it lies is nothing
    moved.write_text("t,c\n" + "well,1\nbad,0\n" * 9)
    assert forth != name(f"dataset.path={moved}", f"dataset.test_path={b}")
    assert "files" not in runs.plan(*words, f"dataset.path={a}").science


def test_a_file_of_a_data_set_without_a_fingerprint_of_its_own_counts(runs, tmp_path):
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("1")
    two.write_text("2")
    words = ["dataset._target_=toys.FromFile", f"+dataset.path={one}"]
    first = runs.plan(*words).job.identity
    assert first != runs.plan(*words[:1], f"+dataset.path={two}").job.identity
    two.write_text("1")
    runs.composed.clear()
    assert first == runs.plan(*words[:1], f"+dataset.path={two}").job.identity


def test_planning_writes_nothing(runs):
    runs.plan()
    assert list(runs.folder.iterdir()) == []


def test_budget_sets_the_hidden_size(runs):
    plan = runs.plan("budget.params=960", "model=torch_gru")
    h = plan.config["model"]["hidden_size"]
    assert plan.parameters["backbone"] == 3 * h * (2 + h) + 6 * h == plan.match.parameters
    assert plan.match.remainder == 960 - plan.match.parameters
    by_hand = runs.plan(f"model.hidden_size={h}", "model=torch_gru")
    assert by_hand.science["model"] == plan.science["model"]


def test_hyperparameters_are_flat_and_plain(runs):
    found = runs.plan("optimizer.lr=0.25").job.hparams
    assert (found["task.encoder"], found["task.composition"]) == ("none", "none")
    assert runs.plan("task/encoder=cnn").job.hparams["task.encoder"] == "Convolution"
    assert (found["optimizer.lr"], found["model.hidden_size"], found["seed"]) == (0.25, 3, 0)
    assert not [key for key in found if key.startswith(("paths", "logger"))]
    assert all(isinstance(value, bool | int | float | str) for value in found.values())


def test_compiled_code_is_for_full_precision_on_the_cpu(runs):
    asked = ["model=gru", "trainer.accelerator=cpu"]
    assert runs.plan(*asked, "trainer.precision=64").engine == runs.plan(*asked).engine
    assert runs.plan(*asked, "trainer.precision=bf16-mixed").engine == "loop"
    with pytest.raises(Problems, match=r"^model.engine=fused: runs on the CPU in 32 or 64 bits"):
        runs.plan(*asked, "model.engine=fused", "trainer.precision=bf16-mixed")


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["budget.params=960", "model.hidden_size=4"], "model.hidden_size and budget.params=960 exclude each other"),
        (["success.metric=f1", "success.threshold=1"], "success.metric=f1: regression has mse, mae"),
        (
            ["dataset=digits", "trainer.select_by=accuracy", "scheduler=plateau", "+scheduler.mode=min"],
            "scheduler.mode=min: accuracy, which selects, is better the more it is; leave it out",
        ),
        (["success.metric=mse"], "success.metric and success.threshold need each other"),
        (["success.threshold=0.1"], "success.metric and success.threshold need each other"),
        (["success.mean=0.1"], "success.mean=0.1: is of errors, set success.error too"),
        (["success.error=0.1", "success.metric=mse", "success.threshold=1"], "exclude each other"),
        (["success.error=0.1", "trainer.devices=2", "trainer.accelerator=cpu"], "set trainer.devices=1"),
        (["dataset=price_walk", "success.error=0.1"], "success.error: forecasting measures no errors of sequences"),
        (["success.error=-1"], "success.error=-1.0: must be greater than 0"),
        (["success.split=test"], "success.split=test: no such choice"),
        (["replicas_max_memory=0"], "replicas_max_memory=0: must be at least 1"),
    ],
    ids=str,
)
def test_criterion_that_cannot_be(runs, overrides, line):
    with pytest.raises(Problems) as caught:
        runs.plan(*overrides)
    assert line in str(caught.value)


def test_a_criterion_is_about_what_validation_measures(runs, tmp_path):
    (tmp_path / "pairs.tsv").write_text("".join(f"ein wort {i}\ta word {i}\n" for i in range(30)))
    words = ["dataset=parallel_text", f"dataset.path={tmp_path}/pairs.tsv", "success.metric=bleu"]
    with pytest.raises(Problems, match=r"success\.metric=bleu: translation has nll, perplexity on validation"):
        runs.plan(*words, "success.threshold=0.1")
    assert runs.plan(*words, "success.threshold=0.1", "task.valid_bleu=true").science["success"]["metric"] == "bleu"


def test_criterion_is_part_of_the_identity_and_its_absence_of_none(runs):
    plain = runs.plan()
    assert runs.plan("success.window=7", "success.wrong=2").job.identity == plain.job.identity
    assert "success" not in plain.science
    assert not [key for key in plain.job.hparams if key.startswith("success")]
    chosen = runs.plan("success.error=0.1")
    assert chosen.science["success"] == {"error": 0.1}
    assert chosen.job.identity != plain.job.identity
