"""The analog LSTM over whole sequences, compiled: plain arrays and scalars, float32, filling `states`.

Samples are independent and their noise is keyed by (key; block, step, sample, purpose), see `memramp.normals`, so the
bits do not depend on the number of threads nor on how a batch is split. The readable reference is
`memramp.models.analog_cell.AnalogCell.stepwise`.
"""


import numpy as np
from numpy.typing import NDArray

from memramp import simd
from memramp.crossbar.kernels import Noise, Partial, Powers, read_rows
from memramp.elementary import sigmoid_lanes, tanh_lanes
from memramp.jit import inline_kernel, kernel
from memramp.peripherals.driver_kernels import Coding, encode, quantise_lanes
from memramp.peripherals.kernels import ColumnErrors, convert_columns, look_up, ramp_buffer, ramp_rows

Floats = NDArray[np.float32]
Curve = tuple[Floats, Floats, Floats]
"""A converter: programmed ramp values, their read noise, outputs."""

Errors = tuple[ColumnErrors, ColumnErrors] | None
"""What tells the columns of the sigmoid and of the tanh converter apart; None, compiled apart, where they are alike."""

Keys = tuple[np.uint64, np.uint64, np.uint64]
"""Keys of the read noise of the array, the sigmoid ramp and the tanh ramp."""

# Which conversion of a step a ramp makes: of the gates, or of the cell state.
GATES, STATE = 0, 1


@inline_kernel
def _fill_features(x: Floats, t: int, limit: np.float32, levels: int, rows: Floats) -> None:
    """Fill the word lines of the features of step t; x [n, steps, inputs]."""
    inputs = x.shape[2]
    for b in range(x.shape[0]):
        for i in range(0, inputs, simd.LANES):
            part = quantise_lanes(simd.load_part(x, (b, t, i), inputs - i), limit, levels)
            simd.store_part(rows, (b, i), part, inputs - i)


@inline_kernel
def add_codes(v: Floats, lsb: float, top: int, out: Floats) -> None:
    """Add to `out` the codes of a uniform converter for `v`, both [n, cols]."""
    n, cols = v.shape
    step, largest = np.float32(lsb), np.float32(top)
    for b in range(n):
        for j in range(0, cols, simd.LANES):
            code = simd.nearest(simd.load_part(v, (b, j), cols - j) / step)
            code = simd.lesser(simd.greater(code, -largest), largest)
            simd.store_part(out, (b, j), simd.load_part(out, (b, j), cols - j) + code, cols - j)


@inline_kernel
def _read(
    rows: Floats,
    powers: Powers,
    w: Floats,
    noise: Noise,
    partial: Partial | None,
    key: np.uint64,
    t: int,
    first: int,
    pre: Floats,
) -> None:
    """Fill the pre-activations `pre` [n, cols] of the samples `rows` [n, rows]."""
    if partial is None:
        read_rows(rows, powers, w, noise, 0, rows.shape[1], 0, key, t, first, pre)
    else:
        n, cols = pre.shape
        part = np.empty((n, cols), np.float32)
        for b in range(n):
            for j in range(cols):
                pre[b, j] = np.float32(0.0)
        for tile in range(partial.bounds.shape[0] - 1):
            read_rows(rows, powers, w, noise, partial.bounds[tile], partial.bounds[tile + 1], tile, key, t, first, part)
            add_codes(part, partial.lsb, partial.top, pre)
        for b in range(n):
            for j in range(cols):
                pre[b, j] *= np.float32(partial.lsb)


@inline_kernel
def _read_coded(
    rows: Floats,
    coding: Coding | None,
    w: Floats,
    noise: Noise,
    partial: Partial | None,
    key: np.uint64,
    t: int,
    first: int,
    pre: Floats,
) -> None:
    """Fill the pre-activations for inputs that are coded in their way; changes all rows but the bias row."""
    if coding is None:
        _read(rows, None, w, noise, partial, key, t, first, pre)
    else:
        powers = (np.ones(rows.shape, np.float32), np.ones(rows.shape, np.float32))
        encode(rows, rows.shape[1] - 1, coding, powers)
        _read(rows, powers, w, noise, partial, key, t, first, pre)


@inline_kernel
def _draw_ramp(curve: Curve, still: bool, key: np.uint64, t: int, first: int, purpose: int, ramps: Floats) -> None:
    """Fill the thresholds of one firing for each sample; those without noise stay as they were in the step before."""
    if t == 0 or not still:
        ramp_rows(curve[0], curve[1], key, t, first, purpose, True, ramps)


