import pytest
import torch

from rnnbench.data.tagging import CHARACTERS, ConllFile, encode_characters, read_columns
from rnnbench.errors import UserError

BIO = "Ada B-person\nLovelace I-person\nwrote O\n\nin O\nLondon B-place\n\n"


@pytest.fixture
def file(tmp_path):
    def write(text=BIO * 10, name="tags.conll", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return str(path)

    return write


def test_columns_of_wnut_and_of_conllu():
    assert read_columns("#\tO\nhi\tO\n\n\nyou\tB-x", "f", 0, 1) == [(["#", "hi"], ["O", "O"]), (["you"], ["B-x"])]
    conllu = "# text = don't\n1-2\tdon't\t_\t_\n1\tdo\tdo\tAUX\n2\tn't\tnot\tPART\n2.1\tgo\tgo\tVERB\r\n\n"
    assert read_columns(conllu, "f", 1, 3) == [(["do", "n't"], ["AUX", "PART"])]


@pytest.mark.parametrize(
    ("text", "message"), [("a O\nb\n", "f: line 2 has 1 columns"), ("\n\n", "f: has no sentences")]
)
def test_columns_that_do_not_serve(text, message):
    with pytest.raises(UserError, match=message):
        read_columns(text, "f", 0, -1, separator=None)


def test_characters():
    assert encode_characters("a!~é", 6) == [2 + ord("a") - ord("!"), 2, CHARACTERS - 1, 1, 0, 0]
    assert encode_characters("abcdefg", 5) == encode_characters("abcfg", 5)


def test_a_file_of_ones_own(file):
    dataset = ConllFile(path=file(), characters=4)
    spec = dataset.spec
    assert spec.labels == ("B-person", "B-place", "I-person", "O")
    assert (spec.task, spec.input_size, spec.target_size, spec.per_step) == ("entities", 5, 4, True)
    assert (spec.vocabulary, spec.characters) == (2 + 5, CHARACTERS)
    splits = dataset.load(0)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [16, 2, 2]
    batch = splits.train.batch(torch.tensor([0, 1]))
    assert batch.inputs_BTI.shape == (2, 3, 5)
    assert batch.targets.tolist() == [[0, 2, 3], [3, 1, 0]]
    assert batch.lengths_B.tolist() == [3, 2]
    assert batch.inputs_BTI[0, 0, 1:].tolist() == encode_characters("Ada", 4)


def test_files_for_each_part(file):
    dataset = ConllFile(path=file(BIO), valid_path=file("x O\n", "v"), test_path=file("y O\n\nz O\n", "t"))
    splits = dataset.load(0)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [2, 1, 2]
    assert set(dataset.fingerprint()) == {"tags.conll", "v", "t"}
    assert splits.valid.inputs[0].tolist() == [[1]]


def test_a_file_for_the_test_alone_leaves_all_but_validation_to_training(file):
    splits = ConllFile(path=file(), test_path=file("y O\n\nz O\n", "t")).load(0)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [18, 2, 2]


def test_an_answer_names_words_tags_and_entities(file):
    dataset = ConllFile(path=file())
    dataset.load(0)
    artifacts = dataset.artifacts()
    source = "Ada Lovelace, London"
    assert dataset.read(source, artifacts).lengths.tolist() == [4]
    (answer,) = dataset.answers([torch.tensor([0, 2, 3, 1])], source, artifacts)
    assert answer == {
        "words": ["Ada", "Lovelace", ",", "London"],
        "tags": ["B-person", "I-person", "O", "B-place"],
        "entities": [{"kind": "person", "text": "Ada Lovelace"}, {"kind": "place", "text": "London"}],
    }


def test_mistakes_are_one_line(file, tmp_path):
    with pytest.raises(ValueError, match="path=null: name the file"):
        ConllFile()
    for path, message in (
        (str(tmp_path / "absent"), "absent: cannot be read"),
        (file("caf\u00e9 O\n", "western", "cp1252"), "is not utf-8 text; set dataset"),
        (file("a O\n", "short"), "has 1 sentences, too few to split"),
    ):
        with pytest.raises(UserError, match=message):
            _ = ConllFile(path=path).spec
    with pytest.raises(UserError, match="tag 'B-odd' is not among B-person, B-place, I-person, O"):
        ConllFile(path=file(), test_path=file("x B-odd\n", "t")).load(0)
