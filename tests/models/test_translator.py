"""Encoder and decoder together. Shape suffixes: B sentences, S their words, T words of translations."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch

from rnnbench.cells import GRU as GRUCell
from rnnbench.cells import LRU as LRUCell
from rnnbench.data.parallel import Pairs
from rnnbench.data.spec import EDGE, DataSpec
from rnnbench.layers import GRU, LSTM, RNN, TCN, Recurrent
from rnnbench.layers.torch_nn import TorchLSTM
from rnnbench.models import Embedding, Translator, build_model, count_parameters

SPEC = DataSpec("translation", 1, 9, vocabulary=8, writes=True)
KINDS = [
    {"attention": "none"},
    {"attention": "luong"},
    {"attention": "luong", "score": "concat"},
    {"attention": "luong", "input_feeding": True},
    {"attention": "bahdanau"},
]


def make(layer=GRU, H=5, spec=SPEC, composition=True, bidirectional=True, layers=1, **options):
    def backbone(**sizes):
        return layer(**{"hidden_size": H, "bidirectional": bidirectional, "num_layers": layers, **sizes})

    task = SimpleNamespace(
        encoder=partial(Embedding, size=4),
        composition=partial(Translator, size=3, **{"init_range": 1.0, **options}) if composition else None,
        pooling="last",
        output_size=lambda spec: spec.target_size,
        model_options=dict,
    )
    torch.manual_seed(0)
    return build_model(backbone, spec, task).double().eval()


def pairs(rows=((3, 2), (5, 4), (1, 1))):
    generator = torch.Generator().manual_seed(1)
    sources = [torch.randint(1, 8, (s, 1), generator=generator, dtype=torch.int32) for s, _ in rows]
    targets = [torch.randint(3, 9, (t,), generator=generator, dtype=torch.int32) for _, t in rows]
    return Pairs(sources, [torch.cat([t, torch.tensor([EDGE], dtype=torch.int32)]) for t in targets])


@pytest.mark.parametrize("options", KINDS)
def test_a_pair_is_scored_in_a_batch_as_alone(options):
    model, data = make(**options), pairs()
    together = model.run(data.batch(torch.arange(3))).values
    alone = torch.cat([model.run(data.batch(torch.tensor([i]))).values for i in range(3)])
    assert together.shape == (3 + 5 + 2, 9)
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("both", [True, False])
def test_what_is_written_word_by_word_is_the_likeliest_of_what_is_scored_at_once(options, both):
    model, data = make(bidirectional=both, **options), pairs()
    batch = data.batch(torch.arange(3))
    written = model.run(batch).decode(1, 1.0)
    assert any(len(ids) > 2 for ids in written)
    told = [torch.cat([ids.int(), torch.tensor([EDGE]).int()]) for ids in written]
    scores_NO = model.run(Pairs(data.inputs, told).batch(torch.arange(3))).values
    scores_NO[:, :2] = float("-inf")
    for ids, length, scores in zip(told, (3, 5, 1), scores_NO.split([len(ids) for ids in told])):
        likeliest = scores.argmax(-1)
        ended = len(ids) < 2 * length + 10  # else it had to
        assert likeliest.tolist()[: None if ended else -1] == ids.tolist()[: None if ended else -1]


def test_luongs_equations():
    model, batch = make(), pairs().batch(torch.arange(2))
    y_BSM, _ = model.backbone(model.encoder.vectors(batch.inputs_BTI[..., 0]), lengths=batch.lengths_B)
    found = iter(model.run(batch).values)
    for b in range(2):
        y_SM = y_BSM[b, : [3, 5][b]]
        h = y_SM[:1, 5:]  # where the direction that reads backwards ends
        before = EDGE
        for target in batch.targets[b, : [3, 5][b]].tolist():
            _, h = model.decoder(model.vectors.weight[before][None], h)
            a_S = (y_SM @ model.lookup.keys.weight.T @ h[0]).softmax(0)
            attentional = torch.tanh(model.readout.weight @ torch.cat([a_S @ y_SM, h[0]]) + model.readout.bias)
            torch.testing.assert_close(next(found), model.head.weight @ attentional + model.head.bias)
            before = target
    assert next(found, None) is None


def test_bahdanaus_equations():
    model, batch = make(attention="bahdanau"), pairs().batch(torch.tensor([1]))
    y_SM = model.backbone(model.encoder.vectors(batch.inputs_BTI[..., 0]))[0][0]
    h, before, look = y_SM[:1, 5:], EDGE, model.lookup
    for found, target in zip(model.run(batch).values, batch.targets[0].tolist(), strict=True):
        sums_SH = h @ look.query.weight.T + y_SM @ look.keys.weight.T + look.keys.bias
        context = (torch.tanh(sums_SH) @ look.scale.weight[0]).softmax(0) @ y_SM
        x = model.vectors.weight[before]
        _, h = model.decoder(torch.cat([x, context])[None], h)
        seen = torch.tanh(model.readout.weight @ torch.cat([h[0], context, x]) + model.readout.bias)
        torch.testing.assert_close(found, model.head.weight @ seen + model.head.bias)
        before = target


@pytest.mark.parametrize("options", KINDS[1:])
def test_attention_weights(options):
    model, batch = make(**options), pairs().batch(torch.arange(3))
    weights_BTS = model.attention_weights(batch)
    assert weights_BTS.shape == (3, 5, 5)
    torch.testing.assert_close(weights_BTS.sum(-1), torch.ones(3, 5).double())
    assert not weights_BTS[0, :, 3:].any()
    with pytest.raises(ValueError, match="attention=none"):
        make(attention="none").attention_weights(batch)


@pytest.mark.parametrize(
    "layer",
    [LSTM, RNN, TorchLSTM, partial(Recurrent, GRUCell), partial(Recurrent, LRUCell)],
    ids=["lstm", "rnn", "torch_lstm", "gru", "lru"],
)
@pytest.mark.parametrize("options", [KINDS[1], KINDS[4]])
def test_any_network_with_a_state_translates(layer, options):
    model = make(layer, layers=2, **options)
    batch = pairs().batch(torch.arange(3))
    outputs = model.run(batch)
    outputs.values.sum().backward()
    assert model.encoder.vectors.weight.grad.abs().sum() > 0
    assert len(outputs.decode(2, 1.0)) == 3


def test_without_attention_the_state_alone_says_what_was_read():
    model, batch = make(attention="none", bidirectional=False), pairs().batch(torch.arange(3))
    model.run(batch).values.sum().backward()
    assert model.backbone.weight_ih_l0.grad.abs().sum() > 0
    assert count_parameters(model)["backbone"] == sum(
        p.numel() for part in (model.backbone, model.decoder) for p in part.parameters()
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": "bahdanau", "input_feeding": True}, "input_feeding=True: belongs to attention=luong"),
        ({"attention": "self"}, "attention=self: must be one of none, bahdanau, luong"),
        ({"score": "dot"}, "score=dot: the decoder has 5 features and the encoder 10"),
        ({"dropout": 1.0}, r"dropout=1\.0: must be in 0\.\.1"),
        ({"init_range": 0.0}, r"init_range=0\.0: must be greater than 0"),
        ({"composition": False}, "composition=null"),
    ],
)
def test_mistakes_are_one_line(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize("options", KINDS)
def test_one_mask_for_a_sentence_needs_a_decoder_that_reads_it_at_once(options):
    for noise in ({"variational_dropout": 0.5}, {"weight_dropout": 0.5}):
        if options in KINDS[:3]:
            assert make(partial(GRU, **noise), **options)
        else:
            with pytest.raises(ValueError, match="keep one mask for a sentence"):
                make(partial(GRU, **noise), **options)


def test_a_network_without_a_state_is_refused():
    with pytest.raises(ValueError, match="a translator needs a network with a state"):
        make(lambda bidirectional, num_layers, **sizes: TCN(**sizes))
