from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from rnnbench.errors import UserError
from rnnbench.records.published import Published
from rnnbench.results.formats import to_markdown
from rnnbench.results.table import build
from rnnbench.results.verdict import REPRODUCED, TOO_FEW, verdict

GOOD = [0.010, 0.012, 0.011, 0.013, 0.0105]
BAD = [0.110, 0.112, 0.111, 0.113, 0.1105]


def seeds(make, values, **options):
    return [make.run(value, seed=seed, **options) for seed, value in enumerate(values)]


@pytest.fixture
def runs(make):
    lstm = seeds(make, GOOD)
    gru = seeds(make, [v + 0.0001 for v in BAD], model="gru")
    digits = seeds(make, [0.91, 0.92, 0.93], dataset="digits", metric="accuracy", baseline={"accuracy": 0.1})
    return lstm + gru + digits


def test_cells_hold_mean_interval_and_counts(runs):
    table = build(runs)
    cell = table.cells["lstm", "adding"]
    expected = stats.t.interval(0.95, 4, loc=sum(GOOD) / 5, scale=stats.sem(GOOD))
    assert (cell.interval.lo, cell.interval.hi) == pytest.approx(expected)
    assert (cell.metric, cell.mode, cell.total, cell.values) == ("mse", "min", 5, tuple(GOOD))
    assert table.cells["lstm", "digits"].mode == "max"
    assert ("gru", "digits") not in table.cells
    assert table.rows.labels == ("lstm", "gru", "baseline")
    assert table.cols.labels == ("adding", "digits")


def test_a_published_number_on_a_log_scale_has_no_verdict_where_a_value_has_no_logarithm(make):
    number = Published("lstm", "adding", "mse", 0.011, scale="log")
    assert build(seeds(make, GOOD), published=[number]).cells["lstm", "adding"].verdict is not None
    assert build(seeds(make, [*GOOD, 0.0]), published=[number]).cells["lstm", "adding"].verdict is None


def test_the_best_is_marked_within_its_data_set(runs):
    table = build(runs)
    assert table.cells["lstm", "adding"].best
    assert not table.cells["gru", "adding"].best
    assert not table.cells["lstm", "digits"].best  # alone there


def test_the_best_of_what_spans_decades_is_found_by_logarithms(make):
    small, large = [0.0020, 0.0030, 0.0022], [0.18, 0.35, 0.05]
    assert stats.ttest_rel(small, large).pvalue > 0.05 > stats.ttest_rel(*map(np.log, (small, large))).pvalue
    runs = seeds(make, small) + seeds(make, large, model="gru")
    linear, logs = build(runs), build(runs, log=["adding", "elsewhere"])
    assert [linear.cells[row, "adding"].best for row in ("lstm", "gru")] == [True, True]
    assert [logs.cells[row, "adding"].best for row in ("lstm", "gru")] == [True, False]
    assert any("of logarithms on adding, paired" in note for note in logs.notes)
    assert not any("logarithms" in note for note in linear.notes)
    without = build([*runs, make.run(0.0, seed=3, model="gru")], log=["adding"])  # nothing is compared
    assert not any(cell.best for cell in without.cells.values())


def test_the_best_is_marked_whatever_the_size_of_its_batches(make):
    runs = [
        make.run(value + seed / 100, seed=seed, hparams={"dataset.batch_size": size}, baseline={"mse": 3.0})
        for size, value in ((4, 1.0), (64, 1000.0))
        for seed in range(5)
    ]
    table = build(runs)
    small, large = table.rows.labels[:2]
    assert table.cells[small, "adding"].best
    assert not table.cells[large, "adding"].best
    assert table.rows.labels[2:] == ("baseline",)


def test_rows_may_be_data_sets(runs):
    table = build(runs, rows="dataset", cols="model")
    assert table.cells["adding", "lstm"].best
    assert not table.cells["adding", "gru"].best
    assert table.cols.labels == ("lstm", "gru", "baseline")
    assert table.cells["digits", "baseline"].interval.mean == 0.1


