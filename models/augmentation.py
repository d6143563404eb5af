"""Augmented training clips: speed, shift, mixed background noise, and masks over mel bands and frames.

The masks follow SpecAugment (Park et al., Interspeech 2019, doi 10.21437/Interspeech.2019-2680): a masked band takes
its mean over the clip's frames, a masked frame the clip's mean.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from memramp.config import StrictModel
from memramp.models.features import CLIP_SAMPLES, N_COEFFICIENTS, N_FRAMES, N_MELS, cepstra, log_mel, standardise

Floats = NDArray[np.float32]

_CHUNK = 256  # clips augmented at a time


class AugmentationConfig(StrictModel):
    """How training clips are varied; each epoch uses one of `versions` augmented copies of the data in turn.

    Attributes
    ----------
    versions : int
        Augmented copies, computed once at the start; 0 trains on the clips as they are.
    shift : float
        Largest shift in time, either way [samples at 16 kHz].
    speed : float
        Largest relative change of speed and pitch, either way.
    noise_probability : float
        Part of the clips that background noise is mixed into.
    snr_low, snr_high : float
        Range of the signal-to-noise ratio, drawn uniformly [dB].
    band_masks, band_mask_width : int
        Number of masks over mel bands, and the largest width of one.
    frame_masks, frame_mask_width : int
        The same over frames.
    """

    versions: int = Field(default=16, ge=0, le=1000)
    shift: int = Field(default=1600, ge=0, le=8000)
    speed: float = Field(default=0.12, ge=0, le=0.5)
    noise_probability: float = Field(default=0.7, ge=0, le=1)
    snr_low: float = Field(default=0.0, ge=-20, le=60)
    snr_high: float = Field(default=30.0, ge=-20, le=60)
    band_masks: int = Field(default=2, ge=0, le=10)
    band_mask_width: int = Field(default=16, ge=0, lt=N_MELS)
    frame_masks: int = Field(default=1, ge=0, le=10)
    frame_mask_width: int = Field(default=5, ge=0, lt=N_FRAMES)

    @model_validator(mode="after")
    def _check_snr(self) -> "AugmentationConfig":
        if self.snr_low > self.snr_high:
            raise ValueError(f"snr_low must not exceed snr_high, found {self.snr_low:g} and {self.snr_high:g} dB")
        return self


def augmented_features(
    clips: NDArray[np.int16],
    noises: Sequence[NDArray[np.int16]],
    config: AugmentationConfig,
    rng: np.random.Generator,
) -> Floats:
    """Return the features of one augmented copy of the clips, float32 [n, 49, 40].

    Parameters
    ----------
    clips : int16 array [n, 16000]
    noises : sequence of int16 arrays, each longer than a clip
        Background noises to mix in.
    config : AugmentationConfig
    rng : numpy.random.Generator
    """
    features = np.empty((len(clips), N_FRAMES, N_COEFFICIENTS), np.float32)
    for start in range(0, len(clips), _CHUNK):
        part = slice(start, start + _CHUNK)
        waves = _change_speed(clips[part].astype(np.float32), config.speed, rng)
        waves = _shift(waves, config.shift, rng)
        waves = _mix(waves, noises, config, rng)
        features[part] = cepstra(_mask(log_mel(standardise(waves)), config, rng))
    return features


def noise_crops(noises: Sequence[NDArray[np.int16]], n: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """Return n random seconds of the noises, int16 [n, 16000]."""
    crops = np.empty((n, CLIP_SAMPLES), np.int16)
    for crop in crops:
        source = noises[int(rng.integers(len(noises)))]
        start = rng.integers(len(source) - CLIP_SAMPLES + 1)
        crop[:] = source[start : start + CLIP_SAMPLES]
    return crops


def _change_speed(waves: Floats, largest: float, rng: np.random.Generator) -> Floats:
    """Stretch each clip about its middle by linear interpolation; what lies outside is zero."""
    factor = rng.uniform(1 - largest, 1 + largest, len(waves)).astype(np.float32)
    samples = waves.shape[1]
    middle = (samples - 1) / 2
    places = (np.arange(samples, dtype=np.float32) - middle) * factor[:, np.newaxis] + middle
    left = np.clip(np.floor(places).astype(np.int64), 0, samples - 2)
    weight = places - left
    first, second = np.take_along_axis(waves, left, 1), np.take_along_axis(waves, left + 1, 1)
    inside = (weight >= 0) & (weight <= 1)
    return np.where(inside, first + (second - first) * weight, 0).astype(np.float32)


def _shift(waves: Floats, largest: int, rng: np.random.Generator) -> Floats:
    shifted = np.zeros_like(waves)
    samples = waves.shape[1]
    for row, offset in enumerate(rng.integers(-largest, largest + 1, len(waves))):
        shifted[row, max(offset, 0) : samples + min(offset, 0)] = waves[row, max(-offset, 0) : samples - max(offset, 0)]
    return shifted


def _mix(
    waves: Floats, noises: Sequence[NDArray[np.int16]], config: AugmentationConfig, rng: np.random.Generator
) -> Floats:
    noise = noise_crops(noises, len(waves), rng).astype(np.float32)
    snr = rng.uniform(config.snr_low, config.snr_high, len(waves))
    chosen = rng.random(len(waves)) < config.noise_probability
    power = np.einsum("ij,ij->i", waves, waves), np.einsum("ij,ij->i", noise, noise)
    gain = np.sqrt(power[0] / np.maximum(power[1], 1.0) * 10.0 ** (-snr / 10.0))
    # A silent clip has no power to compare with: it becomes plain noise.
    gain = np.where(power[0] > 0, np.where(chosen, gain, 0.0), 1.0)
    return waves + noise * gain[:, np.newaxis].astype(np.float32)


def _mask(decibels: Floats, config: AugmentationConfig, rng: np.random.Generator) -> Floats:
    """Mask bands and frames of mel spectra [n, frames, bands]."""
    for _ in range(config.band_masks):
        hidden = _spans(decibels.shape[0], decibels.shape[2], config.band_mask_width, rng)[:, np.newaxis, :]
        decibels = np.where(hidden, decibels.mean(axis=1, keepdims=True), decibels)
    for _ in range(config.frame_masks):
        hidden = _spans(decibels.shape[0], decibels.shape[1], config.frame_mask_width, rng)[:, :, np.newaxis]
        decibels = np.where(hidden, decibels.mean(axis=(1, 2), keepdims=True), decibels)
    return decibels


def _spans(n: int, length: int, widest: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return n random spans of 0 to `widest` places as masks [n, length]."""
    width = rng.integers(0, widest + 1, n)[:, np.newaxis]
    start = rng.integers(0, length - widest + 1, n)[:, np.newaxis]
    place = np.arange(length)
    return (place >= start) & (place < start + width)
