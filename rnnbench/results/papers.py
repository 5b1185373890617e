"""The list of papers: what came back, what did not, what has not been run and what it would take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnnbench.errors import UserError
from rnnbench.records.estimates import ESTIMATES, hours_left, read_estimates
from rnnbench.records.files import read_text, write_whole
from rnnbench.records.paper import ARCHIVE, Paper
from rnnbench.records.record import Run
from rnnbench.records.series import read_runs
from rnnbench.results.claims import NOT_RUN, judge
from rnnbench.results.formats import NOTHING, markdown_rows
from rnnbench.results.paper import between, check_table, hours_text, replace_between, results, write_page
from rnnbench.results.ranks import blocks, draw_ranks, ranks_drawn, section
from rnnbench.results.verdict import BETTER, REPRODUCED, WORSE

MARK = "papers"
PAGE = "README.md"
OTHER = "no verdict"


@dataclass(frozen=True)
class Summary:
    """Where one paper stands.

    Attributes:
        paper: it.
        verdicts: on its published numbers: ``reproduced``, the two of ``not reproduced``, ``no verdict`` (the interval
            is wide, or there are too few runs) and ``not run`` to their counts.
        claims: outcome to the number of claims.
        runs: recorded.
        hours: of them.
        runs_left: those that its cells still need.
        hours_left: of those that were estimated.
        unmeasured: cells without an estimate.
    """

    paper: Paper
    verdicts: Mapping[str, int]
    claims: Mapping[str, int]
    runs: int
    hours: float
    runs_left: int
    hours_left: float
    unmeasured: int


def summarise(paper: Paper, runs: Sequence[Run]) -> Summary:
    """Where ``paper`` stands with ``runs``, its records."""
    verdicts: Counter[str] = Counter()
    claims: Counter[str] = Counter()
    left: list[tuple[int, float | None]] = []
    for table in paper.tables:
        shown = [result for metric in table.metrics for result in results(table, runs, metric).values()]
        cells = [cell for result in shown for cell in result.cells.values() if cell.published]
        unknown = [NOT_RUN if not cell.total and not cell.baseline else OTHER for cell in cells]
        verdicts.update(cell.verdict.kind if cell.verdict else other for cell, other in zip(cells, unknown))
        verdicts[NOT_RUN] += len(table.published) - len({cell.published for cell in cells})
        claims.update(judged.outcome for judged in judge(table, table.reported(runs)))
        left += hours_left(table, runs, read_estimates(paper.folder / ESTIMATES)).values()
    known = (REPRODUCED, BETTER, WORSE, NOT_RUN)
    kinds = Counter({OTHER: sum(n for kind, n in verdicts.items() if kind not in known)})
    kinds.update({kind: verdicts[kind] for kind in known})
    records = [run.record for run in runs if run.record]
    return Summary(
        paper=paper,
        verdicts=kinds,
        claims=claims,
        runs=len(records),
        hours=sum(record["seconds"] for record in records) / 3600,
        runs_left=sum(count for count, _ in left),
        hours_left=sum(hours for _, hours in left if hours is not None),
        unmeasured=sum(hours is None for _, hours in left),
    )


def summaries(papers: Sequence[Paper]) -> list[Summary]:
    """Where each paper stands with its committed records."""
    return [summarise(paper, read_runs(paper.folder / ARCHIVE)) for paper in papers]


def listing(found: Sequence[Summary], link: str = "{name}") -> str:
    """The list in Markdown. ``link``: how a paper's name is written, as ``[{name}](experiments/{name}/README.md)``."""
    lines = [
        ["paper", "reproduced", "not reproduced: better / worse", "no verdict", "not run", "claims", "hours", "to go"]
    ]
    lines += [[link.format(name=one.paper.name), *_numbers(one)] for one in found]
    note = (
        "Published numbers by the verdict on them; claims: supported / contradicted / undecided / not run; hours of "
        "runs recorded, and of those still to go, as far as they were measured. Reproduced asks for an interval for "
        "the published run that is at most 5 % of it to each side: a handful of runs seldom has one, and most that "
        "come near have no verdict, as has what needs no runs (AR)."
    )
    return f"{markdown_rows(lines)}\n\n{note}"


def _numbers(one: Summary) -> list[str]:
    claims = [one.claims.get(kind, 0) for kind in ("supported", "contradicted", "undecided", NOT_RUN)]
    return [
        str(one.verdicts.get(REPRODUCED, 0)),
        f"{one.verdicts.get(BETTER, 0)} / {one.verdicts.get(WORSE, 0)}",
        str(one.verdicts.get(OTHER, 0)),
        str(one.verdicts.get(NOT_RUN, 0)),
        " / ".join(map(str, claims)) if sum(claims) else NOTHING,
        hours_text(one.hours),
        _to_go(one),
    ]


def _to_go(one: Summary) -> str:
    if not one.runs_left:
        return NOTHING
    hours = f"{hours_text(one.hours_left)} ({one.runs_left} runs)" if one.hours_left else f"{one.runs_left} runs"
    return f"{hours}, {one.unmeasured} cells not measured" if one.unmeasured else hours


def front_listing(papers: Sequence[Paper]) -> str:
    """The list as it stands on the front page."""
    return listing(summaries(papers), "[{name}](experiments/{name}/README.md)")


def write_pages(papers: Sequence[Paper], folder: Path) -> None:
    """Make every paper's page and pictures, the page of all papers and the front page's parts again."""
    front = folder.parent / "README.md"
    for paper in papers:
        write_page(paper, paper.folder / ARCHIVE)
    write_whole(folder / PAGE, page(papers))
    draw_ranks(blocks(papers), folder)
    write_front(papers, front)


def check_pages(papers: Sequence[Paper], folder: Path) -> None:
    """Compare all of them with the records.

    Raises:
        UserError: one differs.
    """
    for paper in papers:
        check_table(paper)
    check_front(papers, folder.parent / "README.md")
    path = folder / PAGE
    whole = path.exists() and read_text(path) == page(papers)
    if not whole or not ranks_drawn(blocks(papers), folder):
        raise UserError(f"{path} is not what the records of the papers give; run `rnnbench papers --write`")


def page(papers: Sequence[Paper]) -> str:
    """The page of all papers, in Markdown."""
    parts = ["# Papers", "Made by `rnnbench papers --write` from the committed records; not edited."]
    parts += [listing(summaries(papers), "[{name}]({name}/README.md)"), "## LSTM or GRU?", section(blocks(papers))]
    return "\n\n".join(parts)


def write_front(papers: Sequence[Paper], page: Path) -> None:
    """Put the list between its marks on the front page, if it has them."""
    replace_between(page, MARK, front_listing(papers))


def check_front(papers: Sequence[Paper], page: Path) -> None:
    """Compare the list on the front page with the records.

    Raises:
        UserError: they differ.
    """
    if between(page, MARK) != front_listing(papers):
        raise UserError(f"{page}: its list of papers is not what their records give; run `rnnbench papers --write`")
