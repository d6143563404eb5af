"""Where the thresholds of a nonlinear ramp converter lie and what its codes mean.

Two placements, for N = 2**bits codes and H = N/2:

``paper``
    What the released code of Yang et al. does [1]_, bit for bit. The output range is divided into N + 2 parts; the ramp
    visits the N + 1 levels between them, of which the first N - 1 are compared, and count c stands for the *lower* end
    of its part: c/(N+2) for the sigmoid, 2c/(N+2) - 1 for tanh. This is a floor quantiser: its mean error is negative,
    and its top output, (N-1)/(N+2) for the sigmoid, stays well below 1. Threshold H of 0..N-2 lies at 0, so the
    compared ones are not centred.
``midpoint``
    Centred levels of our own. N equal parts, compared at the N - 1 borders between them, and count c stands for the
    middle of its part: (c + 1/2)/N for the sigmoid, (2c + 1)/N - 1 for tanh. Symmetric, threshold H - 1 of 0..N-2 at
    0, and without a mean error.

References
----------
.. [1] Yang et al., Nat. Commun. 16, 1136 (2025), doi 10.1038/s41467-025-56254-6.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from memramp.errors import InputError
from memramp.peripherals.functions import FloatArray, Function, get_function

LevelsKind = Literal["paper", "midpoint"]
MAX_BITS = 12


@dataclass(frozen=True, eq=False)
class Levels:
    """Ideal thresholds and outputs of a converter with N = 2**bits codes."""

    function: Function
    bits: int
    kind: LevelsKind

    ramp: FloatArray
    """All values that the ramp visits, [n_steps + 1], strictly increasing [pre-activation]."""

    outputs: FloatArray
    """Output of each count, [N], strictly increasing."""

    mid: int
    """Index of the mid-scale value in `ramp`, which is exactly 0."""

    @property
    def thresholds(self) -> FloatArray:
        """Values of the ramp that the comparators see, [N - 1] [pre-activation]."""
        return self.ramp[: 2**self.bits - 1]

    @property
    def lsb(self) -> float:
        """Output step from one count to the next."""
        parts = int(2**self.bits) + (2 if self.kind == "paper" else 0)
        return (self.function.high - self.function.low) / parts

    @property
    def range(self) -> float:
        """Largest magnitude that the ramp reaches [pre-activation]."""
        return float(max(abs(self.ramp[0]), abs(self.ramp[-1])))


def ideal_levels(function: str | Function, bits: int, kind: LevelsKind) -> Levels:
    """Place the thresholds of a converter; see the module's description of the kinds.

    Parameters
    ----------
    function : str or Function
        Activation function.
    bits : int
        Resolution, 1..12; ``midpoint`` starts at 2, since its only 1-bit threshold is 0 and needs no ramp.
    kind : {"paper", "midpoint"}
        Placement.

    Raises
    ------
    InputError
        Unknown function or kind, or a resolution out of range.
    """
    chosen = get_function(function) if isinstance(function, str) else function
    check_bits(bits, kind)
    count, half = 2**bits, 2 ** (bits - 1)
    codes = np.arange(count)
    if kind == "paper":
        targets = chosen.fraction(np.arange(1, count + 2), count + 2)
        return Levels(chosen, bits, kind, chosen.inverse(targets), chosen.fraction(codes, count + 2), half)
    targets = chosen.fraction(np.arange(1, count), count)
    return Levels(chosen, bits, kind, chosen.inverse(targets), chosen.fraction(2 * codes + 1, 2 * count), half - 1)


def check_bits(bits: int, kind: LevelsKind) -> None:
    """Refuse a resolution or placement that no ramp can have.

    Raises
    ------
    InputError
        Says what was found and what is allowed.
    """
    if kind not in get_args(LevelsKind):
        raise InputError(f"unknown levels '{kind}', allowed: {', '.join(get_args(LevelsKind))}")
    lowest = 1 if kind == "paper" else 2
    if isinstance(bits, bool) or not isinstance(bits, int | np.integer) or not lowest <= bits <= MAX_BITS:
        raise InputError(f"bits of a ramp with levels '{kind}' must be {lowest} to {MAX_BITS}, found {bits}")