@pytest.mark.parametrize("status", ["failed", "diverged"])
def test_failed_and_diverged_runs_are_counted_and_leave_no_mark_and_no_verdict(make, runs, status):
    published = [{"row": "lstm", "col": "adding", "metric": "mse", "value": 0.011}]
    whole = build(runs, published=published).cells["lstm", "adding"]
    assert whole.best
    assert whole.verdict is not None
    broken = build([*runs, make.run(0.011, seed=5, status=status)], published=published).cells["lstm", "adding"]
    assert (len(broken.values), broken.total, broken.missing) == (5, 6, {status: 1})
    assert broken.interval == whole.interval  # a diverged run's value does not count
    assert not broken.best
    assert broken.verdict is None


def test_a_metric_that_is_no_number_counts_as_missing(make):
    metrics = {"train": {}, "valid": {}, "test": {"mse": None}}
    runs = [*seeds(make, GOOD), make.run(seed=5, metrics=metrics)]
    cell = build(runs).cells["lstm", "adding"]
    assert cell.missing == {"no number": 1}
    assert not cell.sound


def test_unfinished_runs_are_counted_and_leave_the_mark(make, runs):
    cell = build([*runs, make.run(seed=5, status="pending")]).cells["lstm", "adding"]
    assert (len(cell.values), cell.total, cell.missing) == (5, 6, {"pending": 1})
    assert cell.best


def test_two_learning_rates_are_never_averaged(make):
    runs = seeds(make, GOOD) + seeds(make, BAD, hparams={"optimizer.lr": 1.0})
    table = build(runs)
    assert table.rows.labels[:2] == ("lstm (lr=0.01)", "lstm (lr=1)")
    assert any("optimizer.lr" in note for note in table.notes)
    assert table.cells["lstm (lr=0.01)", "adding"].best
    assert not table.cells["lstm (lr=1)", "adding"].best


def test_only_the_same_data_are_compared(make):
    easy = seeds(make, GOOD, hparams={"dataset.length": 10})
    hard = seeds(make, BAD, hparams={"dataset.length": 99})
    both = seeds(make, [v * 1.5 for v in BAD], hparams={"dataset.length": 99}, model="gru")
    table = build(easy + hard + both)
    assert not table.cells["lstm (length=10)", "adding"].best
    assert table.cells["lstm (length=99)", "adding"].best
    assert not table.cells["gru (length=99)", "adding"].best


def test_costs_and_split(runs):
    cell = build(runs, split="valid").cells["lstm", "adding"]
    assert cell.costs == {
        "parameters": 1234, "seconds": 12.25, "steps_per_second": 33, "peak_memory_bytes": 2**20
    }  # fmt: skip
    assert not any(c.baseline for c in build(runs, split="valid").cells.values())
    with pytest.raises(UserError, match="split=exam"):
        build(runs, split="exam")


def test_metric_by_choice(runs):
    table = build(runs, metric="loss")
    assert table.cells["lstm", "adding"].mode == "min"
    assert table.cells["lstm", "digits"].metric == "loss"
    with pytest.raises(UserError, match=r"metric=msee: .*did you mean mse"):
        build(runs, metric="msee")


def test_runs_judged_by_different_metrics_need_a_choice(make):
    runs = [make.run(seed=0), make.run(seed=1, metric="nll")]
    with pytest.raises(UserError, match=r"mse and nll.*--metric mse"):
        build(runs)
    assert build(runs, metric="loss").cells["lstm", "adding"].total == 2


def test_the_baseline_is_a_row_for_each_data_set_in_a_column(make, runs):
    table = build(runs)
    assert table.cells["baseline", "adding"].interval.mean == pytest.approx(0.1667)
    assert table.cells["baseline", "digits"].interval.mean == 0.1
    mixed = build(runs, rows="model", cols="engine")
    assert mixed.cells["baseline (adding)", "loop"].metric == "mse"
    assert mixed.cells["baseline (digits)", "loop"].metric == "accuracy"
    none = build(seeds(make, GOOD, baseline=None))
    assert none.rows.labels == ("lstm",)


