import os
import zipfile

import numpy as np
import pytest
import torch

from rnnbench.data import SpokenDigits
from rnnbench.data.files import locate
from rnnbench.errors import UserError


@pytest.fixture
def made(tmp_path, monkeypatch, wav):
    """Twelve recordings of each of two digits by one speaker, as tones."""
    path = tmp_path / "recordings.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for digit in (0, 7):
            for take in range(15):
                n = np.arange(900 + 80 * take)
                tone = 9000 * np.sin(2 * np.pi * (300 + 200 * digit) * n / 8000)
                archive.writestr(f"recordings/{digit}_ann_{take}.wav", wav(tone.astype(int)))
        archive.writestr("recordings/readme.txt", "no sound")
    monkeypatch.setattr("rnnbench.data.files.fetch", lambda name, data_dir: path)
    return tmp_path


@pytest.mark.parametrize(("features", "size"), [("log_mel", 9), ("mfcc", 4)])
def test_splits_by_recording_scaled_on_train(made, features, size):
    dataset = SpokenDigits(features=features, bands=9, coefficients=4)
    splits = dataset.load(0)
    assert [len(split) for split in (splits.train, splits.valid, splits.test)] == [18, 2, 10]
    assert splits.test.targets.bincount().tolist() == [5, 0, 0, 0, 0, 0, 0, 5]
    frames = torch.cat(splits.train.inputs)
    assert frames.shape[1] == dataset.spec.input_size == size
    torch.testing.assert_close(frames.mean(0), torch.zeros(size), atol=1e-4, rtol=0)
    torch.testing.assert_close(frames.std(0), torch.ones(size), atol=1e-3, rtol=0)


def test_a_file_of_the_users_own(made):
    dataset = SpokenDigits(bands=9, coefficients=4)
    splits = dataset.load(0)
    (made / "one.wav").write_bytes(zipfile.ZipFile(made / "recordings.zip").read("recordings/0_ann_0.wav"))
    heard = dataset.read(str(made / "one.wav"), dataset.artifacts()).inputs[0]
    assert torch.equal(heard, splits.test.inputs[0])
    answer = dataset.answer(torch.eye(10)[3], {})
    assert (answer["label"], answer["probabilities"]["3"]) == ("3", 1.0)
    with pytest.raises(UserError, match=r"none\.wav: cannot be read"):
        dataset.read(str(made / "none.wav"), dataset.artifacts())
    with pytest.raises(ValueError, match="coefficients=50: 40 bands"):
        SpokenDigits(coefficients=50)


def test_the_published_recordings():
    if locate("fsdd", os.environ.get("RNNBENCH_DATA")) is None:
        pytest.skip("fsdd is not in the data folder (RNNBENCH_DATA)")
    splits = SpokenDigits(data_dir=os.environ.get("RNNBENCH_DATA")).load(0)
    assert [len(split) for split in (splits.train, splits.valid, splits.test)] == [2400, 300, 300]
    assert splits.test.targets.bincount().tolist() == [30] * 10
