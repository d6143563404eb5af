"""Kinds of noise fitted to measured errors by maximum likelihood, each with what it is judged by."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from memramp.devices.noise import FloatArray
from memramp.devices.programming_noise import TableNoise

_LEAST = 1e-9  # of g_max: below it a standard deviation counts as zero
_DEGREE = 2  # of polynomials
_PER_TARGET = 20  # devices at each target that a table of errors needs


@dataclass(frozen=True, eq=False)
class Candidate:
    """One kind, fitted."""

    kind: str
    parameters: dict[str, Any]
    """Keys of the block besides ``kind``."""

    unit: str
    """Of the parameters: ``uS`` or ``1``."""

    aic: float
    """Akaike's criterion, 2 (number of parameters) - 2 (log likelihood); NaN for a table, which has no formula."""

    p_value: float
    """Of the Kolmogorov-Smirnov test; NaN where there is none."""

    @property
    def said(self) -> str:
        """How it was judged, in a phrase."""
        if np.isnan(self.aic):
            return "measured errors, since the formula of the smallest AIC contradicts them"
        tested = "" if np.isnan(self.p_value) else f", Kolmogorov-Smirnov p = {self.p_value:.2g}"
        return f"chosen by AIC = {self.aic:.1f}{tested}"


def programming_candidates(target: FloatArray, error: FloatArray, g_max: float) -> list[Candidate]:
    """Return all kinds of programming noise that can be fitted to errors [uS].

    All formulas are fitted to the same devices, for only then their criteria can be compared: to those of a target
    above 0, where all of target 0 were exactly 0. No density describes these, and each would make it infinite.
    """
    if np.abs(error).max() <= _LEAST * g_max:
        return [Candidate("none", {}, "1", 0.0, np.nan)]
    reasons = left_out(target, error)
    on = _described(target, error)
    found = [_constant(error[on]), _uniform(error[on])]
    if "proportional" not in reasons:
        found.append(_proportional(target[on], error[on]))
    if "polynomial" not in reasons:
        found.append(_polynomial(target[on], error[on], g_max))
    if "table" not in reasons:
        found.append(_table(target, error))
    return found


def left_out(target: FloatArray, error: FloatArray) -> dict[str, str]:
    """Return the kinds of programming noise that are not fitted, each with the reason, a predicate."""
    reasons: dict[str, str] = {}
    on = _described(target, error)
    if target[on].min() == 0.0:
        reasons["proportional"] = "has no error at target 0, where errors were measured"
    elif (fraction := _fraction(target[on], error[on])) > 1.0:
        reasons["proportional"] = f"has a fraction of 1 at most, found {fraction:.3g}"
    if np.unique(target[on]).size < 2:
        reasons["polynomial"] = "needs two targets with errors"
    counts = np.unique(target, return_counts=True)[1]
    if counts.min() < _PER_TARGET:
        found = f"{counts.min()}" if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}"
        reasons["table"] = f"needs {_PER_TARGET} devices at each target, found {found}"
    return reasons


def _described(target: FloatArray, error: FloatArray) -> NDArray[np.bool_]:
    """Return the devices that formulas are fitted to: all, without those of target 0 if they have no error at all."""
    return np.asarray((target > 0.0) | np.any(error[target == 0.0]))


def read_candidates(mean: FloatArray, variance: FloatArray, freedom: FloatArray, g_max: float) -> list[Candidate]:
    """Return the kinds of read noise that can be fitted.

    Parameters
    ----------
    mean, variance, freedom : ndarray, [groups]
        Of repeated reads of one device: mean [uS], variance [uS^2], number of reads less one. May be empty.
    """
    total = freedom.sum()
    if total == 0.0:
        return []
    if variance.max() <= (_LEAST * g_max) ** 2:
        return [Candidate("none", {}, "1", 0.0, np.nan)]

    def aic(std: FloatArray, parameters: int) -> float:
        # s^2 of a group is sigma^2 chi^2 / freedom; terms without sigma are the same for all kinds
        var = np.maximum(std, _LEAST * g_max) ** 2
        return float(2.0 * parameters + np.sum(freedom * (np.log(var) + variance / var)))

    sigma = float(np.sqrt(np.sum(freedom * variance) / total))
    found = [Candidate("constant", {"sigma": _short(sigma)}, "uS", aic(np.full(mean.shape, sigma), 1), np.nan)]
    if mean.min() > 0.0:
        fraction = float(np.sqrt(np.sum(freedom * variance / mean**2) / total))
        if fraction <= 1.0:
            parameters = {"fraction": _short(fraction)}
            found.append(Candidate("proportional", parameters, "1", aic(np.asarray(fraction * mean), 1), np.nan))
    if np.unique(mean).size > _DEGREE:
        x = mean / g_max
        c = _coefficients(x, lambda std: aic(np.asarray(g_max * std), _DEGREE + 1), sigma / g_max)
        if np.polynomial.polynomial.polyval(np.linspace(0.0, 1.0, 1001), c).min() >= 0.0:
            score = aic(np.asarray(g_max * np.polynomial.polynomial.polyval(x, c)), _DEGREE + 1)
            found.append(Candidate("polynomial", {"coefficients": [_short(v) for v in c]}, "1", score, np.nan))
    return found


