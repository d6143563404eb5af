"""Faults that were found in other simulators of the field; each test is named after what it guards against."""

import numpy as np
import pytest

from memramp.config import validate
from memramp.crossbar import CrossbarConfig, program_array
from memramp.crossbar.wires import WireConfig, solve
from memramp.devices import ConstantNoise, Device, load_preset, program, resolve_device
from memramp.devices.fluctuation import ReadConditions
from memramp.errors import InputError
from memramp.models.analog_network import program_network
from memramp.models.checkpoint import load_checkpoint
from memramp.models.hardware import HardwareConfig
from memramp.peripherals import ActivationConfig, build_converter, design_ramp, load_table, ramp_table, save_table
from memramp.streams import Streams

N = 100_000
SIGMAS = 4.5
DRIFTING = {"kind": "power_law", "nu": 0.05, "nu_std": 0.02, "t_0": "1 s"}


def device(**blocks):
    return resolve_device({"g_min": 1.0, "g_max": 150.0, **blocks})


def test_the_stuck_rate_is_not_applied_twice():
    cells = program(device(stuck_off_rate=0.03, stuck_on_rate=0.02), np.full(N, 70.0), np.random.default_rng(1))
    for found, rate in ((cells.stuck_off, 0.03), (cells.stuck_on, 0.02)):
        assert abs(found.mean() - rate) < SIGMAS * np.sqrt(rate * (1.0 - rate) / N)


def test_time_zero_is_the_programmed_state():
    cells = program(device(drift=DRIFTING), np.full(100, 70.0), np.random.default_rng(1))
    np.testing.assert_array_equal(cells.at(0.0), cells.g)


def test_an_unknown_key_is_no_silent_default():
    with pytest.raises(InputError, match=r"unknown key 'read_noise\.sigmas'"):
        device(read_noise={"kind": "constant", "sigmas": "1 uS"})
    with pytest.raises(InputError, match="unknown device preset 'reram'"):
        load_preset("reram")


def test_the_drift_exponent_is_drawn_once_and_not_at_each_read():
    cells = program(device(drift=DRIFTING), np.full(100, 70.0), np.random.default_rng(1))
    np.testing.assert_array_equal(cells.at(1e4), cells.at(1e4))
    ratio = np.log(cells.at(1e4) / cells.g) / np.log(cells.at(1e2) / cells.g)
    np.testing.assert_allclose(ratio, 2.0, rtol=1e-9)  # one exponent for all times


def test_clipping_and_drift_do_not_undo_stuck_devices():
    faulty = device(stuck_off_rate=0.2, stuck_on_rate=0.2, drift=DRIFTING,
                    prog_noise={"kind": "constant", "sigma": "20 uS"})  # fmt: skip
    cells = program(faulty, np.full(N // 10, 70.0), np.random.default_rng(1))
    for t in (0.0, 1e6):
        g = cells.at(t)
        assert (g[cells.stuck_off] == 1.0).all()
        assert (g[cells.stuck_on] == 150.0).all()


def test_noise_of_charges_has_the_right_electron():
    conditions = ReadConditions(v_read=0.2, t_pulse=32e-9, temperature=300.0)
    shot = device(read_noise={"kind": "shot"}).read_noise.fluctuation(np.array([75.0]), conditions).white[0]
    charge = 75e-6 * 0.2 * 32e-9  # of a full pulse [C]
    assert shot / 75.0 == pytest.approx(np.sqrt(1.602176634e-19 / charge), rel=1e-9)  # Poisson


def test_codes_are_first_crossings_found_in_few_comparisons():
    converter = build_converter(ActivationConfig(bits=8), "sigmoid", device(), np.random.default_rng(1))
    v = np.linspace(-8.0, 8.0, 5001, dtype=np.float32)[:, None]
    expected = (v >= converter.thresholds[None, :]).sum(axis=1)
    np.testing.assert_array_equal(converter.convert(v)[:, 0], expected)


def test_ir_drop_is_relative_to_the_read_voltage():
    g = np.random.default_rng(1).uniform(4.0, 400.0, (16, 16))
    wires = WireConfig(r_row=1.0, r_col=1.0)
    v = np.random.default_rng(2).uniform(0.0, 0.2, (1, 16))
    np.testing.assert_allclose(solve(g, wires, 2.0 * v).currents, 2.0 * solve(g, wires, v).currents, rtol=1e-10)


def test_resistances_of_rows_and_columns_are_not_swapped():
    # One row of three devices: word-line segments lie between the devices, bit lines have one cell each.
    g = np.array([[100.0, 100.0, 100.0]])
    along = solve(g, WireConfig(r_row=1000.0, r_col=0.0), np.array([[0.2]])).currents[0]
    across = solve(g, WireConfig(r_row=0.0, r_col=1000.0), np.array([[0.2]])).currents[0]
    assert along[0] > along[1] > along[2]
    np.testing.assert_allclose(across, across[0], rtol=1e-12)


def test_thresholds_need_not_be_whole_numbers(tmp_path):
    design = design_ramp("tanh", 5, "midpoint", device())
    save_table(tmp_path / "ramp.csv", ramp_table({"tanh": design}, device()))
    found = load_table(tmp_path / "ramp.csv").design("tanh").thresholds
    np.testing.assert_allclose(found, design.thresholds, rtol=1e-9)
    assert not np.allclose(found, np.rint(found))


def test_products_with_inputs_and_states_are_summed_before_they_are_converted():
    checkpoint = load_checkpoint("demo_keywords_midpoint_5bit")
    hardware = HardwareConfig(device=load_preset("yang2025_150us").ideal(), activation=ActivationConfig(bits=3))
    layer = program_network(checkpoint, hardware, Streams(1)).layer
    rows = np.random.default_rng(1).uniform(-1.0, 1.0, (20, layer.array.shape[0])).astype(np.float32)
    inputs = checkpoint.lstm.inputs
    x, h = rows.copy(), rows.copy()
    x[:, inputs:], h[:, :inputs] = 0.0, 0.0
    together = layer.sigmoid.convert(layer.array.multiply(rows, np.uint64(1)))
    summed = layer.sigmoid.convert(layer.array.multiply(x, np.uint64(1)) + layer.array.multiply(h, np.uint64(1)))
    apart = [layer.sigmoid.decode(layer.sigmoid.convert(layer.array.multiply(part, np.uint64(1)))) for part in (x, h)]
    assert (together == summed).mean() > 0.999  # but for the rounding of the sum
    assert not np.allclose(layer.sigmoid.decode(together), apart[0] + apart[1], atol=0.05)


def test_an_activation_in_the_adc_is_never_applied_to_partial_sums():
    w = np.random.default_rng(1).normal(0.0, 0.5, (40, 8))
    config = validate(CrossbarConfig, {"tile": {"rows": 32}}, "crossbar")
    noisy = Device(g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=1.0))
    with pytest.raises(InputError, match="needs the complete sum"):
        program_array(w, config, noisy, np.random.default_rng(1))
