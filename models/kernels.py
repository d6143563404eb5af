"""The analog LSTM over whole sequences, compiled: plain arrays and scalars, float32, filling `states`.

Samples are independent and their noise is keyed by (key; block, step, sample, purpose), see `memramp.normals`, so the
bits do not depend on the number of threads nor on how a batch is split. The readable reference is
`memramp.models.analog_lstm.AnalogLstm.stepwise`.
"""

import numpy as np
from numpy.typing import NDArray

from memramp.crossbar.kernels import Noise, read_rows
from memramp.jit import inline_kernel, kernel
from memramp.peripherals.kernels import (
    ColumnErrors,
    convert_row,
    count_crossings_row,
    noisy_thresholds,
    quantise_input,
    read_ramp,
)

Floats = NDArray[np.float32]
Codes = NDArray[np.int16]
Curve = tuple[Floats, Floats, Floats]
"""A converter: programmed ramp values, their read noise, outputs."""

Errors = tuple[ColumnErrors, ColumnErrors] | None
"""What tells the columns of the sigmoid and of the tanh converter apart; None, compiled apart, where they are alike."""

Keys = tuple[np.uint64, np.uint64, np.uint64]
"""Keys of the read noise of the array, the sigmoid ramp and the tanh ramp."""

# A good multiple for the parts of a batch; mac_block multiplies four samples at once.
CHUNK = 16

# Which conversion of a step a ramp makes: of the gates, or of the cell state.
GATES, STATE = 0, 1


@inline_kernel
def _fill_inputs(x: Floats, h: Floats, limit: np.float32, levels: int, row: Floats) -> None:
    """Fill the word lines of one sample: features, hidden state, and the bias row's full pulse."""
    inputs, hidden = x.shape[0], h.shape[0]
    for i in range(inputs):
        row[i] = quantise_input(x[i], limit, levels)
    for i in range(hidden):
        row[inputs + i] = quantise_input(h[i], limit, levels)
    row[inputs + hidden] = np.float32(1.0)


@inline_kernel
def _convert_gates(
    pre: Floats,
    sigmoid: Curve,
    tanh: Curve,
    keys: Keys,
    t: int,
    sample: int,
    errors: Errors,
    ramp: Floats,
    tanh_ramp: Floats,
    codes: Codes,
) -> None:
    """Fill the codes of one sample's gates i, f, g, o: one firing of each ramp serves all its columns.

    The columns of the sigmoid converter are i, f, o, [3 hidden]; those of the tanh converter are g, [hidden].
    """
    hidden = pre.shape[0] // 4
    if errors is None:
        noisy_thresholds(sigmoid[0], sigmoid[1], keys[1], t, sample, GATES, ramp[0])
        count_crossings_row(pre[: 2 * hidden], ramp[0], codes[: 2 * hidden])
        count_crossings_row(pre[3 * hidden :], ramp[0], codes[3 * hidden :])
        noisy_thresholds(tanh[0], tanh[1], keys[2], t, sample, GATES, tanh_ramp[0])
        count_crossings_row(pre[2 * hidden : 3 * hidden], tanh_ramp[0], codes[2 * hidden : 3 * hidden])
    else:
        i_and_f, g, o = codes[: 2 * hidden], codes[2 * hidden : 3 * hidden], codes[3 * hidden :]
        read_ramp(sigmoid[0], sigmoid[1], keys[1], t, sample, GATES, errors[0].count_all, ramp)
        convert_row(pre[: 2 * hidden], 0, ramp, errors[0], keys[1], t, sample, GATES, i_and_f)
        convert_row(pre[3 * hidden :], 2 * hidden, ramp, errors[0], keys[1], t, sample, GATES, o)
        read_ramp(tanh[0], tanh[1], keys[2], t, sample, GATES, errors[1].count_all, tanh_ramp)
        convert_row(pre[2 * hidden : 3 * hidden], 0, tanh_ramp, errors[1], keys[2], t, sample, GATES, g)


@inline_kernel
def _update_cell(codes: Codes, sigmoid_out: Floats, tanh_out: Floats, c: Floats) -> None:
    """Take the gates into the cell state: c = f * c + i * g."""
    hidden = c.shape[0]
    for j in range(hidden):
        i, f = sigmoid_out[codes[j]], sigmoid_out[codes[hidden + j]]
        g = tanh_out[codes[2 * hidden + j]]
        # Products of float32 numbers are exact in float64: the bits do not depend on fused operations.
        c[j] = np.float32(np.float64(f) * np.float64(c[j]) + np.float64(i) * np.float64(g))


@inline_kernel
def _update_hidden(codes: Codes, sigmoid_out: Floats, c: Floats, h: Floats) -> None:
    """Fill the hidden state h = o * tanh(c) with a digital tanh."""
    hidden = c.shape[0]
    for j in range(hidden):
        h[j] = sigmoid_out[codes[3 * hidden + j]] * np.float32(np.tanh(np.float64(c[j])))


@inline_kernel
def _update_hidden_by_ramp(
    codes: Codes,
    sigmoid_out: Floats,
    tanh: Curve,
    key: np.uint64,
    t: int,
    sample: int,
    errors: Errors,
    ramp: Floats,
    c: Floats,
    h: Floats,
) -> None:
    """Fill the hidden state with tanh(c) from another firing of the tanh ramp, in columns after those of gate g."""
    hidden = c.shape[0]
    if errors is None:
        noisy_thresholds(tanh[0], tanh[1], key, t, sample, STATE, ramp[0])
        count_crossings_row(c, ramp[0], codes[:hidden])  # those of gate i are not needed any more
    else:
        read_ramp(tanh[0], tanh[1], key, t, sample, STATE, errors[1].count_all, ramp)
        convert_row(c, hidden, ramp, errors[1], key, t, sample, STATE, codes[:hidden])
    for j in range(hidden):
        h[j] = sigmoid_out[codes[3 * hidden + j]] * tanh[2][codes[j]]


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
    first: int,
    states: Floats,
) -> None:
    """Run sequences x [n, steps, inputs] through one programmed layer on one core, from zero states.

    w [inputs + hidden + 1, 4 hidden] in panels; limit and levels are those of `quantise_input`; `first` is the number of the first sample; states
    [n, steps or 1, hidden] takes all hidden states or the last. Memory grows with n, so callers pass small parts.
    """
    n, steps, _ = x.shape
    h = np.zeros((n, states.shape[2]), np.float32)
    c = np.zeros_like(h)
    row, pre = np.empty((n, w.shape[1]), np.float32), np.empty((n, 4 * states.shape[2]), np.float32)
    codes = np.empty(pre.shape[1], np.int16)
    ramp, tanh_ramp = np.empty((2, sigmoid[0].size), np.float32), np.empty((2, tanh[0].size), np.float32)
    for t in range(steps):
        for b in range(n):
            _fill_inputs(x[b, t], h[b], limit, levels, row[b])
        read_rows(row, w, noise, 0, row.shape[1], 0, keys[0], t, first, pre)
        for b in range(n):
            _convert_gates(pre[b], sigmoid, tanh, keys, t, first + b, errors, ramp, tanh_ramp, codes)
            _update_cell(codes, sigmoid[2], tanh[2], c[b])
            if digital_state:
                _update_hidden(codes, sigmoid[2], c[b], h[b])
            else:
                _update_hidden_by_ramp(codes, sigmoid[2], tanh, keys[2], t, first + b, errors, tanh_ramp, c[b], h[b])
            states[b, min(t, states.shape[1] - 1)] = h[b]