def test_published_numbers_get_verdicts(make):
    values = [8.50, 8.52, 8.48, 8.51, 8.49]
    runs = seeds(make, values, metric="nll") + seeds(make, values[:4], metric="nll", model="gru")
    entries = [
        {"row": "lstm", "col": "adding", "metric": "nll", "value": "8.54"},
        {"row": "gru", "col": "adding", "metric": "nll", "value": "8.53"},
        {"row": "mut1", "col": "adding", "metric": "nll", "value": "8.5"},
    ]
    table = build(runs, published=entries)
    assert table.cells["lstm", "adding"].verdict.kind == REPRODUCED
    assert table.cells["gru", "adding"].verdict.kind == TOO_FEW
    assert table.cells["mut1", "adding"].published.value == 8.5  # not run yet
    assert table.cells["mut1", "adding"].verdict is None
    assert table.rows.labels == ("lstm", "gru", "mut1", "baseline")
    with pytest.raises(UserError, match=r"no column 'ading'; did you mean adding"):
        build(runs, published=[{**entries[0], "col": "ading"}])


def test_a_verdict_knows_how_a_number_was_printed_and_over_how_many_runs(make):
    values = [10.0, 10.1, 9.9, 10.05, 9.95]
    number = Published("lstm", "adding", "nll", 10.14, rounding=0.02, runs_averaged=7, scale="log")
    found = build(seeds(make, values, metric="nll"), published=[number]).cells["lstm", "adding"].verdict
    assert found == verdict(values, 10.14, rounding=0.02, runs_averaged=7, scale="log")
    assert found.kind == REPRODUCED != verdict(values, 10.14, runs_averaged=7, scale="log").kind


def test_a_published_number_of_a_method_stands_beside_ours_without_a_verdict(make):
    runs = seeds(make, GOOD, references={"AR": {"mse": 0.05}})
    entries = [
        {"row": "AR", "col": "adding", "metric": "mse", "value": "0.04"},
        {"row": "gru", "col": "adding", "metric": "mse", "value": "0.02"},
    ]
    table = build(runs, published=entries)
    cell = table.cells["AR", "adding"]
    assert (cell.values, cell.published.value, cell.verdict) == ((0.05,), 0.04, None)
    assert table.rows.labels == ("lstm", "gru", "baseline", "AR")
    line = next(line for line in to_markdown(table).splitlines() if line.startswith("| AR"))
    assert line.startswith("| AR | 0.05000 | 0.04 | +0.01 | none |")
    assert "No verdict on AR: no runs, no interval." in table.notes


def test_a_published_number_of_another_metric_is_not_shown(make):
    entry = {"row": "lstm", "col": "adding", "metric": "mse", "value": 0.01}
    cell = build(seeds(make, GOOD), metric="loss", published=[entry]).cells["lstm", "adding"]
    assert (cell.metric, cell.published, cell.verdict) == ("loss", None, None)


def test_a_published_number_goes_to_every_setting_of_its_row(make):
    runs = seeds(make, GOOD) + seeds(make, BAD, hparams={"optimizer.lr": 1.0})
    entry = {"row": "lstm", "col": "adding", "metric": "mse", "value": 0.01}
    table = build(runs, published=[entry])
    assert all(table.cells[row, "adding"].published for row in table.rows.labels[:2])


def test_a_note_names_what_differs_between_rows_unless_the_table_shows_it(make):
    runs = seeds(make, GOOD, hparams={"optimizer.lr": 0.1}) + seeds(make, BAD, model="gru", hparams={"optimizer.lr": 1})
    note = "Beside the model, rows differ in optimizer.lr."
    assert note in build(runs).notes
    assert note not in build(runs, rows="model,optimizer.lr").notes
    assert note not in build(seeds(make, GOOD) + seeds(make, BAD, model="gru")).notes


def test_notes_say_what_counts(make, runs):
    notes = " ".join(build(runs).notes)
    for words in (
        "best on validation",
        "95 % t interval",
        "hyperparameters chosen",
        "Holm",
        "Parameters: of the backbone",
        "fits the training data best",
    ):
        assert words in notes
    assert "Reproduced" not in notes
    last = make.record(make.job())["selection"] | {"rule": "last"}
    both = " ".join(build([make.run(seed=0), make.run(seed=1, selection=last)]).notes)
    assert "rules differ" in both
    failed = " ".join(build([*runs, make.run(seed=9, status="failed")]).notes)
    assert "1 failed" in failed
    scaled = [{"row": "lstm", "col": "adding", "metric": "mse", "value": 0.01, "scale": "log"}]
    assert "log scale" in " ".join(build(runs, published=scaled).notes)


