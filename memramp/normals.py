"""Counter-based random numbers for compiled kernels.

A draw is a pure function of a 64-bit key and four 32-bit counters (place, step, sample, purpose or the like), so the
bits do not depend on the number of threads, on how a batch is split, or on the order of evaluation. The generator is
Philox-4x32 with 10 rounds [1]_, the transform is that of Box and Muller [2]_.

References
----------
.. [1] Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, doi 10.1145/2063384.2063405.
.. [2] Box, Muller, Ann. Math. Statist. 29, 610 (1958), doi 10.1214/aoms/1177706645.
"""

import numpy as np
from numba import float32, uint32, uint64
from numpy.typing import NDArray

from memramp.jit import inline_kernel, kernel

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


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
    return x0, x1, x2, x3


@inline_kernel
def normal_pair(a: np.uint32, b: np.uint32) -> tuple[np.float32, np.float32]:
    """Return two independent standard normals (float32, |z| <= 5.9) made of two random 32-bit words."""
    # (a + 1/2) / 2^32 lies inside (0, 1), so the logarithm is finite; the float32 rounding may reach 1, where it is 0.
    radius = np.sqrt(float32(-2.0) * np.log((float32(a) + float32(0.5)) * float32(2.0**-32)))
    angle = float32(b) * float32(2.0 * np.pi * 2.0**-32)
    return radius * np.cos(angle), radius * np.sin(angle)


@kernel
def fill_normals(key: np.uint64, c1: int, c2: int, c3: int, out: NDArray[np.float32]) -> None:
    """Fill a float32 array [n] with standard normals; element 4 b + i stems from counter (b, c1, c2, c3)."""
    n = out.shape[0]
    for block in range((n + 3) // 4):
        w0, w1, w2, w3 = philox(key, block, c1, c2, c3)
        z0, z1 = normal_pair(w0, w1)
        z2, z3 = normal_pair(w2, w3)
        start = 4 * block
        if start + 4 <= n:
            out[start], out[start + 1], out[start + 2], out[start + 3] = z0, z1, z2, z3
        else:
            out[start] = z0
            if start + 1 < n:
                out[start + 1] = z1
            if start + 2 < n:
                out[start + 2] = z2
