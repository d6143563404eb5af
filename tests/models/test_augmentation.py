import numpy as np
import pytest
from pydantic import ValidationError

from memramp.models import augmentation
from memramp.models.augmentation import AugmentationConfig, augmented_features, noise_crops
from memramp.models.features import mfcc

NOTHING = AugmentationConfig(shift=0, speed=0.0, noise_probability=0.0, band_masks=0, frame_masks=0)


def clips(n=6):
    time = np.arange(16000) / 16000
    waves = [np.sin(2 * np.pi * (200 + 90 * i) * time) * np.exp(-(((time - 0.5) / 0.2) ** 2)) for i in range(n)]
    return (8000 * np.array(waves)).astype(np.int16)


def noises():
    return [np.random.default_rng(i).integers(-3000, 3000, 20000).astype(np.int16) for i in range(2)]


def rng():
    return np.random.default_rng(4)


def test_nothing_switched_on_gives_the_plain_features():
    features = augmented_features(clips(), noises(), NOTHING, rng())
    np.testing.assert_allclose(features, mfcc(clips()), rtol=1e-4, atol=1.0)


def test_same_generator_same_bits_and_another_one_other_bits():
    config = AugmentationConfig()
    first, second = (augmented_features(clips(), noises(), config, rng()) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, augmented_features(clips(), noises(), config, np.random.default_rng(5)))


def test_mixed_noise_has_the_asked_ratio():
    waves = clips().astype(np.float32)
    config = NOTHING.model_copy(update={"noise_probability": 1.0, "snr_low": 10.0, "snr_high": 10.0})
    added = augmentation._mix(waves, noises(), config, rng()) - waves
    ratio = 10 * np.log10((waves**2).sum(axis=1) / (added**2).sum(axis=1))
    np.testing.assert_allclose(ratio, 10.0, atol=0.01)


def test_silent_clip_becomes_noise_and_never_nan():
    mixed = augmentation._mix(np.zeros((2, 16000), np.float32), noises(), NOTHING, rng())
    assert (np.abs(mixed).max(axis=1) > 0).all()
    assert np.isfinite(augmented_features(np.zeros((2, 16000), np.int16), noises(), AugmentationConfig(), rng())).all()


def test_shift_moves_and_fills_with_zeros():
    waves = np.ones((200, 16000), np.float32)
    shifted = augmentation._shift(waves, 100, rng())
    lost = 16000 - shifted.sum(axis=1)
    assert lost.min() >= 0
    assert 90 < lost.max() <= 100
    assert (shifted[:, 100:-100] == 1).all()


def test_speed_zero_is_the_identity_and_speed_stretches_about_the_middle():
    waves = clips().astype(np.float32)
    np.testing.assert_allclose(augmentation._change_speed(waves, 0.0, rng()), waves, atol=1e-2)
    pulse = np.zeros((50, 16000), np.float32)
    pulse[:, 12000] = 1.0
    places = augmentation._change_speed(pulse, 0.2, rng()).argmax(axis=1)
    assert places.min() >= 8000 + 4000 / 1.2 - 2
    assert places.max() <= 8000 + 4000 / 0.8 + 2
    assert places.std() > 100


def test_masks_hide_at_most_their_width():
    decibels = np.random.default_rng(0).normal(size=(40, 49, 128)).astype(np.float32)
    config = NOTHING.model_copy(update={"band_masks": 1, "band_mask_width": 16})
    changed = (augmentation._mask(decibels, config, rng()) != decibels).any(axis=1).sum(axis=1)
    assert changed.max() <= 16
    assert changed.max() > 10


def test_noise_crops_lie_inside_the_noises():
    ramps = [np.arange(20000, dtype=np.int16)]
    crops = noise_crops(ramps, 50, rng())
    assert (np.diff(crops.astype(int), axis=1) == 1).all()
    assert crops[:, 0].max() <= 4000


def test_ratio_limits_in_the_wrong_order_are_refused():
    with pytest.raises(ValidationError, match="snr_low must not exceed snr_high"):
        AugmentationConfig(snr_low=20.0, snr_high=10.0)
