"""The analog LSTM over whole sequences, compiled: plain arrays and scalars, float32, filling `states`.

Samples are independent and their noise is keyed by (key; block, step, sample, purpose), see `memramp.normals`, so the
bits do not depend on the number of threads nor on how a batch is split. The readable reference is
`memramp.models.analog_lstm.AnalogLstm.stepwise`.
"""

import numpy as np
from numpy.typing import NDArray

from memramp.crossbar.kernels import add_read_noise_row, add_read_noise_row_var, mac_block
from memramp.jit import inline_kernel, kernel
from memramp.peripherals.kernels import count_crossings_row, noisy_thresholds, quantise_input

Floats = NDArray[np.float32]
Codes = NDArray[np.int16]
Curve = tuple[Floats, Floats, Floats]
"""A converter: programmed ramp values, their read noise, outputs."""

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
def _read_array(
    row: Floats, w: Floats, read_var: Floats, read_std: float, key: np.uint64, t: int, first: int, pre: Floats
) -> None:
    """Fill the pre-activations `pre` [n, cols] of the samples `row` [n, rows] with their read noise."""
    n, cols = pre.shape
    mac_block(row, w, pre)
    z = np.empty(cols, np.float32)
    if read_std > 0:
        for b in range(n):
            add_read_noise_row(read_std, row[b], key, t, first + b, z, pre[b])
    elif read_std < 0:
        variance = np.empty_like(pre)
        mac_block(row * row, read_var, variance)
        for b in range(n):
            add_read_noise_row_var(variance[b], key, t, first + b, z, pre[b])


@inline_kernel
def _convert_gates(
    pre: Floats, sigmoid: Curve, tanh: Curve, keys: Keys, t: int, sample: int, thresholds: Floats, codes: Codes
) -> None:
    """Fill the codes of one sample's gates i, f, g, o: one firing of each ramp serves all its columns."""
    hidden = pre.shape[0] // 4
    noisy_thresholds(sigmoid[0], sigmoid[1], keys[1], t, sample, GATES, thresholds)
    count_crossings_row(pre[: 2 * hidden], thresholds, codes[: 2 * hidden])
    count_crossings_row(pre[3 * hidden :], thresholds, codes[3 * hidden :])
    noisy_thresholds(tanh[0], tanh[1], keys[2], t, sample, GATES, thresholds)
    count_crossings_row(pre[2 * hidden : 3 * hidden], thresholds, codes[2 * hidden : 3 * hidden])


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
    thresholds: Floats,
    c: Floats,
    h: Floats,
) -> None:
    """Fill the hidden state with tanh(c) from another firing of the tanh ramp."""
    hidden = c.shape[0]
    noisy_thresholds(tanh[0], tanh[1], key, t, sample, STATE, thresholds)
    count_crossings_row(c, thresholds, codes[:hidden])  # those of gate i are not needed any more
    for j in range(hidden):
        h[j] = sigmoid_out[codes[3 * hidden + j]] * tanh[2][codes[j]]


@kernel
def lstm_sequence(
    x: Floats,
    w: Floats,
    read_var: Floats,
    read_std: float,
    sigmoid: Curve,
    tanh: Curve,
    keys: Keys,
    limit: np.float32,
    levels: int,
    digital_state: bool,
    first: int,
    states: Floats,
) -> None:
    """Run sequences x [n, steps, inputs] through one programmed layer on one core, from zero states.

    w [inputs + hidden + 1, 4 hidden]; read_var of that shape, used where the scalar read_std < 0, else read_std for all
    pairs; limit and levels are those of `quantise_input`; `first` is the number of the first sample; states
    [n, steps or 1, hidden] takes all hidden states or the last. Memory grows with n, so callers pass small parts.
    """
    n, steps, _ = x.shape
    h = np.zeros((n, states.shape[2]), np.float32)
    c = np.zeros_like(h)
    row, pre = np.empty((n, w.shape[0]), np.float32), np.empty((n, w.shape[1]), np.float32)
    thresholds, codes = np.empty_like(sigmoid[0]), np.empty(w.shape[1], np.int16)
    for t in range(steps):
        for b in range(n):
            _fill_inputs(x[b, t], h[b], limit, levels, row[b])
        _read_array(row, w, read_var, read_std, keys[0], t, first, pre)
        for b in range(n):
            _convert_gates(pre[b], sigmoid, tanh, keys, t, first + b, thresholds, codes)
            _update_cell(codes, sigmoid[2], tanh[2], c[b])
            if digital_state:
                _update_hidden(codes, sigmoid[2], c[b], h[b])
            else:
                _update_hidden_by_ramp(codes, sigmoid[2], tanh, keys[2], t, first + b, thresholds, c[b], h[b])
            states[b, min(t, states.shape[1] - 1)] = h[b]
