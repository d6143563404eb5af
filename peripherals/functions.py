"""The nonlinear functions that a ramp can put into its converter.

Each is strictly increasing and point-symmetric about (0, `Function.centre`), with bounds that it never reaches, so its
inverse turns output levels into comparator thresholds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from memramp.errors import InputError

FloatArray = NDArray[np.float64]
FunctionName = Literal["sigmoid", "tanh"]


@dataclass(frozen=True)
class Function:
    """A bounded, increasing, point-symmetric activation function."""

    name: str
    """Name in configurations."""

    low: int
    """Lower bound of the output, not reached."""

    high: int
    """Upper bound of the output, not reached."""

    _value: Callable[[FloatArray], FloatArray] = field(repr=False)
    _inverse: Callable[[FloatArray], FloatArray] = field(repr=False)
    _slope: Callable[[FloatArray], FloatArray] = field(repr=False)

    @property
    def centre(self) -> float:
        """Output at input 0, about which the function is symmetric."""
        return (self.low + self.high) / 2

    def __call__(self, v: ArrayLike) -> FloatArray:
        """Return the function of a pre-activation, elementwise and in double precision."""
        return self._value(np.asarray(v, dtype=np.float64))

    def inverse(self, y: ArrayLike) -> FloatArray:
        """Return the pre-activation that gives an output.

        Parameters
        ----------
        y : array_like
            Outputs strictly between `low` and `high`.

        Raises
        ------
        ValueError
            An output at or outside the bounds.
        """
        outputs = np.asarray(y, dtype=np.float64)
        if not np.all((outputs > self.low) & (outputs < self.high)):
            raise ValueError(f"{self.name} takes values strictly between {self.low} and {self.high} only")
        return self._inverse(outputs)

    def derivative(self, v: ArrayLike) -> FloatArray:
        """Return the slope at a pre-activation: output per unit of pre-activation."""
        return self._slope(np.asarray(v, dtype=np.float64))

    def fraction(self, numerator: ArrayLike, denominator: int) -> FloatArray:
        """Return the outputs at rational places of the range: 0 is `low`, 1 is `high`.

        The range is applied to the integers, so that each output is rounded once only: k/(N+2) for the sigmoid and
        (2k - (N+2))/(N+2) for tanh are the doubles nearest to those numbers, and tanh's levels are exactly symmetric.

        Parameters
        ----------
        numerator : array_like of int
            Places in units of 1/denominator.
        denominator : int
            Positive.
        """
        places = np.asarray(numerator, dtype=np.int64)
        return (self.low * denominator + (self.high - self.low) * places) / denominator


def _sigmoid_inverse(y: FloatArray) -> FloatArray:
    return np.log(y / (1.0 - y))


def _sigmoid_slope(v: FloatArray) -> FloatArray:
    return np.asarray(expit(v) * expit(-v))


def _tanh_inverse(y: FloatArray) -> FloatArray:
    return 0.5 * np.log((1.0 + y) / (1.0 - y))


def _tanh_slope(v: FloatArray) -> FloatArray:
    # 1 - tanh(v)^2 loses all digits for large |v|; tanh(v) = 2 sigmoid(2v) - 1 does not.
    return 4.0 * _sigmoid_slope(2.0 * v)


FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        "sigmoid": Function("sigmoid", 0, 1, lambda v: np.asarray(expit(v)), _sigmoid_inverse, _sigmoid_slope),
        "tanh": Function("tanh", -1, 1, np.tanh, _tanh_inverse, _tanh_slope),
    }
)
"""The function library, by name."""


def get_function(name: str) -> Function:
    """Return a function of the library.

    Raises
    ------
    InputError
        There is no function of this name.
    """
    if name not in FUNCTIONS:
        raise InputError(f"unknown activation function '{name}', allowed: {', '.join(FUNCTIONS)}")
    return FUNCTIONS[name]
