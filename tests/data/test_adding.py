import pytest
import torch

from rnnbench.data.adding import GENERATORS, Adding


def generate(generator, length, count=50_000, seed=0):
    return Adding(length=length, generator=generator, train_size=1, valid_size=1, test_size=count).load(seed).test


def steps(sequences):
    """Numbers and markers ``(N, longest)``, zero beyond the end, and lengths."""
    batch = sequences.batch(torch.arange(len(sequences)))
    numbers, marks = batch.inputs_BTI.unbind(-1)
    lengths = batch.lengths_B if batch.lengths_B is not None else torch.full((len(sequences),), numbers.shape[1])
    return numbers, marks, lengths


@pytest.mark.parametrize("generator", GENERATORS)
def test_shapes_agree_with_the_spec(generator):
    dataset = Adding(length=20, generator=generator, train_size=30, valid_size=20, test_size=10)
    splits = dataset.load(0)
    assert [len(s) for s in (splits.train, splits.valid, splits.test)] == [30, 20, 10]
    batch = splits.train.batch(torch.arange(30))
    assert batch.inputs_BTI.shape[2] == dataset.spec.input_size == 2
    assert batch.targets.shape == (30, dataset.spec.target_size)
    assert dataset.spec.task == "regression"


@pytest.mark.parametrize("generator", GENERATORS)
def test_seed_decides_and_splits_are_independent(generator):
    def load(seed, **sizes):
        return Adding(length=20, generator=generator, **sizes).load(seed)

    first = load(0)
    assert torch.equal(first.train.targets, load(0).train.targets)
    assert not torch.equal(first.train.targets, load(1).train.targets)
    assert torch.equal(first.test.targets, load(0, train_size=7).test.targets)  # its own seed
    targets = [s.targets[:1000].flatten() for s in (first.train, first.valid, first.test)]
    correlations = torch.corrcoef(torch.stack(targets)) - torch.eye(3)
    assert correlations.abs().max() < 0.15


@pytest.mark.parametrize("generator", ["arjovsky2016", "bai2018"])
@pytest.mark.parametrize("length", [2, 11])
def test_target_is_the_sum_of_the_two_marked_numbers(generator, length):
    sequences = generate(generator, length)
    numbers, marks, _ = steps(sequences)
    assert numbers.min() >= 0
    assert numbers.max() <= 1
    assert ((marks == 0) | (marks == 1)).all()
    assert (marks.sum(1) == 2).all()
    sums = torch.stack([row[mark == 1].sum() for row, mark in zip(numbers[:500], marks[:500], strict=True)])
    torch.testing.assert_close(sequences.targets[:500, 0], sums)


def test_arjovsky_marks_one_in_each_half():
    _, marks, _ = steps(generate("arjovsky2016", 10))
    assert (marks[:, :5].sum(1) == 1).all()
    torch.testing.assert_close(marks.mean(0), torch.full((10,), 0.2), atol=0.01, rtol=0)


def test_bai_marks_any_two_alike():
    _, marks, _ = steps(generate("bai2018", 6))
    pairs = (marks.T @ marks) / len(marks)
    expected = torch.full((6, 6), 1 / 15) + torch.eye(6) * (1 / 3 - 1 / 15)  # 15 pairs, each step in 5 of them
    torch.testing.assert_close(pairs, expected, atol=0.01, rtol=0)


def test_hochreiter_sequences():
    length = 40
    sequences = generate("hochreiter1997", length)
    numbers, marks, lengths = steps(sequences)
    N, rows = len(sequences), torch.arange(len(sequences))
    assert lengths.unique().tolist() == [40, 41, 42, 43, 44]
    assert numbers.abs().max() <= 1
    assert numbers.min() < -0.99
    assert (marks[:, 0] == -1).all()
    assert (marks[rows, lengths - 1] == -1).all()
    assert ((marks == -1).sum(1) == 2).all()
    marked = (marks == 1).sum(1)
    # where the first step drew a mark, its number is 0 and only one marker 1 is left
    assert torch.equal(marked == 1, numbers[:, 0] == 0)
    assert ((marked == 1) | (marked == 2)).all()
    zeroed = 0.1 + 0.9 / (length // 2 - 1)
    assert abs(float((marked == 1).float().mean()) - zeroed) < 4 * (zeroed / N) ** 0.5
    # one mark in the first ten, the other in the first half
    assert (marks[:, length // 2 : -5] == 0).all()
    assert ((marks[:, :10] == 1).sum(1) + (marked == 1) >= 1).all()
    torch.testing.assert_close(sequences.targets[:, 0], 0.5 + (numbers * (marks == 1)).sum(1) / 4)


def test_hochreiter_second_mark_is_even_over_its_pool():
    _, marks, _ = steps(generate("hochreiter1997", 40))
    beyond_ten = (marks[:, 10:20] == 1).float().mean(0)  # only the second mark can fall here
    torch.testing.assert_close(beyond_ten, torch.full((10,), 1 / 19), atol=0.005, rtol=0)


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("length", [20, 101])
def test_baseline_is_the_variance_of_the_target(generator, length):
    dataset = Adding(length=length, generator=generator, test_size=100_000, train_size=1, valid_size=1)
    squared = (dataset.load(0).test.targets - (0.5 if generator == "hochreiter1997" else 1.0)).square().double()
    error = 4 * float(squared.std()) / len(squared) ** 0.5
    assert abs(float(squared.mean()) - dataset.baseline()["mse"]) < error


def test_hochreiter_baseline_without_its_rare_case():
    # Var((X1 + X2) / 4) = 2/3/16 = 1/24 when no mark falls on the first step; for long sequences one in ten does
    assert Adding(length=10**6, generator="hochreiter1997").baseline()["mse"] == pytest.approx(1 / 24 * 0.95, rel=1e-5)


@pytest.mark.parametrize("length", [20, 31])
def test_hochreiter_baseline_over_all_places_of_the_marks(length):
    """A number in [-1, 1] has variance 1/3, and the first step's is 0."""
    places = [(a, b) for a in range(10) for b in range(length // 2) if a != b]
    numbers = 2 - sum(0 in pair for pair in places) / len(places)
    baseline = Adding(length=length, generator="hochreiter1997").baseline()
    assert baseline["mse"] == pytest.approx(numbers / 3 / 16)


@pytest.mark.parametrize(
    "options", [{"length": 1}, {"length": 19, "generator": "hochreiter1997"}, {"valid_size": 0}, {"generator": "le"}]
)
def test_options_are_checked(options):
    name = "generator='le'" if "le" in options.values() else next(f"{k}={v}" for k, v in options.items())
    with pytest.raises(ValueError, match=name):
        Adding(**options)
