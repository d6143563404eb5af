"""Counter-based random numbers for compiled kernels.

A draw is a pure function of a 64-bit key and four 32-bit counters (place, step, sample, purpose or the like), so the
bits do not depend on the number of threads, on how a batch is split, or on the order of evaluation. The generator is
Philox-4x32 with 10 rounds [1]_, the transform is that of Box and Muller [2]_. Logarithm, cosine and sine
are polynomials [3]_ here: no mathematical library, whose last bits differ between systems, is needed, and the compiler
makes vector instructions of them.

References
----------
.. [1] Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, doi 10.1145/2063384.2063405.
.. [2] Box, Muller, Ann. Math. Statist. 29, 610 (1958), doi 10.1214/aoms/1177706645.
.. [3] Coefficients of logf, cosf and sinf in: Moshier, "Cephes mathematical library", https://www.netlib.org/cephes/.
"""

from typing import Any

import numpy as np
from numba import float32, int32, uint32, uint64
from numpy.typing import NDArray

from memramp import simd
from memramp.jit import inline_kernel, kernel

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_SQRT2 = np.float32(1.41421356)


@inline_kernel
def philox(key: np.uint64, c0: int, c1: int, c2: int, c3: int) -> tuple[np.uint32, np.uint32, np.uint32, np.uint32]:
    """Return four random 32-bit words for a 64-bit key and a 128-bit counter (Philox-4x32-10)."""
    k0, k1 = uint32(uint64(key) & _LOW), uint32(uint64(key) >> _SHIFT)
    x0, x1, x2, x3 = uint32(c0), uint32(c1), uint32(c2), uint32(c3)
    for _ in range(10):
        p0, p1 = uint64(x0) * _M0, uint64(x2) * _M1
        x0, x1, x2, x3 = (
            uint32(p1 >> _SHIFT) ^ x1 ^ k0,
            uint32(p1 & _LOW),
            uint32(p0 >> _SHIFT) ^ x3 ^ k1,
            uint32(p0 & _LOW),
        )
        k0, k1 = uint32(k0 + _W0), uint32(k1 + _W1)
    return uint32(x0), uint32(x1), uint32(x2), uint32(x3)


@inline_kernel
def _log(u: np.float32) -> np.float32:
    """Return the natural logarithm of a positive normal float32."""
    bits = np.float32(u).view(np.int32)
    exponent = int32(int32(bits >> int32(23)) - int32(127))
    mantissa = np.int32(int32(bits & int32(0x7FFFFF)) | int32(0x3F800000)).view(np.float32)
    large = mantissa > _SQRT2
    e = float32(exponent + 1) if large else float32(exponent)
    t = (mantissa * float32(0.5) if large else mantissa) - float32(1.0)
    p = float32(7.0376836292e-2)
    p = p * t - float32(1.1514610310e-1)
    p = p * t + float32(1.1676998740e-1)
    p = p * t - float32(1.2420140846e-1)
    p = p * t + float32(1.4249322787e-1)
    p = p * t - float32(1.6668057665e-1)
    p = p * t + float32(2.0000714765e-1)
    p = p * t - float32(2.4999993993e-1)
    p = p * t + float32(3.3333331174e-1)
    # ln 2 in two parts, of which the first has few bits, so that its product with e is exact.
    tail = t * t * t * p - float32(2.12194440e-4) * e - float32(0.5) * t * t
    return (t + tail) + float32(0.693359375) * e


@inline_kernel
def _cos_sin(b: np.uint32) -> tuple[np.float32, np.float32]:
    """Return cosine and sine of the angle ``2 pi b / 2^32``."""
    # The nearest quarter turn stands in the upper two bits after rounding; the rest, at most an eighth of a turn to
    # either side, is what the other thirty bits say when read as a signed number.
    quarter = uint32(uint32(b + uint32(1 << 29)) >> uint32(30))
    t = float32(int32(uint32(b << uint32(2)))) * float32(np.pi / 2 * 2.0**-32)
    z = t * t
    s = ((float32(-1.9515295891e-4) * z + float32(8.3321608736e-3)) * z - float32(1.6666654611e-1)) * z * t + t
    c = (float32(2.443315711809948e-5) * z - float32(1.388731625493765e-3)) * z + float32(4.166664568298827e-2)
    c = c * z * z - float32(0.5) * z + float32(1.0)
    odd = (quarter & uint32(1)) != 0
    cos, sin = (s, c) if odd else (c, s)
    cos = -cos if (uint32(quarter + uint32(1)) & uint32(2)) != 0 else cos
    sin = -sin if (quarter & uint32(2)) != 0 else sin
    return cos, sin


