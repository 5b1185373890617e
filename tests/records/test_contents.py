"""What columns hold, on disk."""

import pytest

from rnnbench.errors import UserError
from rnnbench.records.contents import CONTENTS, Contents, read_contents, write_contents

ROLLS = Contents("jsb", "0123", 88, False, 229, 76, 77, 13_578, 4_526, 4_648)
WORDS = Contents("ptb", "4567", 10_000, True, 20, 1, 1, 929_589, 73_760, 82_430)


def test_written_contents_are_read_again(tmp_path):
    assert read_contents(tmp_path / CONTENTS) == {}
    write_contents([ROLLS, WORDS], tmp_path / CONTENTS)
    assert read_contents(tmp_path / CONTENTS) == {"jsb": ROLLS, "ptb": WORDS}


def test_a_line_tells_numbers_from_tokens():
    assert str(ROLLS) == "jsb: 88 inputs a step; 229 / 76 / 77 sequences of 13,578 / 4,526 / 4,648 steps in all"
    assert str(WORDS).startswith("ptb: 10,000 tokens; 20 / 1 / 1 sequences of")


def test_a_damaged_file_is_named(tmp_path):
    write_contents([ROLLS], tmp_path / CONTENTS)
    (tmp_path / CONTENTS).write_text((tmp_path / CONTENTS).read_text().replace("229", "many"))
    with pytest.raises(UserError, match=r"data\.csv, line 2: .*'many'.*delete the file"):
        read_contents(tmp_path / CONTENTS)
