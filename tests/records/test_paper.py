"""A paper's declaration, its jobs, and what it takes from its records."""

import math

import pytest
import yaml

from rnnbench.errors import UserError
from rnnbench.records.paper import load_paper

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


def write(folder, declared):
    folder.mkdir()
    (folder / "paper.yaml").write_text(yaml.safe_dump(declared))
    return load_paper(folder)


def test_draws_are_log_uniform_in_their_range_and_a_shorter_search_is_its_beginning(paper):
    values = paper.search.values()
    assert values == paper.search.values()
    assert all(1e-4 <= v <= 1e-1 for v in values)
    assert paper.shortened().search.values() == values[:2]
    many = [
        math.log(v)
        for v in write(
            paper.folder.parent / "b", {**DECLARED, "search": {**DECLARED["search"], "count": 4000}}
        ).search.values()
    ]
    middle = (math.log(1e-4) + math.log(1e-1)) / 2
    spread = (math.log(1e-1) - math.log(1e-4)) / math.sqrt(12)
    assert sum(many) / len(many) == pytest.approx(middle, abs=4 * spread / math.sqrt(len(many)))


def test_every_model_is_searched_with_the_same_values(paper):
    jobs = paper.search_jobs()
    assert len(jobs) == 2 * 3
    rates = {row: [j for job in jobs if f"model.name={row}" in job for j in job if "lr=" in j] for row in paper.rows}
    assert rates["tanh"] == rates["lstm"]
    assert all("trainer.max_epochs=9" in job and "seed=100" in job for job in jobs)


def searched(make, paper, results):
    """Runs of the search; ``results``: model -> validation metric by position of the value."""
    return [
        make.run(value, model=model, seed=100, hparams={"optimizer.lr": rate}, status=status)
        for model, values in results.items()
        for rate, (value, status) in zip(paper.search.values(), values)
    ]


def test_the_best_on_validation_is_taken_and_a_diverged_run_never(paper, make):
    good, low = (0.3, "finished"), (0.2, "finished")
    runs = searched(make, paper, {"tanh": [good, low, good], "lstm": [low, good, (0.0, "diverged")]})
    for run in runs:
        if run.status == "diverged":
            run.record["metrics"] = {}
    values = paper.search.values()
    assert paper.selected(runs) == {("tanh", "adding"): values[1], ("lstm", "adding"): values[0]}
    jobs = paper.report_jobs(runs)
    assert [job[-2:] for job in jobs if "model.name=lstm" in job] == [
        [f"optimizer.lr={values[0]}", "seed=0"],
        [f"optimizer.lr={values[0]}", "seed=1"],
    ]


def test_an_incomplete_search_selects_nothing(paper, make):
    good = (0.3, "finished")
    runs = searched(make, paper, {"tanh": [good, good, good], "lstm": [good, good]})
    assert set(paper.selected(runs)) == {("tanh", "adding")}


def test_reported_runs_have_the_selected_value_and_a_reported_seed(paper, make):
    good, low = (0.3, "finished"), (0.2, "finished")
    runs = searched(make, paper, {"tanh": [good, low, good], "lstm": [low, good, good]})
    values = paper.search.values()
    taken = make.run(0.5, model="lstm", seed=1, hparams={"optimizer.lr": values[0]})
    other_rate = make.run(0.1, model="lstm", seed=0, hparams={"optimizer.lr": values[2]})
    assert paper.reported([*runs, taken, other_rate]) == [taken]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"search": {"key": "optimizer.lr"}}, "search|seeds"),
        ({"published": {"metric": "mse"}}, "values"),
    ],
)
def test_a_wrong_declaration_names_its_file(tmp_path, change, named):
    with pytest.raises(UserError, match=rf"paper\.yaml: .*({named})"):
        write(tmp_path / "p", {**DECLARED, **change})


def test_an_unknown_paper_names_the_known_ones(paper):
    with pytest.raises(UserError, match="some2014"):
        load_paper(paper.folder.parent / "other2015")
