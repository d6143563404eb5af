"""Arrays with wires and devices that do not obey Ohm's law."""

import numpy as np
import pytest
from scipy.optimize import brentq

from memramp.crossbar.wire_nonlinear import solve_nonlinear
from memramp.crossbar.wires import NotConvergedError, WireConfig, solve
from memramp.devices.iv import SinhCurve
from memramp.errors import InputError

OHM = (lambda u: u, np.ones_like)
UNEQUAL = WireConfig(r_row=20.0, r_col=7.0, r_source=310.0, r_sink=130.0)


def sinh(steep):
    return (lambda u: np.sinh(steep * u) / steep, lambda u: np.cosh(steep * u))


def array(rows, cols):
    rng = np.random.default_rng(5)
    return rng.uniform(4.0, 400.0, (rows, cols)), rng.uniform(-1.0, 1.0, (2, rows))


def test_devices_that_obey_ohms_law_give_the_linear_solution():
    g, v = array(9, 7)
    solution = solve_nonlinear(g, UNEQUAL, v, OHM)
    np.testing.assert_allclose(solution.currents, solve(g, UNEQUAL, v).currents, rtol=1e-9)
    assert (solution.iterations == 1).all()


def test_without_wires_every_device_sees_its_driver():
    g, v = array(9, 7)
    found = solve_nonlinear(g, WireConfig(), v, sinh(3.0)).currents
    np.testing.assert_array_equal(found, [(g * (np.sinh(3.0 * x) / 3.0)[:, None]).sum(axis=0) for x in v])


def test_the_curve_of_a_device_can_be_taken():
    g, v = array(9, 7)
    curve = SinhCurve(v_0=0.25, v_ref=0.2)
    found = solve_nonlinear(g, UNEQUAL, v, (curve.shape, curve.slope)).currents
    gain = 0.2 * 4.0 / np.sinh(0.8)  # F(v) = gain sinh(4 v) / 4
    np.testing.assert_allclose(found, solve_nonlinear(gain * g, UNEQUAL, v, sinh(4.0)).currents, rtol=1e-8)


@pytest.mark.parametrize("access", [0.0, 5000.0])
def test_one_cell_agrees_with_the_root_of_its_equation(access):
    wires = WireConfig(r_source=1000.0, r_sink=3000.0, cell="1T1R", r_access=access)
    found = solve_nonlinear([[100.0]], wires, [1.0], sinh(4.0)).currents[0, 0]
    series = 1e-6 * (4000.0 + access)
    volts = brentq(lambda u: u + series * 100.0 * np.sinh(4.0 * u) / 4.0 - 1.0, 0.0, 1.0, xtol=1e-15)
    assert found == pytest.approx(100.0 * np.sinh(4.0 * volts) / 4.0, rel=1e-9)


@pytest.mark.parametrize("steep", [1.0, 5.0, 10.0])
def test_kirchhoffs_law_holds_with_the_devices_own_currents(steep):
    """The linear circuit of the devices' chords at the solution has the same voltages and currents."""
    g, v = array(24, 18)
    g[3, 4] = 0.0
    solution = solve_nonlinear(g, UNEQUAL, v, sinh(steep), tolerance=1e-11)
    assert (solution.residual <= 1e-11).all()
    for k in range(2):
        volts = solution.device_voltages[k]
        chords = g * np.sinh(steep * volts) / (steep * volts)
        linear = solve(chords, UNEQUAL, v[k], voltages=True)
        np.testing.assert_allclose(linear.word_lines[0] - linear.bit_lines[0], volts, rtol=0, atol=1e-9)
        np.testing.assert_allclose(linear.currents[0], solution.currents[k], rtol=1e-7)


def test_odd_devices_give_odd_currents():
    g, v = array(8, 8)
    there, back = solve_nonlinear(g, UNEQUAL, v, sinh(3.0)), solve_nonlinear(g, UNEQUAL, -v, sinh(3.0))
    np.testing.assert_allclose(there.currents, -back.currents, rtol=1e-9)


def test_no_convergence_is_an_error_with_its_residual():
    g, v = array(8, 8)
    with pytest.raises(NotConvergedError, match="of the largest device current, allowed: 1e-10") as caught:
        solve_nonlinear(g, UNEQUAL, v, sinh(5.0), max_iterations=2)
    assert caught.value.residual > 1e-10


def test_bad_curves_and_inputs_are_refused():
    with pytest.raises(InputError, match=r"slope of the device curve is 0, allowed: above 0"):
        solve_nonlinear([[100.0]], UNEQUAL, [1.0], (lambda u: u**3, lambda u: 3.0 * u**2))
    with pytest.raises(InputError, match="v has 2 voltages"):
        solve_nonlinear([[100.0]], UNEQUAL, [1.0, 2.0], OHM)
