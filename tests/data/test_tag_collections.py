import pytest

from rnnbench.data.files import locate
from rnnbench.data.tag_collections import COLLECTIONS, TagCollection

# Sentences and words as the collections' makers count them.
SIZES = {
    "wnut17": ((3394, 1009, 1287), (62730, 15733, 23394)),
    "ud_ewt": ((12544, 2001, 2077), (204577, 25147, 25094)),
}
WORDS = {"wnut17": 3705, "ud_ewt": 8865}


@pytest.mark.parametrize("name", SIZES)
def test_the_sizes_need_no_file(name, tmp_path):
    dataset = TagCollection(name, name, max_words=9, characters=8, data_dir=tmp_path)
    spec = dataset.spec
    assert list(dataset.tags) == sorted(dataset.tags)
    assert (spec.task, spec.target_size) == {"wnut17": ("entities", 13), "ud_ewt": ("tagging", 17)}[name]
    assert (spec.input_size, spec.vocabulary) == (9, 11)


@pytest.mark.parametrize("name", SIZES)
def test_published_sizes(name, real_data):
    if any(locate(file, real_data) is None for file in COLLECTIONS[name].files):
        pytest.skip(f"{name} is not in the data folder")
    dataset = TagCollection(name, name, max_words=WORDS[name], data_dir=real_data)
    splits = dataset.load(0)
    parts = (splits.train, splits.valid, splits.test)
    assert (tuple(map(len, parts)), tuple(int(part.lengths.sum()) for part in parts)) == SIZES[name]
    assert len(dataset.artifacts()["words"]) == WORDS[name]
