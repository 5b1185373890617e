import pytest

from rnnbench.errors import UserError
from rnnbench.results.group import arrange, data_key, draw, settings, unlike


def test_seeds_share_a_cell_and_other_settings_do_not(make):
    runs = [make.run(seed=s, hparams={"optimizer.lr": lr}) for lr in (0.1, 0.01) for s in (0, 1)]
    runs += [make.run(model="gru", seed=s) for s in (0, 1)]
    grid = arrange(runs, "model", "dataset")
    assert grid.rows.labels == ("lstm (lr=0.1)", "lstm (lr=0.01)", "gru (lr=0.01)")
    assert grid.split_by == ("optimizer.lr",)
    assert grid.base["lstm (lr=0.1)"] == "lstm"
    assert [run.job.seed for run in grid.cells["lstm (lr=0.1)", "adding"]] == [0, 1]


def test_a_whole_number_is_one_value_however_it_was_typed(make):
    runs = [make.run(seed=s, hparams={"optimizer.lr": lr}) for s, lr in enumerate((1, 1.0, 0.5))]
    assert arrange(runs, "model", "dataset").rows.labels == ("lstm (lr=1)", "lstm (lr=0.5)")
    for axes in (("model", "optimizer.lr"), ("optimizer.lr", "model"), ("model,dataset", "optimizer.lr,dataset")):
        grid = arrange(runs, *axes)
        shown = [(row, col) for row in grid.rows.labels for col in grid.cols.labels]
        assert sorted(len(grid.cells[place]) for place in shown if place in grid.cells) == [1, 2]


def test_what_differs_between_models_or_data_sets_splits_nothing(make):
    runs = [make.run(hparams={"optimizer.lr": 0.1}), make.run(model="gru", hparams={"optimizer.lr": 0.2})]
    runs += [make.run(dataset="digits", hparams={"optimizer.lr": 0.3})]
    grid = arrange(runs, "model", "dataset")
    assert grid.rows.labels == ("lstm", "gru")
    assert grid.cols.labels == ("adding", "digits")
    assert grid.split_by == ()


@pytest.mark.parametrize(
    ("change", "key"),
    [({"engine": "fused"}, "engine"), ({"precision": "64"}, "precision"),
     ({"versions": {"cell": 2, "dataset": 1, "task": 1}}, "versions.cell"),
     ({"data_sha256": {"a.csv": "ff" * 32}}, "data_sha256.a.csv")],
)  # fmt: skip
def test_engine_versions_and_data_are_settings_too(make, change, key):
    base = {"data_sha256": {"a.csv": "00" * 32}}
    runs = [make.run(seed=0, **base), make.run(seed=1, **{**base, **change})]
    assert arrange(runs, "model", "dataset").split_by == (key,)


@pytest.mark.parametrize(
    ("group", "chosen", "key"),
    [
        ("trainer", {"clip_norm": 1.0}, "trainer.clip_norm"),
        ("scheduler", {"_target_": "torch.StepLR", "step_size": 3}, "scheduler.step_size"),
        ("model", {"zoneout": {"h": 0.1}}, "model.zoneout.h"),
        ("init_from", "0123", "init_from"),
        ("files", {"test_path": "ab"}, "files.test_path"),
    ],
)
def test_null_and_a_value_are_not_averaged(make, group, chosen, key):
    """What is null is no hyperparameter of a record, and its science names what differs from the default alone."""
    plain, other = {"model": {"name": "lstm"}}, {"model": {"name": "lstm"}, group: chosen}
    runs = [make.run(seed=0, science=plain), make.run(seed=1, science=other)]
    runs.append(make.run(seed=2, status="pending"))
    grid = arrange(runs, "model", "dataset")
    assert grid.split_by == (key,)
    name = key.rsplit(".", 1)[-1]
    assert f"lstm ({name}=default)" in grid.rows.labels
    assert len(grid.rows.labels) == 2
    assert [run.job.seed for run in grid.cells[f"lstm ({name}=default)", "adding"]] == [0, 2]


def test_an_unfinished_run_belongs_to_the_finished_ones(make):
    runs = [make.run(seed=0), make.run(seed=1, status="pending"), make.run(seed=2, status="failed")]
    assert len(arrange(runs, "model", "dataset").cells["lstm", "adding"]) == 3
    science = {"dataset": {"_target_": "rnnbench.data.Adding"}, "trainer": {"max_epochs": 3}}
    digits = {"dataset": {"_target_": "rnnbench.data.Digits"}, "trainer": {"max_epochs": 3}}
    runs = [
        make.run(dataset=name, seed=seed, science=kind)
        for name, kind in (("a", science), ("b", digits))
        for seed in (0, 1)
    ]
    runs += [
        make.run(dataset="b", seed=2, status="failed"),
        make.run(model="gru", dataset="a", seed=0, status="pending"),
    ]
    assert arrange(runs, "model", "dataset").rows.labels == ("lstm", "gru")
    clipped = {"science": science | {"trainer": {"clip_norm": 1}}, "hparams": {"trainer.clip_norm": 1}}
    grid = arrange([make.run(seed=0, **clipped), make.run(seed=0, status="failed")], "model", "dataset")
    assert grid.rows.labels == ("lstm (clip_norm=1)", "lstm (clip_norm=default)")


