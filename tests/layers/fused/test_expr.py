import math

import pytest
import torch

from rnnbench.layers.fused.expr import Expr, apply, constant, leaf, narrow, walk
from tests.layers.fused.cases import evaluate

A, B, ONE_A_ROW = leaf("a", 0, 4), leaf("b", 0, 4), leaf("s", 0, 1)


def test_equal_nodes_are_one():
    assert apply("tanh", apply("add", A, B)) is apply("tanh", apply("add", leaf("a", 0, 4), B))
    assert leaf("a", 0, 4) is not leaf("a", 1, 4)
    assert constant(0.0) is not constant(-0.0)
    assert constant(1) is constant(1.0)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (apply("add", A, constant(0)), A),
        (apply("add", constant(0), A), A),
        (apply("sub", A, constant(0)), A),
        (apply("sub", constant(0), A), apply("neg", A)),
        (apply("mul", A, constant(1)), A),
        (apply("mul", constant(-1), A), apply("neg", A)),
        (apply("div", A, constant(1)), A),
        (apply("div", A, ONE_A_ROW), apply("mul", A, apply("div", constant(1), ONE_A_ROW))),
        (apply("neg", apply("neg", A)), A),
        (apply("add", A, apply("neg", B)), apply("sub", A, B)),
        (apply("add", apply("neg", A), B), apply("sub", B, A)),
        (apply("sub", A, apply("neg", B)), apply("add", A, B)),
        (apply("mul", apply("neg", A), B), apply("neg", apply("mul", A, B))),
        (apply("sum", ONE_A_ROW), ONE_A_ROW),
        (apply("div", constant(3), constant(4)), constant(0.75)),
        (apply("sub", constant(3), constant(4)), constant(-1)),
    ],
    ids=repr,
)
def test_what_is_simplified(seen: Expr, expected: Expr):
    assert seen is expected


def test_division_by_zero_is_left_to_the_machine_as_nan():
    assert math.isnan(apply("div", constant(1), constant(0)).value)


def test_zeros_of_a_row_keep_their_width():
    """0 * row is a row: one number would lose its width where the rows are joined."""
    assert apply("mul", A, constant(0)).width == 4
    assert apply("mul", ONE_A_ROW, constant(0)) is constant(0)


def test_widths():
    assert apply("mul", A, ONE_A_ROW).width == 4
    assert apply("sum", A).width == 1


def test_columns_of_a_function_are_the_function_of_columns():
    node = apply("mul", apply("tanh", apply("add", A, ONE_A_ROW)), apply("div", B, apply("sum", A)))
    generator = torch.Generator().manual_seed(0)
    rows = {name: torch.randn(3, 4, generator=generator, dtype=torch.float64) for name in "ab"}
    rows["s"] = torch.randn(3, 1, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(evaluate(narrow(node, 1, 2), rows), evaluate(node, rows)[:, 1:3], rtol=0, atol=0)
    assert narrow(node, 0, 4) is node


def test_columns_of_a_deep_expression_take_no_time():
    """Each node has two paths to the next: without sharing, 2^60 visits."""
    node: Expr = A
    for _ in range(60):
        node = apply("mul", apply("tanh", node), node)
    assert narrow(node, 0, 2).width == 2


def test_walk_visits_each_once_and_operands_first():
    node = apply("mul", apply("tanh", A), apply("add", apply("tanh", A), B))
    visited = list(walk([node, A]))
    assert len(visited) == len(set(visited)) == 5
    assert all(visited.index(arg) < visited.index(each) for each in visited for arg in each.args)
