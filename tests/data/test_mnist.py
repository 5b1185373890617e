import os

import numpy as np
import pytest
import torch

from rnnbench.data import Mnist
from rnnbench.data.files import locate
from rnnbench.data.mnist import idx
from rnnbench.errors import UserError


def as_idx(array):
    return b"\x00\x00\x08" + bytes([array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


@pytest.fixture
def made(monkeypatch):
    random = np.random.RandomState(0)
    images = {n: random.randint(0, 256, (n, 28, 28)).astype(np.uint8) for n in (12, 5)}
    labels = {n: random.randint(0, 10, n).astype(np.uint8) for n in (12, 5)}

    def read(name, data_dir):
        n = 12 if "train" in name else 5
        return as_idx(images[n] if "images" in name else labels[n])

    monkeypatch.setattr("rnnbench.data.files.read", read)
    return images, labels


def test_rows_pixels_and_one_order_for_all(made):
    images, labels = made
    splits = Mnist(valid_size=4).load(0)
    assert [len(split) for split in (splits.train, splits.valid, splits.test)] == [8, 4, 5]
    np.testing.assert_allclose(splits.train.inputs.numpy(), images[12][:8] / np.float32(255), rtol=1e-6)
    assert splits.valid.targets.tolist() == labels[12][8:].tolist()
    pixels = Mnist(order="pixels", valid_size=4).load(0).test.inputs
    assert torch.equal(pixels.view(5, 28, 28), splits.test.inputs)
    mixed, other = (Mnist(order="permuted", permutation_seed=s, valid_size=4).load(0).test.inputs for s in (1, 2))
    assert mixed.shape == (5, 784, 1)
    order = np.random.RandomState(1).permutation(784)
    assert torch.equal(mixed[:, :, 0], pixels[:, order, 0])
    assert not torch.equal(mixed, other)


def test_what_is_no_idx_file_is_refused(made):
    assert idx(as_idx(np.zeros((2, 3), np.uint8)), "x").shape == (2, 3)
    for data in (b"", b"\x00\x00\x08\x01\x00\x00\x00\x05abc", b"PNG....."):
        with pytest.raises(UserError, match="x: not an IDX file"):
            idx(data, "x")
    with pytest.raises(UserError, match="valid_size=12: train has 12"):
        Mnist(valid_size=12).load(0)


def test_the_published_files():
    if locate("mnist_train_images_idx3_ubyte", os.environ.get("RNNBENCH_DATA")) is None:
        pytest.skip("mnist is not in the data folder (RNNBENCH_DATA)")
    splits = Mnist(data_dir=os.environ.get("RNNBENCH_DATA")).load(0)
    assert [len(split) for split in (splits.train, splits.valid, splits.test)] == [55000, 5000, 10000]
    assert splits.test.targets.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