def test_any_field_and_several_make_an_axis(make):
    runs = [make.run(seed=s, hparams={"model.size": n}) for n in (16, 8) for s in (10, 9)]
    grid = arrange(runs, "model.size", "seed")
    assert grid.rows.labels == ("8", "16")  # numbers by size
    assert grid.cols.labels == ("9", "10")
    both = arrange(runs, "model, model.size", "dataset")
    assert both.rows.labels == ("lstm, 16", "lstm, 8")
    assert both.split_by == ()


def test_data_sets_in_one_cell_are_kept_apart(make):
    grid = arrange([make.run(), make.run(dataset="digits")], "model", "engine")
    assert grid.rows.labels == ("lstm (dataset=adding)", "lstm (dataset=digits)")


def test_unknown_fields_are_named_with_their_neighbours(make):
    with pytest.raises(UserError, match=r"rows=modle: .*did you mean model"):
        arrange([make.run()], "modle", "dataset")
    with pytest.raises(UserError, match=r"cols=lr: .*optimizer\.lr"):
        arrange([make.run()], "model", "lr")
    with pytest.raises(UserError, match="two different"):
        arrange([make.run()], "model", "model")
    with pytest.raises(UserError, match="no runs"):
        arrange([], "model", "dataset")


def test_data_key_is_that_of_an_older_record_with_fewer_keys(make):
    def science(version=1, data=None, **dataset):
        target = {"_target_": "rnnbench.data.Adding"}
        return {"dataset": target | dataset, "data": data or {}, "versions": {"rnnbench.data.Adding": version}}

    old = make.run(science=science(length=30), hparams={"dataset.length": 30})
    new = make.run(science=science(length=30), hparams={"dataset.length": 30, "dataset.added_later": False})
    assert data_key([old]) == data_key([new])
    assert data_key([old]) != data_key([make.run(science=science(length=31), hparams={"dataset.length": 30})])
    assert data_key([old]) != data_key([make.run(science=science(2, length=30), hparams={"dataset.length": 30})])
    other = science(data={"a.csv": "1" * 64}, length=30)
    assert data_key([old]) != data_key([make.run(science=other, hparams={"dataset.length": 30})])


def test_the_size_of_batches_is_their_order_and_no_other_data(make):
    def runs(**dataset):
        science = {"dataset": {"_target_": "rnnbench.data.Adding"} | dataset, "data": {}, "versions": {}}
        hparams = {f"dataset.{key}": value for key, value in dataset.items()}
        return [make.run(science=science, hparams=hparams)], [make.run(hparams=hparams)]

    for one, other in zip(runs(), runs(batch_size=4, eval_batch_size=8)):
        assert data_key(one) != data_key(other)
        assert data_key(one, order=False) == data_key(other, order=False)
    for one, other in zip(runs(), runs(length=4)):
        assert data_key(one, order=False) != data_key(other, order=False)


def test_data_key_knows_data_and_nothing_else(make):
    key = data_key([make.run()])
    assert data_key([make.run(model="gru", seed=3, hparams={"optimizer.lr": 1.0})]) == key
    assert data_key([make.run(hparams={"dataset.length": 51})]) != key
    assert data_key([make.run(dataset="digits")]) != key
    assert data_key([make.run(data_sha256={"a": "1" * 64})]) != key
    assert data_key([make.run(versions={"cell": 9, "dataset": 1, "task": 1})]) == key
    assert data_key([make.run(versions={"cell": 1, "dataset": 2, "task": 1})]) != key
    assert "seed" not in settings(make.run())


def test_origins_of_a_cross_validation_are_the_same_data_only_together(make):
    first, second = (make.run(hparams={"dataset.origin": k}) for k in (0, 1))
    assert data_key([first, second]) == data_key([second, first])
    assert data_key([first]) != data_key([second])
    assert (draw(first), draw(second)) == ((0, 0, 0), (0, 1, 0))
    assert settings(first) == settings(second)


def test_settings_that_differ_between_rows_are_found_and_those_of_models_and_columns_are_not(make):
    runs = [make.run(hparams={"optimizer.lr": 0.1, "model.dropout": 0.1})]
    runs += [make.run(model="gru", hparams={"optimizer.lr": 0.2, "model.dropout": 0.2})]
    runs += [make.run(dataset="digits", hparams={"optimizer.lr": 0.3, "trainer.clip_norm": 1.0})]
    assert unlike(arrange(runs, "model", "dataset")) == ["optimizer.lr"]
    assert unlike(arrange(runs, "dataset", "model")) == ["optimizer.lr"]
    assert unlike(arrange(runs[::2], "model", "dataset")) == []
