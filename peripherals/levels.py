"""Where the thresholds of a nonlinear ramp converter lie and what its codes mean.

Placements, for N = 2**bits codes over an output range (the function's limits, or its outputs over a span):

``paper``
    What the released code of Yang et al. does [1]_, bit for bit. The output range is divided into N + 2 parts; the ramp
    visits the N + 1 levels between them, of which the first N - 1 are compared, and count c stands for the *lower* end
    of its part: c/(N+2) for the sigmoid, 2c/(N+2) - 1 for tanh. This is a floor quantiser: its mean error is negative,
    and its top output, (N-1)/(N+2) for the sigmoid, stays well below 1. Threshold H = N/2 of 0..N-2 lies at 0, so the
    compared ones are not centred. For other functions than sigmoid and tanh, the same rule is our extension of it; a
    function must rise throughout.
``midpoint``
    Centred levels of our own. N equal parts, compared at the N - 1 borders between them, and code c stands for the
    middle of its part: (c + 1/2)/N for the sigmoid, (2c + 1)/N - 1 for tanh. No mean error; the error at the output is
    at most half a part, which is the least that N evenly spaced outputs can have.
``uniform``
    A linear ramp: thresholds evenly spaced at the *input*, as a conventional converter has them. All steps are alike,
    so that every ramp device takes g_max, and a count stands for the mean of the function over its part. For a bounded
    function without a span, the parts reach as far as those of ``midpoint``.
``lloyd_max``
    Least mean squared error at the output for a given density of pre-activations [2]_; see
    `memramp.peripherals.placement`.
``noise_aware``
    Least expected squared error at the output for that density *and* the errors of the devices that make the ramp; see
    `memramp.peripherals.noise_aware`.

References
----------
.. [1] Yang et al., Nat. Commun. 16, 1136 (2025), doi 10.1038/s41467-025-56254-6.
.. [2] Lloyd, IEEE Trans. Inf. Theory 28, 129 (1982), doi 10.1109/TIT.1982.1056489; Max, IRE Trans. Inf. Theory 6, 7
   (1960), doi 10.1109/TIT.1960.1057548.
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memramp.errors import InputError
from memramp.peripherals.function import FloatArray, Function, Span
from memramp.peripherals.functions import get_function

LevelsKind = Literal["paper", "midpoint", "uniform", "lloyd_max", "noise_aware"]
DATA_DRIVEN: tuple[LevelsKind, ...] = ("lloyd_max", "noise_aware")
"""Placements that follow from a density of pre-activations."""

MAX_BITS = 12


@dataclass(frozen=True, eq=False)
class Levels:
    """Ideal thresholds and outputs of a converter with N = 2**bits codes and K thresholds.

    K is N - 1 for a function that rises throughout. Where it falls, the counter counts down, and levels that are passed
    twice have two thresholds.
    """

    function: Function
    bits: int
    kind: LevelsKind

    ramp: FloatArray
    """All values that the ramp visits, [n_steps + 1], strictly increasing; the first K are compared
    [pre-activation]."""

    outputs: FloatArray
    """Output of each count, [K + 1]."""

    codes: NDArray[np.int64]
    """What the counter of `bits` bits shows at each count, [K + 1]; neighbours differ by 1."""

    lsb: float
    """Output step from one code to the next; their mean where steps differ."""

    span: Span
    """Inputs that the converter resolves; infinite for a bounded function without a span [pre-activation]."""

    @property
    def thresholds(self) -> FloatArray:
        """Values of the ramp that the comparators see, [K] [pre-activation]."""
        return self.ramp[: self.outputs.size - 1]

    @property
    def directions(self) -> NDArray[np.int64]:
        """Whether the counter goes up (+1) or down (-1) at each threshold, [K]."""
        return np.diff(self.codes)

    @property
    def mid(self) -> int:
        """Index in `ramp` of the value nearest to 0, the mid-scale at which the ramp is calibrated."""
        return int(np.argmin(np.abs(self.ramp)))

    @property
    def range(self) -> float:
        """Largest magnitude that the ramp reaches [pre-activation]."""
        return float(max(abs(self.ramp[0]), abs(self.ramp[-1])))


def ideal_levels(function: str | Function, bits: int, kind: LevelsKind, span: Span | None = None) -> Levels:
    """Place thresholds by a rule that knows neither data nor devices; see the module's description of the kinds.

    Parameters
    ----------
    function : str or Function
        Activation function.
    bits : int
        Resolution, 1..12; all kinds but ``paper`` start at 2, since a single threshold needs no ramp.
    kind : {"paper", "midpoint", "uniform"}
        Placement.
    span : tuple of float or None
        Inputs beyond which the converter saturates; None takes the function's own [pre-activation].

    Raises
    ------
    InputError
        Unknown function or kind, a resolution out of range, a span that is not valid, or levels that cannot be placed.
    """
    chosen = get_function(function) if isinstance(function, str) else function
    check_bits(bits, kind)
    if kind == "paper":
        return _paper(chosen, bits, span)
    if kind == "midpoint":
        return _midpoint(chosen, bits, span)
    if kind == "uniform":
        return _uniform(chosen, bits, span)
    raise InputError(f"levels '{kind}' follow from data: give a density of pre-activations")


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


def fraction(output_range: tuple[float, float], numerator: ArrayLike, denominator: int) -> FloatArray:
    """Return the outputs at rational places of a range: 0 is its lower end, 1 its upper.

    The range is applied to the integers, so that each output is rounded once only: k/(N+2) for the sigmoid and
    (2k - (N+2))/(N+2) for tanh are the doubles nearest to those numbers, and tanh's levels are exactly symmetric.
    """
    low, high = output_range
    return (low * denominator + (high - low) * np.asarray(numerator, dtype=np.int64)) / denominator


def levels_at_borders(
    function: Function, bits: int, kind: LevelsKind, borders: FloatArray, outputs: FloatArray, span: Span | None
) -> Levels:
    """Return the levels whose thresholds are all inputs at which the function passes a border between codes.

    Parameters
    ----------
    borders : ndarray, [N - 1]
        Outputs between the codes, strictly increasing.
    outputs : ndarray, [N]
        Output of each code, strictly increasing.

    Raises
    ------
    InputError
        Two thresholds coincide, so that double precision cannot tell the codes apart.
    """
    ramp, directions = function.crossings(borders, span)
    first = function.sections(span)[0]
    # A span may begin right at a border: it belongs to the code that the function goes on to.
    start = int(np.searchsorted(borders, first.at_lo, side="right" if first.rising else "left"))
    codes = start + np.concatenate([[0], np.cumsum(directions)])
    _check_rising(ramp, function, bits, kind)
    lsb = float((outputs[-1] - outputs[0]) / (outputs.size - 1))
    return Levels(function, bits, kind, ramp, outputs[codes], codes, lsb, function.resolved_span(span))


def _paper(function: Function, bits: int, span: Span | None) -> Levels:
    if len(function.sections(span)) > 1 or not function.sections(span)[0].rising:
        raise InputError(f"levels 'paper' are for functions that rise throughout; take 'midpoint' for {function.name}")
    count, reach = 2**bits, function.output_range(span)
    ramp, _ = function.crossings(fraction(reach, np.arange(1, count + 2), count + 2), span)
    _check_rising(ramp, function, bits, "paper")
    outputs, codes = fraction(reach, np.arange(count), count + 2), np.arange(count)
    lsb = (reach[1] - reach[0]) / (count + 2)
    return Levels(function, bits, "paper", ramp, outputs, codes, lsb, function.resolved_span(span))


def _midpoint(function: Function, bits: int, span: Span | None) -> Levels:
    count, reach = 2**bits, function.output_range(span)
    borders = fraction(reach, np.arange(1, count), count)
    outputs = fraction(reach, 2 * np.arange(count) + 1, 2 * count)
    levels = levels_at_borders(function, bits, "midpoint", borders, outputs, span)
    return replace(levels, lsb=(reach[1] - reach[0]) / count)


def _uniform(function: Function, bits: int, span: Span | None) -> Levels:
    count = 2**bits
    lo, hi = _finite_span(function, bits, span)
    edges = fraction((lo, hi), np.arange(count + 1), count)
    outputs, codes = _means(function, edges), np.arange(count)
    _check_rising(edges, function, bits, "uniform")
    lsb = float((outputs.max() - outputs.min()) / (count - 1))
    return Levels(function, bits, "uniform", edges[1:-1], outputs, codes, lsb, function.resolved_span(span))


def _finite_span(function: Function, bits: int, span: Span | None) -> Span:
    if np.isfinite(function.resolved_span(span)).all():
        return function.resolved_span(span)
    borders = _midpoint(function, bits, span).ramp
    margin = (borders[-1] - borders[0]) / (borders.size - 1)  # one more part on either side, as wide as the others
    return float(borders[0] - margin), float(borders[-1] + margin)


def _means(function: Function, edges: FloatArray) -> FloatArray:
    """Return the mean of the function over each part, by Gauss-Legendre quadrature of 16 points."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    half = np.diff(edges)[:, None] / 2
    return np.asarray(np.sum(function(edges[:-1, None] + half * (1 + nodes)) * (weights / 2), axis=1))


def _check_rising(ramp: FloatArray, function: Function, bits: int, kind: LevelsKind) -> None:
    if ramp.size == 0 or not np.all(np.diff(ramp) > 0):
        wanted = f"{bits} bits of {function.name} with levels '{kind}'"
        raise InputError(f"{wanted} need thresholds that coincide; take fewer")