@inline_kernel
def normal_pair(a: np.uint32, b: np.uint32) -> tuple[np.float32, np.float32]:
    """Return two independent standard normals (float32, |z| < 6.77) made of two random 32-bit words."""
    # (a + 1/2) / 2^32 lies inside (0, 1), so the logarithm is finite; the float32 rounding may reach 1, where it is 0.
    radius = np.sqrt(float32(-2.0) * _log((float32(a) + float32(0.5)) * float32(2.0**-32)))
    cos, sin = _cos_sin(uint32(b))
    return radius * cos, radius * sin


@inline_kernel
def _philox_lanes(key: np.uint64, x0: Any, x1: Any, x2: Any, x3: Any) -> Any:
    """Return the words of `philox` for 16 counters, given as four vectors of long words: four such vectors.

    Only the lower half of a long word counts; what stands in the upper one means nothing.
    """
    k0, k1 = uint64(key) & _LOW, uint64(key) >> _SHIFT
    for _ in range(10):
        p0, p1 = (x0 & _LOW) * _M0, (x2 & _LOW) * _M1
        x0, x1, x2, x3 = (p1 >> _SHIFT) ^ x1 ^ k0, p1, (p0 >> _SHIFT) ^ x3 ^ k1, p0
        k0, k1 = (k0 + uint64(_W0)) & _LOW, (k1 + uint64(_W1)) & _LOW
    return x0, x1, x2, x3


@inline_kernel
def _log_lanes(u: Any) -> Any:
    """Return the natural logarithms of positive normal floats; the formula is that of `_log`."""
    bits = simd.bits_of(u)
    mantissa = simd.floats_of((bits & int32(0x7FFFFF)) | int32(0x3F800000))
    large = mantissa > _SQRT2
    exponent = simd.from_signed((bits >> int32(23)) - int32(127))
    e = simd.select(large, exponent + float32(1.0), exponent)
    t = simd.select(large, mantissa * float32(0.5), mantissa) - float32(1.0)
    p = simd.fma(t, float32(7.0376836292e-2), float32(-1.1514610310e-1))
    p = simd.fma(p, t, float32(1.1676998740e-1))
    p = simd.fma(p, t, float32(-1.2420140846e-1))
    p = simd.fma(p, t, float32(1.4249322787e-1))
    p = simd.fma(p, t, float32(-1.6668057665e-1))
    p = simd.fma(p, t, float32(2.0000714765e-1))
    p = simd.fma(p, t, float32(-2.4999993993e-1))
    p = simd.fma(p, t, float32(3.3333331174e-1))
    z = t * t
    tail = simd.fma(z, float32(-0.5), simd.fma(e, float32(-2.12194440e-4), z * t * p))
    return simd.fma(e, float32(0.693359375), t + tail)


@inline_kernel
def _cos_sin_lanes(b: Any) -> Any:
    """Return cosines and sines of the angles ``2 pi b / 2^32``; the formula is that of `_cos_sin`."""
    turned = b + int32(1 << 29)
    t = simd.from_signed(b << int32(2)) * float32(np.pi / 2 * 2.0**-32)
    z = t * t
    s = simd.fma(z, float32(-1.9515295891e-4), float32(8.3321608736e-3))
    s = simd.fma(simd.fma(s, z, float32(-1.6666654611e-1)) * z, t, t)
    c = simd.fma(z, float32(2.443315711809948e-5), float32(-1.388731625493765e-3))
    c = simd.fma(simd.fma(c, z, float32(4.166664568298827e-2)) * z, z, simd.fma(z, float32(-0.5), float32(1.0)))
    # The two highest bits number the quarter turn: the lower of them says whether it is odd, the highest bits of it and
    # of the next quarter are the signs.
    odd = (turned << int32(1)) < int32(0)
    cos, sin = simd.bits_of(simd.select(odd, s, c)), simd.bits_of(simd.select(odd, c, s))
    sign = int32(-(2**31))
    return (
        simd.floats_of(cos ^ ((turned + int32(1 << 30)) & sign)),
        simd.floats_of(sin ^ (turned & sign)),
    )


