from statistics import NormalDist

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from rnnbench.data.augmentation import Augmentation
from rnnbench.data.spec import Batch, DataSpec, Outputs, Window
from rnnbench.tasks import Forecasting

SHIFT, SCALE, MASE = np.array([50.0, 2.0]), np.array([10.0, 0.5]), np.array([4.0, 0.1])
ARTIFACTS = {
    "targets": ["a", "b"],
    "shift": {"b": 2.0, "a": 50.0, "other": 9.0},
    "scale": {"b": 0.5, "a": 10.0, "other": 9.0},
    "mase_scale": MASE.tolist(),
}
STEPS = 3
SPEC = DataSpec("forecasting", 2, 2 * STEPS, window=Window(5, STEPS, (0, 1), 2))
rng = np.random.default_rng(0)
TRUTH, POINT = rng.normal(size=(40, STEPS, 2)), rng.normal(size=(40, STEPS, 2))


def flat(values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype).flatten(1)


def measure(task, outputs, dtype=torch.float64):
    """All metrics, from three batches of different sizes; the last has one forecast."""
    metrics = task.metrics(SPEC).set_dtype(dtype)
    outputs, truth = outputs.to(dtype), flat(TRUTH, dtype)
    for rows in (slice(0, 25), slice(25, 39), slice(39, 40)):
        task.update(metrics, outputs[rows], truth[rows], task.losses(outputs[rows], truth[rows]))
    return {name: float(value) for name, value in metrics.compute().items()}


def formulas(truth, point, scaled_truth, scaled_point):
    """By hand: ``(N, S, C)`` in the units of the file and scaled."""
    e, y = point - truth, truth
    deviation = np.sqrt(((y - y.mean()) ** 2).sum())
    corr = [np.corrcoef(point[:, s, c], y[:, s, c])[0, 1] for s in range(STEPS) for c in range(2)]
    units = scaled_point - scaled_truth
    return {
        "mse": (units**2).mean(),
        "mae": np.abs(units).mean(),
        "rmse": np.sqrt((units**2).mean()),
        "mape": np.abs(e / y).mean(),
        "smape": (2 * np.abs(e) / (np.abs(y) + np.abs(point))).mean(),
        "mase": (np.abs(e) / MASE).mean(),
        "rse": np.sqrt((e**2).sum()) / deviation,
        "corr": np.mean(corr),
    }


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("units", ["scaled", "original"])
def test_metrics_are_the_published_formulas(units, log):
    task = Forecasting()
    task.bind({**ARTIFACTS, "units": units, "log": log})
    truth, point = TRUTH * SCALE + SHIFT, POINT * SCALE + SHIFT
    if log:
        truth, point = np.exp(truth / 20), np.exp(point / 20)
        task.bind({**ARTIFACTS, "units": units, "log": True, "shift": {"a": 2.5, "b": 0.1},
                   "scale": {"a": 0.5, "b": 0.025}})  # fmt: skip
    pair = (truth, point) if units == "original" else (TRUTH, POINT)
    assert measure(task, flat(POINT)) == pytest.approx(formulas(truth, point, *pair), rel=1e-6)


@pytest.mark.parametrize("output", ["point", "quantiles", "gaussian"])
def test_what_selects_changes_no_metric(output):
    outputs = torch.from_numpy(rng.normal(size=(40, 6 * Forecasting(output=output).parameters)))
    found = measure(Forecasting(output=output), outputs)
    for metric in Forecasting(output=output).modes:
        task = Forecasting(output=output)
        task.select_by(metric)
        assert measure(task, outputs) == found


def test_single_precision_is_enough():
    task = Forecasting()
    task.bind({**ARTIFACTS, "units": "original", "shift": {"a": 2000.0, "b": 2000.0}})
    truth, point = TRUTH * SCALE + 2000, POINT * SCALE + 2000
    expected = formulas(truth, point, truth, point)
    assert measure(task, flat(POINT), torch.float32) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("log", [False, True])
