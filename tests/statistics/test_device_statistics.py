"""The draws of the devices have the distributions that they claim; tolerances follow from the sample size."""

import numpy as np
import pytest
from scipy import stats

from memramp.devices import (
    ConstantNoise,
    Device,
    PolynomialNoise,
    ProportionalNoise,
    SigmaTableNoise,
    TableNoise,
    UniformNoise,
    load_preset,
    program,
)

pytestmark = pytest.mark.statistics

N = 200_000
SIGMAS = 4.5  # two-sided probability of a false alarm 7e-6


@pytest.mark.parametrize(
    ("noise", "distribution"),
    [
        (ConstantNoise(sigma=2.67), stats.norm(scale=2.67)),
        (ProportionalNoise(fraction=0.05), stats.norm(scale=0.05 * 80.0)),
        (PolynomialNoise(coefficients=(1.0, 4.0, -2.0), g_ref=160.0), stats.norm(scale=2.5)),
        (SigmaTableNoise(targets=(60.0, 100.0), sigmas=(2.0, 4.0)), stats.norm(scale=3.0)),
        (UniformNoise(half_width=5.0), stats.uniform(loc=-5.0, scale=10.0)),
        (TableNoise(targets=(60.0, 100.0), errors=((-4.0, 4.0), (-6.0, 6.0))), stats.uniform(loc=-5.0, scale=10.0)),
    ],
    ids=["constant", "proportional", "polynomial", "sigma_table", "uniform", "table"],
)
def test_programming_error_has_its_distribution(noise, distribution):
    device = Device(g_min=0.0, g_max=150.0, prog_noise=noise)
    error = program(device, np.full(N, 80.0), np.random.default_rng(11)).g - 80.0
    assert abs(error.mean()) < SIGMAS * distribution.std() / np.sqrt(N)
    kurtosis = float(distribution.stats(moments="k")) + 3.0
    assert abs(error.var() / distribution.var() - 1.0) < SIGMAS * np.sqrt((kurtosis - 1.0) / N)
    assert stats.kstest(error, distribution.cdf).pvalue > 1e-4
    assert error.std() == pytest.approx(noise.std(80.0), rel=SIGMAS / np.sqrt(N))


def test_every_error_of_the_verified_device_lies_in_its_window():
    error = program(load_preset("readc_taox"), np.full(N, 250.0), np.random.default_rng(12)).g - 250.0
    assert np.abs(error).max() <= 5.0
    # Standard deviations measured at the seven targets: 2.42 to 2.98 uS.
    assert 2.42 < error.std() < 2.98


@pytest.mark.parametrize(("off", "on"), [(0.01, 0.0), (0.0, 0.02), (0.05, 0.1), (0.25, 0.75)])
def test_realised_fault_fractions_are_the_rates(off, on):
    device = Device(g_min=0.0, g_max=150.0, stuck_off_rate=off, stuck_on_rate=on)
    cells = program(device, np.full((400, 500), 60.0), np.random.default_rng(13))
    for mask, rate in ((cells.stuck_off, off), (cells.stuck_on, on)):
        assert abs(mask.mean() - rate) <= SIGMAS * np.sqrt(rate * (1.0 - rate) / mask.size)
    assert not (cells.stuck_off & cells.stuck_on).any()


def test_errors_of_devices_and_programmings_are_independent():
    device = load_preset("yang2025_150us")
    rng = np.random.default_rng(14)
    one, two = (program(device, np.full(N, 75.0), rng).g - 75.0 for _ in range(2))
    for a, b in ((one, two), (one[1:], one[:-1])):
        assert abs(np.corrcoef(a, b)[0, 1]) < SIGMAS / np.sqrt(a.size)


def test_quantiles_of_a_measured_table_are_drawn():
    noise = load_preset("readc_taox_table").prog_noise
    device = Device(g_min=100.0, g_max=400.0, prog_noise=noise)
    error = program(device, np.full(N, 200.0), np.random.default_rng(15)).g - 200.0
    probability = np.linspace(0.0, 1.0, 17)[1:-1]
    below = np.array([(error < quantile).mean() for quantile in noise.errors[2][1:-1]])
    assert np.all(np.abs(below - probability) < SIGMAS * np.sqrt(probability * (1.0 - probability) / N))


def test_windows_of_devices_have_their_spread():
    device = Device(g_min=50.0, g_max=150.0, g_min_std=3.0, g_max_std=5.0)
    for end, std, side in ((50.0, 3.0, 1.0), (150.0, 5.0, -1.0)):
        beyond = side * (program(device, np.full(N, end), np.random.default_rng(16)).g - end)
        half = beyond[beyond > 0.0]  # of the normal distribution of the ends, the half that saturates the target
        assert abs(half.size / N - 0.5) < SIGMAS * 0.5 / np.sqrt(N)
        assert np.sqrt(np.mean(half**2)) == pytest.approx(std, rel=SIGMAS / np.sqrt(2 * half.size))
