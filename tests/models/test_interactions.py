"""What must not be ignored in silence when several effects meet."""

from dataclasses import replace

import numpy as np
import pytest
from networks import IDEAL, crossbar, random_checkpoint, random_features
from roundings import rounding_errors

from memramp.config import validate
from memramp.crossbar import CrossbarConfig, load_array_faults, map_weights, program_array
from memramp.devices import Device, program, resolve_device
from memramp.devices.iv import SinhCurve
from memramp.errors import InputError
from memramp.models.analog_network import program_network
from memramp.models.hardware import HardwareConfig
from memramp.peripherals import ActivationConfig, InputConfig
from memramp.peripherals.circuit import CircuitConfig
from memramp.peripherals.environment import EnvironmentConfig
from memramp.streams import Streams

DIGITAL = crossbar(tile={"rows": 6, "tall": "digital", "adc": {"bits": 16, "range": 8.0}})
DRIFTING = resolve_device({"g_min": 9.0, "g_max": 88.0, "drift": {"kind": "power_law", "nu": 0.05, "t_0": "1 s"}})


def logits(**hardware):
    settings = {"device": IDEAL, **hardware}
    return program_network(random_checkpoint(), HardwareConfig(**settings), Streams(1)).logits(random_features(9))


@pytest.mark.parametrize("around", [{"v_read": 0.1}, {"nu": 0.1, "t_inference": 1e4}])
def test_digital_sums_see_the_environment_as_a_fixed_reference_does(around):
    environment = EnvironmentConfig(**around)
    factor = environment.factors(0.2, 300.0)[0]
    found = program_network(
        random_checkpoint(), HardwareConfig(device=IDEAL, crossbar=DIGITAL, environment=environment), Streams(1)
    ).layer.array
    plain = program_network(random_checkpoint(), HardwareConfig(device=IDEAL, crossbar=DIGITAL), Streams(1)).layer.array
    np.testing.assert_allclose(found.w_eff, factor * plain.w_eff, rtol=1e-6)
    assert found.partial.lsb == plain.partial.lsb
    fine = ActivationConfig(kind="uniform_adc", bits=12, range=16.0)
    fixed = logits(activation=fine, environment=environment)
    # They differ by the roundings of the 12-bit converter, beside which those of 16 bits do not count.
    checkpoint = random_checkpoint()
    scaled = {name: factor * getattr(checkpoint.lstm, name) for name in ("weight_x", "weight_h", "bias")}
    x = checkpoint.normalise(random_features(9))
    errors = rounding_errors(x, replace(checkpoint.lstm, **scaled), lsb=2 * 16.0 / 2**12)
    tolerance = 2.0 * np.abs(errors[:, :, -1] @ checkpoint.dense.weight).max()
    np.testing.assert_allclose(logits(crossbar=DIGITAL, environment=environment), fixed, rtol=0.0, atol=tolerance)
    assert np.abs(fixed - logits(activation=fine)).max() > 20.0 * tolerance


def test_scaled_currents_scale_noise_and_toggling_alike():
    noisy = resolve_device(
        {"g_min": 0.0, "g_max": 150.0,
         "read_noise": {"kind": "sum", "of": [{"kind": "constant", "sigma": 1.0}, {"kind": "shot"},
                                              {"kind": "telegraph", "active": 0.5, "amplitude": 0.2, "duty": 0.5}]}}
    )  # fmt: skip
    w, x = np.random.default_rng(1).normal(0.0, 0.5, (7, 5)), np.random.default_rng(2).uniform(-1, 1, (6, 7))
    for config in (CrossbarConfig(), CrossbarConfig(mapping="offset", scale=35.0)):
        array = program_array(w, config, noisy, np.random.default_rng(3))
        key = np.uint64(4)
        np.testing.assert_allclose(
            array.scaled(0.5).multiply(x, key), 0.5 * array.multiply(x, key).astype(float), atol=1e-6
        )


def test_circuit_errors_of_ramp_converters_are_refused_where_there_are_none():
    circuit = validate(CircuitConfig, {"comparator": {"noise": "1 mV"}}, "circuit")
    with pytest.raises(InputError, match="joined in digital"):
        logits(crossbar=DIGITAL, circuit=circuit)


def test_one_error_a_weight_does_not_age():
    with pytest.raises(InputError, match=r"'used_side' has no single devices for drift"):
        program_array([[0.5]], CrossbarConfig(scale=39.0, noise_on="used_side"), DRIFTING, np.random.default_rng(1))
    wide = Device(g_min=9.0, g_max=160.0, g_min_std=1.0)
    with pytest.raises(InputError, match="windows of their own"):
        program_array([[0.5]], CrossbarConfig(noise_on="used_side"), wide, np.random.default_rng(1))


def test_wires_and_nonlinear_devices_are_refused_together():
    bent = Device(g_min=0.0, g_max=150.0, iv=SinhCurve(v_0=0.1))
    with pytest.raises(InputError, match=r"crossbar\.wires are solved for linear devices"):
        validate(HardwareConfig, {"device": bent, "crossbar": {"wires": {"r_row": 1.0}}}, "hardware")


