"""Compiled reads of an array: the matrix product and its read noise; arrays and scalars only, float32.

A draw is a pure function of (key; place, step, sample, purpose), see `memramp.normals`, so the bits do not depend on
the number of threads or on how a batch is split. Purposes of one array: 4 t + k, where t numbers the tile of rows (0
where the rows are not split) and k says what is drawn.

Inputs are not checked here; the arrays must be C-contiguous and of fitting shapes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memramp import simd
from memramp.crossbar.product_kernels import mac_rows, panels_of
from memramp.jit import inline_kernel, kernel
from memramp.normals import normal_pair, normals_twice, philox

Floats = NDArray[np.float32]

COLUMNS, SHARED, STATES = 0, 1, 2
"""What is drawn: the noise of each column, that of a reference column, the states of two-state devices."""

PURPOSES = 4
"""Purposes that each tile of rows has for itself."""


class Telegraph(NamedTuple):
    """Devices that toggle between two states, m of them; the state is drawn for each sample and read."""

    row: NDArray[np.int32]
    """Row of each, [m], non-decreasing."""

    col: NDArray[np.int32]
    """Column of each, [m]; -1: a device of a reference column that is subtracted, so it acts on all columns."""

    delta: Floats
    """What the second state adds to the pair's weight, [m] [weight units]; so -1/scale times the change of a negative
    or a reference device's conductance."""

    duty: Floats
    """Probability of the second state, [m], 0..1."""


_NO_MATRIX, _NO_VECTOR = np.empty((0, 0), np.float32), np.empty(0, np.float32)
_NO_PLACES = np.empty(0, np.int32)
NO_TELEGRAPH = Telegraph(_NO_PLACES, _NO_PLACES, _NO_VECTOR, _NO_VECTOR)


class ReadNoise(NamedTuple):
    """Read noise of an array: of a read of x, the sum of all that is given here. Nothing is given by default.

    What is `held` is constant within a read: its variance at an output is ``sum_i x_i^2 held_ij``. What is `white` in
    time averages out over the pulse: ``sum_i |x_i| white_ij``.
    """

    held_std: float = 0.0
    """Deviation that all pairs have [weight units]."""

    white_std: float = 0.0
    """The same, of white noise over a full pulse [weight units]."""

    held: Floats = _NO_MATRIX
    """Variance of each pair, [rows, cols], or [0, 0] for none [weight units squared]."""

    white: Floats = _NO_MATRIX
    """The same, of white noise over a full pulse."""

    telegraph: Telegraph = NO_TELEGRAPH
    """Two-state devices."""

    shared_held: Floats = _NO_VECTOR
    """Variance of each device of a reference column that is subtracted from all columns, so that they have its noise in
    common, [rows], or [0] for none [weight units squared]."""

    shared_white: Floats = _NO_VECTOR
    """The same, of white noise over a full pulse."""


class Noise(NamedTuple):
    """A `ReadNoise` as kernels take it; what is None is compiled apart. Made by `noise_for_kernels`."""

    held_std: float
    white_std: float
    varied: tuple[Floats, Floats] | None
    """Variances held and white, each in panels, or [0, 0, 0] for none."""

    telegraph: Telegraph | None
    shared: tuple[Floats, Floats] | None


def noise_for_kernels(noise: ReadNoise) -> Noise:
    """Return read noise as kernels take it; noise of no pair counts as none."""
    varied = tuple(panels_of(part if part.any() else _NO_MATRIX) for part in (noise.held, noise.white))
    shared = (noise.shared_held, noise.shared_white)
    telegraph = Telegraph(*(np.array(part, part.dtype) for part in noise.telegraph))  # copies: writable, contiguous
    return Noise(
        held_std=float(noise.held_std),
        white_std=float(noise.white_std),
        varied=(varied[0], varied[1]) if any(part.size for part in varied) else None,
        telegraph=telegraph if telegraph.row.size else None,
        shared=(_copy(shared[0]), _copy(shared[1])) if any(part.any() for part in shared) else None,
    )


def _copy(values: Floats) -> Floats:
    return np.array(values, np.float32)


