import pytest
import torch

from rnnbench.bench.memory import peak_bytes

MIB = 2**20


@pytest.mark.parametrize("mebibytes", [4, 32])
def test_what_is_allocated_and_freed_again_is_counted_every_time(mebibytes):
    def work():
        return torch.ones(mebibytes * MIB // 4).sum()

    work()
    peaks = [peak_bytes(work) for _ in range(2)]
    if None in peaks:
        pytest.skip("this system does not tell")
    for peak in peaks:
        assert mebibytes * MIB * 0.95 <= peak <= (mebibytes + 2) * MIB


def test_the_peak_counts_not_the_sum():
    def work():
        for _ in range(16):
            torch.ones(2 * MIB).sum()

    work()
    peak = peak_bytes(work)
    if peak is None:
        pytest.skip("this system does not tell")
    assert peak < 32 * MIB  # 8 at a time, of 128; an allocator may keep a freed piece for a while
