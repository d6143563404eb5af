import numpy as np
import pytest

from memramp.devices import Device, load_preset
from memramp.errors import InputError
from memramp.peripherals import design_ramp

DEVICE = Device(g_min=0.0, g_max=150.0)
# bits, steps, range and largest step (sigmoid, tanh), smallest conductance, half-ramp sum, bias devices: derived by
# arithmetic from the equations of the released code, doi 10.1038/s41467-025-56254-6; the paper prints 5 bias devices.
TABLE = [
    (3, 8, (2.197, 1.099), (0.811, 0.405), 75.0, 406.4, 3),
    (4, 16, (2.833, 1.417), (0.754, 0.377), 44.4, 563.8, 4),
    (5, 32, (3.497, 1.748), (0.724, 0.362), 24.4, 724.5, 5),
    (6, 64, (4.174, 2.087), (0.709, 0.354), 12.8, 883.6, 6),
    (8, 256, (5.549, 2.775), (0.697, 0.349), 3.3, 1194.0, 8),
]


@pytest.mark.parametrize("column", [0, 1], ids=["sigmoid", "tanh"])
@pytest.mark.parametrize("row", TABLE, ids=[f"{row[0]}bit" for row in TABLE])
def test_paper_ramp_has_the_conductances_of_the_regression_table(row, column):
    bits, steps, reach, largest, g_least, half_sum, n_bias = row
    design = design_ramp(("sigmoid", "tanh")[column], bits, "paper", DEVICE)
    assert design.g_steps.size == steps
    assert -design.v_start == pytest.approx(reach[column], abs=6e-4)
    assert design.levels.ramp[-1] == pytest.approx(reach[column], abs=6e-4)
    assert design.steps.max() == pytest.approx(largest[column], abs=6e-4)
    assert design.g_steps.min() == pytest.approx(g_least, abs=0.051)
    assert design.g_steps.max() == 150.0
    assert design.bias_total == pytest.approx(half_sum, abs=0.51 if half_sum > 1000 else 0.051)
    assert design.g_bias.size == n_bias


@pytest.mark.parametrize("levels", ["paper", "midpoint"])
@pytest.mark.parametrize("bits", [2, 3, 5, 8, 12])
def test_sigmoid_and_tanh_take_the_same_conductances(levels, bits):
    sigmoid, tanh = design_ramp("sigmoid", bits, levels, DEVICE), design_ramp("tanh", bits, levels, DEVICE)
    np.testing.assert_allclose(sigmoid.g_steps, tanh.g_steps, rtol=1e-10)
    assert sigmoid.v_per_us == pytest.approx(2 * tanh.v_per_us)


@pytest.mark.parametrize("function", ["sigmoid", "tanh"])
@pytest.mark.parametrize("levels", ["paper", "midpoint"])
@pytest.mark.parametrize("bits", [2, 3, 5, 8, 12])
def test_charge_of_the_designed_devices_adds_up_to_the_ideal_ramp(function, levels, bits):
    design = design_ramp(function, bits, levels, DEVICE)
    value = -design.g_bias.sum() * design.v_per_us
    walked = [value]
    for g in design.g_steps:
        value += g * design.v_per_us
        walked.append(value)
    np.testing.assert_allclose(walked, design.levels.ramp, atol=1e-11)


@pytest.mark.parametrize("levels", ["paper", "midpoint"])
@pytest.mark.parametrize("bits", range(2, 13))
def test_every_conductance_lies_in_the_window_and_the_bias_devices_are_as_few_as_possible(levels, bits):
    design = design_ramp("tanh", bits, levels, DEVICE)
    for g in (design.g_steps, design.g_bias):
        assert g.min() > 0.0
        assert g.max() <= 150.0 * (1 + 1e-9)
    assert design.g_bias.size - 1 < design.bias_total / 150.0
    assert design.g_bias.sum() == pytest.approx(design.bias_total)


def test_midpoint_ramp_needs_two_steps_less_than_codes():
    assert design_ramp("sigmoid", 5, "midpoint", DEVICE).g_steps.size == 30


def test_two_bit_midpoint_ramp_needs_one_bias_device_although_its_sum_is_exactly_full():
    design = design_ramp("sigmoid", 2, "midpoint", DEVICE)
    assert design.bias_total == pytest.approx(150.0)
    assert design.g_bias.size == 1


def test_a_ramp_device_fires_as_long_as_makes_it_worth_its_step():
    # A weight device of g uS adds g / scale for an input of 1, so one of g_max adds the largest step for this width.
    design = design_ramp("sigmoid", 5, "paper", DEVICE)
    assert 150.0 / 75.0 * design.pulse_width(75.0) == pytest.approx(design.steps.max())


def test_a_window_that_starts_too_high_is_refused_with_the_resolution_that_fits():
    taox = load_preset("readc_taox")  # 100..400 uS
    assert design_ramp("tanh", 4, "paper", taox).g_steps.min() == pytest.approx(118.4, abs=0.1)
    with pytest.raises(InputError, match=r"5-bit tanh ramp .* down to 65.1 uS, .* 100 uS; .* or at most 4 bits"):
        design_ramp("tanh", 5, "paper", taox)


def test_two_equal_steps_fit_any_window():
    narrow = Device(g_min=149.0, g_max=150.0)
    np.testing.assert_allclose(design_ramp("sigmoid", 2, "midpoint", narrow).g_steps, 150.0)
    with pytest.raises(InputError, match="at most 2 bits"):
        design_ramp("sigmoid", 3, "midpoint", narrow)