@inline_kernel
def _sum_of_squares(x: Floats, b: int, start: int, stop: int) -> np.float32:
    """Return the sum of x[b, i]^2 over rows start..stop-1, in a fixed order."""
    sums = simd.splat(np.float32(0.0))
    for i in range(start, stop, simd.LANES):
        part = simd.load_part(x, (b, i), stop - i)
        sums = simd.fma(part, part, sums)
    return simd.total(sums)


@inline_kernel
def _sum_of_sizes(x: Floats, b: int, start: int, stop: int) -> np.float32:
    """Return the sum of |x[b, i]| over rows start..stop-1, in a fixed order."""
    sums = simd.splat(np.float32(0.0))
    for i in range(start, stop, simd.LANES):
        sums = sums + simd.absolute(simd.load_part(x, (b, i), stop - i))
    return simd.total(sums)


@inline_kernel
def _common_deviations(x: Floats, held: float, white: float, start: int, stop: int, std: Floats) -> None:
    """Fill `std` [n] with the deviation that all columns of a sample have alike; held and white are those of a pair."""
    for b in range(x.shape[0]):
        total = 0.0
        if held > 0.0:
            total += held * held * np.float64(_sum_of_squares(x, b, start, stop))
        if white > 0.0:
            total += white * white * np.float64(_sum_of_sizes(x, b, start, stop))
        std[b] = np.float32(np.sqrt(total))


@inline_kernel
def _varied_deviations(
    x: Floats, panels: tuple[Floats, Floats], start: int, stop: int, common: Floats, std: Floats
) -> None:
    """Fill `std` [n, cols] with the deviation of each column of each sample, common [n] included."""
    n, cols = std.shape
    power, found = np.empty((n, x.shape[1]), np.float32), np.empty((n, cols), np.float32)
    for b in range(n):
        for j in range(cols):
            std[b, j] = common[b] * common[b]
    for kind in range(2):
        if panels[kind].shape[0] > 0:
            for b in range(n):
                for i in range(start, stop):
                    power[b, i] = x[b, i] * x[b, i] if kind == 0 else abs(x[b, i])
            mac_rows(power, panels[kind], start, stop, found)
            for b in range(n):
                for j in range(cols):
                    std[b, j] += found[b, j]
    for b in range(n):
        for j in range(0, cols, simd.WIDE):
            simd.store_part(std, (b, j), simd.square_root(simd.load_wide(std, (b, j), cols - j)), cols - j)


@inline_kernel
def _add_group(z: Floats, common: Floats, varied: Floats | None, b: int, j: int, count: int, out: Floats) -> None:
    """Add the first `count` of 32 normals times their deviations to out[b, j...]."""
    held = simd.load_wide(out, (b, j), count)
    if varied is None:
        simd.store_part(out, (b, j), simd.fma(z, common[b], held), count)
    else:
        simd.store_part(out, (b, j), simd.fma(z, simd.load_wide(varied, (b, j), count), held), count)


@inline_kernel
def _add_columns(
    common: Floats, varied: Floats | None, key: np.uint64, step: int, first: int, purpose: int, out: Floats
) -> None:
    """Add a normal of its own to each output [n, cols], with the deviations common [n] or varied [n, cols]."""
    n, cols = out.shape
    b, j = 0, 0
    while b < n:
        # Two groups of columns at a time, the second perhaps those that begin the next sample's, or none.
        row, column = (b, j + simd.WIDE) if j + simd.WIDE < cols else (b + 1, 0)
        count = cols - column if row < n else 0
        z = normals_twice(key, (j >> 2, column >> 2), step, (first + b, first + row), purpose)
        _add_group(z[0], common, varied, b, j, cols - j, out)
        _add_group(z[1], common, varied, min(row, n - 1), column, count, out)
        b, j = (row, column + simd.WIDE) if column + simd.WIDE < cols else (row + 1, 0)


