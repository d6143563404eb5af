"""Values with their derivatives, carried through a calculation together (forward mode)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, expit

FloatArray = NDArray[np.float64]


class Dual(NamedTuple):
    """Values of a quantity and its derivative by the input."""

    value: FloatArray
    slope: FloatArray


Elementary = tuple[Callable[[FloatArray], FloatArray], Callable[[FloatArray], FloatArray]]


def _array(function: Callable[..., object]) -> Callable[[FloatArray], FloatArray]:
    return lambda u: np.asarray(function(u), dtype=np.float64)


def _logistic_slope(u: FloatArray) -> FloatArray:
    return np.asarray(expit(u) * expit(-u))


def _tan_slope(u: FloatArray) -> FloatArray:
    return np.cos(u) ** -2.0


ELEMENTARY: Mapping[str, Elementary] = MappingProxyType(
    {
        "exp": (np.exp, np.exp),
        "expm1": (np.expm1, np.exp),
        "log": (np.log, np.reciprocal),
        "log1p": (np.log1p, lambda u: 1.0 / (1.0 + u)),
        "sqrt": (np.sqrt, lambda u: 0.5 / np.sqrt(u)),
        "sin": (np.sin, np.cos),
        "cos": (np.cos, lambda u: -np.sin(u)),
        "tan": (np.tan, _tan_slope),
        "atan": (np.arctan, lambda u: 1.0 / (1.0 + u * u)),
        "sinh": (np.sinh, np.cosh),
        "cosh": (np.cosh, np.sinh),
        # 1 - tanh^2 loses its digits where tanh is close to 1
        "tanh": (np.tanh, lambda u: 4.0 * _logistic_slope(2.0 * u)),
        "erf": (_array(erf), lambda u: 2.0 / np.sqrt(np.pi) * np.exp(-u * u)),
        "sigmoid": (_array(expit), _logistic_slope),
        "softplus": (lambda u: np.logaddexp(0.0, u), _array(expit)),
        "relu": (lambda u: np.maximum(u, 0.0), lambda u: np.where(u > 0, 1.0, 0.0)),
        "abs": (np.abs, np.sign),
        "sign": (np.sign, np.zeros_like),
    }
)
"""Functions of one argument, with their derivatives; at a kink, one of the slopes on either side or the mean."""


def apply(elementary: Elementary, u: Dual) -> Dual:
    """Return a function of a quantity (chain rule)."""
    function, derivative = elementary
    return Dual(function(u.value), _times(derivative(u.value), u.slope))


def add(u: Dual, v: Dual) -> Dual:
    """Return u + v."""
    return Dual(u.value + v.value, u.slope + v.slope)


def subtract(u: Dual, v: Dual) -> Dual:
    """Return u - v."""
    return Dual(u.value - v.value, u.slope - v.slope)


def multiply(u: Dual, v: Dual) -> Dual:
    """Return u v."""
    return Dual(u.value * v.value, _times(v.value, u.slope) + _times(u.value, v.slope))


def divide(u: Dual, v: Dual) -> Dual:
    """Return u / v."""
    quotient = u.value / v.value
    return Dual(quotient, (u.slope - _times(quotient, v.slope)) / v.value)


def power(u: Dual, exponent: float) -> Dual:
    """Return u to a constant power."""
    slope = exponent * np.power(u.value, exponent - 1.0) if exponent else np.zeros_like(u.value)
    return Dual(np.power(u.value, exponent), _times(slope, u.slope))


def least(u: Dual, v: Dual) -> Dual:
    """Return the smaller of u and v."""
    return Dual(np.minimum(u.value, v.value), np.where(v.value < u.value, v.slope, u.slope))


def greatest(u: Dual, v: Dual) -> Dual:
    """Return the larger of u and v."""
    return Dual(np.maximum(u.value, v.value), np.where(v.value > u.value, v.slope, u.slope))


def _times(factor: FloatArray, slope: FloatArray) -> FloatArray:
    """Return a product that is 0 where the inner slope is, even if the factor is infinite: what stands still stays."""
    return np.where(slope == 0.0, 0.0, factor * slope)
