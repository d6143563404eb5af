"""Reads with one draw an output against reads with one draw a device; tolerances follow from the sample size."""

from dataclasses import replace

import numpy as np
import pytest

from memramp.crossbar import CrossbarConfig, measured_array
from memramp.crossbar.kernels import ReadNoise, Telegraph
from memramp.crossbar.read_reference import read_pair_by_pair
from memramp.devices import Device

pytestmark = pytest.mark.statistics

N = 20_000
SIGMAS = 4.5  # two-sided probability of a false alarm 7e-6
ROWS, COLS = 6, 5
RNG = np.random.default_rng(4)
X = np.array([1.0, -0.5, 0.0, 0.25, 0.8, -1.0], np.float32)
W = RNG.normal(0.0, 0.5, (ROWS, COLS))


def some(*shape):
    return RNG.uniform(0.0, 0.02, shape).astype(np.float32)


TELEGRAPH = Telegraph(
    row=np.array([0, 1, 1, 4, 5], np.int32),
    col=np.array([2, 2, 0, 4, -1], np.int32),
    delta=np.array([0.3, -0.2, 0.5, 0.4, -0.25], np.float32),
    duty=np.array([0.5, 0.1, 0.9, 0.3, 0.6], np.float32),
)
NOISES = {
    "held": ReadNoise(held=some(ROWS, COLS)),
    "white": ReadNoise(white=some(ROWS, COLS)),
    "white alike": ReadNoise(white_std=0.1),
    "shared": ReadNoise(held_std=0.05, shared_held=some(ROWS), shared_white=some(ROWS)),
    "telegraph": ReadNoise(held_std=0.02, telegraph=TELEGRAPH),
}


def array(noise):
    device = Device(g_min=0.0, g_max=1000.0)
    made = measured_array(np.maximum(W, 0.0) * 75.0, np.maximum(-W, 0.0) * 75.0, CrossbarConfig(), device)
    return replace(made, noise=noise)


@pytest.fixture(params=NOISES, scope="module")
def reads(request):
    a, batch = array(NOISES[request.param]), np.broadcast_to(X, (N, ROWS))
    return a.multiply(batch, np.uint64(7)).astype(np.float64), read_pair_by_pair(batch, W, a.noise, RNG)


def test_means_agree(reads):
    fast, slow = reads
    tolerance = SIGMAS * np.hypot(fast.std(axis=0), slow.std(axis=0)) / np.sqrt(N)
    assert (np.abs(fast.mean(axis=0) - slow.mean(axis=0)) < tolerance + 1e-6).all()


def test_variances_and_covariances_agree(reads):
    fast, slow = (np.cov(drawn, rowvar=False) for drawn in reads)
    # The variance of an estimated covariance is at most (kurtosis of a telegraph signal included) about
    # (2 v_i v_j) / n for each of the two.
    spread = np.sqrt(np.outer(np.diag(slow), np.diag(slow)) * 4.0 / N)
    assert (np.abs(fast - slow) < SIGMAS * spread).all()


def test_a_shared_column_makes_the_predicted_correlation():
    noise = NOISES["shared"]
    drawn = array(noise).multiply(np.broadcast_to(X, (N, ROWS)), np.uint64(8))
    size = np.abs(X).astype(np.float64)
    common = size**2 @ noise.shared_held + size @ noise.shared_white
    expected = common / (common + noise.held_std**2 * (size**2).sum())
    found = np.corrcoef(drawn, rowvar=False)[np.triu_indices(COLS, 1)]
    assert (np.abs(found - expected) < SIGMAS * (1 - expected**2) / np.sqrt(N)).all()


def test_states_have_their_duties_and_are_independent():
    rows = 40
    duty = np.linspace(0.0, 1.0, rows).astype(np.float32)
    places = np.arange(rows, dtype=np.int32)
    noise = ReadNoise(telegraph=Telegraph(places, places, np.ones(rows, np.float32), duty))
    device = Device(g_min=0.0, g_max=1000.0)
    zero = np.zeros((rows, rows))
    a = replace(measured_array(zero, zero, CrossbarConfig(), device), noise=noise)
    states = np.concatenate([a.multiply(np.ones((N, rows)), np.uint64(9), step=t) for t in range(3)])
    assert set(np.unique(states)) == {0.0, 1.0}
    spread = np.sqrt(duty * (1.0 - duty) / len(states))
    assert (np.abs(states.mean(axis=0) - duty) <= SIGMAS * spread).all()
    correlations = np.corrcoef(states[:, 1:-1], rowvar=False)[np.triu_indices(rows - 2, 1)]
    assert np.abs(correlations).max() < 5.5 / np.sqrt(len(states))  # of 703 pairs
    lagged = np.corrcoef(states[:-1, 20], states[1:, 20])[0, 1]
    assert abs(lagged) < SIGMAS / np.sqrt(len(states))
