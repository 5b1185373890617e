from functools import partial
from types import SimpleNamespace

import pytest
import torch

from rnnbench.data.spec import Batch, DataSpec, Window
from rnnbench.layers import GRU, LSTM, TCN
from rnnbench.models import Convolution, build_model, count_parameters
from rnnbench.models.forecaster import Forecaster

T, S = 6, 4


def asking(size, options, **more):
    """A task with so many outputs of the head."""
    asked = {"output_size": lambda spec: size, "model_options": lambda: options, "pooling": "last"}
    return SimpleNamespace(**{"encoder": None, "composition": None, **asked, **more})


def make(
    strategy="direct", anchor=None, cell=LSTM, targets=(1, 0), values=2, calendar=0, P=1, season=None, side=0,
    asked=None, located=1, middle=0, **options,
):  # fmt: skip
    """A float64 forecaster of the columns ``targets``, from ``values`` columns and a calendar."""
    window = Window(T, S, targets, values, calendar, season)
    spec = DataSpec("forecasting", values + calendar, S * len(targets), window=window, side_size=side)
    size = (S if strategy == "direct" else 1) * len(targets) * P
    composed = {"strategy": strategy, "anchor": anchor, "parameters": P, "located": located, "middle": middle}
    model = build_model(
        lambda input_size, batch_first: cell(input_size, 5, batch_first=batch_first, **options),
        spec,
        asking(size, composed, **asked or {}),
    )
    return model.double()