def test_inputs_by_voltage_follow_the_curve_at_the_actual_read_voltage():
    bent = Device(g_min=0.0, g_max=150.0, iv=SinhCurve(v_0=0.08))
    inputs = InputConfig(coding="amplitude", bits=5)
    hardware = HardwareConfig(device=bent, input=inputs, environment=EnvironmentConfig(v_read=0.25))
    x = np.arange(16) / 15
    truth = bent.iv.shape(0.25 * x) / bent.iv.shape(0.2)  # over a full input at the nominal voltage
    np.testing.assert_allclose(hardware.coding.curve * hardware.weights_factor, truth, rtol=1e-5, atol=1e-7)


def test_a_curve_that_is_not_known_at_the_read_voltage_is_told_at_once():
    short = resolve_device(
        {"g_min": 0.0, "g_max": 150.0, "iv": {"kind": "table", "voltages": [0.1, 0.2], "currents": [5.0, 11.0]}}
    )
    with pytest.raises(InputError, match=r"0\.3 V"):
        validate(HardwareConfig, {"device": short, "environment": {"v_read": 0.3}}, "hardware")


def test_faults_are_refused_where_they_would_not_count(tmp_path):
    path = tmp_path / "faults.csv"
    path.write_text("array,row,column,device,state\nlstm,0,0,pos,stuck_on\n")
    settings = {"device": IDEAL, "faults": load_array_faults(path), "crossbar": {"noise_on": "used_side"}}
    with pytest.raises(InputError, match="faults are those of single devices"):
        validate(HardwareConfig, settings, "hardware")


@pytest.mark.parametrize("levels", [3, 4, 5, 16])
def test_an_offset_column_of_finite_levels_keeps_opposite_weights_opposite(levels):
    stepped = Device(g_min=0.0, g_max=150.0, levels=levels)
    w = np.array([-2.0, -1.37, -0.61, 0.0, 0.61, 1.37, 2.0])[:, np.newaxis]
    config = CrossbarConfig(mapping="offset", scale_per="layer")
    found = program_array(w, config, stepped, np.random.default_rng(1)).w_eff[:, 0]
    np.testing.assert_allclose(found, -found[::-1], atol=1e-6)
    with pytest.raises(InputError, match="needs a level between"):
        map_weights(w, config, Device(g_min=0.0, g_max=150.0, levels=2))


def test_slices_need_their_levels():
    block = {"mapping": "bit_sliced", "slices": {"bits": 4, "bits_per_device": 2}}
    config = validate(CrossbarConfig, block, "crossbar")
    program_array([[0.5]], config, Device(g_min=0.0, g_max=150.0, levels=4), np.random.default_rng(1))
    with pytest.raises(InputError, match=r"slices of 4 values need the level 50 uS"):
        program_array([[0.5]], config, Device(g_min=0.0, g_max=150.0, levels=3), np.random.default_rng(1))


def test_a_stuck_device_fails_in_the_write_verify_loop_and_costs_all_tries():
    loop = resolve_device({"preset": "readc_taox_write_verify", "stuck_off_rate": 0.3})
    cells = program(loop, np.full(20_000, 300.0), np.random.default_rng(1))
    assert cells.failed[cells.stuck_off].all()
    assert (cells.tries[cells.stuck_off] == loop.prog_noise.max_tries).all()
    assert (cells.pulses[0][cells.stuck_off] == loop.prog_noise.max_tries).all()  # SET: they hold too little
    assert (np.abs(cells.g - 300.0)[~cells.failed] <= loop.prog_noise.tolerance).all()
    spending = loop.model_copy(
        update={"prog_noise": loop.prog_noise.model_copy(update={"verify_voltage": 0.2, "verify_time": 1e-6})}
    )
    cells = program(spending, np.full(2_000, 300.0), np.random.default_rng(1))
    each = (loop.prog_noise.max_tries + 1) * 0.2**2 * 1e-6 * loop.g_min * 1e-6
    np.testing.assert_allclose(cells.energy[cells.stuck_off], each, rtol=1e-12)


def test_conductances_beyond_all_bounds_are_no_result():
    wild = resolve_device(
        {"g_min": 0.0, "g_max": 150.0,
         "relaxation": {"kind": "lognormal", "sigma": 10.0, "sigma_per_decade": 10.0, "mean": 0.0,
                        "mean_per_decade": 0.0, "t_0": "1 s"}}
    )  # fmt: skip
    with pytest.raises(InputError, match="beyond all bounds"):
        logits(device=wild, environment=EnvironmentConfig(t_inference=1e11))


def test_a_copy_of_an_array_does_not_keep_what_was_made_ready_for_the_kernels():
    array = program_array([[0.5]], CrossbarConfig(), IDEAL, np.random.default_rng(1))
    _ = array.operands
    assert replace(array, w_eff=array.w_eff * 0).multiply([[1.0]], np.uint64(1))[0, 0] == 0.0
