"""Devices with larger or smaller errors: the same draws, in proportion."""

import numpy as np
import pytest

from memramp.devices import load_preset, program, resolve_device
from memramp.devices.magnitudes import (
    ScaledNoise,
    continuous,
    reads_with_noise,
    with_ageing,
    with_faults,
    with_programming,
    with_reading,
    with_windows,
    writes_with_errors,
)

WINDOW = {"g_min": 0.0, "g_max": 150.0}
G = np.linspace(30.0, 120.0, 200)

PROGRAMMING = {
    "constant": {"kind": "constant", "sigma": "4 uS"},
    "proportional": {"kind": "proportional", "fraction": 0.05},
    "polynomial": {"kind": "polynomial", "coefficients": ["2 uS", "3 uS"], "g_ref": "150 uS"},
    "uniform": {"kind": "uniform", "half_width": "5 uS"},
    "sigma_table": {"kind": "sigma_table", "targets": ["0 uS", "150 uS"], "sigmas": ["1 uS", "5 uS"]},
    "table": {"kind": "table", "targets": ["75 uS"], "errors": [["-4 uS", "1 uS", "6 uS"]]},
}
READING = {
    "constant": {"kind": "constant", "sigma": "3.5 uS"},
    "proportional": {"kind": "proportional", "fraction": 0.05},
    "polynomial": {"kind": "polynomial", "coefficients": [0.01, 0.02]},
    "thermal": {"kind": "thermal"},
    "shot": {"kind": "shot"},
    "flicker": {"kind": "flicker", "amplitude": 1e-4, "f_low": "1 Hz"},
    "accumulated_flicker": {"kind": "accumulated_flicker", "q": 0.01},
    "telegraph": {"kind": "telegraph", "active": 0.5, "amplitude": 0.1},
    "sum": {"kind": "sum", "of": [{"kind": "thermal"}, {"kind": "constant", "sigma": "1 uS"}]},
}


@pytest.mark.parametrize("kind", PROGRAMMING)
def test_errors_of_programming_grow_in_proportion(kind):
    device = resolve_device(WINDOW | {"prog_noise": PROGRAMMING[kind]})
    whole = program(device, G, np.random.default_rng(1)).g - G
    assert np.abs(whole).max() > 1.0
    half = program(with_programming(device, 0.5), G, np.random.default_rng(1)).g - G
    np.testing.assert_allclose(half, 0.5 * whole, atol=1e-9)
    assert with_programming(device, 1.0) is device
    assert not writes_with_errors(with_programming(device, 0.0))
    assert writes_with_errors(device)
    assert continuous(device)


@pytest.mark.parametrize("kind", READING)
def test_fluctuations_grow_in_proportion(kind):
    device = resolve_device(WINDOW | {"read_noise": READING[kind]})

    def noise(factor):
        return with_reading(device, factor).read_noise.fluctuation(G, rng=np.random.default_rng(3))

    whole, tripled = noise(1.0), noise(3.0)
    np.testing.assert_allclose(tripled.variance(0.4), 9.0 * whole.variance(0.4), rtol=1e-12)
    assert whole.variance().max() > 0.0
    assert not reads_with_noise(with_reading(device, 0.0))
    assert reads_with_noise(device)
    assert with_reading(device, 1.0) is device
    assert with_reading(device, 2.0).read_noise.toggles == device.read_noise.toggles
    scaled = with_reading(device, 2.0).read_noise
    assert isinstance(scaled, ScaledNoise)
    np.testing.assert_allclose(scaled.std(75.0), 2.0 * device.read_noise.std(75.0))


def test_a_write_verify_loop_has_no_size():
    pulses = {"kind": "aimed", "gain": 1.0, "c2c": 0.01}
    loop = {"kind": "write_verify", "tolerance": "2 uS", "max_tries": 20, "set": pulses, "reset": pulses}
    device = resolve_device(WINDOW | {"prog_noise": loop})
    assert not continuous(device)
    assert writes_with_errors(device)
    assert not writes_with_errors(with_programming(device, 0.0))
    with pytest.raises(ValueError, match="errors of kind 'write_verify' have no size"):
        with_programming(device, 0.5)


def test_stuck_devices_of_a_lower_rate_are_stuck_at_a_higher_one():
    device = resolve_device(WINDOW | {"stuck_off_rate": 0.2, "stuck_on_rate": 0.1})
    few, many = (program(with_faults(device, k), G, np.random.default_rng(0)).stuck for k in (0.5, 1.0))
    assert 0 < few.sum() < many.sum()
    assert not np.any(few & ~many)
    assert not program(with_faults(device, 0.0), G, np.random.default_rng(0)).stuck.any()


def test_windows_of_devices():
    device = resolve_device(WINDOW | {"g_max_std": "30 uS"})
    cells = program(with_windows(device, 0.0), np.full(50, 150.0), np.random.default_rng(0))
    np.testing.assert_array_equal(cells.g, 150.0)
    assert program(device, np.full(50, 150.0), np.random.default_rng(0)).g.min() < 140.0


@pytest.mark.parametrize("drift", [{"kind": "power_law", "nu": 0.05, "nu_std": 0.02}, None], ids=["power law", "pcm"])
def test_logarithms_of_drift_grow_in_proportion(drift):
    device = load_preset("pcm_joshi2020") if drift is None else resolve_device(WINDOW | {"drift": drift})
    quiet = with_programming(device, 0.0)
    target = np.linspace(2.0, 20.0, 50)

    def change(factor):
        cells = program(with_ageing(quiet, factor), target, np.random.default_rng(2))
        return np.log(cells.at(1e6) / cells.g)

    np.testing.assert_allclose(change(0.5), 0.5 * change(1.0), atol=1e-12)
    assert np.abs(change(1.0)).max() > 0.1
    np.testing.assert_array_equal(change(0.0), 0.0)


def test_relaxation_and_temperature_grow_in_proportion():
    device = resolve_device(
        WINDOW
        | {
            "relaxation": {"kind": "normal", "sigma": "1 uS", "mean": "-1 uS", "sigma_per_decade": "0.5 uS"},
            "thermal": {"kind": "linear", "coefficient": 1e-3},
        }
    )

    def aged(factor, temperature=None):
        cells = program(with_ageing(device, factor), G, np.random.default_rng(2))
        return cells.at(1e3, temperature)

    np.testing.assert_allclose(aged(2.0) - G, 2.0 * (aged(1.0) - G), atol=1e-9)
    assert with_ageing(device, 0.5).thermal.coefficient == pytest.approx(5e-4)
    np.testing.assert_array_equal(aged(0.0, 350.0), G)
