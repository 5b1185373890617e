import dataclasses
import hashlib
import io
import tarfile

import pytest

from rnnbench.data import manifest
from rnnbench.data.archives import members_sum
from rnnbench.data.files import locate
from rnnbench.data.text_collections import COLLECTIONS, TextCollection
from rnnbench.errors import UserError

# What the collections' papers and makers count.
SIZES = {
    "sst2": (6920, 872, 1821),
    "sst5": (8544, 1101, 2210),
    "trec": (4907, 545, 500),
    "trec50": (4907, 545, 500),
    "mr": (8636, 960, 1066),
}


def place(folder, monkeypatch, contents):
    """Files of one's own in the place of published ones, with their sums in the manifest."""
    changed = dict(manifest.entries())
    for name, content in contents.items():
        found = changed[name]
        path = folder / found.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        sums = {"sha256": hashlib.sha256(content).hexdigest()}
        if found.members:
            sums = {"members_sha256": members_sum(path, found.members)}
        changed[name] = dataclasses.replace(found, **sums)
    monkeypatch.setattr(manifest, "entries", lambda: changed)


def test_sst(tmp_path, monkeypatch):
    lines = [b"1 good film .\n0 bad film .\n", b"1 good\n", b"0 film\n"]
    place(tmp_path, monkeypatch, dict(zip(COLLECTIONS["sst2"].files, lines)))
    train, valid, test = TextCollection(data_dir=tmp_path).rows()
    assert train == [("good film .", "positive"), ("bad film .", "negative")]
    assert (valid, test) == ([("good", "positive")], [("film", "negative")])


def test_trec_is_western_and_holds_a_tenth_of_each_class_out(tmp_path, monkeypatch):
    kinds = ["NUM:date", "LOC:city"] * 20
    train = "".join(f"{kind} Which café is number {i} ?\n" for i, kind in enumerate(kinds))
    place(tmp_path, monkeypatch, {"trec_train": train.encode("cp1252"), "trec_test": b"HUM:ind Who ?\n"})
    train, valid, test = TextCollection("trec", "trec", data_dir=tmp_path).rows()
    assert sorted(label for _, label in train) == ["LOC"] * 18 + ["NUM"] * 18
    assert sorted(label for _, label in valid) == ["LOC"] * 2 + ["NUM"] * 2
    assert "café" in train[0][0]
    assert test == [("Who ?", "HUM")]
    assert TextCollection("trec50", "trec50", data_dir=tmp_path).rows()[2] == [("Who ?", "HUM:ind")]


def test_the_folds_of_mr_share_all_texts_out(tmp_path, monkeypatch):
    files = {f"mr_rt_polarity_{kind}": "".join(f"{kind} {i}\n" for i in range(100)).encode() for kind in ("neg", "pos")}
    place(tmp_path, monkeypatch, files)
    folds = [TextCollection("mr", "mr", fold, data_dir=tmp_path).rows() for fold in range(10)]
    tests = [row for _, _, test in folds for row in test]
    assert len(tests) == len(set(tests)) == 200
    for train, valid, test in folds:
        assert len({*train, *valid, *test}) == 200
        assert [sum(label == "positive" for _, label in part) for part in (train, valid, test)] == [81, 9, 10]


def test_imdb(tmp_path, monkeypatch):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz") as archive:
        for part in ("train", "test"):
            for kind in ("pos", "neg"):
                for i in range(10):
                    content = f"{kind} {i}<br />end".encode()
                    info = tarfile.TarInfo(f"aclImdb/{part}/{kind}/{i}_9.txt")
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
    place(tmp_path, monkeypatch, {"imdb": packed.getvalue()})
    train, valid, test = TextCollection("imdb", "imdb", data_dir=tmp_path).rows()
    assert [len(part) for part in (train, valid, test)] == [18, 2, 20]
    assert ("pos 3 end", "positive") in test


@pytest.mark.parametrize(
    ("collection", "fold", "message"),
    [
        ("mr", None, "fold=None: must be 0 to 9"),
        ("mr", 10, "fold=10: must be 0 to 9"),
        ("sst2", 1, "fold=1: must be null, sst2 has published splits"),
    ],
)
def test_folds_are_for_mr(collection, fold, message):
    with pytest.raises(ValueError, match=message):
        TextCollection(collection, collection, fold)


def test_an_absent_file_matters_only_when_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("rnnbench.data.files._retrieve", lambda *_: (_ for _ in ()).throw(OSError("no network")))
    assert TextCollection(max_words=9, data_dir=tmp_path).spec.vocabulary == 11
    with pytest.raises(UserError, match=r"stsa\.binary\.train: download from .* failed: no network") as caught:
        _ = TextCollection(max_words=None, data_dir=tmp_path).spec
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", SIZES)
def test_published_sizes(name, real_data):
    from rnnbench.data.listing import options
    from tests.test_configs import CONF

    node = options(CONF / f"dataset/{name}.yaml")
    if any(locate(file, real_data) is None for file in COLLECTIONS[name].files):
        pytest.skip(f"{name} is not in the data folder")
    del node["_target_"]
    dataset = TextCollection(**{**node, "data_dir": real_data})
    splits = dataset.load(0)
    assert tuple(map(len, (splits.train, splits.valid, splits.test))) == SIZES[name]
    assert len(dataset.artifacts()["words"]) == node["max_words"]
    assert int(splits.train.targets.max()) + 1 == dataset.classes
