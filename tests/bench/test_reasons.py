from rnnbench.bench.cells import LONG, How, Result, Row
from rnnbench.bench.contenders import Size
from rnnbench.bench.ratios import Ratios
from rnnbench.bench.reasons import reasons

SMALL = Size(8, 60, 88, 36)


def lines(size=SMALL, products=(1000, 500), **times):
    """``times``: milliseconds of a training step of a cell with two gates; the LSTM multiplies 1000 and 1000."""
    found = Result({1: How("cpu", 3)}, gates={"mgu": 2})
    found.rows = [Row(size, 1, "mgu", who.replace("_", " "), "training", ms / 1e3) for who, ms in times.items()]
    found.products = {f"mgu {size}": products, f"lstm {size}": (1000, 1000)}
    return reasons(Ratios(found))


def test_nothing_missed_needs_no_reason():
    assert lines(fused=2, own_lstm=4, call=1) == []


def test_more_products_a_gate():
    # 2 * 1000 + 3 * 2000 for two gates, against 5000 for four
    (line,) = lines(products=(1000, 2000), fused=4, own_lstm=4, call=0.1)
    assert line.startswith("Per gate, more matrix products")
    assert line.endswith("mgu (8,60,88,36; 1 thread) 2.00 per gate, 0.62 per product.")


def test_the_fixed_cost_of_a_call():
    (line,) = lines(products=(500, 500), fused=3, own_lstm=4, call=2)
    assert line.startswith("Per gate, the fixed cost")
    assert line.endswith("mgu (8,60,88,36; 1 thread) 1.50, less call 1.00.")


def test_what_neither_explains_is_pointwise_work():
    (line,) = lines(products=(500, 500), fused=4, own_lstm=4, call=1)
    assert line.startswith("Per gate, pointwise work")
    assert line.endswith("mgu (8,60,88,36; 1 thread) 2.00.")


def test_a_scan_has_its_bound_and_the_engine_that_runs_instead():
    # the matrix product makes 2^30 multiplications in 100 ms; here 16384 * 3500 in 5.3 ms
    bound, auto = lines(LONG, fused=20, scan=40, loop=200, matrix=100)
    assert bound.endswith(f"mgu (8,2048,128,128; 1 thread) {0.2 / (16384 * 3500 / (2**30 / 0.1)):.1f}.")
    assert auto.endswith("mgu (8,2048,128,128; 1 thread) 10.0.")
    assert lines(LONG, fused=20, scan=20, loop=200, matrix=100) == []


def test_the_own_lstm_behind_the_one_of_torch():
    found = Result({1: How("cpu", 3)}, gates={"lstm": 4}, products={f"lstm {SMALL}": (1000, 1000)})
    times = {"fused": 4.0, "torch.nn": 3.0, "call": 1.0}
    found.rows = [Row(SMALL, 1, "lstm", who, "training", ms / 1e3) for who, ms in times.items()]
    (line,) = reasons(Ratios(found))
    assert line.endswith("lstm (8,60,88,36; 1 thread) 1.00 of 4.0.")


def test_close_to_the_target():
    found = Result({1: How("cpu", 3)}, gates={"gru": 3}, products={f"gru {SMALL}": (1000, 1000)})
    times = {"fused": 1.0, "torch.nn": 2.9}
    found.rows = [Row(SMALL, 1, "gru", who, "training", ms / 1e3) for who, ms in times.items()]
    (line,) = reasons(Ratios(found))
    assert line.startswith("Others, within 5% of what is wanted")
    assert line.endswith("gru (8,60,88,36; 1 thread) 2.90 of 3.")


def test_far_from_the_rate_of_a_matrix_product():
    # 3200 rows of 3500 multiplications in 1 ms, of 2^30 in 60 ms
    (line,) = lines(Size(32, 100, 256, 256), fused=1, own_lstm=2, call=0.1, matrix=60)
    assert line.startswith("Matrix rate")
    assert line.endswith(f"mgu (32,100,256,256; 1 thread) {3200 * 3500 / 1e-3 / (2**30 / 0.06):.0%}.")
