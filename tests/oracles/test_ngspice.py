"""Ramp columns in an independent circuit simulator: ngspice must find our thresholds and our codes."""

import re
from dataclasses import dataclass

import numpy as np
import pytest

from memramp.devices import ConstantNoise, Device
from memramp.peripherals import Realisation, design_ramp, program_ramp
from memramp.peripherals.circuit import CircuitConfig
from memramp.peripherals.netlist import ramp_netlist

INPUTS = 200
DEVICE = Device(g_min=0.0, g_max=150.0, prog_noise={"kind": "none"}, read_noise={"kind": "none"})
NOISY = Device(
    g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=4.0), read_noise={"kind": "none"}, stuck_off_rate=0.05
)


@dataclass(frozen=True)
class Simulated:
    """What ngspice printed."""

    thresholds: np.ndarray
    """V(ramp) at each decision [V]."""

    codes: np.ndarray
    """V(count_J) at the end [V, one volt a code]."""


@pytest.fixture
def simulate(ngspice):
    """Runs a deck of a ramp column."""

    def run(deck):
        output = ngspice(deck)
        return Simulated(printed("threshold", output), printed("code", output))

    return run


def printed(name, output):
    """Return the numbers printed as ``name_K = NUMBER``, checked to be numbered 0, 1, 2, ..."""
    found = re.findall(rf"^{name}_(\d+) = (\S+)$", output, re.MULTILINE)
    assert [int(index) for index, _ in found] == list(range(len(found)))
    return np.array([float(number) for _, number in found])


def local_steps(design):
    """Return the smaller of the ideal steps on either side of each threshold."""
    steps = np.diff(design.thresholds)
    return np.minimum(np.append(steps, np.inf), np.insert(steps, 0, np.inf))


