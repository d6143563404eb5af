"""Compiled kernels of converters and input drivers: plain functions on float32 arrays that fill `out`.

Those without a batch work on one conversion or one row and are meant to be called by larger kernels as well. A
conversion's noise is a pure function of (key; block of four draws, step, sample, purpose), see `memramp.normals`, so
the codes do not depend on threads or on how a batch is split. Three kinds of draws have purposes of their own: the
ramp's read noise (as given), that of the columns' samples (+ SAMPLE) and of the comparators' decisions (+ DECISION).

K is the number of thresholds, any number from 1 on; 2**bits - 1 where each code has one place on the ramp.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from memramp.jit import inline_kernel, kernel, parallel_kernel
from memramp.normals import normal_pair, philox

Floats = NDArray[np.float32]
Codes = NDArray[np.int16]

SAMPLE, DECISION = 1 << 30, 1 << 31

# Beyond this many standard deviations a decision is certain: the other one has a probability below 1e-15.
_REACH = 8.0


class ColumnErrors(NamedTuple):
    """What tells the columns of one converter apart, and how their comparators decide. All in pre-activation."""

    offset: Floats
    """Offset of each column's comparator, it raises the thresholds, [columns], or [0] for none."""

    sample_std: np.float32
    """Noise of the value that a column holds, drawn once per column and conversion."""

    decision_std: np.float32
    """Noise of the comparator, drawn for each decision."""

    hysteresis: np.float32
    """By how much a threshold is higher for a comparator whose last decision was 'crossed' (counting all only)."""

    count_all: bool
    """Count all clocks that say 'not yet' instead of stopping at the first that says 'crossed'."""


# Up to this many thresholds, comparing all of them with all columns at once (SIMD) beats a binary search per column.
_SCAN_LIMIT = 511


@inline_kernel
def count_crossings(v: np.float32 | np.float64, thresholds: Floats) -> int:
    """Return how many of K non-decreasing thresholds are <= v (binary search); 0 for NaN."""
    count, left = 0, thresholds.shape[0]
    while left > 0:
        half = left >> 1
        if v >= thresholds[count + half]:
            count += half + 1
            left -= half + 1
        else:
            left = half
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
def noisy_values(base: Floats, std: Floats, key: np.uint64, step: int, sample: int, purpose: int, out: Floats) -> None:
    """Fill `out` with the values of one conversion's ramp under read noise, in the order of the clocks.

    `base` are the ramp's programmed values at the comparisons; `std[0]` is the noise of the start value, `std[i]` that
    of the step that leads to value i. Errors of the steps add up along the ramp. All arrays are float32 [K]; element i
    of the noise stems from word i % 4 of counter (i // 4, step, sample, purpose).
    """
    total = np.float32(0.0)
    z = (np.float32(0.0), np.float32(0.0), np.float32(0.0), np.float32(0.0))
    for i in range(base.shape[0]):
        place = i & 3
        if place == 0:
            w0, w1, w2, w3 = philox(key, i >> 2, step, sample, purpose)
            z0, z1 = normal_pair(w0, w1)
            z2, z3 = normal_pair(w2, w3)
            z = (z0, z1, z2, z3)
        total += std[i] * z[place]
        out[i] = base[i] + total


