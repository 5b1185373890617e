from functools import partial

import pytest
import torch

from rnnbench.data.spec import Batch, DataSpec
from rnnbench.layers import TorchLSTM
from rnnbench.models import Embedding, LanguageModel, build_model, count_parameters
from rnnbench.tasks import LanguageModelling

SPEC = DataSpec("language_modelling", 1, 6, per_step=True, carries_state=True, vocabulary=7)
IDS = torch.randint(1, 7, (3, 5), generator=torch.Generator().manual_seed(0))


def built(size=4, seeds=(1, 2, 3), hidden=4, **options):
    task = LanguageModelling(encoder=partial(Embedding, size=size), composition=partial(LanguageModel, **options))

    def backbone(input_size, batch_first):
        return TorchLSTM(input_size, hidden, batch_first=batch_first)

    return build_model(backbone, SPEC, task, seeds)


def loss_of(model, ids=IDS):
    batch = Batch(ids[:, :-1, None], ids[:, 1:] - 1)
    return LanguageModelling().score(model.run(batch), batch, True)[2].mean()


def test_gradient_of_a_tied_weight_is_the_sum_of_both_uses():
    tied, apart = built(tied=True).double(), built().double()
    with torch.no_grad():
        apart.encoder.vectors.weight.copy_(tied.encoder.vectors.weight)
        apart.head.weight.copy_(tied.encoder.vectors.weight[1:])
        apart.head.bias.copy_(tied.head.bias)
        apart.backbone.load_state_dict(tied.backbone.state_dict())
    losses = loss_of(tied), loss_of(apart)
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-12)
    for loss in losses:
        loss.backward()
    expected = apart.encoder.vectors.weight.grad.clone()
    expected[1:] += apart.head.weight.grad
    torch.testing.assert_close(tied.encoder.vectors.weight.grad, expected, rtol=1e-10, atol=1e-14)
    assert tied.encoder.vectors.weight.grad[0].abs().max() == 0  # the padding


def test_other_widths_are_projected():
    model = built(size=3, hidden=4, tied=True)
    y = torch.randn(2, 5, 4)
    expected = y @ model.head.projection.weight.T @ model.encoder.vectors.weight[1:].T + model.head.bias
    torch.testing.assert_close(model.head(y), expected)


def test_shared_weights_count_once():
    assert count_parameters(built(tied=True))["encoder"] == 7 * 4
    assert count_parameters(built(tied=True))["head"] == 6
    assert count_parameters(built(size=3, tied=True))["head"] == 3 * 4 + 6
    assert count_parameters(built())["head"] == 6 * 4 + 6


def test_a_tied_model_comes_back_from_its_state_dict_and_in_double_precision():
    first, second = built(tied=True), built(tied=True, seeds=(7, 8, 9))
    second.load_state_dict(first.state_dict())
    assert torch.equal(loss_of(first), loss_of(second))
    twice = second.double()
    assert twice.head.vectors.weight is twice.encoder.vectors.weight


def test_weights_start_in_their_ranges():
    model = built(size=50, hidden=40, init_range=0.01, backbone_range=0.3)
    assert model.encoder.vectors.weight[0].abs().max() == 0
    for weights, width in (
        (model.encoder.vectors.weight[1:], 0.01),
        (model.head.weight, 0.01),
        (torch.cat([p.flatten() for p in model.backbone.parameters()]), 0.3),
    ):
        assert 0.9 * width < weights.abs().max() <= width
        assert weights.std().item() == pytest.approx(width / 3**0.5, rel=0.2)
    untouched = built(size=50, init_range=None)
    assert untouched.encoder.vectors.weight[1:].std().item() == pytest.approx(1, rel=0.2)  # as torch starts it
    assert torch.equal(built(size=3).head.weight, built(size=9).head.weight)  # equal heads under other encoders


def test_dropout_of_the_output_acts_in_training_alone():
    model = built(output_dropout=0.5)
    assert not torch.equal(loss_of(model), loss_of(model))
    model.eval()
    assert torch.equal(loss_of(model), loss_of(model))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output_dropout": 1.0}, "composition.output_dropout=1.0: must be in 0..1, below 1"),
        ({"init_range": 0.0}, "composition.init_range=0.0: must be greater than 0"),
        ({"backbone_range": -1.0}, "composition.backbone_range=-1.0: must be greater than 0"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        built(**options)


def test_tied_needs_vectors_of_the_tokens():
    backbone = TorchLSTM(3, 3, batch_first=True)
    for output_size, encoder in ((6, None), (7, Embedding(SPEC, size=3))):
        with pytest.raises(ValueError, match="tied=True: the encoder has no vector for each token"):
            LanguageModel(backbone, output_size, None, encoder, tied=True)
