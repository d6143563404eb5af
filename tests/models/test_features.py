import numpy as np
import pytest

from memramp.models.features import TOP_DB, cepstra, log_mel, mfcc, standardise

RATE = 16_000


def sounds(n=3):
    """Noises, glides and a click, in int16."""
    rng, t = np.random.default_rng(5), np.arange(RATE) / RATE
    clips = [rng.normal(0, 500, RATE), 9000 * np.sin(2 * np.pi * (200 * t + 1500 * t**2)), np.zeros(RATE)]
    clips[2][4000:4020] = 30_000
    clips += [rng.normal(0, 100 + 100 * i, RATE) + 2000 * np.sin(2 * np.pi * 97 * (i + 1) * t) for i in range(n - 3)]
    return np.rint(clips[:n]).astype(np.int16)


def reference_mfcc(clip):
    """Features of one clip by the definition, in float64: torch's framing, a plain Fourier sum, bands one by one."""
    x = clip.astype(np.float64)
    x = (x - x.mean()) / x.std()
    padded = np.concatenate([x[1024:0:-1], x, x[-2:-1026:-1]])  # half an FFT, mirrored about the first and last sample
    window = np.zeros(2048)
    window[704:1344] = [np.sin(np.pi * n / 640) ** 2 for n in range(640)]  # in the middle of the FFT
    frames = np.array([padded[320 * i : 320 * i + 2048] * window for i in range(51)])
    fourier = np.exp(-2j * np.pi * np.outer(np.arange(2048), np.arange(1025)) / 2048)
    power = np.abs(frames @ fourier) ** 2

    def mel(f):
        return 2595 * np.log10(1 + f / 700)

    corners = [700 * (10 ** (i * mel(8000) / 129 / 2595) - 1) for i in range(130)]
    bands = np.zeros((51, 128))
    for m in range(128):
        low, middle, high = corners[m : m + 3]
        for k in range(1025):
            f = k * 16_000 / 2048
            if low < f <= middle:
                bands[:, m] += power[:, k] * (f - low) / (middle - low)
            elif middle < f < high:
                bands[:, m] += power[:, k] * (high - f) / (high - middle)
    decibels = 10 * np.log10(np.maximum(bands, 1e-10))
    decibels = np.maximum(decibels, decibels.max() - 80)
    cosines = np.array([[2 * np.cos(np.pi * k * (2 * m + 1) / 256) for m in range(128)] for k in range(40)])
    return (decibels @ cosines.T)[1:-1]


def test_features_follow_the_definition():
    clips = sounds()
    features = mfcc(clips)
    for clip, found in zip(clips, features, strict=True):
        # 128 bands in float32, each 1e-3 dB off at most near the floor of 80 dB, in sums of 2 x 128 dB.
        np.testing.assert_allclose(found, reference_mfcc(clip), rtol=1e-5, atol=0.25)


def test_shape_and_type():
    features = mfcc(sounds())
    assert features.shape == (3, 49, 40)
    assert features.dtype == np.float32
    assert mfcc(np.zeros((0, RATE), np.int16)).shape == (0, 49, 40)


@pytest.mark.parametrize(("level", "kind"), [(0, np.int16), (-77, np.int16), (0.1, np.float32)])
def test_silence_is_the_floor_in_every_band(level, kind):
    expected = np.zeros((1, 49, 40), np.float32)
    expected[:, :, 0] = 2 * 128 * -100  # dB
    np.testing.assert_allclose(mfcc(np.full((1, RATE), level, kind)), expected, atol=0.02)


@pytest.mark.parametrize(("gain", "offset"), [(0.25, 0.0), (1 / 32768, 0.0), (0.3, 0.7), (5.0, -1000.0)])
def test_gain_and_offset_do_not_count(gain, offset):
    clips = sounds()
    changed = (gain * clips.astype(np.float64) + offset).astype(np.float32)
    np.testing.assert_allclose(mfcc(changed), mfcc(clips), rtol=1e-4, atol=1.0)


def test_gain_by_a_power_of_two_gives_the_same_bits():
    clips = sounds()
    np.testing.assert_array_equal(mfcc((clips / 32768).astype(np.float32)), mfcc(clips))


def test_standardised_clips_have_no_mean_and_unit_deviation():
    clips = standardise(sounds().astype(np.float32) + 3000)
    np.testing.assert_allclose(clips.mean(axis=1, dtype=np.float64), 0, atol=1e-7)
    np.testing.assert_allclose(clips.std(axis=1, dtype=np.float64), 1, rtol=1e-6)


def test_dynamic_range_ends_below_the_loudest_band_of_the_clip():
    decibels = log_mel(standardise(sounds()))
    np.testing.assert_allclose(decibels[2].max() - decibels[2].min(), TOP_DB, atol=1e-4)  # a click in silence


def test_frames_at_both_ends_are_dropped():
    decibels = log_mel(standardise(sounds()))
    assert decibels.shape[1] == 51
    changed = decibels.copy()
    changed[:, [0, -1]] = 0
    np.testing.assert_array_equal(cepstra(changed), cepstra(decibels))


@pytest.mark.parametrize("size", [1, 3, 8, 11])
def test_same_bits_for_any_split_of_the_batch(size):
    clips = sounds(n=19)
    parts = [mfcc(clips[start : start + size]) for start in range(0, len(clips), size)]
    np.testing.assert_array_equal(np.concatenate(parts), mfcc(clips))


@pytest.mark.parametrize("shape", [(RATE,), (2, RATE - 1), (1, RATE, 1)])
def test_clips_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected clips of shape \[n, 16000\]"):
        mfcc(np.zeros(shape))


@pytest.mark.parametrize("values", [[np.nan], [np.inf], [np.inf, -np.inf]])
def test_values_that_are_not_finite_are_refused(values):
    clips = sounds().astype(np.float32)
    clips[1, : len(values)] = values
    with pytest.raises(ValueError, match="not finite"):
        mfcc(clips)
