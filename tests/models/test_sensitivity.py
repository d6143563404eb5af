"""Sobol indices against analytic ones."""

import numpy as np
import pytest

from memramp.errors import InputError
from memramp.models.sensitivity import sobol_study


def ishigami(u):
    x = np.pi * (2.0 * u - 1.0)
    return np.sin(x[:, 0]) + 7.0 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def ishigami_indices(a=7.0, b=0.1):
    # Ishigami, Homma, ISUMA 1990, doi 10.1109/ISUMA.1990.151285
    first = np.array([0.5 * (1.0 + b * np.pi**4 / 5.0) ** 2, a**2 / 8.0, 0.0])
    interaction = b**2 * np.pi**8 * (1.0 / 18.0 - 1.0 / 50.0)
    total = first + np.array([interaction, 0.0, interaction])
    return first / (first.sum() + interaction), total / (first.sum() + interaction)


@pytest.mark.statistics
def test_the_ishigami_function_has_its_analytic_indices():
    found = sobol_study(ishigami, 3, 2**13, np.random.default_rng(1))
    for indices, exact in zip((found.first, found.total), ishigami_indices(), strict=True):
        # The intervals are those of independent points, so that quasi-random ones lie well inside.
        assert np.all((indices.low[0] <= exact) & (exact <= indices.high[0]))
        np.testing.assert_allclose(indices.estimate[0], exact, atol=0.01)
    assert found.evaluations == 5 * 2**13


def test_a_sum_has_no_interactions_and_a_product_has():
    added = sobol_study(lambda u: u @ np.array([3.0, 4.0]), 2, 1024, np.random.default_rng(0))
    np.testing.assert_allclose(added.first.estimate[0], [0.36, 0.64], atol=0.02)
    np.testing.assert_allclose(added.total.estimate[0], [0.36, 0.64], atol=0.02)
    assert added.variance[0] == pytest.approx(25.0 / 12.0, rel=1e-2)
    multiplied = sobol_study(lambda u: (u[:, 0] - 0.5) * (u[:, 1] - 0.5), 2, 1024, np.random.default_rng(0))
    np.testing.assert_allclose(multiplied.first.estimate[0], 0.0, atol=0.1)
    np.testing.assert_allclose(multiplied.total.estimate[0], 1.0, atol=0.1)


def test_a_result_that_never_varies_has_no_indices():
    found = sobol_study(lambda u: np.stack([u[:, 0], np.full(len(u), 3.0)]), 1, 1024, np.random.default_rng(0))
    assert found.total.estimate[0, 0] == pytest.approx(1.0, abs=0.05)
    assert np.isnan(found.total.estimate[1]).all()
    assert np.isnan(found.first.high[1]).all()


def test_a_single_factor_of_a_single_result():
    found = sobol_study(lambda u: u[:, 0], 1, 1024, np.random.default_rng(0))
    assert found.first.estimate.shape == (1, 1)
    assert found.first.estimate[0, 0] == pytest.approx(1.0, abs=0.02)


def test_the_same_generator_gives_the_same_study():
    one, two = (sobol_study(ishigami, 3, 64, np.random.default_rng(4)) for _ in range(2))
    for indices, again in ((one.first, two.first), (one.total, two.total)):
        for part in ("estimate", "low", "high"):
            np.testing.assert_array_equal(getattr(indices, part), getattr(again, part))


@pytest.mark.parametrize("n", [0, 1, 3, 100, 2**21])
def test_a_number_of_points_that_is_no_power_of_two_is_refused(n):
    with pytest.raises(InputError, match=f"power of two, 2 to 1048576, found {n}"):
        sobol_study(ishigami, 3, n, np.random.default_rng(0))