def test_rse_of_a_high_level_that_scaling_does_not_take_away(log):
    """As with scaling=maxabs or none: 20,000 with a deviation of 30, in single precision."""
    truth, point = 20000 + 30 * TRUTH, 20000 + 30 * POINT
    top = np.log(truth).max() if log else truth.max()
    task = Forecasting()
    task.bind({"targets": ["a", "b"], "scale": {"a": top, "b": top}, "shift": {"a": 0.0, "b": 0.0}, "log": log,
               "mean": dict.fromkeys("ab", np.log(20100) if log else 20100.0)})  # fmt: skip
    scaled_truth, scaled_point = ((np.log(v) if log else v) / top for v in (truth, point))
    metrics = task.metrics(SPEC)
    outputs, targets = flat(scaled_point, torch.float32), flat(scaled_truth, torch.float32)
    task.update(metrics, outputs, targets, task.losses(outputs, targets))
    expected = formulas(truth, point, truth, point)["rse"]
    assert float(metrics.compute()["rse"]) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("unit", [1e-8, 1e8])
def test_ratios_do_not_depend_on_the_unit(unit):
    """As of grams against tonnes: torchmetrics does not divide by less than about 1e-6."""
    task, told = Forecasting(), {"units": "original", "targets": ["a", "b"]}
    shift, scale = (dict(zip("ab", (values * unit).tolist())) for values in (SHIFT, SCALE))
    task.bind(told | {"shift": shift, "scale": scale, "mase_scale": (MASE * unit).tolist()})
    truth, point = TRUTH * SCALE + SHIFT, POINT * SCALE + SHIFT
    expected, found = formulas(truth, point, truth, point), measure(task, flat(POINT))
    for name in ("mape", "smape", "rse", "mase", "corr"):
        assert found[name] == pytest.approx(expected[name], rel=1e-6)


def test_one_number_a_forecast():
    task = Forecasting()
    spec = DataSpec("forecasting", 1, 1, window=Window(5, 1, (0,), 1))
    metrics = task.metrics(spec)
    truth, point = torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[1.5], [2.0], [3.0]])
    task.update(metrics, point, truth, task.losses(point, truth))
    found = metrics.compute()
    assert float(found["corr"]) == pytest.approx(np.corrcoef(point[:, 0], truth[:, 0])[0, 1], rel=1e-5)
    assert float(found["mape"]) == pytest.approx((0.5 + 0 + 0.25) / 3, rel=1e-5)


def test_the_correlation_of_a_constant_is_no_number():
    found = measure(Forecasting(), torch.full((40, 6), 0.7), torch.float32)
    assert np.isnan(found["corr"])
    assert found["mae"] == pytest.approx(np.abs(TRUTH - 0.7).mean(), rel=1e-5)


def test_a_forecast_that_does_not_vary_counts_as_no_correlation_a_truth_that_does_not_is_left_out():
    task = Forecasting()
    truth, point = TRUTH.copy(), POINT.copy()
    point[:, 0, 0], truth[:, 2, 1] = 0.7, 0.3
    metrics = task.metrics(SPEC)
    task.update(metrics, flat(point), flat(truth), task.losses(flat(point), flat(truth)))
    corr = [np.corrcoef(point[:, s, c], truth[:, s, c])[0, 1] for s, c in ((0, 1), (1, 0), (1, 1), (2, 0))]
    assert float(metrics.compute()["corr"]) == pytest.approx(sum(corr) / 5, rel=1e-5)


def test_the_deviation_of_the_best_normal_distribution_may_be_large():
    task = Forecasting(output="gaussian")
    truth = torch.tensor([[4000.0], [7000.0], [5500.0]], dtype=torch.float64)
    constant = task.constant(truth, 6)
    assert float(task.losses(constant.expand(3, 2), truth).mean()) == pytest.approx(
        -norm.logpdf(truth[:, 0], 5500, truth.numpy().std()).mean(), rel=1e-6
    )


