"""First-order and total Sobol indices of a function of independent, uniform factors.

The indices say which part of the variance of a result comes from a factor: alone (first order), and with all its
interactions (total). Points by the scheme of Saltelli et al. [1]_: two matrices A and B of n points each, and for each
factor A with that column of B, so n (d + 2) evaluations for d factors. First order by their estimator (table 2 b),
total order by Jansen's [2]_ (table 2 f), as `scipy.stats.sobol_indices` computes them.

References
----------
.. [1] Saltelli et al., Comput. Phys. Commun. 181, 259 (2010), doi 10.1016/j.cpc.2009.09.018.
.. [2] Jansen, Comput. Phys. Commun. 117, 35 (1999), doi 10.1016/S0010-4655(98)00154-4.
.. [3] Cranley, Patterson, SIAM J. Numer. Anal. 13, 904 (1976), doi 10.1137/0713071.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc, sobol_indices

from memramp.errors import InputError

Doubles = NDArray[np.float64]
Evaluate = Callable[[Doubles], Doubles]
"""Results [outputs, m] for points [m, d] in 0..1."""

MAX_POINTS = 2**20
RESAMPLES = 500
CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Indices:
    """Sobol indices of one kind, [outputs, d]; NaN for a result that never varies."""

    estimate: Doubles
    low: Doubles
    """Lower end of the 95 % interval, by bootstrap over the points (percentiles)."""

    high: Doubles


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """What a study found."""

    first: Indices
    total: Indices
    mean: Doubles
    """Of the results over all points of A and B, [outputs]."""

    variance: Doubles
    """[outputs]."""

    points: int
    """n."""

    @property
    def evaluations(self) -> int:
        """Number of points that were evaluated."""
        return self.points * (int(self.first.estimate.shape[1]) + 2)


def check_points(n: int) -> None:
    """Check a number of points n.

    Raises
    ------
    InputError
        It is no power of two from 2 on, which the points' balance needs.
    """
    if not 2 <= n <= MAX_POINTS or n & (n - 1):
        raise InputError(f"the number of Sobol points must be a power of two, 2 to {MAX_POINTS}, found {n}")


def sobol_study(evaluate: Evaluate, factors: int, n: int, rng: np.random.Generator) -> Sensitivity:
    """Estimate the indices.

    The points are SciPy's Sobol sequence, moved as a whole by a random shift (modulo 1) [3]_: the same for a seed, what
    ever the version of SciPy.

    Parameters
    ----------
    evaluate : callable
        A deterministic function; called once for A, once for B, and once for each factor.
    factors : int
        Number d of factors, at least 1.
    n : int
        Points of A, a power of two.
    rng : numpy.random.Generator
        Source of the shift and of the bootstrap.

    Raises
    ------
    InputError
        See `check_points`.
    """
    check_points(n)
    a, b = _points(factors, n, rng)
    mixed = []
    for factor in range(factors):
        ab = a.copy()
        ab[:, factor] = b[:, factor]
        mixed.append(ab)
    results = [np.atleast_2d(evaluate(points)) for points in (a, b, *mixed)]
    return _estimated(results[0], results[1], np.stack(results[2:]), rng)


def _points(factors: int, n: int, rng: np.random.Generator) -> tuple[Doubles, Doubles]:
    shift = rng.random(2 * factors)
    points = (qmc.Sobol(2 * factors, scramble=False).random(n) + shift) % 1.0
    return points[:, :factors], points[:, factors:]


def _estimated(f_a: Doubles, f_b: Doubles, f_ab: Doubles, rng: np.random.Generator) -> Sensitivity:
    """Return the indices for results [outputs, n], and [d, outputs, n] of the mixed points."""
    n, both = f_a.shape[1], np.concatenate([f_a, f_b], axis=1)
    constant = np.ptp(both, axis=1) == 0.0
    estimate = _indices(f_a, f_b, f_ab)
    drawn = (rng.integers(0, n, n) for _ in range(RESAMPLES))
    resampled = np.stack([_indices(f_a[:, rows], f_b[:, rows], f_ab[:, :, rows]) for rows in drawn])
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(resampled, [tail, 1.0 - tail], axis=0)
    for part in (estimate, low, high):
        part[:, constant] = np.nan
    first, total = (Indices(estimate[k], low[k], high[k]) for k in (0, 1))
    return Sensitivity(first, total, both.mean(axis=1), both.var(axis=1), n)


def _indices(f_a: Doubles, f_b: Doubles, f_ab: Doubles) -> Doubles:
    """Return first and total indices, [2, outputs, d]."""
    outputs, factors = f_a.shape[0], f_ab.shape[0]
    if outputs == 1:  # SciPy's squeezes a single result of a single factor to a number that it then cannot fill
        return _indices(np.repeat(f_a, 2, 0), np.repeat(f_b, 2, 0), np.repeat(f_ab, 2, 1))[:, :1]
    found = sobol_indices(func={"f_A": f_a, "f_B": f_b, "f_AB": f_ab}, n=f_a.shape[1])
    return np.stack([np.reshape(part, (outputs, factors)) for part in (found.first_order, found.total_order)])
