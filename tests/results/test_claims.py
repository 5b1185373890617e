"""Claims A against B, against scipy."""

import math
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats

from rnnbench.results.claims import judge
from rnnbench.results.statistics import holm

declared = runpy.run_path(str(Path(__file__).parents[1] / "records" / "test_paper_table.py"))
LSTM = [0.50, 0.52, 0.49, 0.53, 0.51]
GRU = [0.48, 0.51, 0.47, 0.50, 0.50]
RNN = [0.90, 0.70, 0.80, 0.95, 0.85]
ROWS = {name: [f"model={name}"] for name in ("lstm", "gru", "rnn", "never")}


@pytest.fixture
def table(tmp_path):
    def with_claims(*claims, seeds=5):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        return declared["without_search"](folder, rows=ROWS, seeds=list(range(seeds)), claims=list(claims))

    return with_claims


@pytest.fixture
def runs(make):
    values = {"lstm": LSTM, "gru": GRU, "rnn": RNN}
    return [make.run(v, model=m, seed=s) for m, of_model in values.items() for s, v in enumerate(of_model)]


def test_a_difference_is_tested_in_pairs_where_the_data_were_the_same_and_corrected(table, runs):
    claims = [
        {"a": "gru", "says": "better", "b": "lstm"},
        {"a": "lstm", "says": "worse", "b": "rnn"},
        {"a": "rnn", "says": "better", "b": "gru"},
    ]
    judged = judge(table(*claims), runs)
    raw = [stats.ttest_rel(GRU, LSTM).pvalue, stats.ttest_rel(LSTM, RNN).pvalue, stats.ttest_rel(RNN, GRU).pvalue]
    assert [one.p for one in judged] == pytest.approx(holm(raw))
    assert [one.outcome for one in judged] == ["supported", "contradicted", "contradicted"]
    interval = stats.ttest_rel(GRU, LSTM).confidence_interval(0.95)
    assert judged[0].difference.lo == pytest.approx(interval.low)
    assert judged[0].difference.hi == pytest.approx(interval.high)
    assert str(judged[0].claim) == "gru is better than lstm on adding"


def test_pairs_are_of_one_seed_in_whatever_order_the_runs_come(table, runs):
    (one,) = judge(table({"a": "gru", "says": "better", "b": "lstm"}), [*runs[:5], *runs[9:4:-1]])
    assert one.p == pytest.approx(stats.ttest_rel(GRU, LSTM).pvalue)


def test_claims_are_about_the_first_split(table, make):
    def run(model, seed, valid, test):
        return make.run(model=model, seed=seed, metrics={"valid": {"mse": valid}, "test": {"mse": test}})

    runs = [run("lstm", s, v, v) for s, v in enumerate(LSTM)] + [run("gru", s, v, 0.1) for s, v in enumerate(GRU)]
    claim = {"a": "gru", "says": "better", "b": "lstm"}
    (one,) = judge(replace(table(claim), splits=("valid", "test")), runs)
    assert one.p == pytest.approx(stats.ttest_rel(GRU, LSTM).pvalue)


@pytest.mark.parametrize(("metric", "outcome"), [("mse", "contradicted"), ("accuracy", "supported")])
def test_whether_more_is_better_is_the_metrics_own(table, make, metric, outcome):
    runs = [
        make.run(v, model=m, seed=s, metric=metric) for m, of in (("rnn", RNN), ("gru", GRU)) for s, v in enumerate(of)
    ]
    (one,) = judge(replace(table({"a": "rnn", "says": "better", "b": "gru"}), metric=metric), runs)
    assert one.outcome == outcome


def test_a_difference_that_is_not_significant_decides_nothing(table, make):
    runs = [make.run(v, model="lstm", seed=s) for s, v in enumerate([0.5, 0.6])]
    runs += [make.run(v, model="gru", seed=s) for s, v in enumerate([0.4, 0.61])]
    (one,) = judge(table({"a": "gru", "says": "better", "b": "lstm"}, seeds=2), runs)
    assert (one.outcome, one.test) == ("undecided", "paired t")
    assert one.p > 0.05


