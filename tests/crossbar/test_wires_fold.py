"""The folded matrix of an array with wires, and what wires do to the noise of its devices."""

import numpy as np
import pytest

from memramp.crossbar.wire_fold import effective_conductance, noise_factors, noise_variance
from memramp.crossbar.wires import WireConfig, solve
from memramp.errors import InputError

UNEQUAL = WireConfig(r_row=20.0, r_col=7.0, r_source=310.0, r_sink=130.0)


def ohms(r):
    return WireConfig(r_row=r, r_col=r, r_source=r, r_sink=r)


def devices(rows, cols, seed=1):
    rng = np.random.default_rng(seed)
    return 1e6 / np.exp(rng.uniform(np.log(2.5e3), np.log(2.5e5), (rows, cols)))


@pytest.mark.parametrize("shape", [(9, 14), (14, 9), (1, 6), (6, 1), (8, 8)])
@pytest.mark.parametrize("wires", [UNEQUAL, WireConfig(r_row=3.0, r_sink=50.0, drive="both", sense="top"),
                                   WireConfig(r_col=10.0, drive="right", sense="both", cell="1T1R", r_access=900.0)])
def test_the_folded_matrix_does_what_the_circuit_does(shape, wires):
    g = devices(*shape)
    v = np.random.default_rng(2).uniform(-0.2, 0.2, (5, shape[0]))
    currents = solve(g, wires, v).currents
    folded = v @ effective_conductance(g, wires)
    np.testing.assert_allclose(folded, currents, rtol=0, atol=1e-9 * np.abs(currents).max())


@pytest.mark.parametrize("shape", [(9, 14), (14, 9)])
def test_without_wires_the_folded_matrix_is_the_array(shape):
    np.testing.assert_array_equal(effective_conductance(devices(*shape), WireConfig()), devices(*shape))


def test_bad_arrays_are_refused_before_anything_is_folded():
    for function in (effective_conductance, noise_factors):
        with pytest.raises(InputError, match="g has the shape"):
            function(np.ones(3), UNEQUAL)
    with pytest.raises(InputError, match="sigma holds"):
        noise_variance(np.ones((2, 2)), UNEQUAL, np.ones(2), -1.0)
    with pytest.raises(InputError, match="v has 3 voltages"):
        noise_variance(np.ones((2, 2)), UNEQUAL, np.ones(3), 1.0)


def test_noise_factors_are_one_without_wires_and_fall_with_distance():
    np.testing.assert_array_equal(noise_factors(devices(7, 5), WireConfig()), np.ones((7, 5)))
    uniform = noise_factors(np.full((12, 10), 100.0), WireConfig(r_row=50.0, r_col=50.0, r_source=50.0, r_sink=50.0))
    assert (np.diff(uniform, axis=1) < 0.0).all()  # away from the driver
    assert (np.diff(uniform, axis=0) > 0.0).all()  # towards the sink
    assert 0.0 < uniform.min() < uniform.max() < 1.0


@pytest.mark.parametrize("wires", [UNEQUAL, UNEQUAL.model_copy(update={"cell": "1T1R", "r_access": 2000.0})])
def test_noise_factors_are_squared_derivatives_of_the_currents(wires):
    """With one row driven, the factor of each of its devices is (dI/dg / v)^2 exactly."""
    g, step = devices(6, 5), 1e-3
    factors = noise_factors(g, wires)
    for i, j in ((0, 0), (3, 2), (5, 4)):
        up, down = g.copy(), g.copy()
        up[i, j] += step
        down[i, j] -= step
        v = np.eye(6)[i]
        change = (solve(up, wires, v).currents - solve(down, wires, v).currents)[0, j] / (2.0 * step)
        assert factors[i, j] == pytest.approx(change**2, rel=1e-5)


def drawn_variance(g, wires, v, sigma, draws):
    """Solve the circuit for many draws of all devices: exact, and slow."""
    rng = np.random.default_rng(7)
    drawn = (np.maximum(g + sigma * rng.standard_normal(g.shape), 0.0) for _ in range(draws))
    return np.var([solve(devices, wires, v).currents[0] for devices in drawn], axis=0, ddof=1)


@pytest.mark.statistics
@pytest.mark.parametrize(
    ("r", "lowest", "by_factors", "by_voltages"),
    [(1.0, -0.2, 0.003, 0.002), (10.0, -0.2, 0.014, 0.006), (1.0, 0.0, 0.042, 0.002), (10.0, 0.0, 0.26, 0.004)],
)
def test_noise_through_wires_against_draws_of_every_device(r, lowest, by_factors, by_voltages):
    """How good the first order is: 32 x 32 devices of 2.5 to 250 kohm, inputs of lowest..0.2 V, wires of r ohm.

    The errors of the mean variance over columns are those measured with 30,000 draws. Without wires in the formula it
    would be 12 % (1 ohm) to 245 % (10 ohm, inputs of one sign) too large.
    """
    g, sigma, draws = devices(32, 32), 2.0, 600
    v = np.random.default_rng(3).uniform(lowest, 0.2, 32)
    drawn = drawn_variance(g, ohms(r), v, sigma, draws)
    allowed = 4.0 * np.sqrt(2.0 / draws / 32)  # four standard errors of the mean over 32 columns
    assert abs(np.mean((v**2 * sigma**2) @ noise_factors(g, ohms(r)) / drawn) - 1.0) < by_factors + allowed
    found = noise_variance(g, ohms(r), v, sigma)[0] / drawn
    assert abs(np.mean(found) - 1.0) < by_voltages + allowed
    assert np.abs(found - 1.0).max() < 0.03 + 4.5 * np.sqrt(2.0 / draws)
    assert np.mean((v**2 * sigma**2).sum() / drawn) > 1.08
