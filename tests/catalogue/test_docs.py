import inspect

import pytest

from rnnbench.catalogue.docs import Paper, markdown, papers, source


@pytest.mark.parametrize(
    ("text", "paper"),
    [
        ("Source: Elman 1990, \"Finding structure in time\", with", Paper("Elman", 1990)),
        ("the minGRU of Feng et al. 2024, \"Were RNNs\n    all?\", arXiv:2410.01201, section 3",
         Paper("Feng et al.", 2024, "arXiv:2410.01201")),
        ("Rusch and Mishra 2021 (ICML), arXiv:2103.05487: a step", Paper("Rusch and Mishra", 2021, "arXiv:2103.05487")),
        ("Turkoglu, D'Aronco, Wegner and Schindler 2019.", Paper("Turkoglu, D'Aronco, Wegner and Schindler", 2019)),
        ("The forget gate alone: van der Westhuizen and Lasenby 2018", Paper("van der Westhuizen and Lasenby", 2018)),
        ("Lezcano-Casado and Martinez-Rubio 2019, arXiv:1901.08428; modReLU",
         Paper("Lezcano-Casado and Martinez-Rubio", 2019, "arXiv:1901.08428")),
        ("AntisymmetricRNN (Chang et al. 2019).", Paper("Chang et al.", 2019)),
        ("Cho et al. 2014, arXiv:1406.1078v1: after, keep.", Paper("Cho et al.", 2014, "arXiv:1406.1078v1")),
        ("Source: doi:10.1049/gtd2.12056, by way of", Paper("", None, "doi:10.1049/gtd2.12056")),
    ],
)  # fmt: skip
def test_papers_are_read_from_prose(text, paper):
    assert papers(text)[0] == paper


def test_prose_without_a_paper_has_none():
    assert papers("The LSTM of today's libraries, 4096 units, as in torch 2.0.") == []


class Base:
    """A gate (Old 1970).

    Source: Author, Other and Third 2001, arXiv:0101.00001, section 2. See also Later 2010.
    """


class Child(Base):
    """``Base`` with a difference."""


def test_what_stands_behind_source_comes_first_and_a_base_class_answers_for_its_children():
    assert source(Base) == Paper("Author, Other and Third", 2001, "arXiv:0101.00001")
    assert source(Child) == source(Base)
    assert source(int) is None


def test_the_comment_of_a_model_chooses_and_the_docstring_tells_more_of_the_same_paper():
    assert source(Base, "Base of Later 2010.") == Paper("Later", 2010)
    assert source(Base, "Base (Author et al. 2001).") == source(Base)
    assert source(Base, "Version 2: Author et al. 2001, arXiv:0101.00001v2") == Paper(
        "Author et al.", 2001, "arXiv:0101.00001v2"
    )


def test_short_names_two_authors_at_most():
    assert Paper("Le, Jaitly and Hinton", 2015).short == "Le et al."
    assert Paper("Cho et al.", 2014).short == "Cho et al."
    assert Paper("Gao and Glowacka", 2016).short == "Gao and Glowacka"
    assert Paper("", None, "doi:1/2").short == "doi:1/2"


class Documented:
    """A ``cell``.

    ::

        h' = f(x)
          + h

    Source: Someone 2000. Shapes: weight_ih (H, I),
    in rows.

    Shapes: nothing.

    Attributes:
        depth: a number.

    Example:
        >>> 1
    """


def test_a_docstring_in_markdown_has_equations_and_source_but_no_shapes_and_options():
    doc = markdown(Documented)
    assert doc.summary == "A `cell`."
    assert doc.body == "```text\nh' = f(x)\n  + h\n```\n\nSource: Someone 2000."
    assert "Shapes" in inspect.cleandoc(Documented.__doc__ or "")
