"""Elementary functions of compiled kernels, on vectors, without a library whose last bits differ between systems.

They compute in double precision and round once to float32. The error before that is below 1e-13 (of tanh relative, of
the sigmoid absolute), so that the result is the correctly rounded one but for perhaps one argument in a million, where
it is the neighbour.
"""

import math
from typing import Any

import numpy as np
from numba import float64, int64
from numpy.typing import NDArray

from memramp import simd
from memramp.jit import inline_kernel, kernel

_INVERSE = 1.0 / math.log(2.0)
# ln 2 in two parts, of which the first has few bits, so that its product with a small whole number is exact.
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_MAGIC = 1.5 * 2.0**52  # a number of this size has ones in its last place: its low bits are the nearest whole number
_F2, _F3, _F4, _F5, _F6, _F7, _F8, _F9, _F10, _F11 = (1.0 / math.factorial(k) for k in range(2, 12))
_LARGEST = 20.0  # beyond, tanh is 1 in double precision


@inline_kernel
def tanh_doubles(x: Any) -> Any:
    """Return tanh of a vector of doubles, as e / (e + 2) with e = exp(2 |x|) - 1.

    exp(y) - 1 = 2^k (exp(r) - 1) + 2^k - 1, y = k ln 2 + r and |r| <= ln 2 / 2, where the series of exp(r) - 1 up to
    r^11 / 11! leaves a relative error below 2e-14. Nothing cancels: small arguments lose nothing.
    """
    y = simd.lesser(simd.absolute(x), float64(_LARGEST)) * float64(2.0)
    shifted = simd.fma(y, float64(_INVERSE), float64(_MAGIC))
    k = shifted - float64(_MAGIC)
    r = simd.fma(k, float64(-_LN2_LOW), simd.fma(k, float64(-_LN2_HIGH), y))
    p = simd.fma(r, float64(_F11), float64(_F10))
    p = simd.fma(p, r, float64(_F9))
    p = simd.fma(p, r, float64(_F8))
    p = simd.fma(p, r, float64(_F7))
    p = simd.fma(p, r, float64(_F6))
    p = simd.fma(p, r, float64(_F5))
    p = simd.fma(p, r, float64(_F4))
    p = simd.fma(p, r, float64(_F3))
    p = simd.fma(p, r, float64(_F2))
    p = simd.fma(p * r, r, r)
    power = simd.doubles_of((simd.bits_of(shifted) + int64(1023)) << int64(52))
    e = simd.fma(power, p, power - float64(1.0))
    return simd.copy_sign(e / (e + float64(2.0)), x)


@inline_kernel
def tanh_lanes(x: Any) -> Any:
    """Return tanh of a vector of floats."""
    return simd.to_floats(tanh_doubles(simd.to_doubles(x)))


@inline_kernel
def sigmoid_lanes(x: Any) -> Any:
    """Return ``1 / (1 + exp(-x))`` of a vector of floats, as (1 + tanh(x / 2)) / 2, with an absolute error."""
    t = tanh_doubles(simd.to_doubles(x) * float64(0.5))
    return simd.to_floats(simd.fma(t, float64(0.5), float64(0.5)))


@kernel
def fill_tanh(x: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Fill `out` with tanh of `x`, both float32 [n]."""
    for i in range(0, x.shape[0], simd.LANES):
        simd.store_part(out, (i,), tanh_lanes(simd.load_part(x, (i,), x.shape[0] - i)), x.shape[0] - i)


@kernel
def fill_sigmoid(x: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Fill `out` with the sigmoid of `x`, both float32 [n]."""
    for i in range(0, x.shape[0], simd.LANES):
        simd.store_part(out, (i,), sigmoid_lanes(simd.load_part(x, (i,), x.shape[0] - i)), x.shape[0] - i)


def tanh(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return tanh of a float32 array of any shape, with the bits that kernels have."""
    flat = np.array(x, np.float32).ravel()
    fill_tanh(flat, flat)
    return flat.reshape(x.shape)


def sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sigmoid of a float32 array of any shape, with the bits that kernels have."""
    flat = np.array(x, np.float32).ravel()
    fill_sigmoid(flat, flat)
    return flat.reshape(x.shape)
