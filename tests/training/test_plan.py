import pytest

from rnnbench.records.identity import identity
from rnnbench.training.plan import Problems


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


def test_criterion_is_part_of_the_identity_and_its_absence_of_none(runs):
    plain = runs.plan()
    assert "success" not in plain.science
    assert not [key for key in plain.job.hparams if key.startswith("success")]
    chosen = runs.plan("success.error=0.1")
    assert chosen.science["success"] == {"error": 0.1}
    assert chosen.job.identity != plain.job.identity
