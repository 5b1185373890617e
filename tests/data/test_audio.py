import numpy as np
import pytest
import torch

from rnnbench.data.audio import FLOOR, log_mel, mel_filters, mfcc, read_wav
from rnnbench.errors import UserError

RATE = 8000


def by_definition(samples, bands):
    """Log-mel energies with a Fourier sum written out, float64."""
    width, hop, size = 200, 80, 256
    padded = np.pad(samples, size // 2)
    window = np.pad(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(width) / width), (size - width) // 2)
    n, k = np.arange(size), np.arange(size // 2 + 1)
    fourier = np.exp(-2j * np.pi * np.outer(k, n) / size)
    starts = range(0, len(padded) - size + 1, hop)
    energy = np.stack([np.abs(fourier @ (padded[s : s + size] * window)) ** 2 for s in starts])
    return np.log(np.maximum(energy @ mel_filters(bands, RATE, size).double().numpy().T, FLOOR))


def test_log_mel_and_mfcc_equal_their_definitions():
    samples = np.random.RandomState(0).randn(1000)
    expected = by_definition(samples, 12)
    ours = log_mel(torch.tensor(samples).float(), RATE, 12)
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-3, atol=1e-3)
    m, j = np.arange(5)[:, None], np.arange(12)
    cosines = np.cos(np.pi * m * (2 * j + 1) / 24) * np.where(m == 0, np.sqrt(1 / 12), np.sqrt(2 / 12))
    np.testing.assert_allclose(
        mfcc(torch.tensor(samples).float(), RATE, 12, 5).numpy(), expected @ cosines.T, atol=5e-3
    )


def test_a_tone_is_heard_in_the_band_around_it():
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(RATE) / RATE)
    band = int(log_mel(tone, RATE, 20).mean(0).argmax())
    triangle = mel_filters(20, RATE, 256)[band]
    assert triangle[32] == triangle.new_tensor(mel_filters(20, RATE, 256)[:, 32].max())  # 1000 Hz is line 32


def test_the_triangles_sum_to_one_between_the_first_and_the_last_peak():
    filters = mel_filters(10, RATE, 512)
    peaks = filters.argmax(1)
    np.testing.assert_allclose(filters[:, int(peaks[0]) + 1 : int(peaks[-1])].sum(0).numpy(), 1, atol=1e-6)


def test_samples_are_read_back_and_other_files_refused(wav):
    samples = np.random.RandomState(0).randint(-(2**15), 2**15, 500)
    assert torch.equal(read_wav(wav(samples), "x", RATE) * 2**15, torch.tensor(samples).float())
    for data, message in (
        (b"nothing", "x: not a WAV file"),
        (b"", "x: not a WAV file of plain samples: it ends too early"),
        (wav(samples, rate=16000), "16000 Hz; wants mono, 16 bits, 8000 Hz"),
        (wav(samples, channels=2), "2 channels"),
        (wav(samples[:9]), "9 samples are too few"),
        (wav(samples)[:-1], "x: is cut off within a sample"),
    ):
        with pytest.raises(UserError, match=message):
            read_wav(data, "x", RATE)
