"""Compiled kernels of programming: errors of many devices, faults, the write-verify loop, statistics.

All work on a block of devices, of which the first has the number `first`, a multiple of 4. The draws of a device depend
on the key, its number and the purpose alone, so that an array gives the same bits whole, in blocks, and in any order.
"""

import numpy as np
from numba import float64, int64, uint64
from numpy.typing import NDArray

from memramp.jit import kernel
from memramp.normals import fill_normals_from, normal_pair, philox

ERROR, FAULT, WINDOW_MIN, WINDOW_MAX, START = 0, 1, 2, 3, 4
"""Purposes: the second counter of every draw; the first is the number of the device or of four devices."""

_CHUNK = 1024  # a multiple of 4
_LANES = 256
_UNIT = 2.0**-32
_US = 1e-6  # siemens


@kernel
def normals(key: np.uint64, first: int, purpose: int, out: NDArray[np.float32]) -> None:
    """Fill [n] with the standard normals of devices; as `memramp.normals.fill_normals` does for ``first = 0``."""
    fill_normals_from(key, first // 4, purpose, 0, 0, out)


@kernel
def _words(key: np.uint64, first: int, purpose: int, out: NDArray[np.uint32]) -> None:
    """Fill [n] with a random 32-bit word for each device."""
    n = out.shape[0]
    whole = n // 4
    start = first // 4
    for b in range(whole):
        out[4 * b], out[4 * b + 1], out[4 * b + 2], out[4 * b + 3] = philox(key, start + b, purpose, 0, 0)
    if 4 * whole < n:
        w0, w1, w2, _ = philox(key, start + whole, purpose, 0, 0)
        rest = out[4 * whole :]
        rest[0] = w0
        if rest.shape[0] > 1:
            rest[1] = w1
        if rest.shape[0] > 2:
            rest[2] = w2


@kernel
def write_normal(
    target: NDArray[np.float64],
    std: NDArray[np.float64],
    key: np.uint64,
    first: int,
    floor: float,
    out: NDArray[np.float64],
) -> None:
    """Write [n] targets with Gaussian errors, not below `floor`."""
    n = target.shape[0]
    z = np.empty(_CHUNK, np.float32)
    for start in range(0, n, _CHUNK):  # what is worked on stays in the fastest cache
        m = min(_CHUNK, n - start)
        normals(key, first + start, ERROR, z[:m])
        wanted, sigma, g = target[start : start + m], std[start : start + m], out[start : start + m]
        for i in range(m):
            g[i] = max(wanted[i] + sigma[i] * float64(z[i]), floor)


@kernel
def write_quantiles(
    target: NDArray[np.float64],
    row: NDArray[np.int64],
    weight: NDArray[np.float64],
    quantiles: NDArray[np.float64],
    key: np.uint64,
    first: int,
    floor: float,
    out: NDArray[np.float64],
) -> None:
    """Write [n] targets with errors of given quantiles [rows, m], by inverse transform.

    The quantile function of a device lies between those of the rows `row` and ``row + 1``, `weight` of the way; all are
    linear between m evenly spaced probabilities from 0 to 1.
    """
    n = target.shape[0]
    words = np.empty(n, np.uint32)
    _words(key, first, ERROR, words)
    steps = quantiles.shape[1] - 1
    last = quantiles.shape[0] - 1
    for i in range(n):
        place = (float64(words[i]) + 0.5) * _UNIT * steps
        k = min(int64(place), steps - 1)
        part = place - k
        low, high = row[i], min(row[i] + 1, last)
        below = quantiles[low, k] + part * (quantiles[low, k + 1] - quantiles[low, k])
        above = quantiles[high, k] + part * (quantiles[high, k + 1] - quantiles[high, k])
        g = target[i] + below + weight[i] * (above - below)
        out[i] = max(g, floor)


@kernel
def draw_faults(
    off_limit: np.uint64,
    on_limit: np.uint64,
    key: np.uint64,
    first: int,
    off: NDArray[np.bool_],
    on: NDArray[np.bool_],
) -> None:
    """Draw [n] stuck devices: off if a device's word lies below `off_limit`, on if it is at least `on_limit`."""
    n = off.shape[0]
    words = np.empty(n, np.uint32)
    _words(key, first, FAULT, words)
    for i in range(n):
        word = uint64(words[i])
        off[i] = word < off_limit
        on[i] = (not off[i]) and word >= on_limit


@kernel
def error_sums(g: NDArray[np.float64], target: NDArray[np.float64], sums: NDArray[np.float64]) -> None:
    """Add the errors of [n] devices to `sums`: [0] of errors, [1] of squares; [2] is the largest magnitude."""
    # As many partial sums as make vector instructions pay; their number, and so the rounding, is fixed.
    total, squares, largest = np.zeros(_LANES), np.zeros(_LANES), np.zeros(_LANES)
    for start in range(0, g.shape[0], _LANES):
        m = min(_LANES, g.shape[0] - start)
        holds, wanted = g[start : start + m], target[start : start + m]
        for i in range(m):
            error = holds[i] - wanted[i]
            total[i] += error
            squares[i] += error * error
            largest[i] = max(largest[i], abs(error))
    for i in range(_LANES):
        sums[0] += total[i]
        sums[1] += squares[i]
        sums[2] = max(sums[2], largest[i])


@kernel
def write_verify(
    target: NDArray[np.float64],
    start: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    pulses: NDArray[np.float64],
    loop: NDArray[np.float64],
    max_tries: int,
    key: np.uint64,
    first: int,
    g: NDArray[np.float64],
    counts: NDArray[np.int32],
    energy: NDArray[np.float64],
    failed: NDArray[np.bool_],
) -> None:
    """Write [n] devices by pulses until a verify read shows each within the tolerance of its target.

    Parameters
    ----------
    target, start, low, high : [n]
        What is wanted, the state before, and the ends of each device's window [uS].
    pulses : [2, 8]
        Of SET (0) and RESET (1): the mean step is ``p0 range - p1 (distance from the end that it starts from) + p2
        |error as read|``; its standard deviation is composed of ``p3 range`` and ``p4 step``; p5 is V^2 t [V^2 s]; p6
        is the largest mean step [uS]; p7 is 1 where the end of the window is a hard bound.
    loop : [3]
        Tolerance [uS], standard deviation of a verify read [uS], V^2 t of a verify read [V^2 s].
    g, counts, energy, failed : [n], [2, n], [n], [n]
        Filled with the conductances [uS], numbers of SET and of RESET pulses, energies [J], and whether the tries
        ended before the device was within the tolerance.
    """
    for i in range(target.shape[0]):
        state, spent = start[i], 0.0
        span = high[i] - low[i]
        set_pulses, reset_pulses, done = 0, 0, False
        for k in range(max_tries + 1):
            w0, w1, _, _ = philox(key, first + i, ERROR, k + 1, 0)
            z_step, z_read = normal_pair(w0, w1)
            error = state + loop[1] * float64(z_read) - target[i]
            spent += loop[2] * state * _US
            if abs(error) <= loop[0]:
                done = True
                break
            if k == max_tries:
                break
            kind = 0 if error < 0.0 else 1
            p = pulses[kind]
            away = state - low[i] if kind == 0 else high[i] - state
            mean = max(min(p[0] * span - p[1] * away + p[2] * abs(error), p[6]), 0.0)
            step = mean + np.sqrt((p[3] * span) ** 2 + (p[4] * mean) ** 2) * float64(z_step)
            after = state + step if kind == 0 else state - step
            after = max(after, low[i] if pulses[1, 7] > 0.0 else 0.0)
            after = min(after, high[i]) if pulses[0, 7] > 0.0 else after
            spent += p[5] * 0.5 * (state + after) * _US
            state = after
            if kind == 0:
                set_pulses += 1
            else:
                reset_pulses += 1
        g[i], energy[i], failed[i] = state, spent, not done
        counts[0, i], counts[1, i] = set_pulses, reset_pulses
