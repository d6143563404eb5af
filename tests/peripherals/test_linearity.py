import numpy as np
import pytest

from memramp.devices import ConstantNoise, Device
from memramp.peripherals import design_ramp, inl_dnl, program_ramp

IDEAL = Device(g_min=0.0, g_max=150.0)
# Mean over codes and mean of the maximum of |INL| [LSB of the output]: derived by simulation from the equations of the
# released code, doi 10.1038/s41467-025-56254-6, not printed there. bits, sigma [uS], calibration, mean, maximum.
INL_TABLE = [
    (3, 2.67, "one_point", 0.025, 0.06),
    (3, 5.0, "one_point", 0.05, 0.11),
    (3, 10.0, "one_point", 0.09, 0.21),
    (4, 2.67, "one_point", 0.06, 0.14),
    (4, 5.0, "one_point", 0.11, 0.27),
    (4, 10.0, "one_point", 0.22, 0.53),
    (5, 2.67, "one_point", 0.15, 0.38),
    (5, 5.0, "one_point", 0.27, 0.70),
    (5, 10.0, "one_point", 0.55, 1.41),
    (5, 2.67, "ideal_bias", 0.24, 0.56),
    (5, 5.0, "ideal_bias", 0.46, 1.04),
    (5, 10.0, "ideal_bias", 0.91, 2.08),
]
CHIPS = 400


def inl_of_chips(bits, sigma, calibration):
    """Mean and maximum of |INL| over the codes, for each of CHIPS chips."""
    device = Device(g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=sigma))
    design = design_ramp("sigmoid", bits, "paper", device)
    ramps = [program_ramp(design, device, np.random.default_rng([seed, bits]), calibration) for seed in range(CHIPS)]
    inl = np.abs(inl_dnl(np.stack([ramp.thresholds for ramp in ramps]), design)[0])
    return inl.mean(axis=1), inl.max(axis=1)


def rounding(value):
    """What a table's entry may be off by: half a unit of its last digit; its sampling error, 1.5 % at most."""
    return 0.5 * 10.0 ** -len(f"{value}".split(".")[1].ljust(2, "0")) + 0.015 * value


@pytest.mark.statistics
@pytest.mark.parametrize(("bits", "sigma", "calibration", "mean", "maximum"), INL_TABLE)
def test_inl_from_programming_noise_matches_the_table(bits, sigma, calibration, mean, maximum):
    means, maxima = inl_of_chips(bits, sigma, calibration)
    for found, expected in ((means, mean), (maxima, maximum)):
        tolerance = rounding(expected) + 4.0 * found.std() / np.sqrt(CHIPS)
        assert found.mean() == pytest.approx(expected, abs=tolerance)


@pytest.mark.statistics
def test_errors_of_the_bias_devices_make_an_uncalibrated_ramp_worse_than_an_ideal_start():
    real, ideal = inl_of_chips(5, 2.67, "none")[0], inl_of_chips(5, 2.67, "ideal_bias")[0]
    assert real.mean() - ideal.mean() > 3.0 * np.hypot(real.std(), ideal.std()) / np.sqrt(CHIPS)


def test_ideal_ramp_is_linear_in_its_output():
    design = design_ramp("tanh", 5, "midpoint", IDEAL)
    inl, dnl = inl_dnl(design.thresholds, design)
    assert (inl == 0.0).all()
    np.testing.assert_allclose(dnl, 0.0, atol=1e-12)


def test_a_transition_that_comes_half_an_lsb_late_shows_in_inl_and_in_both_neighbouring_codes():
    design = design_ramp("sigmoid", 3, "midpoint", IDEAL)
    thresholds = design.thresholds.copy()
    thresholds[2] = design.function.inverse(3.5 / 8)
    inl, dnl = inl_dnl(thresholds, design)
    np.testing.assert_allclose(inl, [0, 0, 0.5, 0, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(dnl, [0, 0.5, -0.5, 0, 0, 0], atol=1e-12)


def test_a_missing_code_has_a_dnl_of_minus_one():
    design = design_ramp("tanh", 3, "paper", IDEAL)
    thresholds = design.thresholds.copy()
    thresholds[4] = thresholds[3]
    assert inl_dnl(thresholds, design)[1][3] == pytest.approx(-1.0)


def test_several_chips_are_judged_at_once():
    design = design_ramp("tanh", 4, "paper", IDEAL)
    inl, dnl = inl_dnl(np.stack([design.thresholds, design.thresholds + 0.01]), design)
    assert inl.shape == (2, 15)
    assert dnl.shape == (2, 14)
    assert (inl[1] > 0).all()


def test_thresholds_of_another_resolution_are_refused():
    with pytest.raises(ValueError, match="expected 31 thresholds"):
        inl_dnl(np.zeros(15), design_ramp("sigmoid", 5, "paper", IDEAL))
