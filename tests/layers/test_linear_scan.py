import pytest
import torch

from rnnbench.layers import linear_scan as module
from rnnbench.layers.fused import runtime_for
from rnnbench.layers.linear_scan import linear_scan


def slow(a, b, s, reverse):
    """One number at a time, in Python's own arithmetic."""
    T, B, S = b.shape
    out = [[[0j] * S for _ in range(B)] for _ in range(T)]
    for i in range(B):
        for j in range(S):
            value = complex(s[i, j])
            for t in range(T - 1, -1, -1) if reverse else range(T):
                value = complex(a[t, i, j]) * value + complex(b[t, i, j])
                out[t][i][j] = value
    return torch.tensor(out, dtype=torch.complex128)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("compiled", [True, False])
# Plain; four chunks; chunks and a rest; a constant factor; rows too wide for chunks.
@pytest.mark.parametrize("T", [1, 2, 15, 16, 83])
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("constant", [False, True])
def test_equals_pythons_own_arithmetic(dtype, reverse, compiled, T, wide, constant, monkeypatch):
    if not compiled:
        monkeypatch.setattr(module, "runtime_for", lambda tensor: None)
    elif runtime_for(torch.empty(0)) is None:
        pytest.skip("no compiler")
    if wide:
        monkeypatch.setattr(module, "CHUNKED_BELOW", 1)
    generator = torch.Generator().manual_seed(T)
    a = torch.randn(1 if constant else T, 1 if constant else 2, 3, generator=generator, dtype=dtype).expand(T, 2, 3)
    b, s = (torch.randn(*shape, generator=generator, dtype=dtype) for shape in ((T, 2, 3), (2, 3)))
    seen = linear_scan(a, b, s, reverse)
    assert seen.is_contiguous()
    torch.testing.assert_close(seen.to(torch.complex128), slow(a, b, s, reverse), rtol=1e-10, atol=1e-12)
    given = torch.empty_like(b)
    assert linear_scan(a, b, s, reverse, given) is given
    assert torch.equal(given, seen)
