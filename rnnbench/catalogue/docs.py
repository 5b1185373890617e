"""What a docstring says of a cell: a summary, its equations, where they were published."""

from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import dataclass

_NAME = r"(?:(?:van der|van|von|de) )?[A-Z][\w'-]+"
_AUTHORS = rf"{_NAME}(?:, {_NAME})*(?: and {_NAME})?(?: et al\.)?"
_WHERE = r"arXiv:[\w.]*\w|doi:[\w./-]*\w"
# "Chang et al. 2019, arXiv:1902.09689", "Rusch and Mishra 2021 (ICML), arXiv:2103.05487", 'Elman 1990, "A title"'
_PAPER = re.compile(
    rf"(?P<authors>{_AUTHORS}),? \(?(?P<year>(?:19|20)\d\d)\b\)?(?: \(\w+\))?"
    rf"(?:(?:, \"[^\"]+\")?, (?P<where>{_WHERE}))?"
)
_APART = ("Shapes", "Attributes:", "Args:", "Raises:", "Example:")


@dataclass(frozen=True)
class Paper:
    """A publication, as far as it is said: ``authors``, ``year``, ``where`` (``arXiv:1902.09689``, ``doi:...``)."""

    authors: str
    year: int | None
    where: str | None = None

    @property
    def short(self) -> str:
        """The authors, of more than two the first."""
        names = re.split(r", | and | et al", self.authors)
        return (self.authors if len(names) < 3 else f"{names[0]} et al.") or self.where or ""


def papers(text: str) -> list[Paper]:
    """Every publication that ``text`` names by authors and year, in its order; where there is none, by number."""
    text = " ".join(text.split())
    found = [Paper(m["authors"], int(m["year"]), m["where"]) for m in _PAPER.finditer(text)]
    return found or [Paper("", None, number) for number in re.findall(_WHERE, text)]


def source(cell: type, comment: str = "") -> Paper | None:
    """The publication of a model: the first that its comment names, else the first of the docstring of ``cell``.

    Of the docstring what stands behind ``Source:`` comes first, and one without any is that of its base class. A
    paper that both name is given as the docstring does, which has more authors and the number.
    """
    documented = [paper for base in cell.__mro__ for paper in papers(_sourced(base)) if base is not object]
    chosen = papers(comment)[:1] or documented[:1]
    if not chosen:
        return None
    return max(
        (p for p in (*chosen, *documented) if _same(p, chosen[0])), key=lambda p: len(p.authors + (p.where or ""))
    )


def _same(one: Paper, other: Paper) -> bool:
    first = [re.split(r",| and | et al", paper.authors)[0] for paper in (one, other)]
    # Two versions of a paper are two papers: Cho et al. 2014.
    numbers = {one.where, other.where} - {None}
    return first[0] == first[1] and one.year == other.year and len(numbers) < 2


def _sourced(cls: type) -> str:
    text = cls.__dict__.get("__doc__") or ""
    _, found, behind = text.partition("Source:")
    return behind + "\n" + text if found else text


@dataclass(frozen=True)
class Doc:
    """A docstring in Markdown: its first sentence, and the rest without shapes, options and examples."""

    summary: str
    body: str


def markdown(cls: type) -> Doc:
    """The docstring of ``cls`` for a page: equations as code blocks, names in single backticks."""
    paragraphs = re.split(r"\n\n(?! )", inspect.cleandoc(cls.__doc__ or ""))
    summary, *rest = [paragraph for paragraph in paragraphs if not paragraph.startswith(_APART)]
    return Doc(_ticks(summary), "\n\n".join(_block(paragraph) for paragraph in rest))


def _block(paragraph: str) -> str:
    marker, _, block = paragraph.partition("::\n\n")
    if block and not marker:
        return f"```text\n{textwrap.dedent(block)}\n```"
    # Shapes that follow a source in its paragraph belong to the class, not to the page.
    return _ticks(re.sub(r"\s+Shapes: .*", "", paragraph, flags=re.DOTALL))


def _ticks(text: str) -> str:
    return text.replace("``", "`")
