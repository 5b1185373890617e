"""From a recording to features a step: log-mel energies or MFCC.

Shape suffixes: S samples, T frames, F frequencies, M mel bands, K coefficients.
"""

from __future__ import annotations

import io
import wave

import numpy as np
import torch
from torch import Tensor

from rnnbench.errors import UserError

WINDOW, STEP = 0.025, 0.010  # seconds of a frame, and from one to the next: the custom of speech recognition
FLOOR = 1e-10  # energy below which silence is cut, so that its logarithm exists


def read_wav(data: bytes, name: str, rate: int) -> Tensor:
    """The samples ``(S,)``, -1 to 1, of a 16-bit mono WAV file.

    Args:
        data: the file.
        name: what messages call it.
        rate: samples a second that it must have.

    Raises:
        UserError: in one line, for any other file.
    """
    try:
        with wave.open(io.BytesIO(data)) as sound:
            kind = (sound.getnchannels(), 8 * sound.getsampwidth(), sound.getframerate())
            frames = sound.readframes(sound.getnframes())
    except (wave.Error, EOFError) as error:
        raise UserError(f"{name}: not a WAV file of plain samples: {str(error) or 'it ends too early'}") from error
    if kind != (1, 16, rate):
        raise UserError(f"{name}: {kind[0]} channels, {kind[1]} bits, {kind[2]} Hz; wants mono, 16 bits, {rate} Hz")
    if len(frames) % 2:
        raise UserError(f"{name}: is cut off within a sample")
    if len(frames) < 2 * round(rate * STEP):
        raise UserError(f"{name}: {len(frames) // 2} samples are too few to hear anything in")
    return torch.from_numpy(np.frombuffer(frames, "<i2").astype(np.float32) / 2**15)


def mel_filters(bands: int, rate: int, size: int) -> Tensor:
    """Triangles ``(M, F)`` of height 1, evenly apart on the mel scale of O'Shaughnessy, 2595 log10(1 + f / 700).

    Args:
        bands: triangles, between 0 Hz and half of ``rate``.
        rate: samples a second.
        size: of the Fourier transform: F = size / 2 + 1.
    """
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    frequencies = np.linspace(0, rate / 2, size // 2 + 1)
    up = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    return torch.from_numpy(np.maximum(0, np.minimum(up, down))).float()


def log_mel(samples_S: Tensor, rate: int, bands: int) -> Tensor:
    """Logarithms ``(T, M)`` of the energy in mel bands, of Hann windows of 25 ms every 10 ms."""
    width = round(rate * WINDOW)
    size = 2 ** int(np.ceil(np.log2(width)))
    spectrum = torch.stft(
        samples_S, size, round(rate * STEP), width, torch.hann_window(width), pad_mode="constant", return_complex=True
    )
    energy_FT = spectrum.abs().square()
    return (mel_filters(bands, rate, size) @ energy_FT).clamp(min=FLOOR).log().T.contiguous()


def mfcc(samples_S: Tensor, rate: int, bands: int, coefficients: int) -> Tensor:
    """The first cosine coefficients ``(T, K)`` of the log-mel energies (DCT-II, orthonormal)."""
    from scipy.fft import dct

    energies_TM = log_mel(samples_S, rate, bands).numpy()
    return torch.from_numpy(np.asarray(dct(energies_TM, type=2, norm="ortho"))[:, :coefficients]).float().contiguous()