@inline_kernel
def noisy_thresholds(
    base: Floats, std: Floats, key: np.uint64, step: int, sample: int, purpose: int, out: Floats
) -> None:
    """Fill `out` with the thresholds of one conversion under read noise, as a first-crossing comparator sees them.

    A comparator that counts until the first crossing sees the running maximum of `noisy_values`. With std = 0, `out` is
    the running maximum of `base`, bit for bit.
    """
    noisy_values(base, std, key, step, sample, purpose, out)
    highest = np.float32(-np.inf)
    for i in range(base.shape[0]):
        highest = max(highest, out[i])
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

    v [batch, cols], base and std [K] as in `noisy_thresholds`, scratch [parts, K] (a row for each part of the batch
    that a thread takes), codes [batch, cols]. Sample b draws as first_sample + b.
    """
    parts = scratch.shape[0]
    batch = v.shape[0]
    for part in prange(parts):
        for b in range(part * batch // parts, (part + 1) * batch // parts):
            noisy_thresholds(base, std, key, step, first_sample + b, purpose, scratch[part])
            count_crossings_row(v[b], scratch[part], codes[b])


@parallel_kernel
def convert_batch_static(v: Floats, thresholds: Floats, parts: int, codes: Codes) -> None:
    """Convert a batch with one set of non-decreasing thresholds [K]; shapes as in `convert_batch`."""
    batch = v.shape[0]
    for part in prange(parts):
        for b in range(part * batch // parts, (part + 1) * batch // parts):
            count_crossings_row(v[b], thresholds, codes[b])


@kernel
def read_ramp(
    base: Floats, std: Floats, key: np.uint64, step: int, sample: int, purpose: int, count_all: bool, ramp: Floats
) -> None:
    """Fill `ramp` [2, K] for `convert_row`: the values of one conversion in the order of the clocks, and thresholds.

    The values have the read noise of `noisy_thresholds`, bit for bit, but no running maximum. The thresholds, for
    noiseless comparators, are their running maximum, or, where all clocks count, the values in ascending order.
    """
    noisy_values(base, std, key, step, sample, purpose, ramp[0])
    highest = np.float32(-np.inf)
    for i in range(base.shape[0]):
        highest = max(highest, ramp[0, i])
        ramp[1, i] = ramp[0, i] if count_all else highest
    if count_all:
        ramp[1].sort()


@inline_kernel
def _hold_samples(
    v: Floats, first: int, errors: ColumnErrors, key: np.uint64, step: int, sample: int, purpose: int, out: Floats
) -> None:
    """Fill `out` [cols] with what the comparators see of `v` [cols], whose first column has number `first`."""
    z = (np.float32(0.0), np.float32(0.0), np.float32(0.0), np.float32(0.0))
    block = -1
    for j in range(v.shape[0]):
        column = first + j
        if errors.sample_std > 0.0 and column >> 2 != block:
            block = column >> 2
            w0, w1, w2, w3 = philox(key, block, step, sample, purpose + SAMPLE)
            z0, z1 = normal_pair(w0, w1)
            z2, z3 = normal_pair(w2, w3)
            z = (z0, z1, z2, z3)
        offset = np.float64(errors.offset[column]) if errors.offset.shape[0] > 0 else 0.0
        # The product of two float32 is exact in float64: the bits do not depend on fused operations.
        noise = np.float64(errors.sample_std) * np.float64(z[column & 3])
        out[j] = np.float32(np.float64(v[j]) - offset + noise)


@inline_kernel
def _uniform(key: np.uint64, place: int, step: int, sample: int, purpose: int) -> float:
    """Return a uniform number inside (0, 1), a multiple of 2**-33; four places share a counter."""
    w0, w1, w2, w3 = philox(key, place >> 2, step, sample, purpose + DECISION)
    words = (np.float64(w0), np.float64(w1), np.float64(w2), np.float64(w3))
    return (words[place & 3] + 0.5) * 2.0**-32


@inline_kernel
def _first_noisy_crossing(v: np.float32, ramp: Floats, std: np.float32, u: float) -> int:
    """Return the count of one column whose comparator has noise, from one uniform number `u`; ramp [2, K].

    The count exceeds k if all decisions 0..k say 'not yet'. They are independent, each with the probability
    Phi((v - V_i) / std), so that P(count > k) is their running product, and counting how many of these products exceed
    a uniform number has exactly that distribution. Decisions beyond reach have a factor of 1 or stop at once.
    """
    count = count_crossings(np.float64(v) - _REACH * np.float64(std), ramp[1])
    scale = math.sqrt(0.5) / np.float64(std)
    survival = 1.0
    while count < ramp.shape[1]:
        survival *= 0.5 * math.erfc((np.float64(ramp[0, count]) - np.float64(v)) * scale)
        if survival <= u:
            break
        count += 1
    return count


@inline_kernel
def _count_all_clocks(
    v: np.float32, ramp: Floats, errors: ColumnErrors, key: np.uint64, step: int, sample: int, purpose: int, column: int
) -> int:
    """Return how many clocks say 'not yet' for one column; ramp [2, K]."""
    std, size = float(errors.decision_std), ramp.shape[1]
    count, crossed = 0, False
    for k in range(size):
        above = float(v) - float(ramp[0, k]) - (float(errors.hysteresis) if crossed else 0.0)
        if abs(above) >= _REACH * std:
            crossed = above < 0.0
        else:
            chance = 0.5 * math.erfc(above / std * math.sqrt(0.5))  # of 'crossed'
            crossed = _uniform(key, column * size + k, step, sample, purpose) < chance
        count += 0 if crossed else 1
    return count


@kernel
def convert_row(
    v: Floats,
    first: int,
    ramp: Floats,
    errors: ColumnErrors,
    key: np.uint64,
    step: int,
    sample: int,
    purpose: int,
    codes: Codes,
) -> None:
    """Fill `codes` [cols] with the counts of the columns first, first + 1, ... that hold `v` [cols]; see `read_ramp`.

    Noise of the comparators alone costs one uniform number a column, see `_first_noisy_crossing`.
    """
    held = np.empty_like(v)
    _hold_samples(v, first, errors, key, step, sample, purpose, held)
    if errors.count_all and (errors.decision_std > 0.0 or errors.hysteresis > 0.0):
        for j in range(v.shape[0]):
            codes[j] = np.int16(_count_all_clocks(held[j], ramp, errors, key, step, sample, purpose, first + j))
    elif errors.decision_std > 0.0:
        for j in range(v.shape[0]):
            u = _uniform(key, first + j, step, sample, purpose)
            codes[j] = np.int16(_first_noisy_crossing(held[j], ramp, errors.decision_std, u))
    else:
        count_crossings_row(held, ramp[1], codes)


@parallel_kernel
def convert_batch_columns(
    v: Floats,
    first: int,
    base: Floats,
    std: Floats,
    errors: ColumnErrors,
    key: np.uint64,
    first_sample: int,
    step: int,
    purpose: int,
    scratch: Floats,
    codes: Codes,
) -> None:
    """Convert a batch as `convert_batch` does, with columns that differ or count in another way.

    `first` is the number of the first column of v; scratch [parts, 2, K].
    """
    parts = scratch.shape[0]
    batch = v.shape[0]
    for part in prange(parts):
        for b in range(part * batch // parts, (part + 1) * batch // parts):
            sample = first_sample + b
            read_ramp(base, std, key, step, sample, purpose, errors.count_all, scratch[part])
            convert_row(v[b], first, scratch[part], errors, key, step, sample, purpose, codes[b])


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
