import os

import pytest

from rnnbench.data.files import locate
from rnnbench.data.multi30k import Multi30k


def test_direction_names_the_files():
    assert Multi30k(direction="en-de").files[:2] == ("multi30k_train_en", "multi30k_train_de")
    with pytest.raises(ValueError, match="direction='de-fr': choose one of de-en, en-de"):
        Multi30k(direction="de-fr")


def test_the_published_counts():
    data_dir = os.environ.get("RNNBENCH_DATA")
    if locate("multi30k_train_de", data_dir) is None:
        pytest.skip("multi30k is not in the data folder (RNNBENCH_DATA)")
    train, valid, test = Multi30k(data_dir=data_dir).pairs()
    assert [len(train), len(valid), len(test)] == [29_000, 1_014, 1_000]
    assert test[0] == (
        "Ein Mann mit einem orangefarbenen Hut, der etwas anstarrt.",
        "A man in an orange hat starring at something.",
    )
