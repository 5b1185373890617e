"""A paper's statements about its models, A against B, and whether our runs support them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rnnbench.records.claim import Claim
from rnnbench.records.paper_table import PaperTable
from rnnbench.records.published import BASELINE, METHODS
from rnnbench.records.record import Run
from rnnbench.results.group import data_key, draw
from rnnbench.results.statistics import (
    ALPHA,
    Interval,
    Sample,
    as_factor,
    can_pair,
    difference_interval,
    equivalence,
    holm,
    logarithms,
    paired_p,
    welch_p,
)

SUPPORTED = "supported"
CONTRADICTED = "contradicted"
UNDECIDED = "undecided"
NOT_RUN = "not run"


@dataclass(frozen=True)
class Judged:
    """A claim and what our runs say.

    Attributes:
        claim: what was claimed.
        outcome: ``supported``, ``contradicted``, ``undecided`` or ``not run``.
        difference: a less b, with its 95 % interval; on the log scale the ratio a / b. None where nothing was tested.
        p: of the test: of no difference, Holm-adjusted over the table's claims of one; for ``equal`` the larger of
            the two one-sided ones.
        test: what was done, in words.
    """

    claim: Claim
    outcome: str
    difference: Interval | None = None
    p: float | None = None
    test: str = ""


def judge(table: PaperTable, runs: Sequence[Run]) -> list[Judged]:
    """What ``runs``, the reported ones of ``table``, say of its claims; tests of a difference are corrected together.

    A claim is supported or contradicted only by a significant test at 5 %: of a difference, two-sided; of equality,
    two one-sided tests against the margin (supported), or an interval that lies beyond it (contradicted).
    """
    judged = [_judge(claim, table, runs) for claim in table.claims]
    of_difference = [i for i, one in enumerate(judged) if one.p is not None and one.claim.says != "equal"]
    for i, p in zip(of_difference, holm([judged[i].p or 0.0 for i in of_difference])):
        judged[i] = replace(judged[i], p=p, outcome=judged[i].outcome if p < ALPHA else UNDECIDED)
    return judged


def _judge(claim: Claim, table: PaperTable, runs: Sequence[Run]) -> Judged:
    members = {row: [r for r in runs if (r.job.model, r.job.dataset) == (row, claim.col)] for row in (claim.a, claim.b)}
    asked = 1 if table.trials else len(table.seeds)
    if any(len(members[row]) < asked for row in (claim.a, claim.b) if row not in METHODS):
        return Judged(claim, NOT_RUN)
    split = table.splits[0]
    a = _sample(members[claim.a], table.metric, split, claim.scale)
    b = _sample(members[claim.b], table.metric, split, claim.scale)
    if claim.b in METHODS:
        b = _method(members[claim.a], claim.b, table.metric, claim.scale)
    if a is None or b is None:
        lacking = f"{claim.b} has no number on these data" if a and claim.b in METHODS else "a run has no number"
        return Judged(claim, UNDECIDED, test=lacking)
    if min(len(a.values), len(b.values)) < 2:
        return Judged(claim, UNDECIDED, test="too few runs")
    paired = can_pair(a, b) if claim.test == "auto" else claim.test == "paired"
    if paired and a.values.keys() != b.values.keys():
        return Judged(claim, UNDECIDED, test="the runs are of other seeds")
    mode = next(run.record["metric_modes"][table.metric] for run in members[claim.a] if run.record)
    keys = a.values if paired else b.values
    return _tested(claim, list(a.values.values()), [b.values[key] for key in keys], paired, mode)


def _tested(claim: Claim, a: list[float], b: list[float], paired: bool, mode: str) -> Judged:
    difference = difference_interval(a, b, paired=paired)
    name = "Welch t" if not paired else "one-sample t" if claim.b in METHODS else "paired t"
    shown = difference if claim.scale == "linear" else as_factor(difference)
    if claim.says == "equal":
        margin = math.log(claim.margin or 1) if claim.scale == "log" else claim.margin or 0
        test = equivalence(a, b, margin, paired=paired)
        beyond = (difference.lo or 0) > margin or (difference.hi or 0) < -margin
        outcome = SUPPORTED if test.equivalent else CONTRADICTED if beyond else UNDECIDED
        return Judged(claim, outcome, shown, test.p, f"two one-sided {name}")
    p = paired_p(a, b) if paired else welch_p(a, b)
    better = (difference.mean < 0) == (mode == "min")
    outcome = SUPPORTED if better == (claim.says == "better") else CONTRADICTED
    return Judged(claim, outcome, shown, p, name)


def _sample(members: Sequence[Run], metric: str, split: str, scale: str) -> Sample | None:
    """The values by seed; None where a run diverged or a value has no logarithm."""
    values = {draw(run): run.metric(split, metric) for run in members}
    return _scaled(values, data_key(members) if members else None, scale)


def _method(members: Sequence[Run], name: str, metric: str, scale: str) -> Sample | None:
    """What needs no training, on the data of each run; an exact baseline is without the luck of the test draw."""
    records = {draw(run): run.record or {} for run in members}
    found = {
        seed: record.get("baseline") if name == BASELINE else record.get("references", {}).get(name)
        for seed, record in records.items()
    }
    values = {seed: (numbers or {}).get(metric) for seed, numbers in found.items()}
    return _scaled(values, data_key(members), scale)


def _scaled(values: Mapping[tuple[int, ...], float | None], data: Any, scale: str) -> Sample | None:
    numbers = {seed: value for seed, value in values.items() if value is not None}
    sample = Sample(numbers, data) if len(numbers) == len(values) else None
    return logarithms([sample])[0] if scale == "log" else sample
