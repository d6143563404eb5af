"""Compiled kernels of converters: plain functions on float32 arrays that fill `out`.

Those without a batch work on one conversion or one row and are meant to be called by larger kernels as well. A
conversion's noise is a pure function of (key; block of four draws, step, sample, purpose), see `memramp.normals`, so
the codes do not depend on threads or on how a batch is split. Three kinds of draws have purposes of their own: the
ramp's read noise (as given), that of the columns' samples (+ SAMPLE) and of the comparators' decisions (+ DECISION).

K is the number of thresholds, any number from 1 on; 2**bits - 1 where each code has one place on the ramp.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memramp import simd
from memramp.jit import inline_kernel, kernel
from memramp.normals import normal_pair, normals_of_samples, philox

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
def _halve(v: Any, table: Any, count: Any, step: int) -> Any:
    """Return the counts raised by `step` where the threshold of that number is crossed; lane k: threshold k - 1."""
    raised = count + np.int32(step)
    return simd.select(v >= simd.pick(table, raised), raised, count)


@inline_kernel
def _search_in_registers(
    v: Floats, b: int, start: int, stop: int, thresholds: Floats, row: int, outputs: Floats, target: Any, to: int
) -> None:
    size = outputs.shape[0] - 1
    never = np.float32(np.nan)  # no value crosses it
    table = simd.moved_up(simd.load_wide_or(thresholds, (row, 0), size, never), never)
    values = simd.load_wide(outputs, (0,), size + 1)
    for j in range(start, stop, simd.WIDE):
        held = simd.load_wide(v, (b, j), stop - j)
        count = _halve(held, table, simd.no_counts(), 16)
        count = _halve(held, table, count, 8)
        count = _halve(held, table, count, 4)
        count = _halve(held, table, count, 2)
        count = _halve(held, table, count, 1)
        simd.store_part(target, (b, to + j - start), simd.pick(values, count), stop - j)


@inline_kernel
def _scan(
    v: Floats, b: int, start: int, stop: int, thresholds: Floats, row: int, outputs: Floats, target: Any, to: int
) -> None:
    for j in range(start, stop, simd.WIDE):
        held = simd.load_wide(v, (b, j), stop - j)
        # As thresholds rise, the last one that is crossed decides: no count is needed to find its output.
        found = simd.splat_wide(outputs[0])
        for k in range(outputs.shape[0] - 1):
            found = simd.select(held >= thresholds[row, k], outputs[k + 1], found)
        simd.store_part(target, (b, to + j - start), found, stop - j)


_few_thresholds = _search_in_registers if simd.PICKS else _scan


@inline_kernel
def look_up(
    v: Floats, b: int, start: int, stop: int, thresholds: Floats, row: int, outputs: Floats, target: Any, to: int
) -> None:
    """Fill target[b, to...] with ``outputs[c]``, c the count of crossings of v[b, start..stop-1].

    thresholds [rows, K or more], of which `row` counts, the first K non-decreasing; outputs [K + 1]; target float32, or
    an integer type for outputs that are whole numbers; it may be v itself. NaN gives outputs[0].
    """
    size = outputs.shape[0] - 1
    if size < simd.WIDE:
        _few_thresholds(v, b, start, stop, thresholds, row, outputs, target, to)
    elif size <= _SCAN_LIMIT:
        _scan(v, b, start, stop, thresholds, row, outputs, target, to)
    else:
        for j in range(start, stop):
            target[b, to + j - start] = outputs[count_crossings(v[b, j], thresholds[row, :size])]


@inline_kernel
def ramp_buffer(n: int, size: int) -> Floats:
    """Return an array for the ramps of n samples, see `ramp_rows`: its rows and columns are somewhat more."""
    return np.empty(((n + 15) // 16 * 16, (size + 3) // 4 * 4), np.float32)


@inline_kernel
def _climb(z: Any, place: int, base: Floats, std: Floats, total: Any, highest: Any, rising: bool) -> Any:
    """Go one step up 16 ramps: return their values, the sums of their errors and the greatest values so far."""
    place = min(place, base.shape[0] - 1)  # what is found beyond the end is not used
    total = simd.fma(z, std[place], total)
    value = total + base[place]
    highest = simd.greater(value, highest)
    return highest if rising else value, total, highest


@inline_kernel
def ramp_rows(
    base: Floats, std: Floats, key: np.uint64, step: int, first_sample: int, purpose: int, rising: bool, out: Floats
) -> None:
    """Fill each row of `out`, a `ramp_buffer`, with one sample's ramp under read noise; columns from K on are scratch.

    `base` are the ramp's programmed values at the comparisons; `std[0]` is the noise of the start value, `std[i]` that
    of the step that leads to value i, both [K]. Errors of the steps add up along the ramp. Element i of the noise stems
    from word i % 4 of counter (i // 4, step, sample, purpose).

    `rising` asks for thresholds as a comparator sees them that counts until the first crossing: the running maximum of
    the values, which stand in the order of the clocks otherwise. With std = 0, that is the one of `base`, bit for bit.
    """
    for b in range(0, out.shape[0], simd.LANES):
        # The lanes are samples.
        total, highest = simd.splat(np.float32(0.0)), simd.splat(np.float32(-np.inf))
        for i in range(0, out.shape[1], 4):
            z0, z1, z2, z3 = normals_of_samples(key, i >> 2, step, first_sample + b, purpose)
            v0, total, highest = _climb(z0, i, base, std, total, highest, rising)
            v1, total, highest = _climb(z1, i + 1, base, std, total, highest, rising)
            v2, total, highest = _climb(z2, i + 2, base, std, total, highest, rising)
            v3, total, highest = _climb(z3, i + 3, base, std, total, highest, rising)
            even, odd = simd.interleave(v0, v2), simd.interleave(v1, v3)
            for half in range(2):
                low, high = simd.interleave(even[half], odd[half])
                simd.store_quads(out, (b + 8 * half, i), low)
                simd.store_quads(out, (b + 8 * half + 4, i), high)


@inline_kernel
def numbers_to(outputs: Floats) -> None:
    """Fill `outputs` [K + 1] with 0, 1, ... K: with these as outputs, `look_up` gives the counts themselves."""
    for k in range(outputs.shape[0]):
        outputs[k] = np.float32(k)


@kernel
def noisy_thresholds(
    base: Floats, std: Floats, key: np.uint64, step: int, sample: int, purpose: int, out: Floats
) -> None:
    """Fill `out` [K] with the thresholds of one conversion under read noise, see `ramp_rows`."""
    ramps = ramp_buffer(1, out.shape[0])
    ramp_rows(base, std, key, step, sample, purpose, True, ramps)
    for i in range(out.shape[0]):
        out[i] = ramps[0, i]


@kernel
def convert_batch(
    v: Floats, base: Floats, std: Floats, key: np.uint64, first_sample: int, step: int, purpose: int, codes: Codes
) -> None:
    """Convert a batch on one core, each sample with a ramp of its own read noise that is common to all its columns.

    v [n, cols], base and std [K] as in `ramp_rows`, codes [n, cols]. Sample b draws as first_sample + b.
    """
    thresholds, numbers = ramp_buffer(v.shape[0], base.shape[0]), np.empty(base.shape[0] + 1, np.float32)
    ramp_rows(base, std, key, step, first_sample, purpose, True, thresholds)
    numbers_to(numbers)
    for b in range(v.shape[0]):
        look_up(v, b, 0, v.shape[1], thresholds, b, numbers, codes, 0)


@kernel
def convert_batch_static(v: Floats, thresholds: Floats, codes: Codes) -> None:
    """Convert a batch on one core with one set of non-decreasing thresholds [K]; shapes as in `convert_batch`."""
    levels, numbers = thresholds.reshape(1, thresholds.shape[0]), np.empty(thresholds.shape[0] + 1, np.float32)
    numbers_to(numbers)
    for b in range(v.shape[0]):
        look_up(v, b, 0, v.shape[1], levels, 0, numbers, codes, 0)


@kernel
def convert_batch_by_bins(
    v: Floats, thresholds: Floats, below: NDArray[np.int32], low: np.float32, per_bin: np.float32, codes: Codes
) -> None:
    """Convert as `convert_batch_static`, where each of some even bins holds at most one threshold, the last bin one.

    Bin m holds the values with ``int((v - low) * per_bin) = m``, 0 and the last also what lies beyond; below[m] is the
    number of thresholds in the bins before. As the number of the bin never falls when v rises, this is exact.
    """
    last = np.float32(below.shape[0] - 1)
    for b in range(v.shape[0]):
        for j in range(v.shape[1]):
            value = v[b, j]
            count = below[np.int64(min(max((value - low) * per_bin, np.float32(0.0)), last))]
            codes[b, j] = count + (value >= thresholds[count])


@inline_kernel
def _sort(values: Floats) -> None:
    """Sort in place, quickly where little is out of order (Shell, doi 10.1145/368370.368387)."""
    gap = values.shape[0] // 2
    while gap > 0:
        for i in range(gap, values.shape[0]):
            value, j = values[i], i
            while j >= gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value
        gap //= 2


@inline_kernel
def _sort_ramp(values: Floats, count_all: bool, ramp: Floats) -> None:
    """Fill `ramp` [2, K], see `read_ramp`, from a row of a `ramp_buffer`."""
    highest = np.float32(-np.inf)
    for i in range(ramp.shape[1]):
        highest = max(highest, values[i])
        ramp[0, i] = values[i]
        ramp[1, i] = values[i] if count_all else highest
    if count_all:
        _sort(ramp[1])


@kernel
def read_ramp(
    base: Floats, std: Floats, key: np.uint64, step: int, sample: int, purpose: int, count_all: bool, ramp: Floats
) -> None:
    """Fill `ramp` [2, K] for `convert_row`: the values of one conversion in the order of the clocks, and thresholds.

    The values have the read noise of `ramp_rows`, bit for bit. The thresholds, for noiseless comparators, are their
    running maximum, or, where all clocks count, the values in ascending order.
    """
    ramps = ramp_buffer(1, base.shape[0])
    ramp_rows(base, std, key, step, sample, purpose, False, ramps)
    _sort_ramp(ramps[0], count_all, ramp)


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


@inline_kernel
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
        for j in range(v.shape[0]):
            codes[j] = np.int16(count_crossings(held[j], ramp[1]))


@inline_kernel
def convert_columns(
    v: Floats,
    first: int,
    values: Floats,
    errors: ColumnErrors,
    key: np.uint64,
    step: int,
    sample: int,
    purpose: int,
    ramp: Floats,
    codes: Codes,
) -> None:
    """Convert one sample's columns first, first + 1, ... that differ or count in another way; v and codes [cols].

    `values` is the sample's row of a `ramp_buffer`, not rising; ramp [2, K] is scratch.
    """
    _sort_ramp(values, errors.count_all, ramp)
    convert_row(v, first, ramp, errors, key, step, sample, purpose, codes)


@kernel
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
    codes: Codes,
) -> None:
    """Convert a batch as `convert_batch` does, with columns that differ or count in another way.

    `first` is the number of the first column of v.
    """
    ramps, ramp = ramp_buffer(v.shape[0], base.shape[0]), np.empty((2, base.shape[0]), np.float32)
    ramp_rows(base, std, key, step, first_sample, purpose, False, ramps)
    for b in range(v.shape[0]):
        convert_columns(v[b], first, ramps[b], errors, key, step, first_sample + b, purpose, ramp, codes[b])
