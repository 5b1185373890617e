import os

import numpy as np
import pytest
import torch

from rnnbench.data import TsFile
from rnnbench.data.files import locate
from rnnbench.errors import UserError


@pytest.fixture
def own(tmp_path):
    random = np.random.RandomState(0)
    rows = [f"{','.join(map(str, random.randn(3 + i % 3) * 5 + 2))}:{'xy'[i % 2]}" for i in range(20)]
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"A_{part}.ts").write_text("@classLabel true x y\n@data\n" + "\n".join(rows))
    return TsFile(path=str(tmp_path / "A_TRAIN.ts"), test_path=str(tmp_path / "A_TEST.ts")), tmp_path


def test_own_files_are_split_scaled_on_train_and_named(own):
    dataset, folder = own
    splits = dataset.load(0)
    assert (dataset.spec.input_size, dataset.spec.target_size) == (1, 2)
    assert [len(split) for split in (splits.train, splits.valid, splits.test)] == [16, 4, 20]
    steps = torch.cat(splits.train.inputs)
    assert float(steps.mean()) == pytest.approx(0, abs=1e-6)
    assert float(steps.std(unbiased=False)) == pytest.approx(1, rel=1e-5)
    assert splits.valid.targets.bincount().tolist() == [2, 2]
    kept = dataset.artifacts()
    again = dataset.read(str(folder / "A_TEST.ts"), kept)
    assert all(torch.equal(a, b) for a, b in zip(again.inputs, splits.test.inputs))
    assert dataset.answer(torch.tensor([0.25, 0.75]), kept) == {"label": "y", "probabilities": {"x": 0.25, "y": 0.75}}
    assert set(dataset.fingerprint()) == {"A_TRAIN.ts", "A_TEST.ts"}


def test_mistakes_are_one_line(own, tmp_path):
    dataset, _ = own
    (tmp_path / "A_TEST.ts").write_text("@classLabel true x y\n@data\n1,2:z\n")
    with pytest.raises(UserError, match="class 'z' of the test file is not among x, y"):
        dataset.load(0)
    with pytest.raises(UserError, match=r"none\.ts: cannot be read"):
        dataset.read(str(tmp_path / "none.ts"), {})
    (tmp_path / "latin.ts").write_bytes(b"@problemName \xe9\n")
    with pytest.raises(UserError, match="not UTF-8 text"):
        dataset.read(str(tmp_path / "latin.ts"), {})
    (tmp_path / "wide.ts").write_text("@classLabel false\n@data\n1:2:3\n")
    with pytest.raises(UserError, match="3 dimensions; the model was trained on 2"):
        dataset.read(str(tmp_path / "wide.ts"), {"mean": [0, 0], "scale": [1, 1]})
    with pytest.raises(ValueError, match="name both files"):
        TsFile(path="x.ts")
    with pytest.raises(ValueError, match="held_out=1"):
        TsFile(collection="japanesevowels", held_out=1)


@pytest.mark.parametrize(
    ("name", "sizes", "lengths"), [("japanesevowels", (270, 370), (7, 29)), ("italypowerdemand", (67, 1029), (24, 24))]
)
def test_published_collections_have_their_sizes(name, sizes, lengths):
    if locate(f"{name}_train", os.environ.get("RNNBENCH_DATA")) is None:
        pytest.skip(f"{name} is not in the data folder (RNNBENCH_DATA)")
    dataset = TsFile(collection=name, data_dir=os.environ.get("RNNBENCH_DATA"))
    splits = dataset.load(0)
    assert (len(splits.train) + len(splits.valid), len(splits.test)) == sizes
    steps = [len(x) for split in (splits.train, splits.valid, splits.test) for x in split.inputs]
    assert (min(steps), max(steps)) == lengths
    assert splits.train.inputs[0].shape[1] == dataset.spec.input_size
    assert int(splits.test.targets.max()) + 1 == dataset.spec.target_size
