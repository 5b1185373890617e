import pytest
import torch
from sacrebleu.metrics import BLEU
from torch.nn import functional as F

from rnnbench.data.parallel import END, Pairs
from rnnbench.data.spec import EDGE, DataSpec, Outputs
from rnnbench.tasks import Translation

SPEC = DataSpec("translation", 1, 8, vocabulary=5, writes=True)
WORDS = [END, "a", "dog", "man", "runs", "."]  # ids 2 to 7
TEXTS = ["A dog runs .", "a man runs.", "Dog"]


def batch(texts=True):
    targets = [torch.tensor([*ids, EDGE], dtype=torch.int32) for ids in ([3, 4, 6, 7], [3, 5, 6, 7], [4])]
    sources = [torch.tensor([[2]], dtype=torch.int32)] * 3
    return Pairs(sources, targets, texts=TEXTS if texts else None).batch(torch.arange(3))


def bound(**options):
    task = Translation(**options)
    task.bind({"target_words": WORDS, "lower": True})
    return task


def outputs(decode=None):
    return Outputs(3 * torch.randn(12, 8, generator=torch.Generator().manual_seed(0)), decode=decode)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_losses_are_those_of_torch_and_nll_is_without_smoothing(smoothing):
    task, made, given = bound(label_smoothing=smoothing), outputs(), batch()
    nll_N, targets_N, losses_N = task.score(made, given, False)
    assert targets_N.tolist() == [3, 4, 6, 7, 2, 3, 5, 6, 7, 2, 4, 2]
    expected = F.cross_entropy(made.values, targets_N, reduction="none", label_smoothing=smoothing)
    torch.testing.assert_close(losses_N, expected)
    collection = task.train_metrics(SPEC)
    task.update(collection, nll_N, targets_N, losses_N)
    nll = F.cross_entropy(made.values, targets_N)
    assert {k: float(v) for k, v in collection.compute().items()} == pytest.approx(
        {"nll": float(nll), "perplexity": float(nll.exp())}, 1e-5
    )


def test_bleu_of_batches_is_sacrebleus_of_the_corpus():
    said = {5: [[3, 4, 6, 7], [3, 5, 7], [4]], 2: [[4, 3], [3, 5, 6, 7], [5]]}
    texts = {5: ["a dog runs.", "a man.", "dog"], 2: ["dog a", "a man runs.", "man"]}
    asked = []
    for beams in ([5], [2], [5, 2]):
        collection = bound().metrics(SPEC)
        if len(beams) == 2:
            collection.set_dtype(torch.float64)  # as a run of double precision does
        for beam in beams:
            task = bound(beam=beam, length_power=0.5)

            def decode(beam, power):
                asked.append(power)
                return [torch.tensor(ids) for ids in said[beam]]

            task.listen(collection, outputs(decode), batch())
        texts_of = [text for beam in beams for text in texts[beam]]
        expected = BLEU(lowercase=True).corpus_score(texts_of, [TEXTS * len(beams)]).score
        assert float(collection["bleu"].compute()) == pytest.approx(expected)
        assert expected > 1
    assert set(asked) == {0.5}


def test_bleu_needs_texts_and_is_measured_each_epoch_only_if_asked_for():
    collection = bound().metrics(SPEC)
    bound().listen(collection, outputs(lambda beam, power: [][1]), batch(texts=False))
    bound().listen(collection, outputs(), batch())  # a prediction that ignores its input writes nothing
    assert not collection["bleu"].update_called
    assert "bleu" not in bound().valid_metrics(SPEC)
    assert "bleu" in bound(valid_bleu=True).valid_metrics(SPEC)
    assert bound().metrics(SPEC).keys() == Translation.modes.keys()


def test_the_constant_is_the_unigram_model_at_every_token():
    task, given = bound(), batch()
    _, targets_N, _ = task.score(outputs(), given, False)
    logits_O = task.constant(targets_N, 8)
    assert logits_O.softmax(-1)[EDGE].item() == pytest.approx((3 + 1) / (12 + 8))
    nll_N, _, _ = task.score(Outputs(logits_O.expand(3, -1)), given, False)
    torch.testing.assert_close(nll_N, F.cross_entropy(logits_O.expand(12, -1), targets_N, reduction="none"))


@pytest.mark.parametrize("options", [{"label_smoothing": 1.0}, {"beam": 0}])
def test_options_out_of_range(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Translation(**options)
