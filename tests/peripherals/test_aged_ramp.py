"""Ramps some time after calibration: each device by itself, common changes cancel, read noise of the mechanism."""

import numpy as np
import pytest

from memramp.config import validate
from memramp.devices import Device, ReadConditions, program
from memramp.errors import InputError
from memramp.peripherals import ActivationConfig, build_converter, design_ramp, program_ramp
from memramp.peripherals.aged_ramp import age_ramp
from memramp.peripherals.circuit import CircuitConfig
from memramp.peripherals.circuit_effects import with_circuit
from memramp.peripherals.environment import EnvironmentConfig, aged, check_ageing

DRIFT = {"drift": {"kind": "power_law", "nu": 0.05, "nu_std": 0.02}}
COMMON = {"drift": {"kind": "power_law", "nu": 0.05}}
CALIBRATIONS = pytest.mark.parametrize("calibration", ["none", "one_point", "two_point"])


def device(**keys):
    noise = {"kind": "constant", "sigma": 3.0}
    return validate(Device, {"g_min": 0, "g_max": 150, "prog_noise": noise, **keys}, "device")


def ramp_of(chosen, calibration="one_point", seed=1):
    design = design_ramp("sigmoid", 5, "midpoint", chosen)
    return program_ramp(design, chosen, np.random.default_rng(seed), calibration)


def older(ramp, chosen, seed=2, **environment):
    settings = validate(EnvironmentConfig, environment, "environment")
    return age_ramp(ramp, chosen, np.random.default_rng(seed), CircuitConfig(), settings)


def converter(chosen, circuit=None, **environment):
    circuit = circuit or CircuitConfig()
    settings = validate(EnvironmentConfig, environment, "environment")
    made = build_converter(
        ActivationConfig(bits=5), "sigmoid", chosen, np.random.default_rng(1), circuit=circuit, environment=settings
    )
    return made, with_circuit(made, circuit, 75.0, environment=settings)


def test_at_time_zero_there_is_the_programmed_ramp():
    chosen = device(**DRIFT)
    ramp = ramp_of(chosen)
    assert older(ramp, chosen) is ramp
    assert older(ramp, chosen, acts_on="weights", t_inference=1e5) is ramp
    lasting = ramp_of(device())
    assert older(lasting, device(), t_inference=1e5, temperature=350.0) is lasting
    assert (converter(chosen)[0].base == converter(device())[0].base).all()


@CALIBRATIONS
def test_an_aged_ramp_is_the_charge_of_its_aged_conductances(calibration):
    chosen = device(stuck_off_rate=0.05, relaxation={"kind": "normal", "sigma": 3.0}, **DRIFT)
    ramp = ramp_of(chosen, calibration)
    old = older(ramp, chosen, t_inference=1e4)
    charge = old.gain * np.concatenate([[0.0], np.cumsum(old.g_steps)]) - old.g_bias.sum()
    np.testing.assert_allclose(old.values, charge * old.design.v_per_us, atol=1e-11)
    assert (old.g_steps[old.stuck_steps] == ramp.g_steps[old.stuck_steps]).all()
    assert (old.g_steps != ramp.g_steps).sum() == (~old.stuck_steps).sum()


@CALIBRATIONS
def test_what_all_devices_have_in_common_scales_the_ramp(calibration):
    chosen = device(thermal={"kind": "linear", "coefficient": -0.001}, **COMMON)
    ramp = ramp_of(chosen, calibration)
    old = older(ramp, chosen, t_inference=1e6, temperature=350.0)
    np.testing.assert_allclose(old.values, 0.95 * 1e6**-0.05 * ramp.values, rtol=1e-11, atol=1e-12)


def test_a_ramp_tracks_weights_that_age_alike():
    chosen = device(thermal={"kind": "linear", "coefficient": -0.001}, **COMMON)
    weights = program(chosen, np.linspace(10.0, 150.0, 60), np.random.default_rng(5))
    settings = EnvironmentConfig(t_inference=1e6, temperature=350.0)
    ratio = aged(weights, settings, 300.0) / weights.g
    np.testing.assert_allclose(ratio, ratio[0])
    fresh, old = converter(chosen)[1], converter(chosen, t_inference=1e6, temperature=350.0)[1]
    v = np.random.default_rng(2).normal(0.0, 1.5, (50, 60)).astype(np.float32)
    assert (fresh.convert(v) == old.convert((v * ratio).astype(np.float32))).mean() > 0.999  # but for rounding
    assert (fresh.convert(v) != old.convert(v)).mean() > 0.2


def test_devices_that_drift_apart_bend_the_ramp():
    fresh, old = converter(device(**DRIFT))[0], converter(device(**DRIFT), t_inference=1e6)[0]
    common = converter(device(**COMMON), t_inference=1e6)[0]
    np.testing.assert_allclose(common.base, 1e6**-0.05 * fresh.base, rtol=1e-5, atol=1e-6)
    assert np.abs(old.base - common.base).max() > 0.01
    assert old.bias_overflow == fresh.bias_overflow


def test_the_same_devices_age_at_any_time_and_after_any_calibration():
    chosen = device(**DRIFT)
    early, late = (older(ramp_of(chosen), chosen, t_inference=t) for t in (1e2, 1e4))
    ramp = ramp_of(chosen)
    np.testing.assert_allclose(np.log(late.g_steps / ramp.g_steps), 2 * np.log(early.g_steps / ramp.g_steps))
    other = ramp_of(chosen, "none")
    np.testing.assert_allclose(older(other, chosen, t_inference=1e4).g_steps, late.g_steps)


