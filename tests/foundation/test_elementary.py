"""Elementary functions against NumPy's in double precision."""

import numpy as np

from memramp.elementary import sigmoid, tanh

RNG = np.random.default_rng(5)
EDGES = [0.0, np.inf, 3e38, 1e-45]
SIZES = np.concatenate([10.0 ** RNG.uniform(-30, 2, 50_000), RNG.uniform(0.0, 10.0, 150_000), EDGES])
X = np.concatenate([SIZES, -SIZES]).astype(np.float32)


def units_in_the_last_place(found, exact):
    return np.abs(found.astype(np.float64) - exact) / np.spacing(np.abs(exact).astype(np.float32))


def test_tanh_is_correctly_rounded_but_for_rare_neighbours():
    exact = np.tanh(X.astype(np.float64))
    found = tanh(X)
    assert (found != exact.astype(np.float32)).mean() < 1e-5
    assert units_in_the_last_place(found, exact).max() <= 0.5 + 1e-5
    np.testing.assert_array_equal(np.signbit(found), np.signbit(X))


def test_sigmoid_is_correctly_rounded_where_it_is_not_tiny():
    exact = 1.0 / (1.0 + np.exp(-np.clip(X, -700.0, 700.0).astype(np.float64)))
    found = sigmoid(X)
    large = exact > 1e-7
    assert units_in_the_last_place(found[large], exact[large]).max() <= 0.5 + 1e-5
    assert np.abs(found - exact).max() < 2.0**-24
    assert (np.abs(found - exact)[~large] < 1e-14).all()


def test_any_shape_is_taken_and_left_alone():
    x = RNG.normal(0.0, 1.0, (3, 5, 7)).astype(np.float32)
    before = x.copy()
    np.testing.assert_array_equal(tanh(x).ravel(), tanh(x.ravel()))
    np.testing.assert_array_equal(tanh(x[:, ::2]), tanh(x)[:, ::2])
    np.testing.assert_array_equal(x, before)
