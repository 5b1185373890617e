import pytest

from rnnbench.models import match_hidden_size

COUNTS = {
    "lstm": lambda h: 4 * h * (h + 28) + 4 * h,
    "gru": lambda h: 3 * h * (h + 88) + 6 * h,
    "rnn": lambda h: h * (h + 1) + 2 * h,
    "linear": lambda h: 7 * h,
}


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("target", [1000, 5000, 19_999, 20_000, 123_456])
def test_against_brute_force(name, target):
    count = COUNTS[name]
    best = min(range(1, 20_000), key=lambda h: (abs(count(h) - target), h))
    found = match_hidden_size(count, target, tolerance=1.0)
    assert abs(found.parameters - target) == abs(count(best) - target)
    assert found.parameters == count(found.hidden_size)
    assert found.remainder == target - found.parameters


def test_tolerance_is_a_border():
    assert match_hidden_size(lambda h: 100 * h, 102, tolerance=0.02).remainder == 2
    with pytest.raises(ValueError, match=r"params=103: no hidden size comes within 2%; 1 gives 100 .* 2 gives 200"):
        match_hidden_size(lambda h: 100 * h, 103, tolerance=0.02)


def test_smallest():
    assert match_hidden_size(lambda h: 10 * h, 10).hidden_size == 1


@pytest.mark.parametrize("sizes", [range(33, 9999), range(3, 9999, 8), [40], [2, 3, 30, 31, 700]])
@pytest.mark.parametrize("target", [1000, 20_000, 123_456])
def test_sizes_without_a_backbone_are_passed_over(sizes, target):
    count = COUNTS["gru"]
    best = min(sizes, key=lambda h: abs(count(h) - target))
    found = match_hidden_size(lambda h: count(h) if h in sizes else None, target, tolerance=1e9)
    assert found.hidden_size in sizes
    assert abs(found.parameters - target) == abs(count(best) - target)


def test_no_size_at_all():
    with pytest.raises(ValueError, match="params=9: no hidden size up to 512 can be built"):
        match_hidden_size(lambda h: None, 9)