def test_read_noise_of_a_ramp_is_that_of_its_clock():
    chosen = device(read_noise={"kind": "sum", "of": [{"kind": "constant", "sigma": 1}, {"kind": "thermal"}]})
    slow, fast = (converter(chosen, CircuitConfig(clock=clock))[0] for clock in (1e8, 1e9))
    ramp = ramp_of(chosen)
    for made, t_pulse in ((slow, 1e-8), (fast, 1e-9)):
        told = chosen.read_noise.fluctuation(ramp.g_steps, ReadConditions(t_pulse=t_pulse))
        expected = ramp.design.v_per_us * np.sqrt(told.held**2 + told.white**2)
        np.testing.assert_allclose(made.read_std[1:], expected[: made.read_std.size - 1], rtol=1e-5)
    assert (fast.read_std > slow.read_std).all()


def test_a_wider_pulse_adds_held_noise_with_its_square_and_white_noise_with_its_length():
    config = ActivationConfig.model_validate(
        {"bits": 5, "calibration": "two_point", "realisation": {"pulse_widths": [0.25, 1.0]}}
    )
    for kind, power in (({"kind": "constant", "sigma": 1}, 2.0), ({"kind": "thermal"}, 1.0)):
        chosen = device(read_noise=kind, prog_noise={"kind": "none"})
        design = design_ramp("sigmoid", 5, "midpoint", chosen, realisation=config.realisation)
        ramp = program_ramp(design, chosen, np.random.default_rng(1), config.calibration)
        width = design.column.width[design.column.rows("ramp")] * ramp.gain
        assert {0.25, 1.0} >= set(np.round(width, 9))
        per_pulse = chosen.read_noise.fluctuation(ramp.g_steps, ReadConditions(t_pulse=1e-9))
        variance = (per_pulse.held**2 + per_pulse.white**2) * width**power
        steps = np.add.reduceat(variance, design.column.starts)
        np.testing.assert_allclose(ramp.read_std[1:], design.v_per_us * np.sqrt(steps))


def test_read_noise_of_an_aged_ramp_is_that_of_its_conductances():
    chosen = device(read_noise={"kind": "proportional", "fraction": 0.02}, **DRIFT)
    old = older(ramp_of(chosen), chosen, t_inference=1e6)
    np.testing.assert_allclose(old.read_std[1:], 0.02 * old.g_steps * old.design.v_per_us)
    assert old.read_std[0] == pytest.approx(0.02 * np.sqrt(np.sum(old.g_bias**2)) * old.design.v_per_us)


def test_conditions_are_those_of_the_side():
    settings = EnvironmentConfig(v_read=0.15, temperature=350.0, t_inference=100.0, acts_on="ramp")
    assert settings.conditions("ramp", 0.2, 1e-9, 300.0) == ReadConditions(0.15, 1e-9, 350.0, 100.0)
    assert settings.conditions("weights", 0.2, 32e-9, 300.0) == ReadConditions(0.2, 32e-9, 300.0, 0.0)
    assert EnvironmentConfig().conditions("weights", 0.2, 32e-9, 310.0) == ReadConditions(0.2, 32e-9, 310.0, 0.0)


def test_aged_weights_are_those_of_the_environment():
    cells = program(device(**DRIFT), np.full((4, 5), 60.0), np.random.default_rng(1))
    assert aged(cells, EnvironmentConfig()) is cells.g
    assert aged(cells, EnvironmentConfig(t_inference=1e4, acts_on="ramp")) is cells.g
    assert (aged(cells, EnvironmentConfig(t_inference=1e4)) == cells.at(1e4)).all()
    warm = program(device(thermal={"kind": "linear", "coefficient": 0.01}), np.full(3, 60.0), np.random.default_rng(1))
    # The nominal temperature is that of programming, whatever the block's reference.
    assert aged(warm, EnvironmentConfig(), 320.0) is warm.g
    np.testing.assert_allclose(aged(warm, EnvironmentConfig(temperature=330.0), 320.0), warm.g * 1.3 / 1.2)


@pytest.mark.parametrize("telegraph", [
    {"kind": "telegraph", "active": 0.1, "amplitude": 0.1},
    {"kind": "sum", "of": [{"kind": "shot"}, {"kind": "telegraph", "active": 0.1, "amplitude": 0.1}]},
])  # fmt: skip
def test_telegraph_noise_of_ramps_is_refused_not_ignored(telegraph):
    with pytest.raises(InputError, match=r"for weights, not for ramps.*'ramp_device'"):
        converter(device(read_noise=telegraph))
    with pytest.raises(InputError, match=r"for weights, not for ramps"):
        ramp_of(device(read_noise=telegraph))


def test_ageing_that_is_not_known_is_told_before_anything_is_programmed():
    short = device(relaxation={"kind": "polynomial", "times": [1.0, 100.0], "coefficients": [[0.1], [0.2]]})
    for acts_on in ("both", "weights", "ramp"):
        check_ageing(short, EnvironmentConfig(t_inference=100.0, acts_on=acts_on))
        with pytest.raises(InputError, match=r"known up to 100 s after programming, found 200 s"):
            check_ageing(short, EnvironmentConfig(t_inference=200.0, acts_on=acts_on))
    cold = device(thermal={"kind": "linear", "coefficient": -0.01})
    with pytest.raises(InputError, match="have to be above 0"):
        check_ageing(cold, EnvironmentConfig(temperature=420.0), 300.0)
