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


Powers = tuple[Floats, Floats] | None
"""What the variances of noise are multiplied with, [n, rows] each: of what is held within a read, and of what is white
over the pulse. None: x^2 and |x|, those of pulses of length |x|."""


class Telegraph(NamedTuple):
    """Devices that toggle between two states, m of them; the state is drawn for each sample and read."""

    row: NDArray[np.int32]
    """Row of each, [m], non-decreasing."""

    col: NDArray[np.int32]
    """Column of each, [m]; -1 - p: a device of reference column p, which is subtracted from all columns of its part."""

    delta: Floats
    """What the second state adds to the pair's weight, so -1/scale times the change of a negative device's conductance,
    [m] [weight units]; of a reference device, the change of its conductance [uS]."""

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

    shared: "Shared | None" = None
    """Reference columns that outputs have in common."""


class Shared(NamedTuple):
    """Reference columns, P of them, each subtracted from the columns of its part, which so have its noise in common."""

    held: Floats
    """Variance of each device, [rows, P] [uS^2]."""

    white: Floats
    """The same, of white noise over a full pulse, [rows, P]."""

    part: NDArray[np.int32]
    """Reference column of each column, [cols]."""

    factor: Floats
    """What the reference column counts for in each column, [cols] [weight units per uS]."""


class Partial(NamedTuple):
    """How the sums of several arrays of rows are converted before they are joined in digital."""

    bounds: NDArray[np.int64]
    """First row of each array, then the number of rows, [arrays + 1]."""

    lsb: float
    """Partial sum of one code [pre-activation]."""

    top: int
    """Largest code; the smallest is -top."""


class Noise(NamedTuple):
    """A `ReadNoise` as kernels take it; what is None is compiled apart. Made by `noise_for_kernels`."""

    held_std: float
    white_std: float
    varied: tuple[Floats, Floats]
    """Variances held and white, each in panels, or [0, 0, 0] for none: never compiled apart, since the ideal twin of
    noisy arrays is read in the same run."""

    telegraph: Telegraph | None
    shared: Shared | None


def noise_for_kernels(noise: ReadNoise) -> Noise:
    """Return read noise as kernels take it; noise of no pair counts as none."""
    varied = tuple(panels_of(part if part.any() else _NO_MATRIX) for part in (noise.held, noise.white))
    # Copies: writable and contiguous, so that kernels are compiled for one form of them.
    row, col, delta, duty = noise.telegraph
    telegraph = Telegraph(np.array(row), np.array(col), np.array(delta), np.array(duty))
    shared = noise.shared
    return Noise(
        held_std=float(noise.held_std),
        white_std=float(noise.white_std),
        varied=(varied[0], varied[1]),
        telegraph=telegraph if telegraph.row.size else None,
        shared=None
        if shared is None
        else Shared(np.array(shared.held), np.array(shared.white), np.array(shared.part), np.array(shared.factor)),
    )


@inline_kernel
def _sum(x: Floats, b: int, start: int, stop: int) -> np.float32:
    """Return the sum of x[b, i] over rows start..stop-1, in a fixed order."""
    sums = simd.splat(np.float32(0.0))
    for i in range(start, stop, simd.LANES):
        sums = sums + simd.load_part(x, (b, i), stop - i)
    return simd.total(sums)


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
def _held_power(x: Floats, powers: Powers, b: int, start: int, stop: int) -> np.float64:
    """Return what noise that is held within a read is multiplied with, summed over rows."""
    if powers is None:
        return np.float64(_sum_of_squares(x, b, start, stop))
    return np.float64(_sum(powers[0], b, start, stop))


@inline_kernel
def _white_power(x: Floats, powers: Powers, b: int, start: int, stop: int) -> np.float64:
    """Return what noise that is white over the pulse is multiplied with, summed over rows."""
    if powers is None:
        return np.float64(_sum_of_sizes(x, b, start, stop))
    return np.float64(_sum(powers[1], b, start, stop))


@inline_kernel
def _fill_power(x: Floats, powers: Powers, white: bool, start: int, stop: int, power: Floats) -> None:
    """Fill `power` [n, rows] with what the noise of each row is multiplied with."""
    for b in range(x.shape[0]):
        for i in range(start, stop):
            if powers is None:
                power[b, i] = abs(x[b, i]) if white else x[b, i] * x[b, i]
            else:
                power[b, i] = powers[1][b, i] if white else powers[0][b, i]


@inline_kernel
def _common_deviations(
    x: Floats, powers: Powers, held: float, white: float, start: int, stop: int, std: Floats
) -> None:
    """Fill `std` [n] with the deviation that all columns of a sample have alike; held and white are those of a pair."""
    for b in range(x.shape[0]):
        total = 0.0
        if held > 0.0:
            total += held * held * _held_power(x, powers, b, start, stop)
        if white > 0.0:
            total += white * white * _white_power(x, powers, b, start, stop)
        std[b] = np.float32(np.sqrt(total))


