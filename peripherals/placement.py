"""Levels with the least mean squared error at the output, for a given density of pre-activations.

The function's outputs are a random number y with the density of f(v); the best N outputs for it are those of Lloyd and
Max [1]_: each output is the mean of the y nearest to it, and the borders between codes lie halfway between outputs. The
thresholds are the inputs at which the function passes the borders.

References
----------
.. [1] Lloyd, IEEE Trans. Inf. Theory 28, 129 (1982), doi 10.1109/TIT.1982.1056489; Max, IRE Trans. Inf. Theory 6, 7
   (1960), doi 10.1109/TIT.1960.1057548.
"""

import numpy as np

from memramp.errors import InputError
from memramp.peripherals.density import Density
from memramp.peripherals.function import FloatArray, Function, Span
from memramp.peripherals.levels import Levels, fraction, levels_at_borders

MAX_DATA_BITS = 8
"""Most bits of a placement that follows from data: a recording has no more detail than that."""

_FINE = 8  # points into which a bin of the density is divided
_ITERATIONS = 20_000


def lloyd_max_levels(
    function: Function, bits: int, density: Density, span: Span | None = None, output_bits: int | None = None
) -> Levels:
    """Place levels for the least mean squared error at the output.

    Parameters
    ----------
    function : Function
        Activation function.
    bits : int
        Resolution, 2..8.
    density : Density
        Pre-activations to expect.
    span : tuple of float or None
        Inputs beyond which the converter saturates; None takes the function's own [pre-activation].
    output_bits : int or None
        Put the outputs on a grid of this many bits over the output range, `bits` + 1 .. 16; None leaves them free.

    Raises
    ------
    InputError
        Bits out of range, or a density that does not reach as many different outputs.
    """
    check_data_bits(bits, output_bits)
    points, weights = refine(density)
    y, mass = outputs_of(function, points, weights, span)
    outputs = best_outputs(y, mass, 2**bits)
    if output_bits is not None:
        outputs = on_grid(outputs, function.output_range(span), output_bits)
    return levels_at_borders(function, bits, "lloyd_max", halfway(outputs), outputs, span)


def check_data_bits(bits: int, output_bits: int | None) -> None:
    """Refuse resolutions that a placement from data cannot have.

    Raises
    ------
    InputError
        Says what is allowed.
    """
    if bits > MAX_DATA_BITS:
        raise InputError(f"bits of levels that follow from data must be 2 to {MAX_DATA_BITS}, found {bits}")
    if output_bits is not None and not bits < output_bits <= 16:
        raise InputError(f"output_bits must be {bits + 1} to 16 for {bits}-bit levels, found {output_bits}")


def refine(density: Density, fine: int = _FINE) -> tuple[FloatArray, FloatArray]:
    """Return a density as more points: each bin's weight is spread evenly over it."""
    points = density.points
    width = (points[-1] - points[0]) / (points.size - 1)
    inside = width * ((np.arange(fine) + 0.5) / fine - 0.5)
    return (points[:, None] + inside).ravel(), np.repeat(density.weights / fine, fine)


def outputs_of(
    function: Function, points: FloatArray, weights: FloatArray, span: Span | None
) -> tuple[FloatArray, FloatArray]:
    """Return the outputs that a density leads to, ascending and different from each other, and their weights."""
    lo, hi = function.resolved_span(span)
    y, place = np.unique(function(np.clip(points, lo, hi)), return_inverse=True)
    mass: FloatArray = np.bincount(place, weights).astype(np.float64)
    return y[mass > 0], mass[mass > 0]


def best_outputs(y: FloatArray, mass: FloatArray, count: int) -> FloatArray:
    """Return the `count` outputs of least mean squared error for a discrete density, by Lloyd's iteration.

    Raises
    ------
    InputError
        The density has fewer points than there are outputs to place.
    """
    if y.size < 2 * count:
        raise InputError(f"the density leads to {y.size} different outputs only, too few to place {count} levels")
    total, moment = np.concatenate([[0.0], np.cumsum(mass)]), np.concatenate([[0.0], np.cumsum(mass * y)])
    outputs = _companded(y, mass, count)
    for _ in range(_ITERATIONS):
        edges = np.concatenate([[0], np.searchsorted(y, halfway(outputs)), [y.size]])
        weight = np.diff(total[edges])
        means = np.divide(np.diff(moment[edges]), weight, out=outputs.copy(), where=weight > 0.0)
        if np.array_equal(means, outputs):
            break
        outputs = means
    return outputs


def _companded(y: FloatArray, mass: FloatArray, count: int) -> FloatArray:
    """Return outputs whose density goes with the cube root of that of y: the best for many levels (Panter, Dite).

    They are different points of y, so that none of them is without points to stand for.
    """
    width, order = np.gradient(y), np.arange(count)
    place = np.cumsum(np.cbrt(mass) * np.cbrt(width) ** 2)
    picked = np.searchsorted(place / place[-1], (order + 0.5) / count)
    picked = np.maximum.accumulate(picked - order) + order  # ascending by at least one
    return y[np.minimum(picked, y.size - count + order)]


def halfway(outputs: FloatArray) -> FloatArray:
    """Return the borders between neighbouring outputs."""
    return (outputs[:-1] + outputs[1:]) / 2


def on_grid(outputs: FloatArray, reach: tuple[float, float], bits: int) -> FloatArray:
    """Return outputs moved to the nearest middles of 2**bits equal parts of a range, none of them used twice.

    Raises
    ------
    InputError
        The grid is too coarse: outputs that are to differ fall on the same place.
    """
    count = 2**bits
    places = np.clip(np.floor((outputs - reach[0]) / (reach[1] - reach[0]) * count), 0, count - 1).astype(np.int64)
    if np.any(np.diff(places) <= 0):
        raise InputError(f"a grid of {bits} bits is too coarse for these {outputs.size} outputs; take more output_bits")
    return fraction(reach, 2 * places + 1, 2 * count)