def test_welch_on_request_and_on_a_log_scale(table, runs):
    (one,) = judge(table({"a": "rnn", "says": "worse", "b": "gru", "test": "welch", "scale": "log"}), runs)
    expected = stats.ttest_ind([math.log(v) for v in RNN], [math.log(v) for v in GRU], equal_var=False)
    assert one.p == pytest.approx(expected.pvalue)
    assert one.difference.mean == pytest.approx(math.exp(expected.statistic * expected._standard_error))
    assert one.outcome == "supported"


def test_equality_needs_an_interval_within_the_margin(table, runs):
    def outcome(margin, other="lstm"):
        (one,) = judge(table({"a": "gru", "says": "equal", "b": other, "margin": margin}), runs)
        return one

    wide = outcome(0.05)
    shift = [g - o for g, o in zip(GRU, LSTM)]
    low = stats.ttest_1samp(shift, -0.05, alternative="greater").pvalue
    high = stats.ttest_1samp(shift, 0.05, alternative="less").pvalue
    assert wide.p == pytest.approx(max(low, high))
    assert wide.outcome == "supported"
    assert outcome(0.02).outcome == "undecided"
    assert outcome(0.05, "rnn").outcome == "contradicted"


def test_on_a_log_scale_the_margin_is_a_factor_and_the_baseline_has_a_logarithm_too(table, runs):
    equal = {"a": "gru", "says": "equal", "b": "lstm", "margin": 1.1, "scale": "log"}
    worse = {"a": "gru", "says": "worse", "b": "baseline", "scale": "log"}
    one, other = judge(table(equal, worse), runs)
    logs, ratios = [math.log(v) for v in GRU], [math.log(g / o) for g, o in zip(GRU, LSTM)]
    sides = ((-math.log(1.1), "greater"), (math.log(1.1), "less"))
    assert one.p == pytest.approx(max(stats.ttest_1samp(ratios, end, alternative=side).pvalue for end, side in sides))
    assert other.p == pytest.approx(stats.ttest_1samp(logs, math.log(0.1667)).pvalue)


def test_the_baseline_is_the_one_that_the_runs_recorded(table, runs):
    claims = [{"a": "gru", "says": "worse", "b": "baseline"}, {"a": "never", "says": "better", "b": "baseline"}]
    known, unknown = judge(table(*claims), runs)
    assert known.p == pytest.approx(stats.ttest_1samp(GRU, 0.1667).pvalue)
    assert (known.outcome, known.test) == ("supported", "one-sample t")
    assert (unknown.outcome, unknown.p) == ("not run", None)


def test_a_method_without_training_is_compared_on_the_data_of_each_run(table, make):
    lines = [{"AR": {"mse": 0.4 + seed / 50}} for seed in range(5)]
    runs = [make.run(value, model="gru", seed=seed, references=lines[seed]) for seed, value in enumerate(GRU)]
    claims = [{"a": "gru", "says": "better", "b": "AR"}, {"a": "gru", "says": "better", "b": "drift"}]
    known, unknown = judge(table(*claims), runs)
    assert known.p == pytest.approx(stats.ttest_rel(GRU, [line["AR"]["mse"] for line in lines]).pvalue)
    assert (known.outcome, known.test) == ("contradicted", "one-sample t")
    assert (unknown.outcome, unknown.test) == ("undecided", "drift has no number on these data")


def test_a_diverged_run_and_a_single_one_decide_nothing(table, runs, make):
    (one,) = judge(
        table({"a": "gru", "says": "better", "b": "lstm"}),
        [
            *runs[:10],
        ],
    )
    assert one.outcome == "supported"
    diverged = make.run(model="gru", seed=9, status="diverged", metrics={})
    (one,) = judge(table({"a": "gru", "says": "better", "b": "lstm"}), [*runs, diverged])
    assert (one.outcome, one.test) == ("undecided", "a run has no number")
    (one,) = judge(table({"a": "gru", "says": "better", "b": "lstm"}, seeds=1), [runs[0], runs[5]])
    assert (one.outcome, one.test) == ("undecided", "too few runs")


def test_a_claim_waits_for_every_seed_that_the_paper_asks_for(table, runs):
    (whole,) = judge(table({"a": "gru", "says": "better", "b": "rnn"}), runs)
    (part,) = judge(table({"a": "gru", "says": "better", "b": "rnn"}), runs[:-1])
    assert (whole.outcome, part.outcome) == ("supported", "not run")