@inline_kernel
def _varied_deviations(
    x: Floats, powers: Powers, panels: tuple[Floats, Floats], start: int, stop: int, common: Floats, std: Floats
) -> None:
    """Fill `std` [n, cols] with the deviation of each column of each sample, common [n] included."""
    n, cols = std.shape
    power, found = np.empty((n, x.shape[1]), np.float32), np.empty((n, cols), np.float32)
    for b in range(n):
        for j in range(cols):
            std[b, j] = common[b] * common[b]
    for kind in range(2):
        if panels[kind].shape[0] > 0:
            _fill_power(x, powers, kind == 1, start, stop, power)
            mac_rows(power, panels[kind], start, stop, 0, panels[kind].shape[0], found)
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
    powers: Powers,
    held_std: float,
    white_std: float,
    varied: tuple[Floats, Floats],
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
    _common_deviations(x, powers, held_std, white_std, start, stop, common)
    if varied[0].shape[0] + varied[1].shape[0] == 0:
        if held_std > 0.0 or white_std > 0.0:
            _add_columns(common, None, key, step, first, purpose, out)
    else:
        std = np.empty(out.shape, np.float32)
        _varied_deviations(x, powers, varied, start, stop, common, std)
        _add_columns(common, std, key, step, first, purpose, out)


@inline_kernel
def _add_shared(
    x: Floats,
    powers: Powers,
    shared: Shared | None,
    start: int,
    stop: int,
    key: np.uint64,
    step: int,
    first: int,
    purpose: int,
    out: Floats,
) -> None:
    """Subtract the noise of reference columns: a normal of each sample that the columns of a part have in common."""
    if shared is None:
        return
    parts = shared.held.shape[1]
    common = np.empty(parts, np.float32)
    held, white = np.empty(x.shape, np.float32), np.empty(x.shape, np.float32)
    _fill_power(x, powers, False, start, stop, held)
    _fill_power(x, powers, True, start, stop, white)
    for b in range(x.shape[0]):
        for p in range(parts):
            variance = 0.0
            for i in range(start, stop):
                variance += np.float64(held[b, i]) * np.float64(shared.held[i, p])
                variance += np.float64(white[b, i]) * np.float64(shared.white[i, p])
            w0, w1, _, _ = philox(key, p, step, first + b, purpose)
            common[p] = np.float32(np.sqrt(variance)) * normal_pair(w0, w1)[0]
        for j in range(out.shape[1]):
            out[b, j] -= shared.factor[j] * common[shared.part[j]]


@inline_kernel
def _subtract_reference(shared: Shared | None, part: int, change: np.float32, out: Floats) -> None:
    """Subtract what a reference column has more from the columns of its part."""
    if shared is None:
        return
    for j in range(out.shape[0]):
        if shared.part[j] == part:
            out[j] -= shared.factor[j] * change


@inline_kernel
def _add_states(
    x: Floats,
    devices: Telegraph | None,
    shared: Shared | None,
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
            w0, w1, w2, w3 = philox(key, block, step, first + b, purpose)
            words = (np.float64(w0), np.float64(w1), np.float64(w2), np.float64(w3))
            for k in range(4):
                d = 4 * block + k
                if begin <= d < end and (words[k] + 0.5) * 2.0**-32 < np.float64(devices.duty[d]):
                    change = x[b, devices.row[d]] * devices.delta[d]
                    if devices.col[d] >= 0:
                        out[b, devices.col[d]] += change
                    else:
                        _subtract_reference(shared, -1 - devices.col[d], change, out[b])


@inline_kernel
def read_rows(
    x: Floats,
    powers: Powers,
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

    x [n, rows]; powers as for `Powers`; w [panels, rows, WIDTH]; out [n, cols]; `first` is the number of the first
    sample.

    Noise that is Gaussian, independent for each device and read, and constant or white within a read, makes a normal
    of the variance that `ReadNoise` gives at each output, independent between outputs: one draw an output stands for
    one a device, exactly.
    """
    mac_rows(x, w, start, stop, 0, w.shape[0], out)
    add_noise(x, powers, noise, start, stop, tile, key, step, first, out)


@inline_kernel
def add_noise(
    x: Floats,
    powers: Powers,
    noise: Noise,
    start: int,
    stop: int,
    tile: int,
    key: np.uint64,
    step: int,
    first: int,
    out: Floats,
) -> None:
    """Add all read noise of rows start..stop-1 to what they make of the samples, see `read_rows`."""
    purpose = PURPOSES * tile
    _add_gaussian(
        x, powers, noise.held_std, noise.white_std, noise.varied, start, stop, key, step, first, purpose + COLUMNS, out
    )
    _add_shared(x, powers, noise.shared, start, stop, key, step, first, purpose + SHARED, out)
    _add_states(x, noise.telegraph, noise.shared, start, stop, key, step, first, purpose + STATES, out)


@kernel
def read_batch(
    x: Floats,
    powers: Powers,
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
    read_rows(x, powers, w, noise, start, stop, tile, key, step, first, out)


@kernel
def multiply_panels(x: Floats, w: Floats, start: int, stop: int, first: int, last: int, out: Floats) -> None:
    """Multiply on one core by the panels first to last - 1, without noise, see `product_kernels.mac_rows`."""
    mac_rows(x, w, start, stop, first, last, out)


@kernel
def add_noise_batch(
    x: Floats,
    powers: Powers,
    noise: Noise,
    start: int,
    stop: int,
    tile: int,
    key: np.uint64,
    step: int,
    first: int,
    out: Floats,
) -> None:
    """Add the read noise on one core, see `add_noise`."""
    add_noise(x, powers, noise, start, stop, tile, key, step, first, out)
