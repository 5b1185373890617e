import dataclasses
import hashlib
import struct

import numpy as np
import pytest
import torch

from rnnbench.data import manifest
from rnnbench.data.files import locate
from rnnbench.data.mnist import Mnist
from rnnbench.errors import UserError


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Six training and two test images in the place and form of the published files; the first training image."""
    changed, random, first = dict(manifest.entries()), np.random.RandomState(0), None
    for name, count in zip(Mnist.files, (6, 6, 2, 2)):
        sizes = (count, 28, 28) if "images" in name else (count,)
        values = random.randint(0, 256 if "images" in name else 10, sizes).astype(np.uint8)
        first = values[0] if first is None else first
        content = b"\0\0\x08" + bytes([len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + values.tobytes()
        path = tmp_path / changed[name].file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        changed[name] = dataclasses.replace(changed[name], sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(manifest, "entries", lambda: changed)
    return tmp_path, torch.from_numpy(first).float() / 255


def test_rows_pixels_and_a_fixed_permutation(small):
    folder, image = small
    rows, pixels, mixed, other = (
        Mnist(order=order, permute=permute, valid_size=2, data_dir=folder).load(0).train.inputs[0]
        for order, permute in (("rows", None), ("pixels", None), ("pixels", 0), ("pixels", 1))
    )
    torch.testing.assert_close(rows, image)
    torch.testing.assert_close(pixels, image.view(784, 1))
    order = np.random.RandomState(0).permutation(784)
    assert torch.equal(mixed, pixels[order])
    assert not torch.equal(mixed, other)


def test_the_last_training_images_are_validation(small):
    splits = Mnist(valid_size=2, data_dir=small[0]).load(0)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [4, 2, 2]
    assert splits.train.targets.dtype is torch.int64


def test_mistakes(small):
    folder, _ = small
    with pytest.raises(ValueError, match="valid_size=60000: must be below 60000"):
        Mnist(valid_size=60_000)
    with pytest.raises(ValueError, match="permute=-1"):
        Mnist(permute=-1)
    path = folder / manifest.entry(Mnist.files[0]).file
    path.write_bytes(b"none")
    with pytest.raises(UserError, match="is corrupt"):
        Mnist(data_dir=folder).load(0)


def test_published_sizes(real_data):
    if any(locate(file, real_data) is None for file in Mnist.files):
        pytest.skip("MNIST is not in the data folder")
    splits = Mnist(data_dir=real_data).load(0)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [55_000, 5000, 10_000]
    assert splits.test.targets.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (float(splits.test.inputs.min()), float(splits.test.inputs.max())) == (0, 1)