def test_runs_of_one_seed_in_one_cell_are_noticed(make):
    twin = make.run(0.5, seed=0)
    other = type(twin)(
        type(twin.job)(**{**twin.job.as_dict(), "identity": "f" * 16}), twin.path, "finished", twin.record
    )
    assert any("2 runs of seed 0" in note for note in build([twin, other]).notes)


def test_runs_of_one_seed_in_one_cell_are_all_compared(make):
    runs = [
        make.run(v, model=m, identity=f"{m}{i}")
        for m, v0 in (("lstm", 0.1), ("gru", 0.9))
        for i, v in ((0, v0), (1, v0 + 0.001))
    ]
    runs = [replace(run, job=replace(run.job, identity=run.record["identity"])) for run in runs]
    table = build(runs)
    assert (table.cells["lstm", "adding"].best, table.cells["gru", "adding"].best) == (True, False)


def test_a_table_of_unfinished_runs_alone(make):
    table = build([make.run(seed=s, status="pending") for s in range(2)])
    assert table.cells["lstm", "adding"].interval is None
    assert table.cells["lstm", "adding"].total == 2


def forecasts(make, values, naive, season=None, ar=None, **options):
    """Runs of one model, each with the errors of the simple forecasts on its own data."""
    runs = []
    for seed, value in enumerate(values):
        simple = {"naive": naive[seed], "seasonal naive": season, "drift": 0.9, "AR": ar}
        references = {name: {"mse": error} for name, error in simple.items() if error is not None}
        runs.append(make.run(value, seed=seed, references=references, **options))
    return runs


def test_references_are_rows_after_the_baseline(make):
    hparams = {"dataset.season": 12, "dataset.ar_order": 3, "dataset.units": "original"}
    runs = forecasts(make, GOOD, [0.5] * 5, season=0.4, ar=0.3, hparams=hparams) + seeds(make, BAD, dataset="copy")
    table = build(runs)
    assert table.rows.labels == ("lstm", "baseline", "naive", "seasonal naive", "drift", "AR")
    assert table.cells["seasonal naive", "adding"].interval.mean == 0.4
    each = build(forecasts(make, GOOD, [0.1, 0.2, 0.3, 0.4, 0.6])).cells["naive", "adding"]
    assert each.interval.mean == pytest.approx(1.6 / 5)  # a seed may have data of its own
    assert ("naive", "copy") not in table.cells
    (note,) = [note for note in table.notes if note.startswith("Baseline")]
    assert "the last season go on (adding 12); drift: " in note
    assert note.endswith("its order (adding 3).")
    assert "mse of original values: adding." in table.notes
    across = build(runs, rows="dataset", cols="model")
    assert across.cols.labels == ("lstm", "baseline", "naive", "seasonal naive", "drift", "AR")
    assert not [c for c in build(runs, split="valid").cells.values() if c.method]


def beaten(runs, **options):
    return [note for note in build(runs, **options).notes if "better than" in note]


def test_a_forecast_is_better_only_below_all_simple_ones(make):
    good = forecasts(make, GOOD, [0.5] * 5, season=0.4, ar=0.3)
    between = forecasts(make, [v + 0.44 for v in GOOD], [0.5] * 5, season=0.4, ar=0.3, model="gru")
    near = forecasts(make, [v + 0.33 for v in GOOD], [0.5] * 5, season=0.4, ar=0.3, model="rnn")
    start = "better than each of naive, seasonal naive, drift: "
    assert beaten(good + between + near) == [f"adding: {start}lstm, rnn; not better: gru; better than AR too: lstm."]
    assert beaten(between) == [f"adding: {start}none; not better: gru."]
    assert beaten(good, rows="dataset", cols="model") == [f"adding: {start}lstm; better than AR too: lstm."]
    assert beaten(seeds(make, GOOD)) == []


