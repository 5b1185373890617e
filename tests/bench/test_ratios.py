import pytest

from rnnbench.bench.cells import LONG, How, Result, Row
from rnnbench.bench.contenders import Size
from rnnbench.bench.ratios import Ratios

SMALL, WIDE = Size(8, 60, 88, 36), Size(32, 100, 256, 256)


def result(size=SMALL, **models):
    """``models``: name -> milliseconds of a training step by contender; gates 4 for the LSTM, else 2."""
    found = Result({1: How("cpu", 3)})
    for name, times in models.items():
        found.rows += [Row(size, 1, name, who.replace("_", "."), "training", ms / 1e3) for who, ms in times.items()]
        found.gates[name] = 4 if name == "lstm" else 2
        found.products[f"{name} {size}"] = (1000, 500)
    return found


def test_speeds_are_ratios_of_the_same_group():
    ratios = Ratios(result(mgu={"fused": 2, "loop": 10, "torchrecurrent": 16, "own lstm": 3}))
    (group,) = ratios.groups
    assert group.engine == "fused"
    assert group.speed("torchrecurrent") == 8
    assert group.speed("loop") == 5
    assert group.speed("torch.nn") is None
    assert group.speed("own lstm", engine="loop") == pytest.approx(0.3)
    # 1 ms a gate against 0.75 ms a gate
    assert group.per_gate == pytest.approx(4 / 3)


def test_the_own_lstm_is_the_unit_and_a_cell_without_gates_has_none():
    found = result(lstm={"fused": 3}, min_gru={"scan": 3, "own lstm": 3})
    found.gates.pop("min_gru")
    lstm, other = Ratios(found).groups
    assert lstm.per_gate == 1
    assert other.per_gate is None


def test_the_share_of_the_matrix_products_rate():
    # 2 * 1000 + 3 * 500 multiplications for 480 rows, in 1 ms; the matrix product does 2^30 in 100 ms
    group = Ratios(result(mgu={"fused": 1, "matrix": 100})).groups[0]
    assert group.share == pytest.approx(8 * 60 * 3500 / 1e-3 / (2**30 / 0.1))
    assert Ratios(result(mgu={"fused": 1})).groups[0].share is None


def test_the_mean_is_geometric():
    ratios = Ratios(
        result(a={"fused": 1, "torchrecurrent": 2}, b={"fused": 1, "torchrecurrent": 8}, c={"fused": 1, "own lstm": 1})
    )
    assert ratios.mean("torchrecurrent", SMALL, 1) == pytest.approx(4)
    assert ratios.mean("torchrecurrent", WIDE, 1) is None


def test_targets_name_who_misses_them():
    lines = Ratios(
        result(
            lstm={"fused": 10, "torch_nn": 9},
            gru={"fused": 10, "torch_nn": 20, "own lstm": 10},
            mgu={"fused": 2, "own lstm": 4, "torchrecurrent": 20},
        )
    ).targets()
    assert (
        "Own LSTM at least 0.95 times as fast as nn.LSTM: missed by 1 of 1: lstm (8,60,88,36; 1 thread) 0.90." in lines
    )
    assert (
        "Own GRU at least 1.1 times as fast as nn.GRU: met by all 1, lowest 2.00 by gru (8,60,88,36; 1 thread)."
        in lines
    )
    assert any(line.startswith("Own GRU at least 3") and "missed by 1 of 1" in line for line in lines)
    assert any(line.startswith("Gated cells at least") and "gru (8,60,88,36; 1 thread) 0.50" in line for line in lines)
    assert any(line.startswith("At least 4 times") and "met by all 1, lowest 10.00" in line for line in lines)
    assert "Geometric mean against torchrecurrent at least 6 (8,60,88,36, 1 thread): met, 10.00 over 1." in lines
    assert not any("Scan" in line or "matrix" in line for line in lines)


def test_scans_and_wide_layers_have_targets_of_their_own():
    (line,) = Ratios(result(LONG, min_gru={"fused": 1, "scan": 2, "loop": 10})).targets()
    assert line.startswith("Scan at least 10 times")
    assert "missed by 1 of 1: min_gru (8,2048,128,128; 1 thread) 5.00" in line
    lines = Ratios(result(WIDE, mgu={"fused": 1, "matrix": 1000})).targets()
    assert any("70 %" in line and "met by all 1" in line for line in lines)
