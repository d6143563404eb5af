"""What the rounding of pre-activations by fine uniform converters does to an LSTM: the tolerances of other tests."""

import numpy as np
from scipy.special import expit

DRAWS = 20


def states_with_errors(x, weights, error):
    """Return the states [n, steps, hidden] of a float LSTM whose pre-activations get errors [n, steps, 4 hidden]."""
    h = c = np.zeros((len(x), weights.weight_h.shape[0]))
    states = []
    for t in range(x.shape[1]):
        pre = np.concatenate([x[:, t], h, np.ones((len(x), 1))], axis=1) @ weights.stacked() + error[:, t]
        i, f, g, o = np.split(pre, 4, axis=1)
        c = expit(f) * c + expit(i) * np.tanh(g)
        h = expit(o) * np.tanh(c)
        states.append(h)
    return np.stack(states, axis=1)


def rounding_errors(x, weights, lsb, parts=1):
    """Return by how much roundings of `parts` partial sums to multiples of `lsb` move states.

    As usual for a step far below the spread of what is rounded: each error is uniform within half a step, on its own.
    Returns [draws, n, steps, hidden].
    """
    rng = np.random.default_rng(5)
    shape = (DRAWS, parts, *x.shape[:2], weights.weight_h.shape[1])
    errors = rng.uniform(-0.5 * lsb, 0.5 * lsb, shape).sum(axis=1)
    exact = states_with_errors(x, weights, 0.0 * errors[0])
    return np.array([states_with_errors(x, weights, error) - exact for error in errors])


def tolerance_of_roundings(x, weights, lsb, parts=1):
    """Return twice the largest of `rounding_errors`."""
    return 2.0 * np.abs(rounding_errors(x, weights, lsb, parts)).max()
