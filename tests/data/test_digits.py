import numpy as np
import pytest
import torch

from rnnbench.data.digits import Digits, split_rows


@pytest.fixture(scope="module")
def source():
    from sklearn.datasets import load_digits

    return load_digits()


@pytest.mark.parametrize(("order", "shape"), [("rows", (8, 8)), ("pixels", (64, 1))])
def test_shapes_and_spec(order, shape):
    dataset = Digits(order=order)
    splits = dataset.load(0)
    assert [len(s) for s in (splits.train, splits.valid, splits.test)] == [1078, 360, 359]
    assert splits.train.inputs.shape[1:] == shape
    assert dataset.spec.input_size == shape[1]
    assert (dataset.spec.task, dataset.spec.target_size, dataset.spec.per_step) == ("classification", 10, False)
    assert (float(splits.train.inputs.min()), float(splits.train.inputs.max())) == (0.0, 1.0)
    assert splits.train.targets.unique().tolist() == list(range(10))


def test_both_orders_read_the_image_line_by_line(source):
    rows = split_rows(source.target.astype(np.uint8))[2]
    image = torch.tensor(source.images[int(rows[5])] / 16).float()
    by_row, by_pixel = (Digits(order=order).load(0).test for order in ("rows", "pixels"))
    assert torch.equal(by_row.inputs[5], image)
    assert torch.equal(by_pixel.inputs[5, :, 0], image.flatten())
    assert by_row.targets[5] == source.target[int(rows[5])]


def test_every_digit_in_one_split(source):
    parts = split_rows(source.target)
    assert sorted(torch.cat(parts).tolist()) == list(range(1797))


def test_every_class_is_shared_out_alike(source):
    counts = np.bincount(source.target)
    for part, share in zip(split_rows(source.target), (0.6, 0.2, 0.2), strict=True):
        of_part = np.bincount(source.target[part.numpy()], minlength=10)
        assert np.abs(of_part - share * counts).max() <= 1


def test_split_is_frozen(source):
    # the very rows, so that an accuracy means the same in every version
    train, valid, test = split_rows(source.target)
    assert [part[:5].tolist() for part in (train, valid, test)] == [
        [1, 2, 3, 4, 7],
        [0, 5, 6, 21, 23],
        [8, 9, 17, 18, 30],
    ]


def test_seed_changes_nothing():
    assert torch.equal(Digits().load(0).train.inputs, Digits().load(1).train.inputs)


def test_other_data_are_refused(monkeypatch):
    from rnnbench.errors import UserError

    monkeypatch.setattr("rnnbench.data.digits.SHA256", "0" * 64)
    with pytest.raises(UserError, match="not the known ones"):
        Digits().load(0)


def test_order_is_checked():
    with pytest.raises(ValueError, match="order='columns': choose one of rows, pixels"):
        Digits(order="columns")


def test_an_answer_is_a_digit():
    answer = Digits().answer(torch.eye(10)[7], {})
    assert answer["label"] == "7"
    assert answer["probabilities"]["7"] == 1
