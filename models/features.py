"""Speech features: 40 mel-frequency cepstral coefficients in 49 frames of a one-second clip.

The parameters are those of the paper's released training code: 16 kHz, clip standardised, window 640, hop 320,
FFT of 2048, frames centred, 40 coefficients, no DCT normalisation, first and last frame dropped. What that code
leaves to its library is reconstructed from the defaults of torchaudio's MFCC: periodic Hann window, power spectrum, 128
triangular mel bands on the HTK scale from 0 to 8000 Hz without area normalisation, decibels floored at 1e-10 and at
80 dB below the clip's loudest band, a DCT-II with torchaudio's factor of 2.

Nothing here calls BLAS, whose rounding may depend on the number of threads: the same clips give the same bits.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, sparse

from memramp.models.audio import SAMPLE_RATE

CLIP_SAMPLES = SAMPLE_RATE
"""Samples of a clip: one second."""

N_FRAMES = 49
"""Frames of a clip, 20 ms apart."""

N_COEFFICIENTS = 40
"""Mel-frequency cepstral coefficients of a frame."""

WINDOW, HOP, N_FFT, N_MELS = 640, 320, 2048, 128
"""Window, hop and FFT length in samples; mel bands."""

TOP_DB = 80.0
"""Dynamic range of a clip, dB."""

_POWER_FLOOR = 1e-10
_CHUNK = 8  # clips; their spectra (3.3 MB) stay in the cache


def mfcc(clips: NDArray[Any]) -> NDArray[np.float32]:
    """Return the features of one-second clips.

    Parameters
    ----------
    clips : int16 or float32 array [n, 16000]
        Any scale and offset: each clip is standardised to zero mean and unit standard deviation first. A silent
        (constant) clip is all zeros then, and has features nonetheless.

    Returns
    -------
    float32 array [n, 49, 40]
        Cepstral coefficients of decibels. On speech, coefficient 0 spans about -8000 to 10000, the next ones some
        thousands and the last ones some hundreds; a silent clip has -25600 there and 0 elsewhere.

    Raises
    ------
    ValueError
        The array has another shape or holds a value that is not finite.
    """
    clips = np.asarray(clips)
    if clips.ndim != 2 or clips.shape[1] != CLIP_SAMPLES:
        raise ValueError(f"expected clips of shape [n, {CLIP_SAMPLES}], found {list(clips.shape)}")
    features = np.empty((len(clips), N_FRAMES, N_COEFFICIENTS), np.float32)
    for start in range(0, len(clips), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        features[chunk] = cepstra(log_mel(standardise(clips[chunk])))
    return features


def standardise(clips: NDArray[Any]) -> NDArray[np.float32]:
    """Return clips [n, samples] with zero mean and unit standard deviation each, as float32; constant ones as zeros.

    Raises
    ------
    ValueError
        A value is not finite.
    """
    with np.errstate(invalid="ignore"):  # infinity less infinity; refused below
        centred = clips - clips.mean(axis=1, dtype=np.float64, keepdims=True)
    deviation = np.sqrt(np.einsum("ij,ij->i", centred, centred) / clips.shape[1])[:, None]
    if not np.isfinite(deviation).all():
        raise ValueError("a clip holds a value that is not finite")
    scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    standardised: NDArray[np.float32] = (centred * scale).astype(np.float32)
    return standardised


def log_mel(clips: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mel spectra of standardised clips in dB, [n, N_FRAMES + 2, N_MELS]."""
    # torch centres the window in the FFT's frame and pads by half a frame; a power spectrum doesn't feel that shift,
    # so padding by half a window and the window at the start of the frame give the same.
    padded = np.pad(clips, ((0, 0), (WINDOW // 2, WINDOW // 2)), mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=1)[:, ::HOP] * _window()
    spectrum = fft.rfft(frames.reshape(-1, WINDOW), N_FFT, workers=1)
    power = spectrum.real**2 + spectrum.imag**2
    mel = (_mel_filters() @ power.T).T.reshape(len(clips), -1, N_MELS)
    decibels = 10.0 * np.log10(np.maximum(mel, np.float32(_POWER_FLOOR)))
    loudest = decibels.max(axis=(1, 2), keepdims=True)  # over all frames, as the first and last are dropped later
    result: NDArray[np.float32] = np.maximum(decibels, loudest - np.float32(TOP_DB))
    return result


def cepstra(decibels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the inner frames' coefficients c_k = 2 sum_m x_m cos(pi k (2 m + 1) / (2 N_MELS)), k < N_COEFFICIENTS."""
    coefficients: NDArray[np.float32] = fft.dct(decibels[:, 1:-1], type=2, axis=2, workers=1)
    return coefficients[:, :, :N_COEFFICIENTS]


@cache
def _window() -> NDArray[np.float32]:
    """Return the periodic Hann window [WINDOW]."""
    window: NDArray[np.float32] = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
    return window


@cache
def _mel_filters() -> Any:
    """Return the triangular mel bands as a sparse matrix [N_MELS, N_FFT / 2 + 1]; rows = bands."""
    frequencies = np.linspace(0.0, SAMPLE_RATE / 2, N_FFT // 2 + 1)
    # HTK's scale: mel = 2595 log10(1 + f / 700 Hz).
    top = 2595.0 * np.log10(1.0 + SAMPLE_RATE / 2 / 700.0)
    corners = 700.0 * (10.0 ** (np.linspace(0.0, top, N_MELS + 2) / 2595.0) - 1.0)
    lower, centre, upper = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising, falling = (frequencies - lower) / (centre - lower), (upper - frequencies) / (upper - centre)
    return sparse.csr_array(np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32))