@inline_kernel
def _is_still(curve: Curve) -> bool:
    """Return whether a ramp has no read noise."""
    highest = np.float32(0.0)
    for i in range(curve[1].shape[0]):
        highest = max(highest, curve[1][i])
    return bool(highest == 0.0)


@inline_kernel
def _convert_gates_alike(
    pre: Floats,
    sigmoid: Curve,
    tanh: Curve,
    keys: Keys,
    t: int,
    first: int,
    still: tuple[bool, bool],
    ramps: tuple[Floats, Floats],
) -> None:
    hidden = pre.shape[1] // 4
    _draw_ramp(sigmoid, still[0], keys[1], t, first, GATES, ramps[0])
    _draw_ramp(tanh, still[1], keys[2], t, first, GATES, ramps[1])
    for b in range(pre.shape[0]):
        look_up(pre, b, 0, 2 * hidden, ramps[0], b, sigmoid[2], pre, 0)
        look_up(pre, b, 2 * hidden, 3 * hidden, ramps[1], b, tanh[2], pre, 2 * hidden)
        look_up(pre, b, 3 * hidden, 4 * hidden, ramps[0], b, sigmoid[2], pre, 3 * hidden)


@inline_kernel
def _convert_group(
    v: Floats,
    b: int,
    start: int,
    stop: int,
    column: int,
    curve: Curve,
    values: Floats,
    key: np.uint64,
    t: int,
    sample: int,
    purpose: int,
    errors: ColumnErrors,
    out: Floats,
) -> None:
    """Fill out[b, start..stop-1] with one converter's outputs for v[b, start..stop-1], its columns from `column` on."""
    ramp, codes = np.empty((2, curve[0].shape[0]), np.float32), np.empty(stop - start, np.int16)
    convert_columns(v[b, start:stop], column, values[b], errors, key, t, sample, purpose, ramp, codes)
    for j in range(start, stop):
        out[b, j] = curve[2][codes[j - start]]


@inline_kernel
def _convert_gates_apart(
    pre: Floats,
    sigmoid: Curve,
    tanh: Curve,
    keys: Keys,
    t: int,
    first: int,
    errors: tuple[ColumnErrors, ColumnErrors],
    ramps: tuple[Floats, Floats],
) -> None:
    hidden = pre.shape[1] // 4
    for kind in range(2):
        curve, values, key = (sigmoid, ramps[0], keys[1]) if kind == 0 else (tanh, ramps[1], keys[2])
        ramp_rows(curve[0], curve[1], key, t, first, GATES, False, values)
    for b in range(pre.shape[0]):
        for gate in range(4):
            column = (0, hidden, 0, 2 * hidden)[gate]
            curve, values, key = (tanh, ramps[1], keys[2]) if gate == 2 else (sigmoid, ramps[0], keys[1])
            of_gate, start = errors[1] if gate == 2 else errors[0], gate * hidden
            _convert_group(
                pre, b, start, start + hidden, column, curve, values, key, t, first + b, GATES, of_gate, pre
            )


@inline_kernel
def _apply_functions(pre: Floats) -> None:
    """Replace the gates' pre-activations by sigmoid and tanh, digitally."""
    n, cols = pre.shape
    hidden = cols // 4
    for b in range(n):
        for gate in range(4):
            for j in range(0, hidden, simd.LANES):
                held = simd.load_part(pre, (b, gate * hidden + j), hidden - j)
                found = tanh_lanes(held) if gate == 2 else sigmoid_lanes(held)
                simd.store_part(pre, (b, gate * hidden + j), found, hidden - j)


@inline_kernel
def _activate(
    pre: Floats,
    sigmoid: Curve,
    tanh: Curve,
    keys: Keys,
    t: int,
    first: int,
    still: tuple[bool, bool],
    errors: Errors,
    partial: Partial | None,
    ramps: tuple[Floats, Floats],
) -> None:
    """Replace the pre-activations of the gates i, f, g, o by their values: one firing of each ramp serves a sample.

    The columns of the sigmoid converter are i, f, o, [3 hidden]; those of the tanh converter are g, [hidden].
    """
    if partial is not None:
        _apply_functions(pre)
    elif errors is None:
        _convert_gates_alike(pre, sigmoid, tanh, keys, t, first, still, ramps)
    else:
        _convert_gates_apart(pre, sigmoid, tanh, keys, t, first, errors, ramps)


