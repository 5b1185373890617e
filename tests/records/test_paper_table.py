"""A table's jobs, and what it takes from its records."""

import math
import random
from dataclasses import replace

import pytest
import yaml

from rnnbench.records.paper import load_paper
from rnnbench.records.paper_table import Quick

DECLARED = {
    "title": "A paper",
    "reference": "Somebody 2014",
    "table": "Table 1",
    "base": ["trainer.max_epochs=9"],
    "rows": {"tanh": ["model=rnn"], "lstm": ["model=lstm"]},
    "cols": {"adding": ["dataset=adding"]},
    "search": {
        "key": "optimizer.lr",
        "low": 1e-4,
        "high": 1e-1,
        "count": 3,
        "seed": 7,
        "seeds": [100],
        "metric": "mse",
    },
    "seeds": [0, 1],
    "published": {"metric": "mse", "values": [{"row": "lstm", "col": "adding", "split": "test", "value": 0.5}]},
    "quick": {"draws": 2, "seeds": 1, "overrides": ["trainer.max_epochs=1"]},
}


@pytest.fixture
def paper(tmp_path):
    return write(tmp_path / "some2014", DECLARED)


@pytest.fixture
def table(paper):
    return paper.tables[0]


def write(folder, declared):
    folder.mkdir()
    (folder / "paper.yaml").write_text(yaml.safe_dump(declared))
    return load_paper(folder)


def without_search(folder, **changes):
    kept = {key: value for key, value in DECLARED.items() if key != "search"}
    return write(folder, {**kept, **changes}).tables[0]


def test_draws_are_log_uniform_in_their_range_and_a_shorter_search_is_its_beginning(paper):
    search = paper.tables[0].search
    values = search.values()
    generator = random.Random(7)
    drawn = [math.exp(generator.uniform(math.log(1e-4), math.log(1e-1))) for _ in range(3)]
    assert values == pytest.approx(drawn, rel=1e-3)
    assert all(1e-4 <= v <= 1e-1 for v in values)
    short = paper.shortened().tables[0]
    assert (short.search.values(), short.seeds) == (values[:2], (0,))
    assert replace(search, low=0.1).values() == [0.1]
    many = [
        math.log(v)
        for v in write(paper.folder.parent / "b", {**DECLARED, "search": {**DECLARED["search"], "count": 4000}})
        .tables[0]
        .search.values()
    ]
    middle = (math.log(1e-4) + math.log(1e-1)) / 2
    spread = (math.log(1e-1) - math.log(1e-4)) / math.sqrt(12)
    assert sum(many) / len(many) == pytest.approx(middle, abs=4 * spread / math.sqrt(len(many)))


def test_every_model_is_searched_with_the_same_values(table):
    jobs = table.search_jobs()
    assert len(jobs) == 2 * 3
    rates = {row: [j for job in jobs if f"model.name={row}" in job for j in job if "lr=" in j] for row in table.rows}
    assert rates["tanh"] == rates["lstm"]
    assert all("trainer.max_epochs=9" in job and "seed=100" in job for job in jobs)


def searched(make, table, results):
    """Runs of the search; ``results``: model -> validation metric by position of the value."""
    return [
        make.run(value, model=model, seed=100, hparams={"optimizer.lr": rate}, status=status)
        for model, values in results.items()
        for rate, (value, status) in zip(table.search.values(), values)
    ]


def test_the_best_on_validation_is_taken_and_a_diverged_run_never(table, make):
    good, low = (0.3, "finished"), (0.2, "finished")
    runs = searched(make, table, {"tanh": [good, low, good], "lstm": [low, good, (0.0, "diverged")]})
    for run in runs:
        if run.status == "diverged":
            run.record["metrics"] = {}
    values = table.search.values()
    assert table.selected(runs) == {("tanh", "adding"): values[1], ("lstm", "adding"): values[0]}
    jobs = table.report_jobs(runs)
    assert [job[-2:] for job in jobs if "model.name=lstm" in job] == [
        [f"optimizer.lr={values[0]}", "seed=0"],
        [f"optimizer.lr={values[0]}", "seed=1"],
    ]


@pytest.mark.parametrize(("metric", "best"), [("mse", min), ("accuracy", max)])
def test_a_value_is_judged_by_the_mean_over_all_seeds_of_validation_alone(tmp_path, make, metric, best):
    """One value diverges on one seed; on test another one is best than on validation."""
    search = {**DECLARED["search"], "seeds": [100, 101], "metric": metric}
    table = write(tmp_path / "two", {**DECLARED, "search": search}).tables[0]
    values, valid = table.search.values(), [(0.3, 0.5), (0.1 if metric == "mse" else 0.9, None), (0.6, 0.4)]
    runs = [
        make.run(model=model, seed=seed, hparams={"optimizer.lr": rate}, metric=metric,
                 metrics={"valid": {metric: value}, "test": {metric: 0.5 - 0.1 * i}})
        for model in table.rows
        for i, (rate, own) in enumerate(zip(values, valid))
        for seed, value in zip((100, 101), own)
    ]  # fmt: skip
    means = {values[0]: 0.4, values[2]: 0.5}
    found = table.validation(runs)["lstm", "adding"]
    assert {rate: found[rate] for rate in means} == pytest.approx(means)
    assert table.selected(runs)["lstm", "adding"] == best(means, key=means.__getitem__)
    assert table.missing(runs) == {("tanh", "adding"): 2, ("lstm", "adding"): 2}
    last = runs.pop().job.model
    assert values[2] not in table.validation(runs)[last, "adding"]
    assert set(table.selected(runs)) == {(row, "adding") for row in table.rows if row != last}


