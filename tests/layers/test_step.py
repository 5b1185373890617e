import pytest
import torch

from rnnbench.cells import GRU, LSTM, RNN
from rnnbench.layers import CellModule

TWINS = [
    (LSTM, torch.nn.LSTMCell, {}),
    (GRU, torch.nn.GRUCell, {}),
    (RNN, torch.nn.RNNCell, {}),
    (RNN, torch.nn.RNNCell, {"nonlinearity": "relu"}),
]


@pytest.mark.parametrize(("cell", "twin", "options"), TWINS, ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", [(), (3,)])
def test_equals_torch(cell, twin, options, bias, batch):
    torch.manual_seed(0)
    ours = CellModule(cell(4, 5, bias=bias, **options), dtype=torch.float64)
    torch.manual_seed(0)
    theirs = twin(4, 5, bias=bias, dtype=torch.float64, **options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters()))
    x = torch.randn(*batch, 4, dtype=torch.float64)
    hx = tuple(torch.randn(*batch, 5, dtype=torch.float64) for _ in ours.cell.state)
    for given in (None, hx if len(hx) > 1 else hx[0]):
        a, b = ours(x, given), theirs(x, given)
        assert type(a) is type(b)
        pairs = list(zip(a, b)) if isinstance(a, tuple) else [(a, b)]
        for seen, expected in pairs:
            torch.testing.assert_close(seen, expected, rtol=1e-10, atol=1e-14)
        gradients = [
            torch.autograd.grad(sum(out.square().sum() for out in outs), module.parameters())
            for module, outs in ((ours, [p[0] for p in pairs]), (theirs, [p[1] for p in pairs]))
        ]
        for seen, expected in zip(*gradients):
            torch.testing.assert_close(seen, expected, rtol=1e-10, atol=1e-14)


def test_projection():
    h, c = CellModule(LSTM(4, 5, proj_size=2))(torch.zeros(3, 4))
    assert (h.shape, c.shape) == ((3, 2), (3, 5))


@pytest.mark.parametrize(
    ("x", "hx", "message"),
    [
        (torch.zeros(3, 5), None, "input: must have shape (B, 4) or (4,), got (3, 5)"),
        (torch.zeros(2, 3, 4), None, "input: must have shape (B, 4) or (4,), got (2, 3, 4)"),
        (torch.zeros(3, 4), torch.zeros(3, 5), "hx: h, c must have shapes [(3, 5), (3, 5)], got [(3, 5)]"),
    ],
)
def test_wrong_sizes(x, hx, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        CellModule(LSTM(4, 5))(x, hx)
    assert str(error.value) == message