def test_train_metrics_are_few():
    task = Forecasting()
    metrics = task.train_metrics(SPEC)
    task.update(metrics, flat(POINT), flat(TRUTH), task.losses(flat(POINT), flat(TRUTH)))
    assert {name: float(v) for name, v in metrics.compute().items()} == pytest.approx(
        {"mse": ((POINT - TRUTH) ** 2).mean(), "mae": np.abs(POINT - TRUTH).mean()}
    )


def test_the_pinball_loss_and_its_best_constant():
    task = Forecasting(output="quantiles", quantiles=[0.2, 0.5, 0.7])
    assert task.output_size(SPEC) == 18
    assert (task.primary, task.modes["pinball"]) == ("pinball", "min")
    outputs = np.sort(rng.normal(size=(40, 6, 3)), axis=2)
    over = TRUTH.reshape(40, 6, 1) - outputs
    loss = np.where(over > 0, [0.2, 0.5, 0.7], np.array([0.2, 0.5, 0.7]) - 1) * over
    raw = torch.tensor(outputs).flatten(1)
    np.testing.assert_allclose(task.losses(raw, flat(TRUTH)), loss.mean((1, 2)))
    found = measure(task, raw)
    assert found["pinball"] == pytest.approx(loss.mean())
    assert found["coverage"] == pytest.approx(((over[..., 0] >= 0) & (over[..., 2] <= 0)).mean())
    assert found["mae"] == pytest.approx(np.abs(over[..., 1]).mean())
    constant = task.constant(flat(TRUTH), 6)
    np.testing.assert_allclose(constant[:3], np.quantile(TRUTH[:, 0, 0], [0.2, 0.5, 0.7]))


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("units", ["scaled", "original"])
@pytest.mark.parametrize(("loss", "of"), [("squared", np.square), ("absolute", np.abs)])
def test_the_loss_of_a_point_and_its_best_constant(loss, of, units, log):
    task = Forecasting(loss=loss, loss_units=units)
    task.bind({**ARTIFACTS, "log": log, "shift": {"a": 1.5, "b": 2.0}, "scale": {"a": 0.3, "b": 0.5}})

    def original(scaled):
        values = scaled * [0.3, 0.5] + [1.5, 2.0] if units == "original" else scaled
        return np.exp(values) if units == "original" and log else values

    expected = of(original(POINT) - original(TRUTH)).mean((1, 2))
    np.testing.assert_allclose(task.losses(flat(POINT), flat(TRUTH)), expected)
    best = task.constant(flat(TRUTH), 6).numpy()

    def total(constant):
        return of(original(constant.reshape(STEPS, 2)) - original(TRUTH)).sum()

    for i in range(6):
        found = minimize_scalar(lambda x, i=i: total(np.where(np.arange(6) == i, x, best)), (-1, 1))
        assert total(best) <= found.fun * (1 + 1e-9)


def test_the_normal_distribution_and_its_best_constant():
    task = Forecasting(output="gaussian")
    assert task.output_size(SPEC) == 12
    mean, raw = rng.normal(size=(40, 6)), rng.normal(size=(40, 6))
    deviation = np.log1p(np.exp(raw)) + 1e-3
    outputs = torch.tensor(np.stack([mean, raw], axis=2)).flatten(1)
    truth = TRUTH.reshape(40, 6)
    np.testing.assert_allclose(task.losses(outputs, flat(TRUTH)), -norm.logpdf(truth, mean, deviation).mean(1))
    found = measure(task, outputs)
    assert found["nll"] == pytest.approx(-norm.logpdf(truth, mean, deviation).mean())
    reach = NormalDist().inv_cdf(0.9) * deviation
    assert found["coverage"] == pytest.approx((np.abs(truth - mean) <= reach).mean())
    assert found["mae"] == pytest.approx(np.abs(truth - mean).mean())
    low, high = task.interval(outputs)
    np.testing.assert_allclose((low, high), (mean - reach, mean + reach))
    constant = task.constant(flat(TRUTH), 6).unflatten(0, (6, 2))
    np.testing.assert_allclose(constant[:, 0], truth.mean(0))
    np.testing.assert_allclose(np.log1p(np.exp(constant[:, 1])) + 1e-3, truth.std(0), rtol=1e-6)


