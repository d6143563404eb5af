"""Compiled steps of an LSTM's training: all that is not a matrix product, in one pass.

Factors and results of products are bfloat16, which numba does not know: they come as the unsigned 16-bit numbers that
are the upper halves of float32. Elementary functions are float32 throughout, with absolute errors of some 1e-7: far
below what rounding to bfloat16 does, but for values that are tiny beside 1. Loops are short, with few arrays each, so
that compilers make vectors of them.
"""

import math
from typing import Any

import numpy as np
from numba import float32, uint16, uint32
from numpy.typing import NDArray

from memramp.jit import inline_kernel, kernel
from memramp.peripherals.kernels import look_up

Floats = NDArray[np.float32]
Halves = NDArray[np.uint16]
Curves = tuple[tuple[Floats, Floats], ...]
"""Of each gate the thresholds [1, K], non-decreasing, and outputs [K + 1]; without outputs it is digital."""

_INVERSE = 1.0 / math.log(2.0)
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440e-4  # the first has few bits: its product with a small number is exact
_F2, _F3, _F4, _F5, _F6 = (1.0 / math.factorial(k) for k in range(2, 7))
_MAGIC = 1.5 * 2.0**23  # a number of this size has ones in its last place: its low bits are the nearest whole number
_LARGEST = 86.0  # exp(-86) is a normal float32


@inline_kernel
def _widened(half: Any) -> Any:
    """Return a bfloat16 as float32."""
    return np.uint32(uint32(half) << uint32(16)).view(np.float32)


@inline_kernel
def _rounded(x: Any) -> Any:
    """Return the nearest bfloat16 of a finite float32, ties to even."""
    bits = np.float32(x).view(np.uint32)
    return uint16(uint32(bits + uint32(0x7FFF) + ((bits >> uint32(16)) & uint32(1))) >> uint32(16))


@inline_kernel
def _exp_of_minus(x: Any) -> Any:
    """Return exp(-x) for -86 <= x <= 86, and that of the limits beyond."""
    y = -max(min(x, float32(_LARGEST)), float32(-_LARGEST))
    shifted = y * float32(_INVERSE) + float32(_MAGIC)
    k = shifted - float32(_MAGIC)
    r = (y - k * float32(_LN2_HIGH)) - k * float32(_LN2_LOW)
    p = r * float32(_F6) + float32(_F5)
    p = p * r + float32(_F4)
    p = p * r + float32(_F3)
    p = p * r + float32(_F2)
    p = p * r * r + r + float32(1.0)
    return p * np.uint32((np.float32(shifted).view(np.uint32) + uint32(127)) << uint32(23)).view(np.float32)


@inline_kernel
def _sigmoid(x: Any) -> Any:
    return float32(1.0) / (float32(1.0) + _exp_of_minus(x))


@inline_kernel
def _tanh(x: Any) -> Any:
    return float32(2.0) / (float32(1.0) + _exp_of_minus(x + x)) - float32(1.0)


@inline_kernel
def _activate(pre: Floats, first: int, hidden: int, curve: Any, bell: bool, gates: Floats, slopes: Halves) -> None:
    """Fill the columns from `first` on of one row, [1, 4 hidden], with a gate's values and its smooth slopes.

    `bell` asks for tanh, else it is a sigmoid.
    """
    one = float32(1.0)
    if bell:
        for j in range(hidden):
            value = _tanh(pre[0, first + j])
            gates[0, first + j] = value
            slopes[0, first + j] = _rounded(one - value * value)
    else:
        for j in range(hidden):
            value = _sigmoid(pre[0, first + j])
            gates[0, first + j] = value
            slopes[0, first + j] = _rounded(value - value * value)
    if curve[1].shape[0] > 0:
        look_up(pre, 0, first, first + hidden, curve[0], 0, curve[1], gates, first)


@kernel
def forward_step(
    sums: Halves,
    bias: Floats,
    before: Floats,
    curves: Curves,
    gates: Floats,
    slopes: Halves,
    c: Floats,
    tanhs: Floats,
    m: Halves,
) -> None:
    """Compute what one step makes of its products.

    Parameters
    ----------
    sums : array
        Pre-activations of gates i, f, g, o without the bias, bfloat16 [n, 4 hidden].
    bias : array
        [4 hidden].
    before : array
        Cell states before the step, [n, hidden].
    curves : tuple
        See `Curves`: of i, f, g, o.
    gates, slopes : array
        Filled with the gates and the derivatives of the smooth functions, the latter bfloat16, [n, 4 hidden].
    c, tanhs : array
        Filled with cell states and their tanh, [n, hidden].
    m : array
        Filled with o tanh(c), bfloat16 [n, hidden].
    """
    n, hidden = c.shape
    pre = np.empty((1, 4 * hidden), np.float32)
    for b in range(n):
        for j in range(4 * hidden):
            pre[0, j] = _widened(sums[b, j]) + bias[j]
        row, of_row = gates[b : b + 1], slopes[b : b + 1]
        _activate(pre, 0, hidden, curves[0], False, row, of_row)
        _activate(pre, hidden, hidden, curves[1], False, row, of_row)
        _activate(pre, 2 * hidden, hidden, curves[2], True, row, of_row)
        _activate(pre, 3 * hidden, hidden, curves[3], False, row, of_row)
        for j in range(hidden):
            c[b, j] = gates[b, hidden + j] * before[b, j] + gates[b, j] * gates[b, 2 * hidden + j]
        for j in range(hidden):
            tanhs[b, j] = _tanh(c[b, j])
        for j in range(hidden):
            m[b, j] = _rounded(gates[b, 3 * hidden + j] * tanhs[b, j])


@kernel
def backward_step(
    d_m: Halves, gates: Floats, slopes: Halves, before: Floats, tanhs: Floats, d_c: Floats, d_pre: Halves
) -> None:
    """Carry gradients back through one step.

    Parameters
    ----------
    d_m : array
        Gradient of o tanh(c), bfloat16 [n, hidden].
    gates, slopes, before, tanhs : array
        Of the forward step.
    d_c : array
        Gradient of the cell states after the step, [n, hidden]; replaced by that of those before it.
    d_pre : array
        Filled with the gradient of pre-activations, bfloat16 [n, 4 hidden].
    """
    n, hidden = d_c.shape
    one = float32(1.0)
    d = np.empty(hidden, np.float32)
    for b in range(n):
        for j in range(hidden):
            d[j] = _widened(d_m[b, j])
        for j in range(hidden):
            d_c[b, j] += d[j] * gates[b, 3 * hidden + j] * (one - tanhs[b, j] * tanhs[b, j])
        for j in range(hidden):
            d_pre[b, 3 * hidden + j] = _rounded(d[j] * tanhs[b, j] * _widened(slopes[b, 3 * hidden + j]))
        for j in range(hidden):
            d_pre[b, j] = _rounded(d_c[b, j] * gates[b, 2 * hidden + j] * _widened(slopes[b, j]))
        for j in range(hidden):
            d_pre[b, 2 * hidden + j] = _rounded(d_c[b, j] * gates[b, j] * _widened(slopes[b, 2 * hidden + j]))
        for j in range(hidden):
            d_pre[b, hidden + j] = _rounded(d_c[b, j] * before[b, j] * _widened(slopes[b, hidden + j]))
        for j in range(hidden):
            d_c[b, j] *= gates[b, hidden + j]