def inputs_around(thresholds, design):
    """Return inputs over the range and beyond, half of them close to thresholds, none within 0.1 % of a step."""
    near, step = thresholds[np.arange(INPUTS // 2) % thresholds.size], np.diff(design.thresholds).max()
    side = np.where(np.arange(INPUTS // 2) // thresholds.size % 2, 2e-3, -2e-3)
    close = near + side * np.resize(local_steps(design), INPUTS // 2)
    spread = np.linspace(thresholds[0] - step, thresholds[-1] + step, INPUTS - INPUTS // 2)
    values = np.concatenate([spread, close])
    clear = np.abs(values[:, None] - thresholds) > 1e-3 * local_steps(design)
    return np.where(clear.all(axis=1), values, thresholds[-1] + 2 * step)


def assert_agrees(simulate, ramp, circuit=CircuitConfig(), scale=75.0):  # noqa: B008  (frozen)
    """Thresholds to 0.1 % (near 0: of a step) and every code of 200 inputs."""
    design, thresholds = getattr(ramp, "design", ramp), ramp.thresholds
    inputs = inputs_around(thresholds, design)
    result = simulate(ramp_netlist(ramp, inputs, circuit=circuit, scale=scale))
    error = np.abs(result.thresholds / circuit.volts_per_unit(scale) - thresholds)
    assert (error <= 1e-3 * np.maximum(np.abs(thresholds), local_steps(design))).all()
    counts = np.sum(inputs[:, None] >= thresholds, axis=1)
    np.testing.assert_allclose(result.codes, design.levels.codes[counts], atol=0.01)
    wide = np.diff(thresholds, prepend=-np.inf, append=np.inf) > 0.0  # a stuck device loses a code
    assert set(np.flatnonzero(wide)) == set(counts)


@pytest.mark.parametrize("bits", [3, 4, 5])
@pytest.mark.parametrize("function", ["sigmoid", "tanh"])
@pytest.mark.parametrize("levels", ["midpoint", "paper"])
def test_thresholds_and_codes_of_the_papers_functions(simulate, function, bits, levels):
    assert_agrees(simulate, design_ramp(function, bits, levels, DEVICE))


@pytest.mark.parametrize(("function", "bits"), [("gelu", 5), ("silu", 5), ("square", 3), ("cosine_sum", 4)])
def test_counters_of_functions_that_turn_count_down_and_up(simulate, function, bits):
    design = design_ramp(function, bits, "midpoint", DEVICE)
    assert (design.levels.directions < 0).any()
    assert_agrees(simulate, design)


def test_lead_in_several_devices_short_pulses_and_spares(simulate):
    making = Realisation(max_devices=3, pulse_widths=(1.0, 0.5, 0.1), spares=2)
    design = design_ramp("sqrt", 4, "midpoint", NOISY, realisation=making)
    assert design.first == 1
    assert np.unique(design.column.width).size > 1
    assert np.bincount(design.column.clock[design.column.rows("ramp")]).max() > 1
    assert_agrees(simulate, design)


@pytest.mark.parametrize("calibration", ["none", "one_point", "two_point"])
def test_a_noisy_column_with_a_stuck_device(simulate, calibration):
    design = design_ramp("tanh", 5, "midpoint", NOISY)
    ramp = program_ramp(design, NOISY, np.random.default_rng(5), calibration)
    assert ramp.stuck_steps.any()
    assert (ramp.gain != 1.0) == (calibration == "two_point")
    assert_agrees(simulate, ramp)


def test_another_circuit_and_another_scale(simulate):
    circuit = CircuitConfig(v_read=0.15, t_pulse=64e-9, clock=4e8, c_fb=1e-12)
    assert_agrees(simulate, design_ramp("sigmoid", 4, "midpoint", DEVICE), circuit, scale=25.0)


def test_charge_on_the_capacitor_is_that_of_the_devices(simulate):
    """Kirchhoff: c_ramp V = sum of G v_read T, with the conductances taken from the deck's own resistors."""
    circuit, design = CircuitConfig(), design_ramp("tanh", 4, "midpoint", DEVICE)
    deck = ramp_netlist(design)
    fired = np.zeros(design.ramp.size)
    for row, ohms in re.findall(r"^R(?:ramp|bias)_(\d+) wl_\1 sum (\S+)$", deck, re.MULTILINE):
        sign, width = design.column.polarity[int(row)], design.column.width[int(row)]
        fired[design.column.clock[int(row)]] += sign * width * circuit.t_ramp * circuit.v_read / float(ohms)
    charge = simulate(deck).thresholds * circuit.ramp_capacitor(design.v_per_us, 75.0)
    np.testing.assert_allclose(charge, np.cumsum(fired)[design.compared], rtol=1e-4, atol=1e-4 * np.abs(fired).max())


def test_finite_gain_leaks_through_the_devices(simulate):
    """Against the exact solution: c (1 + A) dV/dt = A i - V / r, with r all devices of the column in parallel."""
    circuit, gain, design = CircuitConfig(), 1e3, design_ramp("sigmoid", 3, "midpoint", DEVICE)
    total = 1e-6 * (design.g_steps.sum() + design.g_bias.sum())
    tau = circuit.ramp_capacitor(design.v_per_us, 75.0) * (1.0 + gain) / total
    v, found = 0.0, []
    for clock in range(design.ramp.size):
        rows = design.column.clock == clock
        current = circuit.v_read * 1e-6 * np.sum((design.column.polarity * design.column.target)[rows])
        held = np.exp(-circuit.t_ramp / tau)
        v = v * held + current * gain / total * (1.0 - held)
        found.append(v * np.exp(-0.3 * circuit.t_ramp / tau))  # decided so long after the pulse
        v *= np.exp(-0.5 * circuit.t_ramp / tau)
    leaked = simulate(ramp_netlist(design, opamp_gain=gain)).thresholds
    ideal = design.thresholds * circuit.volts_per_unit(75.0)
    np.testing.assert_allclose(leaked, np.array(found)[design.compared], atol=1e-5)
    assert np.abs(leaked - ideal).max() > 1e-3
