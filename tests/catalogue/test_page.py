from pathlib import Path

from rnnbench.catalogue.page import page
from rnnbench.layers.contract import find_cells

PAGE = Path(__file__).parents[2] / "rnnbench" / "cells" / "README.md"


def test_the_committed_page_is_what_the_docstrings_give():
    made = "rnnbench cells --page --out rnnbench/cells/README.md"
    assert PAGE.read_text(encoding="utf-8") == page(), f"the page is not current: {made}"


def test_every_cell_has_its_section_and_every_family_its_heading():
    text = page()
    assert [cell.__name__ for cell in find_cells() if f"\n### {cell.__name__}\n" not in text] == []
    modules = {cell.__module__.rpartition(".")[2] for cell in find_cells()}
    assert [name for name in modules if f"\n## [{name}]({name}.py)\n" not in text] == []


def test_a_section_has_equation_source_and_models():
    section = page().split("### MGU\n")[1].split("\n### ")[0]
    assert "h' = (1 - f) * h + f * tanh(" in section
    assert "arXiv:1603.09420" in section
    assert "`model=mgu`" in section
    assert "Shapes" not in section
    truncated = page().split("### TruncatedLSTM\n")[1].split("\n### ")[0]
    assert "Does not keep `gradients` of the contract: the truncated gradient" in truncated
