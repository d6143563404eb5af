import numpy as np
import pytest

from memramp.config import validate
from memramp.devices import ConstantNoise, Device, load_preset
from memramp.errors import InputError
from memramp.peripherals import Realisation, design_ramp, expected_error, normal_density, program_ramp

IDEAL = Device(g_min=0.0, g_max=150.0)
NOISY = Device(g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=5.0))


def walked(design):
    """The ramp's values, summed device by device from the column alone."""
    column = design.column
    values = [-float(np.sum((column.target * column.width)[column.clock == 0])) * design.v_per_us]
    for clock in range(1, column.clock.max() + 1):
        fires = column.clock == clock
        values.append(values[-1] + float(np.sum((column.target * column.width)[fires])) * design.v_per_us)
    return values


OPTIONS = [
    Realisation(),
    Realisation(max_devices=3),
    Realisation(pulse_widths=[1, 0.5, 0.25]),
    Realisation(max_devices=2, pulse_widths=[1, 0.3], spares=4, bias_devices=12),
]


@pytest.mark.parametrize("realisation", OPTIONS)
@pytest.mark.parametrize("name", ["sigmoid", "relu", "sqrt", "gelu", "exp"])
def test_the_devices_of_a_column_add_up_to_the_ideal_ramp(name, realisation):
    design = design_ramp(name, 4, "midpoint", IDEAL, realisation=realisation)
    np.testing.assert_allclose(walked(design), design.ramp, atol=1e-12 * np.abs(design.ramp).max() + 1e-12)
    assert (design.ramp[design.compared] == design.thresholds).all()
    column = design.column
    assert len(column.role) == column.target.size == column.clock.size == column.width.size
    assert column.target.min() >= 0.0
    assert column.target.max() <= 150.0


def test_several_devices_share_a_large_step_and_halve_the_weight_of_an_error():
    single = design_ramp("sigmoid", 5, "midpoint", IDEAL)
    double = design_ramp("sigmoid", 5, "midpoint", IDEAL, realisation=Realisation(max_devices=2))
    assert double.v_per_us == pytest.approx(single.v_per_us / 2)
    clocks = np.bincount(double.column.clock[double.column.rows("ramp")])[1:]
    assert set(clocks) == {1, 2}
    assert clocks[0] == 2
    assert clocks[15] == 1


def test_short_pulses_let_small_steps_take_large_conductances_whose_errors_weigh_less():
    density = normal_density(0.0, 1.5)
    plain = design_ramp("sigmoid", 5, "midpoint", NOISY)
    short = design_ramp("sigmoid", 5, "midpoint", NOISY, realisation=Realisation(pulse_widths=[1, 0.5, 0.25]))
    ramp = short.column.rows("ramp")
    assert set(short.column.width[ramp]) == {1.0, 0.5, 0.25}
    assert short.g_steps.min() >= 75.0 - 1e-9
    assert expected_error(short, density, NOISY) < 0.9 * expected_error(plain, density, NOISY)


def test_short_pulses_make_steps_that_a_window_far_above_zero_could_not():
    taox = load_preset("readc_taox")  # 100..400 uS
    with pytest.raises(InputError, match=r"pulse_widths down to 0\.65"):
        design_ramp("tanh", 5, "paper", taox)
    design = design_ramp("tanh", 5, "paper", taox, realisation=Realisation(pulse_widths=[1, 0.5]))
    assert 100.0 <= design.g_steps.min() <= design.g_steps.max() <= 400.0
    np.testing.assert_allclose(walked(design), design.ramp, atol=1e-12)


def test_a_ramp_that_starts_above_zero_has_a_lead_in_that_can_be_trimmed_both_ways():
    design = design_ramp("relu", 4, "midpoint", IDEAL)
    assert design.thresholds[0] > 0.0
    assert design.first == 1
    assert design.v_start < 0.0
    assert design.g_bias == pytest.approx([75.0])
    assert design.ramp[1] == design.thresholds[0]
    for seed in range(20):
        ramp = program_ramp(design, NOISY, np.random.default_rng(seed))
        assert ramp.mid_scale_error == 0.0
        assert ramp.thresholds.size == 15


def test_bias_devices_can_be_more_than_needed_but_not_fewer():
    design = design_ramp("tanh", 5, "paper", IDEAL, realisation=Realisation(bias_devices=8))
    np.testing.assert_allclose(design.g_bias, np.full(8, design.bias_total / 8))
    with pytest.raises(InputError, match=r"4 bias devices cannot hold the start value of .*; it takes 5"):
        design_ramp("tanh", 5, "paper", IDEAL, realisation=Realisation(bias_devices=4))


def test_bias_devices_are_written_last_and_spares_not_at_all():
    column = design_ramp("tanh", 3, "midpoint", IDEAL, realisation=Realisation(spares=2)).column
    order = column.write_order
    assert sorted(order[order >= 0]) == list(range(order.size - 2))
    assert order[column.rows("bias")].min() > order[column.rows("ramp")].max()
    assert (order[column.rows("spare")] == -1).all()
    assert (column.clock[column.rows("spare")] == -1).all()


def test_thresholds_far_from_zero_take_too_many_devices_and_are_refused():
    with pytest.raises(InputError, match=r"would take .* devices, at most 8192|cannot share evenly"):
        design_ramp("identity", 4, "midpoint", IDEAL, span=(1e6, 1e6 + 1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_devices": 0}, "'max_devices': .*greater than or equal to 1"),
        ({"max_devices": 2.0}, "'max_devices'"),
        ({"pulse_widths": []}, "'pulse_widths'"),
        ({"pulse_widths": [0.5]}, "between 0.001 and 1, and 1 is one of them, found .0.5."),
        ({"pulse_widths": [1, 2]}, "between 0.001 and 1"),
        ({"pulse_widths": [1, 0]}, "between 0.001 and 1"),
        ({"spares": -1}, "'spares'"),
    ],
)
def test_bad_realisations_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        validate(Realisation, settings, "realisation")
