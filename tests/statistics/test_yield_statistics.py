"""Yields agree with theory and with columns made one by one; tolerances follow from the sample size."""

import numpy as np
import pytest
from scipy import stats

from memramp.devices import ConstantNoise, Device
from memramp.peripherals import Calibration, Realisation, design_ramp, inl_dnl, program_ramp
from memramp.peripherals.yields import Limits, confidence_interval, linearity_of_columns
from memramp.streams import Streams

pytestmark = pytest.mark.statistics

SIGMAS = 4.5  # two-sided probability of a false alarm 7e-6
SIGMA = 5.0
DEVICE = Device(g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=SIGMA))


@pytest.mark.parametrize("kind", ["none", "ideal_bias", "one_point", "two_point"])
def test_yield_is_that_of_columns_made_one_by_one(kind):
    design, calibration = design_ramp("tanh", 4, "midpoint", DEVICE), Calibration(kind=kind)
    limits = Limits(0.25, within_window=False)
    few, many = 1000, 20_000
    good, worst = 0, []
    for chip in range(few):
        rng = np.random.default_rng([11, chip])
        worst.append(np.abs(inl_dnl(program_ramp(design, DEVICE, rng, calibration).thresholds, design)[0]).max())
        good += worst[-1] <= limits.inl
    _, found = linearity_of_columns(design, DEVICE, calibration, limits, many, Streams(1))
    share = (good + found.good) / (few + many)
    assert 0.05 < share < 0.95
    assert abs(good / few - found.fraction) < SIGMAS * np.sqrt(share * (1 - share) * (1 / few + 1 / many))
    assert abs(np.mean(worst) - found.mean_of_max) < SIGMAS * np.std(worst) * np.sqrt(1 / few + 1 / many)


@pytest.mark.parametrize("copies", [1, 3])
def test_yield_of_two_independent_steps_is_a_product(copies):
    # A 2-bit identity has two steps between its three thresholds. With the middle one exact, the outer ones are off by
    # one device each: a column is good with the square of the probability that an error stays within the limit.
    # Two bias devices have room for any trim.
    design, limit = design_ramp("identity", 2, "uniform", DEVICE, realisation=Realisation(bias_devices=2)), 0.04
    assert design.thresholds.size == 3
    per_lsb = design.levels.lsb / design.v_per_us  # the function's slope is 1
    single = (1.0 - 2.0 * stats.norm.sf(limit * per_lsb / SIGMA)) ** 2
    expected, n = 1.0 - (1.0 - single) ** copies, 20_000
    limits = Limits(limit)
    _, found = linearity_of_columns(design, DEVICE, Calibration(copies=copies), limits, n, Streams(2))
    assert 0.1 < expected < 0.99
    assert abs(found.fraction - expected) < SIGMAS * np.sqrt(expected * (1 - expected) / n)


def test_stuck_devices_cost_the_yield_that_they_should():
    # Without programming noise, a column is exact unless a ramp device is stuck off; the bias is trimmed.
    rate, n = 0.01, 20_000
    stuck = Device(g_min=0.0, g_max=150.0, stuck_off_rate=rate)
    design = design_ramp("sigmoid", 5, "midpoint", stuck)
    _, found = linearity_of_columns(design, stuck, Calibration(), Limits(1e-6, within_window=False), n, Streams(3))
    expected = (1.0 - rate) ** design.g_steps.size
    assert abs(found.fraction - expected) < SIGMAS * np.sqrt(expected * (1 - expected) / n)


def test_intervals_hold_the_true_yield_as_often_as_promised():
    rng, total, trials = np.random.default_rng(4), 60, 4000
    for true in (0.02, 0.3, 0.9):
        ends = np.array([confidence_interval(int(good), total) for good in rng.binomial(total, true, trials)])
        held = np.mean((ends[:, 0] <= true) & (true <= ends[:, 1]))
        assert held > 0.95 - SIGMAS * np.sqrt(0.95 * 0.05 / trials)
        assert np.ptp(ends, axis=1).max() < 0.3
