import os
import zipfile

import numpy as np
import pytest
import torch

from rnnbench.data import ConnectedDigits
from rnnbench.data.connected_digits import frames_needed
from rnnbench.data.files import locate
from rnnbench.errors import UserError

NO = -1
SMALL = {"bands": 9, "coefficients": 4, "train_size": 12, "valid_size": 6, "test_size": 8}


@pytest.fixture
def made(tmp_path, monkeypatch, wav):
    """Fifteen takes of two digits by two speakers; take t of a digit is the constant 100 (digit + 1) + t."""
    path = tmp_path / "recordings.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for speaker in ("ann", "bob"):
            for digit in (0, 7):
                for take in range(15):
                    samples = np.full(900, 100 * (digit + 1) + take)
                    archive.writestr(f"recordings/{digit}_{speaker}_{take}.wav", wav(samples))
    monkeypatch.setattr("rnnbench.data.files.fetch", lambda name, data_dir: path)
    return path


def takes(dataset, part):
    """The takes that the utterances of a part are made of, with the digits that are said."""
    from rnnbench.data.connected_digits import voices_of

    voices = voices_of(dataset.recordings()[part])
    random = torch.Generator().manual_seed(5)
    for _ in range(20):
        samples, digits = dataset.utterance(voices, random)
        heard = (samples * 2**15).round().int().unique_consecutive()
        yield [int(value) for value in heard if value], digits, samples


def test_an_utterance_is_recordings_of_its_own_part_in_the_order_of_its_digits(made):
    dataset = ConnectedDigits(snr=None, gap=(0.01, 0.02), digits=(2, 3), **SMALL)
    seen = {0: set(), 1: set(), 2: set()}
    for part, met in seen.items():
        for values, digits, samples in takes(dataset, part):
            assert [value // 100 - 1 for value in values] == digits
            assert len(digits) in (2, 3)
            met |= {value % 100 for value in values}
            gaps = len(samples) - 900 * len(digits)
            assert 80 * (len(digits) + 1) <= gaps <= 160 * (len(digits) + 1)
    assert seen[2] <= set(range(5))
    assert seen[0] | seen[1] <= set(range(5, 15))
    held_out = [(one.speaker, one.digit) for one in dataset.recordings()[1]]
    assert held_out == [("ann", 0), ("ann", 7), ("bob", 0), ("bob", 7)]


def test_splits_are_padded_targets_and_the_same_in_every_run(made):
    dataset = ConnectedDigits(digits=(1, 3), **SMALL)
    splits, again = dataset.load(0), dataset.load(1)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [12, 6, 8]
    assert all(torch.equal(a, b) for a, b in zip(splits.test.inputs, again.test.inputs))
    told = [[row[row != NO].tolist() for row in part.targets[:6]] for part in (splits.train, splits.valid, splits.test)]
    assert told[0] != told[1] != told[2] != told[0]
    targets = splits.train.batch(torch.arange(12)).targets
    assert targets.dtype == torch.int64
    assert set(targets.flatten().tolist()) <= {0, 7, NO}
    counts = (targets != NO).sum(1)
    assert sorted(set(counts.tolist())) == [1, 2, 3]
    assert bool(((targets != NO) == (torch.arange(3) < counts[:, None])).all())
    frames = torch.cat(list(splits.train.inputs))
    torch.testing.assert_close(frames.mean(0), torch.zeros(9), atol=1e-4, rtol=0)
    other = ConnectedDigits(digits=(1, 3), **SMALL, seed=1).load(0)
    assert not torch.equal(other.train.targets, splits.train.targets)


def test_noise_is_so_many_decibels_below_the_digits(made):
    quiet = ConnectedDigits(snr=None, gap=(0.5, 0.5), digits=(4, 4), **SMALL)
    noisy = ConnectedDigits(snr=(20, 20), gap=(0.5, 0.5), digits=(4, 4), **SMALL)
    for (_, digits, clean), (_, same, heard) in zip(takes(quiet, 0), takes(noisy, 0)):
        if digits != same:
            break  # the noise has drawn from the same generator: the first utterance alone is equal
        loudness = clean[clean != 0].square().mean()
        assert float(10 * torch.log10(loudness / (heard - clean).square().mean())) == pytest.approx(20, abs=0.2)
    assert digits


def test_an_utterance_that_is_too_short_is_told(made, monkeypatch):
    dataset = ConnectedDigits(gap=(0, 0), digits=(9, 9), **SMALL)
    monkeypatch.setattr(dataset, "heard", lambda samples: torch.randn(8, 9))
    with pytest.raises(UserError, match=r"utterance 0 of train has 8 frames, its digits need \d+; lengthen dataset"):
        dataset.load(0)
    assert [frames_needed(row) for row in ([], [1], [1, 2], [1, 1, 1, 2])] == [0, 1, 2, 6]


def test_a_file_of_the_users_own(made, tmp_path, wav):
    dataset = ConnectedDigits(**SMALL)
    dataset.load(0)
    (tmp_path / "one.wav").write_bytes(wav(np.arange(2000)))
    assert dataset.read(str(tmp_path / "one.wav"), dataset.artifacts()).inputs[0].shape == (26, 9)
    assert dataset.answer([3, 1, 4], {}) == {"digits": "3 1 4"}
    for name, data, message in (
        ("fast.wav", wav(np.arange(2000), rate=16000), "16000 Hz; wants mono, 16 bits, 8000 Hz"),
        ("empty.wav", b"", "not a WAV file"),
        ("silent.wav", wav([]), "0 samples are too few"),
        ("text.wav", b"no sound at all", "not a WAV file"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match=message):
            dataset.read(str(tmp_path / name), dataset.artifacts())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"digits": (0, 3)}, r"digits=\[0, 3\]: two finite numbers, the second not below the first, at least 1"),
        ({"gap": (0.3, 0.1)}, "gap=.*two finite numbers"),
        ({"gap": (0.3, float("inf"))}, "gap=.*two finite numbers"),
        ({"snr": (20,)}, "snr=.*two finite numbers"),
        ({"snr": (float("-inf"), 20)}, "snr=.*two finite numbers"),
        ({"test_size": 0}, "test_size=0: must be at least 1"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        ConnectedDigits(**options)


def test_the_published_recordings_are_joined():
    if locate("fsdd", os.environ.get("RNNBENCH_DATA")) is None:
        pytest.skip("fsdd is not in the data folder (RNNBENCH_DATA)")
    sizes = {"train_size": 20, "valid_size": 5, "test_size": 5}
    splits = ConnectedDigits(**sizes, data_dir=os.environ.get("RNNBENCH_DATA")).load(0)
    assert 3 <= int((splits.train.targets != NO).sum(1).min()) <= int((splits.train.targets != NO).sum(1).max()) <= 7
    assert min(map(len, splits.test.inputs)) > 60
