"""Compiled loops of the matrix-vector product and its read noise; arrays and scalars only, float32.

All sums run over the rows in rising order, one fused multiply-add a row, whatever the batch size, its split, the
tiling or the number of threads: the same sample gives the same bits in every one of them. (BLAS does not promise that.)

Inputs are not checked here; the arrays must be C-contiguous float32 and of fitting shapes.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from memramp.jit import inline_kernel, kernel, parallel_kernel
from memramp.normals import fill_normals

Floats = NDArray[np.float32]

# Columns of one tile. Four rows of weights and four of outputs, 512 columns of 4 bytes each, stay in a 32 KiB L1 cache.
TILE = 512
# Samples of one task of the parallel loops, a multiple of the four that `mac_block` takes at once.
CHUNK = 16


@inline_kernel
def mac_row(x: Floats, w: Floats, out: Floats) -> None:
    """Multiply one sample: ``out[j] = sum_i x[i] w[i, j]``; x [rows], w [rows, cols], out [cols]."""
    rows, cols = w.shape
    out[:] = np.float32(0.0)
    paired = rows - rows % 4
    for i in range(0, paired, 4):
        a0, a1, a2, a3 = x[i], x[i + 1], x[i + 2], x[i + 3]
        # Slices, so that the compiler knows that no index is negative and can use vector loads.
        w0, w1, w2, w3 = w[i, :cols], w[i + 1, :cols], w[i + 2, :cols], w[i + 3, :cols]
        for j in range(cols):
            out[j] = (((out[j] + a0 * w0[j]) + a1 * w1[j]) + a2 * w2[j]) + a3 * w3[j]
    for i in range(paired, rows):
        a0, w0 = x[i], w[i, :cols]
        for j in range(cols):
            out[j] = out[j] + a0 * w0[j]


@inline_kernel
def _mac_four(x: Floats, w: Floats, first: int, stop: int, out: Floats) -> None:
    """Multiply four samples into the columns first..stop-1; x [4, rows], w [rows, cols], out [4, cols]."""
    rows, cols = w.shape[0], stop - first
    o0, o1, o2, o3 = out[0, first:stop], out[1, first:stop], out[2, first:stop], out[3, first:stop]
    for j in range(cols):
        o0[j] = o1[j] = o2[j] = o3[j] = np.float32(0.0)
    paired = rows - rows % 4
    for i in range(0, paired, 4):
        a0, a1, a2, a3 = x[0, i], x[0, i + 1], x[0, i + 2], x[0, i + 3]
        b0, b1, b2, b3 = x[1, i], x[1, i + 1], x[1, i + 2], x[1, i + 3]
        c0, c1, c2, c3 = x[2, i], x[2, i + 1], x[2, i + 2], x[2, i + 3]
        d0, d1, d2, d3 = x[3, i], x[3, i + 1], x[3, i + 2], x[3, i + 3]
        w0, w1, w2, w3 = w[i, first:stop], w[i + 1, first:stop], w[i + 2, first:stop], w[i + 3, first:stop]
        for j in range(cols):
            v0, v1, v2, v3 = w0[j], w1[j], w2[j], w3[j]
            o0[j] = (((o0[j] + a0 * v0) + a1 * v1) + a2 * v2) + a3 * v3
            o1[j] = (((o1[j] + b0 * v0) + b1 * v1) + b2 * v2) + b3 * v3
            o2[j] = (((o2[j] + c0 * v0) + c1 * v1) + c2 * v2) + c3 * v3
            o3[j] = (((o3[j] + d0 * v0) + d1 * v1) + d2 * v2) + d3 * v3
    for i in range(paired, rows):
        a0, b0, c0, d0 = x[0, i], x[1, i], x[2, i], x[3, i]
        w0 = w[i, first:stop]
        for j in range(cols):
            o0[j] = o0[j] + a0 * w0[j]
            o1[j] = o1[j] + b0 * w0[j]
            o2[j] = o2[j] + c0 * w0[j]
            o3[j] = o3[j] + d0 * w0[j]


@kernel
def mac_block(x: Floats, w: Floats, out: Floats) -> None:
    """Multiply several samples on one core, four at once; x [n, rows], w [rows, cols], out [n, cols].

    Each row of `out` has the bits that `mac_row` gives.
    """
    n, cols = x.shape[0], w.shape[1]
    fours = n - n % 4
    for first in range(0, cols, TILE):
        stop = min(first + TILE, cols)
        for b in range(0, fours, 4):
            _mac_four(x[b : b + 4], w, first, stop, out[b : b + 4])
    for b in range(fours, n):
        mac_row(x[b], w, out[b])


@parallel_kernel
def mac_batch(x: Floats, w: Floats, out: Floats) -> None:
    """Multiply a batch on all cores: as `mac_block`, with the same bits."""
    n = x.shape[0]
    for chunk in numba.prange((n + CHUNK - 1) // CHUNK):
        stop = min((chunk + 1) * CHUNK, n)
        mac_block(x[chunk * CHUNK : stop], w, out[chunk * CHUNK : stop])


@inline_kernel
def sum_of_squares(x: Floats) -> np.float32:
    """Return ``sum_i x[i]^2`` of one sample, in a fixed order (four partial sums)."""
    rows = x.shape[0]
    s0 = s1 = s2 = s3 = np.float32(0.0)
    paired = rows - rows % 4
    for i in range(0, paired, 4):
        s0 += x[i] * x[i]
        s1 += x[i + 1] * x[i + 1]
        s2 += x[i + 2] * x[i + 2]
        s3 += x[i + 3] * x[i + 3]
    for i in range(paired, rows):
        s0 += x[i] * x[i]
    return (s0 + s1) + (s2 + s3)


@inline_kernel
def add_read_noise_row(
    std: float, x: Floats, key: np.uint64, step: int, sample: int, z: Floats, out: Floats
) -> None:
    """Add the read noise of one sample where all pairs fluctuate alike.

    The sum over rows of ``x[i] * noise[i, j]``, with independent noise of standard deviation `std`, is normal with the
    standard deviation ``std * sqrt(sum_i x[i]^2)``, the same for all columns and independent between them: one draw a
    column replaces one a device, exactly. z [cols] is scratch; out [cols] is added to.
    """
    scale = np.float32(std) * np.sqrt(sum_of_squares(x))
    fill_normals(key, step, sample, 0, z)
    for j in range(out.shape[0]):
        out[j] = out[j] + scale * z[j]


@inline_kernel
def add_read_noise_row_var(variance: Floats, key: np.uint64, step: int, sample: int, z: Floats, out: Floats) -> None:
    """Add the read noise of one sample, given the variance of each column, ``sum_i x[i]^2 read_var[i, j]``.

    variance [cols]; z [cols] is scratch; out [cols] is added to.
    """
    fill_normals(key, step, sample, 0, z)
    for j in range(out.shape[0]):
        out[j] = out[j] + np.sqrt(variance[j]) * z[j]


@parallel_kernel
def read_uniform(
    x: Floats, w: Floats, std: float, key: np.uint64, step: int, first_sample: int, out: Floats
) -> None:
    """Read a batch with one read noise for all pairs; x [n, rows], w [rows, cols], out [n, cols], std a scalar."""
    n, cols = out.shape
    for chunk in numba.prange((n + CHUNK - 1) // CHUNK):
        start, stop = chunk * CHUNK, min((chunk + 1) * CHUNK, n)
        mac_block(x[start:stop], w, out[start:stop])
        z = np.empty(cols, np.float32)
        for b in range(start, stop):
            add_read_noise_row(std, x[b], key, step, first_sample + b, z, out[b])


@parallel_kernel
def read_varied(
    x: Floats, w: Floats, read_var: Floats, key: np.uint64, step: int, first_sample: int, out: Floats
) -> None:
    """Read a batch with a read variance for each pair; as `read_uniform`, read_var [rows, cols]."""
    n, cols = out.shape
    for chunk in numba.prange((n + CHUNK - 1) // CHUNK):
        start, stop = chunk * CHUNK, min((chunk + 1) * CHUNK, n)
        mac_block(x[start:stop], w, out[start:stop])
        variance = np.empty((stop - start, cols), np.float32)
        mac_block(x[start:stop] * x[start:stop], read_var, variance)
        z = np.empty(cols, np.float32)
        for b in range(start, stop):
            add_read_noise_row_var(variance[b - start], key, step, first_sample + b, z, out[b])