@inline_kernel
def _update_cell(gates: Floats, c: Floats) -> None:
    """Take the gates [n, 4 hidden] into the cell state [n, hidden]: c = f * c + i * g."""
    n, hidden = c.shape
    for b in range(n):
        for j in range(0, hidden, simd.LANES):
            count = hidden - j
            i = simd.to_doubles(simd.load_part(gates, (b, j), count))
            f = simd.to_doubles(simd.load_part(gates, (b, hidden + j), count))
            g = simd.to_doubles(simd.load_part(gates, (b, 2 * hidden + j), count))
            # Products of float32 numbers are exact in float64, so that one rounding to float64 and one back are left.
            found = simd.fma(f, simd.to_doubles(simd.load_part(c, (b, j), count)), i * g)
            simd.store_part(c, (b, j), simd.to_floats(found), count)


@inline_kernel
def _tanh_of_state(c: Floats, out: Floats) -> None:
    n, hidden = c.shape
    for b in range(n):
        for j in range(0, hidden, simd.LANES):
            simd.store_part(out, (b, j), tanh_lanes(simd.load_part(c, (b, j), hidden - j)), hidden - j)


@inline_kernel
def _convert_state(
    c: Floats, tanh: Curve, key: np.uint64, t: int, first: int, errors: Errors, ramps: Floats, out: Floats
) -> None:
    """Fill `out` with tanh(c) by another firing of the tanh ramp, in columns after those of gate g."""
    n, hidden = c.shape
    ramp_rows(tanh[0], tanh[1], key, t, first, STATE, errors is None, ramps)
    for b in range(n):
        if errors is None:
            look_up(c, b, 0, hidden, ramps, b, tanh[2], out, 0)
        else:
            _convert_group(c, b, 0, hidden, hidden, tanh, ramps, key, t, first + b, STATE, errors[1], out)


@inline_kernel
def _update_hidden(
    gates: Floats, state: Floats, limit: np.float32, levels: int, t: int, rows: Floats, states: Floats
) -> None:
    """Put h = o * tanh(c) into the states, [n, steps or 1, hidden], and on the word lines of the next step."""
    n, hidden = state.shape
    place, line = min(t, states.shape[1] - 1), rows.shape[1] - 1 - hidden
    for b in range(n):
        for j in range(0, hidden, simd.LANES):
            o = simd.load_part(gates, (b, 3 * hidden + j), hidden - j)
            h = o * simd.load_part(state, (b, j), hidden - j)
            simd.store_part(states, (b, place, j), h, hidden - j)
            simd.store_part(rows, (b, line + j), quantise_lanes(h, limit, levels), hidden - j)


@kernel
def lstm_sequence(
    x: Floats,
    w: Floats,
    noise: Noise,
    sigmoid: Curve,
    tanh: Curve,
    keys: Keys,
    limit: np.float32,
    levels: int,
    digital_state: bool,
    errors: Errors,
    partial: Partial | None,
    coding: Coding | None,
    first: int,
    states: Floats,
) -> None:
    """Run sequences x [n, steps, inputs] through one programmed layer on one core, from zero states.

    w [inputs + hidden + 1, 4 hidden] in panels; limit and levels are those of `quantise_lanes`; `coding` is None for
    pulse widths; `first` is the number of the first sample; states [n, steps or 1, hidden] takes all hidden states or
    the last. Memory grows with n, so callers pass small parts.
    """
    n, hidden = x.shape[0], states.shape[2]
    rows, pre = np.zeros((n, w.shape[1]), np.float32), np.empty((n, 4 * hidden), np.float32)
    c, state = np.zeros((n, hidden), np.float32), np.empty((n, hidden), np.float32)
    ramps = (ramp_buffer(n, sigmoid[0].shape[0]), ramp_buffer(n, tanh[0].shape[0]))
    ramps_of_state = ramp_buffer(n, tanh[0].shape[0])
    still = (_is_still(sigmoid), _is_still(tanh))
    for b in range(n):
        rows[b, w.shape[1] - 1] = np.float32(1.0)  # the bias row's full pulse
    for t in range(x.shape[1]):
        _fill_features(x, t, limit, levels, rows)
        _read_coded(rows, coding, w, noise, partial, keys[0], t, first, pre)
        _activate(pre, sigmoid, tanh, keys, t, first, still, errors, partial, ramps)
        _update_cell(pre, c)
        if digital_state:
            _tanh_of_state(c, state)
        else:
            _convert_state(c, tanh, keys[2], t, first, errors, ramps_of_state, state)
        _update_hidden(pre, state, limit, levels, t, rows, states)
