"""One draw an output has the distribution of one draw a device; tolerances follow from the sample size."""

import numpy as np
import pytest
from scipy import stats

from memramp.crossbar import CrossbarConfig, program_array
from memramp.devices import ConstantNoise, Device, ProportionalNoise

pytestmark = pytest.mark.statistics

N = 20_000
SIGMAS = 4.5  # two-sided probability of a false alarm 7e-6
ROWS, COLS = 7, 6
CASES = {
    "constant, pair": ("pair", ConstantNoise(sigma=3.5)),
    "constant, used side": ("used_side", ConstantNoise(sigma=3.5)),
    "proportional, pair": ("pair", ProportionalNoise(fraction=0.1)),
    "proportional, used side": ("used_side", ProportionalNoise(fraction=0.1)),
}


@pytest.fixture(params=CASES, scope="module")
def reads(request):
    """Return mean and standard deviation by theory, reads drawn fast, and reads drawn device by device, [N, COLS]."""
    noise_on, read_noise = CASES[request.param]
    device = Device(g_min=5.0, g_max=155.0, prog_noise=ConstantNoise(sigma=5.0), read_noise=read_noise)
    w = np.random.default_rng(1).normal(0.0, 0.8, (ROWS, COLS))
    array = program_array(w, CrossbarConfig(noise_on=noise_on), device, np.random.default_rng(2))
    x = np.array([1.0, -0.5, 0.0, 0.25, 0.8, -1.0, 0.1])
    batch = np.broadcast_to(x, (N, ROWS))
    slow = array.multiply_per_device(batch, np.random.default_rng(3))
    return x @ array.w_eff, np.sqrt(x**2 @ array.held_variance), array.multiply(batch, np.uint64(4)), slow


def test_means_agree(reads):
    mean, std, fast, slow = reads
    for drawn in (fast, slow):
        assert (np.abs(drawn.mean(axis=0, dtype=np.float64) - mean) < SIGMAS * std / np.sqrt(N)).all()


def test_variances_agree(reads):
    _, std, fast, slow = reads
    for drawn in (fast, slow):
        assert (np.abs(drawn.var(axis=0, dtype=np.float64) / std**2 - 1.0) < SIGMAS * np.sqrt(2.0 / N)).all()


def test_distributions_agree(reads):
    _, _, fast, slow = reads
    for column in range(COLS):
        assert stats.ks_2samp(fast[:, column], slow[:, column]).pvalue > 1e-4


def test_columns_and_samples_are_independent(reads):
    _, _, fast, slow = reads
    for drawn in (fast, slow):
        centred = (drawn - drawn.mean(axis=0)) / drawn.std(axis=0)
        between = centred.T.astype(np.float64) @ centred / N
        assert (np.abs(between[~np.eye(COLS, dtype=bool)]) < SIGMAS / np.sqrt(N)).all()
        assert (np.abs((centred[1:] * centred[:-1]).mean(axis=0)) < SIGMAS / np.sqrt(N)).all()


def test_steps_are_independent():
    device = Device(g_min=0.0, g_max=150.0, read_noise=ConstantNoise(sigma=3.5))
    array = program_array(np.zeros((1, COLS)), CrossbarConfig(), device, np.random.default_rng(2))
    one, two = (array.multiply(np.ones((N, 1)), np.uint64(4), step=step).astype(np.float64) for step in (0, 1))
    correlation = (one * two).mean(axis=0) / array.noise.held_std**2
    assert (np.abs(correlation) < SIGMAS / np.sqrt(N)).all()


@pytest.mark.parametrize(("noise_on", "devices"), [("used_side", 1), ("pair", 2)])
def test_weight_error_of_programming_has_one_or_two_devices(noise_on, devices):
    device = Device(g_min=50.0, g_max=250.0, prog_noise=ConstantNoise(sigma=5.0))  # far from the clip at zero
    w = np.full((200, 200), 0.5)
    array = program_array(w, CrossbarConfig(noise_on=noise_on), device, np.random.default_rng(5))
    error = array.w_eff.astype(np.float64) - 0.5
    expected = np.sqrt(devices) * 5.0 / 75.0
    assert abs(error.mean()) < SIGMAS * expected / np.sqrt(w.size)
    assert abs(error.var() / expected**2 - 1.0) < SIGMAS * np.sqrt(2.0 / w.size)


def test_used_side_error_stays_gaussian_for_a_weight_near_zero():
    device = Device(g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=5.0))
    w = np.full((200, 200), 0.01)
    array = program_array(w, CrossbarConfig(noise_on="used_side"), device, np.random.default_rng(6))
    error = array.w_eff.ravel().astype(np.float64) - 0.01
    assert stats.kstest(error, stats.norm(scale=5.0 / 75.0).cdf).pvalue > 1e-4


def test_clipping_at_zero_pulls_pairs_towards_zero_by_the_half_normal_mean():
    sigma = 5.0
    device = Device(g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=sigma))
    w = np.full((200, 200), 1.0)
    array = program_array(w, CrossbarConfig(), device, np.random.default_rng(7))
    bias = sigma / np.sqrt(2.0 * np.pi) / 75.0  # mean of max(0, N(0, sigma))
    std = np.sqrt(sigma**2 * (1.0 + 0.5 - 0.5 / np.pi)) / 75.0
    assert abs(array.w_eff.mean(dtype=np.float64) - (1.0 - bias)) < SIGMAS * std / np.sqrt(w.size)
