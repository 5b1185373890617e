import numpy as np
import pytest
import torch

from rnnbench.models.attention import Lookup

B, T, S, H, M = 2, 3, 4, 5, 6


def made(score, memory=M):
    torch.manual_seed(0)
    lookup = Lookup(H, memory, score).double()
    return lookup, torch.randn(B, T, H).double(), torch.randn(B, S, memory).double()


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("score", ["dot", "general", "concat"])
def test_the_scores_of_the_papers(score):
    lookup, h_BTH, y_BSM = made(score, H if score == "dot" else M)
    context_BTM, weights_BTS = lookup(h_BTH, lookup.remember(y_BSM, None))
    p = {name: value.detach().numpy() for name, value in lookup.named_parameters()}
    h, y = h_BTH.numpy(), y_BSM.numpy()
    for b in range(B):
        for t in range(T):
            if score == "dot":
                scores = np.array([h[b, t] @ y[b, s] for s in range(S)])
            elif score == "general":
                scores = np.array([h[b, t] @ p["keys.weight"] @ y[b, s] for s in range(S)])
            else:
                sums = [p["query.weight"] @ h[b, t] + p["keys.weight"] @ y[b, s] + p["keys.bias"] for s in range(S)]
                scores = np.array([p["scale.weight"][0] @ np.tanh(one) for one in sums])
            np.testing.assert_allclose(weights_BTS[b, t].detach().numpy(), softmax(scores), rtol=1e-10)
            np.testing.assert_allclose(context_BTM[b, t].detach().numpy(), softmax(scores) @ y[b], rtol=1e-10)


def test_nobody_looks_beyond_a_sentence():
    lookup, h_BTH, y_BSM = made("general")
    weights_BTS = lookup(h_BTH, lookup.remember(y_BSM, torch.tensor([2, 4])))[1]
    assert not weights_BTS[0, :, 2:].any()
    torch.testing.assert_close(weights_BTS.sum(-1), torch.ones(B, T).double())
    alone = lookup(h_BTH[:1], lookup.remember(y_BSM[:1, :2], None))[1]
    torch.testing.assert_close(weights_BTS[:1, :, :2], alone)


def test_dot_needs_equal_widths():
    with pytest.raises(ValueError, match=r"composition\.score=dot: the decoder has 5 features and the encoder 6"):
        Lookup(H, M, "dot")