def test_the_median_is_the_point_wherever_it_stands_and_a_deviation_stays():
    low = Forecasting(output="quantiles", quantiles=[0.1, 0.2, 0.3, 0.5])
    assert torch.equal(low.point(torch.tensor([[1.0, 2.0, 3.0, 4.0]])), torch.tensor([[4.0]]))
    located = [Forecasting(output=output).model_options()["located"] for output in ("point", "quantiles", "gaussian")]
    assert located == [1, 3, 1]  # with an anchor: those of the outputs that move with the values


def test_predictions_are_the_rows_of_each_target_in_the_units_of_the_file():
    task = Forecasting(output="quantiles", quantiles=[0.1, 0.5, 0.9])
    task.bind(ARTIFACTS)
    scaled = np.stack([POINT - 1, POINT, POINT + 2], axis=-1)
    told = task.predictions(Outputs(torch.tensor(scaled).flatten(1)), None, False)
    for c, name in enumerate("ab"):
        for p, end in enumerate((" low", "", " high")):
            found = [one[name + end] for one in told]
            np.testing.assert_allclose(found, scaled[:, :, c, p] * SCALE[c] + SHIFT[c])


@pytest.mark.parametrize("output", ["point", "quantiles", "gaussian"])
def test_a_method_without_spread_is_judged_by_its_points(output):
    task = Forecasting(output=output)
    assert torch.equal(task.point(task.of_points(flat(POINT))), flat(POINT))
    judged = task.without_spread
    assert judged is None if output == "point" else "mae" in judged and task.primary not in judged


def test_augmentation_changes_training_batches_alone():
    task = Forecasting(augment=Augmentation(jitter=0.5))
    spec = DataSpec("forecasting", 3, 1, window=Window(5, 1, (0,), 2))
    batch = Batch(torch.zeros(4, 5, 3), torch.zeros(4, 1))
    assert task.augments
    torch.manual_seed(0)
    changed = task.augmented(batch, spec)
    assert changed.inputs_BTI[..., :2].std() > 0.3
    assert not changed.inputs_BTI[..., 2].any()  # the calendar
    assert not batch.inputs_BTI.any()
    assert not Forecasting(augment=Augmentation()).augments
    assert Forecasting().augmented(batch, spec) is batch


@pytest.mark.parametrize(("strategy", "size"), [("direct", 2 * STEPS), ("recursive", 2), ("encoder_decoder", 2)])
def test_outputs_of_the_head(strategy, size):
    assert Forecasting(strategy=strategy).output_size(SPEC) == size
    assert Forecasting(strategy=strategy, output="gaussian").output_size(SPEC) == 2 * size


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "seq2seq"}, "strategy='seq2seq'"),
        ({"anchor": "first"}, "anchor='first'"),
        ({"output": "laplace"}, "output='laplace'"),
        ({"loss": "huber"}, "loss='huber': choose one of squared, absolute"),
        ({"loss_units": "file"}, "loss_units='file': choose one of scaled, original"),
        ({"loss": "absolute", "output": "gaussian"}, "loss=absolute, loss_units=scaled: are for output=point"),
        ({"quantiles": [0.5, 0.1]}, "quantiles="),
        ({"quantiles": [0.0, 0.5]}, "quantiles="),
        ({"quantiles": []}, "quantiles="),
        ({"quantiles": [0.05, 0.95]}, r"quantiles=\[0.05, 0.95\]: needs 0.5"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        Forecasting(**options)


@pytest.mark.parametrize("options", [{"strategy": "recursive"}, {"strategy": "encoder_decoder"}, {"anchor": "season"}])
def test_behind_a_gap_a_forecast_is_direct(options):
    spec = DataSpec("forecasting", 1, 1, window=Window(5, 1, (0,), 1, season=2, gap=3))
    with pytest.raises(ValueError, match=r"with dataset\.gap=3 a forecast is direct, and over the last value or none"):
        Forecasting(**options).output_size(spec)
    assert Forecasting(anchor="last").output_size(spec) == 1