def _constant(error: FloatArray) -> Candidate:
    sigma = float(np.sqrt(np.mean(error**2)))
    return _gaussian("constant", {"sigma": _short(sigma)}, "uS", np.full(error.shape, sigma), error)


def _proportional(target: FloatArray, error: FloatArray) -> Candidate:
    fraction = _fraction(target, error)
    return _gaussian("proportional", {"fraction": _short(fraction)}, "1", fraction * target, error)


def _fraction(target: FloatArray, error: FloatArray) -> float:
    return float(np.sqrt(np.mean((error / target) ** 2)))


def _polynomial(target: FloatArray, error: FloatArray, g_max: float) -> Candidate:
    x = target / g_max
    degree = min(_DEGREE, np.unique(target).size - 1)

    def loss(std: FloatArray) -> float:
        return float(-2.0 * _log_likelihood(std, error))

    c = _coefficients(x, loss, float(np.sqrt(np.mean(error**2))), degree)
    parameters = {"coefficients": [_short(value) for value in c], "g_ref": _short(g_max)}
    std = np.maximum(np.polynomial.polynomial.polyval(x, c), _LEAST * g_max)
    return _gaussian("polynomial", parameters, "uS", std, error, len(c))


def _coefficients(
    x: FloatArray, loss: Callable[[FloatArray], float], start: float, degree: int = _DEGREE
) -> FloatArray:
    """Return the coefficients of a polynomial in x that make the least loss, of standard deviations."""

    def score(c: FloatArray) -> float:
        std = np.polynomial.polynomial.polyval(x, start * c)
        return loss(np.maximum(std, 1e-6 * start))

    first = np.zeros(degree + 1)
    first[0] = 1.0
    found = optimize.minimize(
        score, first, method="Nelder-Mead", options={"maxiter": 4000, "maxfev": 4000, "xatol": 1e-6, "fatol": 1e-8}
    )
    return np.asarray(start * found.x)


def _uniform(error: FloatArray) -> Candidate:
    half = float(np.abs(error).max())
    aic = 2.0 + 2.0 * error.size * np.log(2.0 * half)
    p = float(stats.kstest((error / half + 1.0) / 2.0, "uniform").pvalue)
    return Candidate("uniform", {"half_width": _short(half)}, "uS", float(aic), p)


def _table(target: FloatArray, error: FloatArray) -> Candidate:
    errors = {float(value): error[target == value] for value in np.unique(target)}
    noise = TableNoise.from_errors(errors)
    rows = [[_short(q) for q in row] for row in noise.errors]
    return Candidate("table", {"targets": list(noise.targets), "errors": rows}, "uS", np.nan, np.nan)


def _gaussian(
    kind: str, parameters: dict[str, Any], unit: str, std: FloatArray, error: FloatArray, count: int = 1
) -> Candidate:
    p = float(stats.kstest(error / std, "norm").pvalue)
    return Candidate(kind, parameters, unit, float(2.0 * count - 2.0 * _log_likelihood(std, error)), p)


def _log_likelihood(std: FloatArray, error: FloatArray) -> float:
    return float(np.sum(stats.norm.logpdf(error, scale=std)))


def _short(value: float) -> float:
    """Return a number with 6 digits: more says nothing and is hard to read."""
    return float(f"{value:.6g}")


def candidate_lines(candidates: tuple[Candidate, ...]) -> Iterator[tuple[str, str, str, str]]:
    """Yield kind, parameters, AIC and probability of each candidate as text."""
    for each in candidates:
        aic = "" if np.isnan(each.aic) else f"{each.aic:.1f}"
        yield each.kind, _numbers(each), aic, "" if np.isnan(each.p_value) else f"{each.p_value:.2g}"


def _numbers(candidate: Candidate) -> str:
    if candidate.kind == "table":
        rows = candidate.parameters["errors"]
        return f"{len(rows)} targets, {len(rows[0])} quantiles each"
    unit = "" if candidate.unit == "1" else f" {candidate.unit}"
    return ", ".join(f"{key} {_said(value)}{unit}" for key, value in candidate.parameters.items())


def _said(value: Any) -> str:
    return ", ".join(map(_said, value)) if isinstance(value, list) else f"{value:.4g}"
