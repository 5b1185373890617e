import pytest
import torch

from rnnbench.data.spec import DataSpec
from rnnbench.data.steps import read_steps
from rnnbench.errors import UserError

SPEC = DataSpec("classification", input_size=2, target_size=3)


def test_a_line_is_a_step(tmp_path):
    (tmp_path / "steps.csv").write_text("0.5,1\n-2,3e-1\n0,0\n")
    found = read_steps(str(tmp_path / "steps.csv"), SPEC)
    torch.testing.assert_close(found.inputs, torch.tensor([[[0.5, 1], [-2, 0.3], [0, 0]]]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("1\n2\n", r"has 1 column\(s\); wanted: a line for every step, 2 number"),
        ("1,2\n3,\n", "empty cells on line 2"),
        ("1,2\n3,x\n", "column '1' holds 'x' on line 2, not a number"),
    ],
)
def test_what_does_not_serve_is_one_line(tmp_path, text, message):
    (tmp_path / "steps.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_steps(str(tmp_path / "steps.csv"), SPEC)
    with pytest.raises(UserError, match=r"absent\.csv: no such file; give a CSV file"):
        read_steps("absent.csv", SPEC)
