import numpy as np
import pytest
import torch

from rnnbench.data.augmentation import Augmentation


def windows(B=64, T=21):
    """Two columns of values, the row's number and twice that, and one that must not change."""
    t = torch.arange(T, dtype=torch.float32).expand(B, T)
    return torch.stack([t, 2 * t, 100 + t], dim=-1), torch.ones(B, 3)


def changed(B=64, T=21, seed=0, **options):
    torch.manual_seed(seed)
    return Augmentation(**options)(*windows(B, T), values=2)


def test_nothing_is_changed_by_default():
    assert not Augmentation().active
    inputs, targets = changed()
    assert torch.equal(inputs, windows()[0])
    assert torch.equal(targets, windows()[1])


@pytest.mark.parametrize("options", [{"jitter": 0.1}, {"scaling": 0.1}, {"shift": 3}, {"warp": 0.3}])
def test_each_change_is_a_function_of_the_generator(options):
    assert Augmentation(**options).active
    first, again, other = changed(**options), changed(**options), changed(**options, seed=1)
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], other[0])
    assert torch.equal(first[0][..., 2], windows()[0][..., 2])  # marks and calendar stay


def test_jitter_has_its_deviation():
    inputs, targets = changed(B=500, jitter=0.3)
    noise = (inputs - windows(500)[0])[..., :2]
    assert noise.std().item() == pytest.approx(0.3, rel=0.03)
    assert torch.equal(targets, windows(500)[1])


def test_scaling_multiplies_a_window_and_its_target_by_one_factor():
    inputs, targets = changed(B=500, scaling=0.2)
    factor = inputs[:, 1:, :2] / windows(500)[0][:, 1:, :2]
    np.testing.assert_allclose(factor, targets[:, None, :1].expand_as(factor), rtol=1e-5)
    assert targets.std().item() == pytest.approx(0.2, rel=0.1)
    assert targets.mean().item() == pytest.approx(1, abs=0.03)


def test_shift_makes_windows_late_by_whole_rows():
    inputs, _ = changed(shift=3)
    late = 20 - inputs[:, -1, 0]
    assert set(late.tolist()) == {0, 1, 2, 3}
    for window, rows in zip(inputs[..., 0], late.tolist()):
        assert window.tolist() == [max(t - rows, 0) for t in range(21)]


def test_warp_bends_time_between_fixed_ends():
    inputs, _ = changed(B=500, warp=0.3)
    times = inputs[..., 0]  # the row that each value was taken from
    assert torch.equal(times[:, 0], torch.zeros(500))
    np.testing.assert_allclose(times[:, -1], 20, atol=1e-4)
    assert (times.diff(dim=1) > 0).all()
    bent = (times - torch.arange(21.0)).abs().amax(1)
    assert bent.max() <= 0.3 * 20 + 1e-4
    assert bent.max() > 4
    np.testing.assert_allclose(inputs[..., 1], 2 * times, atol=1e-4)
    # two straight pieces: the slope changes once, at one row or two
    kinks = (times.diff(n=2, dim=1).abs() > 1e-3).sum(1)
    assert kinks.max() <= 2


def test_a_window_of_one_row_stays():
    inputs, _ = changed(B=4, T=1, warp=0.2, shift=2)
    assert torch.equal(inputs, windows(4, 1)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [({"jitter": -1}, "jitter=-1"), ({"shift": -2}, "shift=-2"), ({"warp": 0.5}, "warp=0.5"), ({"scaling": -1}, "sc")],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        Augmentation(**options)