def inputs(columns=2, B=3):
    return torch.randn(B, T, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_a_direct_forecast_of_values_is_the_plain_model():
    assert type(make()) is not Forecaster


def test_a_direct_forecast_over_the_last_value():
    model, x = make(anchor="last"), inputs()
    y, _ = model.backbone(x - x[:, -1:])
    expected = model.head(y[:, -1]).unflatten(1, (S, 2)) + x[:, -1:, [1, 0]]
    torch.testing.assert_close(model(x), expected.flatten(1))
    torch.testing.assert_close(model(x + 7), model(x) + 7)  # it sees changes alone


def test_a_convolution_attention_and_a_second_input_around_a_direct_forecast():
    parts = {"encoder": partial(Convolution, channels=3, stride=2), "pooling": "attention"}
    for anchor in (None, "last"):
        model, x = make(anchor=anchor, side=2, asked=parts), inputs()
        side = torch.randn(3, 2, dtype=torch.float64)
        base = 0 if anchor is None else x[:, -1:]
        y, _ = model.backbone(model.encoder(x - base, None)[0])
        assert y.shape[1] == T // 2
        expected = model.head(torch.cat([model.attention(y, None), side], -1)).unflatten(1, (S, 2))
        if anchor is not None:
            expected = expected + x[:, -1:, [1, 0]]
        told = model.run(Batch(x, x, side_BS=side)).values
        torch.testing.assert_close(told, expected.flatten(1))


def test_over_the_value_a_season_before():
    model, x = make(anchor="season", season=3, targets=(0,), values=1), inputs(1)
    y, _ = model.backbone(x - x[:, -1:])
    before = x[:, [3, 4, 5, 3], 0]  # rows 6, 7, 8, 9 less a season, or two
    torch.testing.assert_close(model(x), model.head(y[:, -1]) + before)


def test_a_recursive_forecast_runs_over_its_own_rows():
    model, x = make("recursive"), inputs()
    rows, expected = x, []
    for _ in range(S):
        y, _ = model.backbone(rows)  # from the start each time
        out = model.head(y[:, -1])
        expected.append(out)
        rows = torch.cat([rows, out[:, [1, 0]][:, None]], dim=1)  # targets are columns 1 and 0
    torch.testing.assert_close(model(x), torch.cat(expected, dim=1))


def test_a_recursive_forecast_of_changes():
    model, x = make("recursive", anchor="last", targets=(0,), values=1, cell=GRU), inputs(1)
    last, rows, expected = x[:, -1:], x, []
    for _ in range(S):
        y, _ = model.backbone(rows - last)
        value = model.head(y[:, -1]) + last[:, 0]
        expected.append(value)
        rows = torch.cat([rows, value[:, None]], dim=1)
    torch.testing.assert_close(model(x), torch.cat(expected, dim=1))


@pytest.mark.parametrize("cell", [LSTM, GRU])
def test_an_encoder_and_a_decoder(cell):
    """Values in columns 0 and 1 (the target is column 1), the calendar of four rows later in 2 and 3."""
    model, x = make("encoder_decoder", targets=(1,), calendar=2, cell=cell, num_layers=2), inputs(4)
    _, state = model.backbone(x)
    value, expected = x[:, -1, 1:2], []
    for step in range(S):
        row = torch.cat([value, x[:, T - S + step, 2:]], dim=1)
        y, state = model.decoder(row[:, None], state)
        value = model.head(y[:, 0])
        expected.append(value)
    torch.testing.assert_close(model(x), torch.cat(expected, dim=1))
    assert model.decoder.input_size == 3
    weights = sum(p.numel() for part in (model.backbone, model.decoder) for p in part.parameters())
    assert count_parameters(model) == {"backbone": weights, "encoder": 0, "head": 6}


def test_a_deviation_does_not_move_with_the_anchor():
    direct = make(anchor="last", P=2, targets=(0,), values=1)
    x = inputs(1)
    parts, moved = direct(x).unflatten(1, (S, 2)), direct(x + 7).unflatten(1, (S, 2))
    torch.testing.assert_close(moved[..., 0], parts[..., 0] + 7)
    torch.testing.assert_close(moved[..., 1], parts[..., 1])


def test_all_quantiles_move_with_the_anchor_and_the_median_is_fed_back():
    quantiles, x = {"targets": (0,), "values": 1, "P": 3, "located": 3, "middle": 1}, inputs(1)
    direct = make(anchor="last", **quantiles)
    torch.testing.assert_close(direct(x + 7), direct(x) + 7)
    model, rows, expected = make("recursive", **quantiles), x, []
    for _ in range(S):
        y, _ = model.backbone(rows)
        expected.append(model.head(y[:, -1]))
        rows = torch.cat([rows, expected[-1][:, None, 1:2]], dim=1)
    torch.testing.assert_close(model(x), torch.cat(expected, dim=1))


@pytest.mark.parametrize("strategy", ["recursive", "encoder_decoder"])
def test_all_weights_learn(strategy):
    model = make(strategy, anchor="last")
    model(inputs()).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"anchor": "last", "targets": (0, None)}, "every target must be among"),
        ({"anchor": "season"}, "anchor=season"),
        ({"anchor": "season", "season": 7}, "window=6 must reach over dataset.season=7"),
        ({"strategy": "recursive", "targets": (0,)}, "inputs must be the targets alone"),
        ({"strategy": "recursive", "calendar": 2}, "inputs must be the targets alone"),
        ({"strategy": "recursive", "bidirectional": True}, "state goes on forwards"),
        ({"strategy": "encoder_decoder", "cell": TCN}, "state goes on forwards"),
        ({"strategy": "recursive", "asked": {"pooling": "mean"}}, "task.pooling=mean: a forecast row by row"),
        ({"strategy": "recursive", "asked": {"encoder": Convolution}}, "task.encoder: reads whole windows"),
        (
            {"strategy": "recursive", "side": 2},
            "dataset.labels, dataset.calendar_at=head: are for task.strategy=direct",
        ),
    ],
)
def test_what_does_not_go_together_is_said(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_a_calendar_needs_a_window_as_long_as_the_horizon():
    window = Window(3, 5, (0,), 1, 2)
    spec = DataSpec("forecasting", 3, 5, window=window)
    options = {"strategy": "encoder_decoder", "anchor": None, "parameters": 1, "located": 1, "middle": 0}
    with pytest.raises(ValueError, match="must be at least 5"):
        build_model(lambda **sizes: LSTM(hidden_size=2, **sizes), spec, asking(1, options))