@inline_kernel
def _add_gaussian(
    x: Floats,
    held_std: float,
    white_std: float,
    varied: tuple[Floats, Floats] | None,
    start: int,
    stop: int,
    key: np.uint64,
    step: int,
    first: int,
    purpose: int,
    out: Floats,
) -> None:
    """Add the noise that the columns have each for itself."""
    common = np.empty(x.shape[0], np.float32)
    _common_deviations(x, held_std, white_std, start, stop, common)
    if varied is None:
        if held_std > 0.0 or white_std > 0.0:
            _add_columns(common, None, key, step, first, purpose, out)
    else:
        std = np.empty(out.shape, np.float32)
        _varied_deviations(x, varied, start, stop, common, std)
        _add_columns(common, std, key, step, first, purpose, out)


@inline_kernel
def _add_shared(
    x: Floats,
    shared: tuple[Floats, Floats] | None,
    start: int,
    stop: int,
    key: np.uint64,
    step: int,
    first: int,
    purpose: int,
    out: Floats,
) -> None:
    """Add one normal to all columns of each sample: the noise of a reference column."""
    if shared is None:
        return
    for b in range(x.shape[0]):
        variance = 0.0
        for i in range(start, stop):
            size = abs(np.float64(x[b, i]))
            if shared[0].shape[0] > 0:
                variance += size * size * np.float64(shared[0][i])
            if shared[1].shape[0] > 0:
                variance += size * np.float64(shared[1][i])
        w0, w1, _, _ = philox(key, 0, step, first + b, purpose)
        noise = np.float32(np.sqrt(variance)) * normal_pair(w0, w1)[0]
        for j in range(out.shape[1]):
            out[b, j] += noise


@inline_kernel
def _add_states(
    x: Floats,
    devices: Telegraph | None,
    start: int,
    stop: int,
    key: np.uint64,
    step: int,
    first: int,
    purpose: int,
    out: Floats,
) -> None:
    """Add what two-state devices of rows start..stop-1 do: device d takes word d % 4 of counter (d // 4, ...)."""
    if devices is None:
        return
    begin, end = 0, devices.row.shape[0]
    while begin < end and devices.row[begin] < start:
        begin += 1
    while end > begin and devices.row[end - 1] >= stop:
        end -= 1
    for b in range(x.shape[0]):
        for block in range(begin // 4, (end + 3) // 4):
            words = philox(key, block, step, first + b, purpose)
            for k in range(4):
                d = 4 * block + k
                if begin <= d < end and (np.float64(words[k]) + 0.5) * 2.0**-32 < np.float64(devices.duty[d]):
                    change = x[b, devices.row[d]] * devices.delta[d]
                    if devices.col[d] >= 0:
                        out[b, devices.col[d]] += change
                    else:
                        for j in range(out.shape[1]):
                            out[b, j] += change


@inline_kernel
def read_rows(
    x: Floats,
    w: Floats,
    noise: Noise,
    start: int,
    stop: int,
    tile: int,
    key: np.uint64,
    step: int,
    first: int,
    out: Floats,
) -> None:
    """Read rows start..stop-1 of an array, once for each sample: ``out[b, j]``, with all read noise.

    x [n, rows]; w [panels, rows, WIDTH]; out [n, cols]; `first` is the number of the first sample.

    Noise that is Gaussian, independent for each device and read, and constant or white within a read, makes a normal
    of the variance that `ReadNoise` gives at each output, independent between outputs: one draw an output stands for
    one a device, exactly.
    """
    purpose = PURPOSES * tile
    mac_rows(x, w, start, stop, out)
    _add_gaussian(
        x, noise.held_std, noise.white_std, noise.varied, start, stop, key, step, first, purpose + COLUMNS, out
    )
    _add_shared(x, noise.shared, start, stop, key, step, first, purpose + SHARED, out)
    _add_states(x, noise.telegraph, start, stop, key, step, first, purpose + STATES, out)


@kernel
def read_batch(
    x: Floats,
    w: Floats,
    noise: Noise,
    start: int,
    stop: int,
    tile: int,
    key: np.uint64,
    step: int,
    first: int,
    out: Floats,
) -> None:
    """Read on one core, see `read_rows`."""
    read_rows(x, w, noise, start, stop, tile, key, step, first, out)