def test_better_is_judged_run_by_run(make):
    """Each seed has a walk of its own: errors differ by far more than from the naive forecast."""
    naive = [0.1, 0.5, 0.3, 0.8, 0.2]
    below = forecasts(make, [v - 0.01 - 0.0001 * i for i, v in enumerate(naive)], naive)
    mixed = forecasts(make, [v - 0.01 * (-1) ** i for i, v in enumerate(naive)], naive, model="gru")
    assert beaten(below + mixed) == ["adding: better than each of naive, drift: lstm; not better: gru."]
    failed = [*below, make.run(seed=5, status="diverged", references={"naive": {"mse": 1}})]
    assert beaten(failed) == ["adding: better than each of naive, drift: none; not better: lstm."]


def test_better_is_more_where_the_metric_says_so(make):
    simple = [{"naive": {"accuracy": 0.5 + seed / 100}} for seed in range(3)]
    good, bad = (
        [make.run(v, model=m, seed=s, metric="accuracy", references=simple[s]) for s in range(3)]
        for m, v in (("lstm", 0.9), ("gru", 0.1))
    )
    assert beaten(good + bad) == ["adding: better than naive: lstm; not better: gru."]


@pytest.mark.parametrize("part", ["origin", "fold"])
def test_a_table_averages_over_the_parts_of_a_cross_validation(make, part):
    def each(model, values):
        parts = [{"dataset.season": 3, f"dataset.{part}": k} for k in range(3)]
        return [make.run(value, model=model, hparams=part) for value, part in zip(values, parts)]

    runs = each("lstm", [0.1, 0.5, 0.9]) + each("gru", [0.11, 0.512, 0.914])
    table = build(runs)
    assert table.rows.labels == ("lstm", "gru", "baseline")
    assert table.cells["lstm", "adding"].values == (0.1, 0.5, 0.9)
    # paired by part lstm is better; unpaired nobody could tell
    assert table.cells["lstm", "adding"].best
    assert not table.cells["gru", "adding"].best
    assert any(f"over seeds and {part}s (" in note for note in table.notes)
    assert not any("differ in something" in note for note in table.notes)
    assert build(runs, cols=f"dataset.{part}").cells["lstm", "1"].values == (0.5,)


def test_trials_without_success_are_counted_and_take_mark_and_verdict_away(make):
    name = "sequences_to_success"

    def trial(value, seed, model="lstm"):
        metrics = {"train": {name: value}, "test": {"mse": 0.1}}
        return make.run(model=model, seed=seed, metrics=metrics, metric_modes={"mse": "min", name: "min"})

    published = [{"row": "lstm", "col": "adding", "metric": name, "value": 3000, "scale": "log"}]
    runs = [trial(None if seed == 4 else 1000.0 * (seed + 1), seed) for seed in range(6)]
    table = build(runs, metric=name, split="train", published=published)
    cell = table.cells["lstm", "adding"]
    assert (cell.values, cell.missing, cell.verdict) == ((1000, 2000, 3000, 4000, 6000), {"no success": 1}, None)
    assert any("No success: the criterion was not reached" in note for note in table.notes)
    every = build([*runs[:4], trial(5000.0, 4)], metric=name, split="train", published=published)
    assert every.cells["lstm", "adding"].verdict.kind == "inconclusive"


def test_a_cell_that_lacks_runs_has_no_mark_and_says_how_many(make):
    runs = seeds(make, GOOD) + seeds(make, BAD, model="gru")[:-1]
    table = build(runs, asked=len(GOOD))
    cell = table.cells["gru", "adding"]
    assert (cell.total, cell.missing, cell.sound) == (len(GOOD), {"not run": 1}, False)
    assert table.cells["lstm", "adding"].sound
    assert build(runs).cells["gru", "adding"].sound


def test_a_table_of_trials_says_what_was_drawn(make):
    runs = [make.run(v, seed=s, hparams={"optimizer.lr": 10.0**-s}) for s, v in enumerate(GOOD)]
    notes = " ".join(build(runs, free=["optimizer.lr"]).notes)
    assert "best of trials that drew optimizer.lr" in notes
    assert "hyperparameters chosen" not in notes
