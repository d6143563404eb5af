"""Compiled kernels of input drivers: plain functions on float32 arrays that fill `out`.

Those without a batch work on a few inputs and are meant to be called by larger kernels as well.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memramp import simd
from memramp.jit import inline_kernel, kernel

Floats = NDArray[np.float32]


@inline_kernel
def quantise_lanes(x: Any, limit: np.float32, levels: int) -> Any:
    """Return inputs as their driver codes them: clipped to +-limit, in `levels` pulse widths each side (0: any)."""
    clipped = simd.lesser(simd.greater(x, -limit), limit)
    if levels == 0:
        return clipped
    count = np.float32(levels)
    return simd.nearest(clipped / limit * count) / count * limit


@kernel
def quantise_batch(x: Floats, limit: np.float32, levels: int, out: Floats) -> None:
    """Fill `out` with the quantised inputs `x`, both [batch, rows], on one core."""
    rows = x.shape[1]
    for b in range(x.shape[0]):
        for i in range(0, rows, simd.WIDE):
            simd.store_part(out, (b, i), quantise_lanes(simd.load_wide(x, (b, i), rows - i), limit, levels), rows - i)


class Coding(NamedTuple):
    """How drivers code their inputs, other than by the width of a pulse."""

    serial: bool
    """Bit by bit; else by the voltage of one pulse."""

    limit: np.float32
    """Largest input."""

    levels: int
    """Number of values above zero (bit by bit)."""

    curve: Floats
    """What inputs from 0 to the limit, evenly spaced, amount to because of the devices' nonlinear current, [points] (by
    voltage); [0]: themselves."""


@inline_kernel
def _by_voltage(x: np.float32, coding: Coding) -> np.float32:
    """Return what an input amounts to, interpolated between the points of the curve."""
    last = coding.curve.shape[0] - 1
    if last < 1:
        return x
    place = abs(np.float64(x)) / np.float64(coding.limit) * last
    point = min(int(place), last - 1)
    low, high = np.float64(coding.curve[point]), np.float64(coding.curve[point + 1])
    found = np.float32(low + (place - point) * (high - low))
    return -found if x < 0 else found


@inline_kernel
def _serial_power(x: np.float32, coding: Coding) -> np.float32:
    """Return the sum of the squares of what the bits of an input count for."""
    count = np.float64(coding.levels)
    number = int(np.rint(abs(np.float64(x)) / np.float64(coding.limit) * count))
    total, weight = 0.0, np.float64(coding.limit) / count
    while number > 0:
        if number & 1:
            total += weight * weight
        weight += weight
        number >>= 1
    return np.float32(total)


@inline_kernel
def encode(x: Floats, stop: int, coding: Coding, powers: tuple[Floats, Floats]) -> None:
    """Replace quantised inputs [n, rows], those of rows 0..stop-1, by what they amount to; fill their `powers`.

    Powers are what variances of noise are multiplied with, [n, rows] each, see `memramp.crossbar.kernels.Powers`. A
    voltage is there for a whole pulse, so that white noise does not depend on it; the bits of an input are reads of
    their own.
    """
    for b in range(x.shape[0]):
        for i in range(stop):
            if coding.serial:
                powers[0][b, i] = powers[1][b, i] = _serial_power(x[b, i], coding)
            else:
                x[b, i] = _by_voltage(x[b, i], coding)
                powers[0][b, i] = x[b, i] * x[b, i]
                powers[1][b, i] = max(abs(x[b, i]), np.float32(1.0))  # the shot part grows with higher voltages


@kernel
def encode_batch(x: Floats, coding: Coding, powers: tuple[Floats, Floats]) -> None:
    """Encode all rows on one core, see `encode`."""
    encode(x, x.shape[1], coding, powers)