@inline_kernel
def _two_waves(words: Any) -> Any:
    """Return two wide vectors of normals for four vectors of words (w0, w1, w2, w3), 16 counters each.

    The first holds what `normal_pair` makes first of (w0, w1) and (w2, w3), counter after counter; the other what it
    makes second.
    """
    a = simd.halves((words[0] & _LOW) | (words[2] << _SHIFT))
    b = simd.halves((words[1] & _LOW) | (words[3] << _SHIFT))
    # (a + 1/2) / 2^32 lies inside (0, 1), so the logarithm is finite; the float32 rounding may reach 1, where it is 0.
    u = (simd.from_unsigned(a) + float32(0.5)) * float32(2.0**-32)
    radius = simd.square_root(_log_lanes(u) * float32(-2.0))
    cos, sin = _cos_sin_lanes(b)
    return radius * cos, radius * sin


@inline_kernel
def normals_twice(key: np.uint64, first: tuple[int, int], c1: int, c2: tuple[int, int], c3: int) -> Any:
    """Return twice 32 standard normals, as two wide vectors.

    Number 4 i + j of vector v stems from word j of counter (first[v] + i, c1, c2[v], c3), see `philox`.
    """
    words = _philox_lanes(
        key,
        simd.longs(uint64(first[0]), uint64(first[1])) + simd.eights(),
        simd.longs(uint64(c1), uint64(c1)),
        simd.longs(uint64(c2[0]), uint64(c2[1])),
        simd.longs(uint64(c3), uint64(c3)),
    )
    waves = _two_waves(words)
    return simd.interleave(waves[0], waves[1])


@inline_kernel
def normals_of_samples(key: np.uint64, c0: int, c1: int, sample: int, c3: int) -> Any:
    """Return four standard normals for each of 16 samples: four vectors, whose lanes are samples.

    Lane i of vector j stems from word j of counter (c0, c1, sample + i, c3), see `philox`.
    """
    words = _philox_lanes(
        key,
        simd.longs(uint64(c0), uint64(c0)),
        simd.longs(uint64(c1), uint64(c1)),
        simd.longs(uint64(sample), uint64(sample + 8)) + simd.eights(),
        simd.longs(uint64(c3), uint64(c3)),
    )
    waves = _two_waves(words)
    z0, z2 = simd.deinterleave(waves[0])
    z1, z3 = simd.deinterleave(waves[1])
    return z0, z1, z2, z3


@inline_kernel
def fill_normals_from(key: np.uint64, c0: int, c1: int, c2: int, c3: int, out: NDArray[np.float32]) -> None:
    """Fill a float32 array [n] with standard normals; element 4 b + i stems from counter (c0 + b, c1, c2, c3)."""
    n = out.shape[0]
    for i in range(0, n, 64):
        z0, z1 = normals_twice(key, (c0 + (i >> 2), c0 + (i >> 2) + 8), c1, (c2, c2), c3)
        simd.store_part(out, (i,), z0, n - i)
        simd.store_part(out, (min(i + 32, n),), z1, n - i - 32)


@kernel
def fill_normals(key: np.uint64, c1: int, c2: int, c3: int, out: NDArray[np.float32]) -> None:
    """Fill a float32 array [n] with standard normals; element 4 b + i stems from counter (b, c1, c2, c3)."""
    fill_normals_from(key, 0, c1, c2, c3, out)


@kernel
def _fill_pairs(words: NDArray[np.uint32], out: NDArray[np.float32]) -> None:
    """Fill [4] with the normals that `normal_pair` makes of four words."""
    out[0], out[1] = normal_pair(words[0], words[1])
    out[2], out[3] = normal_pair(words[2], words[3])


@kernel
def fill_words(key: np.uint64, c0: int, c1: int, c2: int, c3: int, out: NDArray[np.uint32]) -> None:
    """Fill a uint32 array [4] with the words of `philox`, for callers outside of kernels."""
    out[0], out[1], out[2], out[3] = philox(key, c0, c1, c2, c3)


def random_words(key: np.uint64, c0: int, c1: int, c2: int, c3: int) -> tuple[int, int, int, int]:
    """Return the words of `philox`, for callers outside of kernels: slow references and tests."""
    out = np.empty(4, np.uint32)
    fill_words(np.uint64(key), c0, c1, c2, c3, out)
    first, second, third, fourth = map(int, out)
    return first, second, third, fourth


def random_normals(key: np.uint64, c0: int, c1: int, c2: int, c3: int) -> tuple[float, float, float, float]:
    """Return the standard normals of one counter, as `random_words`."""
    words, out = np.array(random_words(key, c0, c1, c2, c3), np.uint32), np.empty(4, np.float32)
    _fill_pairs(words, out)
    first, second, third, fourth = map(float, out)
    return first, second, third, fourth
