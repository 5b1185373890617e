import dataclasses
import hashlib
import math

import numpy as np
import pytest
import torch
from scipy.io import savemat

from rnnbench.data import manifest
from rnnbench.data.polyphonic import COLLECTIONS, Polyphonic
from rnnbench.errors import UserError


def rolls(*lengths):
    random = np.random.RandomState(sum(lengths))
    pieces = np.empty((1, len(lengths)), dtype=object)
    for i, n in enumerate(lengths):
        pieces[0, i] = (random.rand(n, 88) < 0.05).astype(np.uint8)
    return pieces


@pytest.fixture
def muse(tmp_path, monkeypatch):
    """A small file in the place and form of the MuseData file, with its sum in the manifest."""
    parts = {"traindata": rolls(5, 3, 1), "validdata": rolls(2), "testdata": rolls(4, 2)}
    path = tmp_path / "polyphonic/MuseData.mat"
    path.parent.mkdir()
    savemat(path, parts)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    changed = {**manifest.entries(), "muse_data": dataclasses.replace(manifest.entry("muse_data"), sha256=sha256)}
    monkeypatch.setattr(manifest, "entries", lambda: changed)
    return tmp_path, parts


def test_next_frame_is_the_target(muse):
    folder, parts = muse
    splits = Polyphonic("muse_data", "muse_data", data_dir=folder).load(0)
    assert [len(s) for s in (splits.train, splits.valid, splits.test)] == [2, 1, 2]  # one of a single frame is left out
    roll = torch.from_numpy(parts["traindata"][0, 0]).float()
    batch = splits.train.batch(torch.tensor([0, 1]))
    assert torch.equal(batch.inputs_BTI[0], roll[:-1])
    assert torch.equal(batch.targets[0], roll[1:])
    assert batch.lengths_B.tolist() == [4, 2]
    assert batch.inputs_BTI.dtype == batch.targets.dtype == torch.float32


def test_first_frame_scored_from_silence(muse):
    folder, parts = muse
    splits = Polyphonic("muse_data", "muse_data", score_first=True, data_dir=folder).load(0)
    assert splits.train.lengths.tolist() == [5, 3, 1]
    roll = torch.from_numpy(parts["traindata"][0, 0]).float()
    batch = splits.train.batch(torch.tensor([0]))
    assert (batch.inputs_BTI[0, 0] == 0).all()
    assert torch.equal(batch.inputs_BTI[0, 1:], roll[:-1])
    assert torch.equal(batch.targets[0], roll)


def test_spec_and_fingerprint_need_no_file(tmp_path):
    for name in COLLECTIONS:
        dataset = Polyphonic(name, name, data_dir=tmp_path)
        spec = dataset.spec
        assert (spec.task, spec.input_size, spec.target_size, spec.per_step) == ("polyphonic", 88, 88, True)
        assert dataset.fingerprint() == {manifest.entry(name).file: manifest.entry(name).sha256}


def test_corrupt_file_is_refused(muse):
    folder, _ = muse
    path = folder / "polyphonic/MuseData.mat"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match="corrupt"):
        Polyphonic("muse_data", "muse_data", data_dir=folder).load(0)


def test_collection_is_checked():
    with pytest.raises(ValueError, match="collection='bach': choose one of jsb"):
        Polyphonic(collection="bach")


# pieces, frames of train / valid / test, and the NLL of each note's own frequency on test frames 2..T, as published
FACTS = {
    "jsb": ((229, 76, 77), (13_807, 4_602, 4_725), 11.09),
    "nottingham": ((694, 173, 170), (176_561, 45_513, 44_463), 10.26),
    "muse_data": ((524, 135, 124), (245_202, 82_755, 64_339), 11.52),
    "piano_midi": ((87, 12, 25), (75_911, 8_540, 19_036), 11.05),
}


@pytest.mark.parametrize("name", FACTS)
def test_published_counts_and_marginal_nll(real_data, name):
    pieces, frames, nll = FACTS[name]
    if not (real_data / manifest.entry(name).file).is_file():
        pytest.skip(f"{name} is not in the data folder")
    splits = Polyphonic(name, name, data_dir=real_data).load(0)
    parts = (splits.train, splits.valid, splits.test)
    assert tuple(len(s) for s in parts) == pieces
    assert tuple(int(s.lengths.sum()) + len(s) for s in parts) == frames
    train = torch.cat(splits.train.targets).double()
    p = (train.sum(0) + 0.5) / (len(train) + 1)  # a note that train never plays is not impossible
    test = torch.cat(splits.test.targets).double()
    scored = -(test * p.log() + (1 - test) * torch.log1p(-p)).sum(1).mean()
    assert math.isclose(float(scored), nll, abs_tol=0.006)


def test_batches_are_the_pieces(real_data):
    train = Polyphonic(data_dir=real_data).load(0).train
    batch = train.batch(torch.tensor([3, 200]))
    for row, piece in enumerate((3, 200)):
        n = int(train.lengths[piece])
        assert torch.equal(batch.inputs_BTI[row, :n], train.inputs[piece].float())
        assert torch.equal(batch.targets[row, :n], train.targets[piece].float())
        assert (batch.inputs_BTI[row, n:] == 0).all()


@pytest.mark.parametrize(("name", "shared"), [("jsb", (0, 0, 0)), ("nottingham", (1, 1, 0)), ("piano_midi", (0, 0, 0))])
def test_splits_share_no_piece_but_two_tunes(real_data, name, shared):
    splits = Polyphonic(name, name, data_dir=real_data).load(0)
    train, valid, test = (
        {hashlib.sha256(x.numpy().tobytes()).digest() for x in s.inputs}
        for s in (splits.train, splits.valid, splits.test)
    )
    assert (len(train & valid), len(train & test), len(valid & test)) == shared


def test_an_answer_names_the_likeliest_keys_of_the_next_frame():
    logits = torch.full((3, 88), -9.0)
    logits[-1, [39, 43]] = torch.tensor([0.0, 2.0])
    found = Polyphonic().answer(logits, {})["next"]
    assert list(found)[:2] == ["44", "40"]
    assert found["40"] == 0.5