def test_an_incomplete_search_selects_nothing(table, make):
    good = (0.3, "finished")
    runs = searched(make, table, {"tanh": [good, good, good], "lstm": [good, good]})
    assert set(table.selected(runs)) == {("tanh", "adding")}


def test_reported_runs_have_the_selected_value_and_a_reported_seed(table, make):
    good, low = (0.3, "finished"), (0.2, "finished")
    runs = searched(make, table, {"tanh": [good, low, good], "lstm": [low, good, good]})
    values = table.search.values()
    taken = make.run(0.5, model="lstm", seed=1, hparams={"optimizer.lr": values[0]})
    other_rate = make.run(0.1, model="lstm", seed=0, hparams={"optimizer.lr": values[2]})
    assert table.reported([*runs, taken, other_rate]) == [taken]


def test_a_grid_is_searched_as_it_stands(tmp_path):
    search = {"key": "optimizer.lr", "grid": [0.1, 0.01, 1.0], "seeds": [7], "metric": "mse"}
    table = write(tmp_path / "grid", {**DECLARED, "search": search}).tables[0]
    assert table.search.values() == [0.1, 0.01, 1.0]
    assert table.search.shortened(2).values() == [0.1, 0.01]


def test_without_a_search_every_cell_is_reported_at_once(tmp_path, make):
    table = without_search(tmp_path / "p")
    assert table.search_jobs() == []
    assert [job[-1] for job in table.report_jobs([])] == ["seed=0", "seed=1"] * 2
    runs = [make.run(model="lstm", seed=seed) for seed in (0, 1, 2)]
    assert table.reported([*runs, make.run(model="lstm", dataset="copy")]) == runs[:2]


def test_of_two_overrides_the_more_special_one_comes_later_and_the_quick_form_last(tmp_path):
    rows, cols = {"lstm": ["trainer.max_epochs=5"], "tanh": ["model=rnn"]}, {"adding": ["trainer.max_epochs=7"]}
    cells = {"lstm": {"adding": ["trainer.max_epochs=6"]}}
    paper_table = without_search(tmp_path / "p", rows=rows, cols=cols, cells=cells)
    assert [o for o in paper_table.overrides("lstm", "adding") if "max_epochs" in o] == [
        f"trainer.max_epochs={n}" for n in (9, 7, 5, 6)
    ]
    short = paper_table.shortened(Quick(("trainer.max_epochs=1",)))
    assert short.overrides("lstm", "adding")[-1] == "trainer.max_epochs=1"
    small = without_search(tmp_path / "q", small=["dataset.train_size=9"]).shortened(Quick(("trainer.max_epochs=1",)))
    assert small.last == ("trainer.max_epochs=1", "dataset.train_size=9")
    assert "trainer.max_epochs=6" not in paper_table.overrides("tanh", "adding")


def test_records_bear_the_names_of_row_and_column(tmp_path):
    job = without_search(tmp_path / "p").overrides("tanh", "adding")
    assert {"model.name=tanh", "dataset.name=adding"} <= set(job)


def test_missing_runs_are_counted_in_both_stages(table, make):
    assert table.missing([]) == {("tanh", "adding"): 5, ("lstm", "adding"): 5}
    good, low = (0.3, "finished"), (0.2, "finished")
    runs = searched(make, table, {"tanh": [good, low, good], "lstm": [low, good]})
    reported = make.run(0.5, model="tanh", seed=1, hparams={"optimizer.lr": table.search.values()[1]})
    assert table.missing([*runs, reported]) == {("tanh", "adding"): 1, ("lstm", "adding"): 3}
    twice = replace(table, search=replace(table.search, seeds=(100, 101)))  # no value has all of its seeds
    assert twice.missing(runs) == {("tanh", "adding"): 5, ("lstm", "adding"): 6}


def test_only_some_rows_and_columns(tmp_path):
    table = without_search(tmp_path / "p", cols={"adding": ["dataset=adding"], "copy": ["dataset=copy_memory"]})
    assert table.only(["lstm"], []).places == [("lstm", "adding"), ("lstm", "copy")]
    assert table.only(["tanh"], ["copy"]).places == [("tanh", "copy")]
    assert table.only([], ["another"]).places == []


@pytest.mark.parametrize(
    "change",
    [
        {"claims": [{"a": "lstm", "says": "better", "b": "tanh", "scale": "log"}]},
        {"published": {**DECLARED["published"], "scale": "log"}},
    ],
)
def test_columns_whose_numbers_are_compared_by_logarithms(tmp_path, table, change):
    assert table.log("mse") == []
    logs = without_search(tmp_path / "logs", **change)
    assert (logs.log("mse"), logs.log("mae")) == (["adding"], [])
