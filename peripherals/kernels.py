"""Compiled kernels of converters and input drivers: plain functions on float32 arrays that fill `out`.

The inline ones work on one conversion or one row and are meant to be called by larger kernels as well. A conversion's
noise is a pure function of (key; block of four devices, step, sample, purpose), see `memramp.normals`, so the codes do
not depend on threads or on how a batch is split.
"""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from memramp.jit import inline_kernel, parallel_kernel
from memramp.normals import normal_pair, philox

Floats = NDArray[np.float32]
Codes = NDArray[np.int16]

# Up to this many thresholds, comparing all of them with all columns at once (SIMD) beats a binary search per column.
_SCAN_LIMIT = 511


@inline_kernel
def count_crossings(v: np.float32, thresholds: Floats) -> int:
    """Return how many of 2**bits - 1 non-decreasing thresholds are <= v (binary search); 0 for NaN."""
    count = 0
    half = (thresholds.shape[0] + 1) >> 1
    while half > 0:
        if v >= thresholds[count + half - 1]:
            count += half
        half >>= 1
    return count


@inline_kernel
def count_crossings_row(v: Floats, thresholds: Floats, codes: Codes) -> None:
    """Fill `codes` [cols] with the counts of `v` [cols]; the same as `count_crossings` for each column."""
    columns = v.shape[0]
    if thresholds.shape[0] > _SCAN_LIMIT:
        for j in range(columns):
            codes[j] = np.int16(count_crossings(v[j], thresholds))
        return
    for j in range(columns):
        codes[j] = np.int16(0)
    for i in range(thresholds.shape[0]):
        level = thresholds[i]
        for j in range(columns):
            codes[j] += np.int16(v[j] >= level)


@inline_kernel
def noisy_thresholds(
    base: Floats, std: Floats, key: np.uint64, step: int, sample: int, purpose: int, out: Floats
) -> None:
    """Fill `out` with the thresholds of one conversion under read noise, as a first-crossing comparator sees them.

    `base` are the ramp's programmed values at the comparisons; `std[0]` is the noise of the start value, `std[i]` that
    of the step that leads to value i. Errors of the steps add up along the ramp. A comparator that counts until the
    first crossing sees the running maximum of the ramp. All arrays are float32 [2**bits - 1]; element i of the noise
    stems from word i % 4 of counter (i // 4, step, sample, purpose). With std = 0, `out` is the running maximum of
    `base`, bit for bit.
    """
    total = np.float32(0.0)
    highest = np.float32(-np.inf)
    z = (np.float32(0.0), np.float32(0.0), np.float32(0.0), np.float32(0.0))
    for i in range(base.shape[0]):
        place = i & 3
        if place == 0:
            w0, w1, w2, w3 = philox(key, i >> 2, step, sample, purpose)
            z0, z1 = normal_pair(w0, w1)
            z2, z3 = normal_pair(w2, w3)
            z = (z0, z1, z2, z3)
        total += std[i] * z[place]
        highest = max(highest, base[i] + total)
        out[i] = highest


@parallel_kernel
def convert_batch(
    v: Floats,
    base: Floats,
    std: Floats,
    key: np.uint64,
    first_sample: int,
    step: int,
    purpose: int,
    scratch: Floats,
    codes: Codes,
) -> None:
    """Convert a batch, each sample with a ramp of its own read noise that is common to all its columns.

    v [batch, cols], base and std [2**bits - 1] as in `noisy_thresholds`, scratch [parts, 2**bits - 1] (a row for each
    part of the batch that a thread takes), codes [batch, cols]. Sample b draws as first_sample + b.
    """
    parts = scratch.shape[0]
    batch = v.shape[0]
    for part in prange(parts):
        for b in range(part * batch // parts, (part + 1) * batch // parts):
            noisy_thresholds(base, std, key, step, first_sample + b, purpose, scratch[part])
            count_crossings_row(v[b], scratch[part], codes[b])


@parallel_kernel
def convert_batch_static(v: Floats, thresholds: Floats, parts: int, codes: Codes) -> None:
    """Convert a batch with one set of non-decreasing thresholds [2**bits - 1]; shapes as in `convert_batch`."""
    batch = v.shape[0]
    for part in prange(parts):
        for b in range(part * batch // parts, (part + 1) * batch // parts):
            count_crossings_row(v[b], thresholds, codes[b])


@inline_kernel
def quantise_input(x: np.float32, limit: np.float32, levels: int) -> np.float32:
    """Return an input as its driver codes it: clipped to +-limit, in `levels` pulse widths each side (0: any width)."""
    clipped = min(max(x, -limit), limit)
    if levels == 0:
        return clipped
    count = np.float32(levels)
    return np.float32(np.rint(clipped / limit * count) / count * limit)


@parallel_kernel
def quantise_batch(x: Floats, limit: np.float32, levels: int, out: Floats) -> None:
    """Fill `out` with the quantised inputs `x`, both [batch, rows]."""
    for b in prange(x.shape[0]):
        for i in range(x.shape[1]):
            out[b, i] = quantise_input(x[b, i], limit, levels)
