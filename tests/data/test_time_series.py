import numpy as np
import pytest
import torch

from rnnbench.data.files import locate
from rnnbench.data.time_series import COLLECTIONS, SeriesCollection, TsFile
from rnnbench.errors import UserError

HEAD = "@classLabel true a b\n@data\n"
SIZES = {"japanese_vowels": ((216, 54, 370), 7, 29), "italy_power_demand": ((53, 14, 1029), 24, 24)}


@pytest.fixture
def files(tmp_path):
    random = np.random.RandomState(0)

    def lines(count):
        for i in range(count):
            x = random.randn(2, 3 + i % 3) * [[1], [5]] + [[0], [9]]
            yield ":".join([*(",".join(map(str, row)) for row in x), "ab"[i % 2]])

    def write(name, count, head=HEAD):
        (tmp_path / name).write_text(head + "\n".join(lines(count)))
        return str(tmp_path / name)

    return write


def test_scaled_by_the_training_steps_alone(files):
    dataset = TsFile(path=files("train.ts", 40), test_path=files("test.ts", 4))
    assert (dataset.spec.task, dataset.spec.input_size, dataset.spec.target_size) == ("classification", 2, 2)
    splits = dataset.load(0)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [32, 8, 4]
    steps = torch.cat(splits.train.inputs)
    torch.testing.assert_close(steps.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(steps.std(0, correction=0), torch.ones(2))
    assert splits.test.targets.tolist() == [0, 1, 0, 1]
    assert splits.test.inputs[1].shape == (4, 2)
    assert set(dataset.fingerprint()) == {"train.ts", "test.ts"}


def test_an_input_is_scaled_alike_and_answered_by_name(files):
    dataset = TsFile(path=files("train.ts", 40), test_path=files("test.ts", 4))
    test = dataset.load(0).test
    read = dataset.read(str(dataset.paths[1]), dataset.artifacts())
    assert all(torch.equal(a, b) for a, b in zip(read.inputs, test.inputs, strict=True))
    answer = dataset.answer(torch.tensor([0.25, 0.75]), dataset.artifacts())
    assert answer == {"label": "b", "probabilities": {"a": 0.25, "b": 0.75}}
    with pytest.raises(UserError, match="series have 2 dimensions; the model was trained on 1"):
        dataset.read(str(dataset.paths[1]), {"labels": ["a"], "shift": [0.0], "scale": [1.0]})


def test_mistakes_are_one_line(files, tmp_path):
    train = files("train.ts", 40)
    with pytest.raises(ValueError, match="path, test_path: name two files"):
        TsFile(path=train)
    with pytest.raises(ValueError, match="held_out=1"):
        SeriesCollection(held_out=1)
    for test, message in (
        (str(tmp_path / "absent.ts"), r"absent\.ts: cannot be read"),
        (files("none.ts", 4, "@classLabel false\n@data\n"), "have no class|no numbers"),
    ):
        with pytest.raises(UserError, match=message):
            TsFile(path=train, test_path=test).prepare()
    (tmp_path / "odd.ts").write_text("@classLabel true\n@data\n1:2:c\n")
    with pytest.raises(UserError, match="class 'c' is not among a, b"):
        TsFile(path=train, test_path=str(tmp_path / "odd.ts")).load(0)


@pytest.mark.parametrize("name", SIZES)
def test_published_sizes(name, real_data):
    if any(locate(file, real_data) is None for file in COLLECTIONS[name][0]):
        pytest.skip(f"{name} is not in the data folder")
    dataset = SeriesCollection(name, name, data_dir=real_data)
    splits = dataset.load(0)
    parts = (splits.train, splits.valid, splits.test)
    sizes, shortest, longest = SIZES[name]
    assert tuple(map(len, parts)) == sizes
    lengths = [len(x) for part in parts for x in part.inputs]
    assert (min(lengths), max(lengths)) == (shortest, longest)
    assert splits.train.inputs[0].shape[-1] == dataset.spec.input_size
    assert len(dataset.artifacts()["labels"]) == dataset.spec.target_size
