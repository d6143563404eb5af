"""Recurrent networks in floating point: the readable reference that everything analog is compared with.

LSTM: Hochreiter, Schmidhuber, Neural Computation 9, 1735 (1997), doi 10.1162/neco.1997.9.8.1735, with the forget gate
of Gers, Schmidhuber, Cummins, Neural Computation 12, 2451 (2000), doi 10.1162/089976600300015015, and the projection of
Sak, Senior, Beaufays, arXiv 1402.1128 (2014). GRU: Cho et al., arXiv 1406.1078 (2014). RNN: Elman, Cognitive Science
14, 179 (1990), doi 10.1207/s15516709cog1402_1. All in float64, with the conventions of PyTorch.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from memramp.models.spec import RecurrentSpec
from memramp.models.weights import CellWeights, DenseWeights

Doubles = NDArray[np.float64]


@dataclass
class CellState:
    """What a cell hands on from step to step: the recurrent state `h` [batch, state], and `c` of an LSTM."""

    h: Doubles
    c: Doubles

    @classmethod
    def zeros(cls, batch: int, weights: CellWeights) -> "CellState":
        """Return the initial state."""
        return cls(np.zeros((batch, weights.state)), np.zeros((batch, weights.hidden)))


@dataclass
class Trace:
    """What a cell did at each step."""

    pre: list[Doubles] = field(default_factory=list)
    """Pre-activations of the gates, [batch, gates hidden]."""

    h: list[Doubles] = field(default_factory=list)
    """Recurrent states, [batch, state]."""

    c: list[Doubles] = field(default_factory=list)
    """Cell states of an LSTM, [batch, hidden]."""


def run_cell(
    x: NDArray[np.floating],
    layer: RecurrentSpec,
    weights: CellWeights,
    state: CellState | None = None,
    trace: Trace | None = None,
) -> tuple[Doubles, CellState]:
    """Run one direction of a recurrent layer.

    Parameters
    ----------
    x : ndarray, [batch, steps, inputs]
        In the order in which the direction reads.
    layer : RecurrentSpec
        Kind of the cell.
    weights : CellWeights
        Its weights.
    state : CellState or None
        Where it starts; None: at zero.
    trace : Trace or None
        Receives what happens at each step.

    Returns
    -------
    states : ndarray of float64, [batch, steps, state]
    last : CellState
    """
    now = state or CellState.zeros(len(x), weights)
    step = {"lstm": _lstm_step, "gru": _gru_step, "rnn": _rnn_step}[layer.kind]
    states = np.empty((len(x), x.shape[1], weights.state))
    for t in range(x.shape[1]):
        pre, now = step(x[:, t], now, layer, weights)
        states[:, t] = now.h
        if trace is not None:
            trace.pre.append(pre)
            trace.h.append(now.h)
            trace.c.append(now.c)
    return states, now


def _lstm_step(
    x: NDArray[np.floating], state: CellState, _layer: RecurrentSpec, weights: CellWeights
) -> tuple[Doubles, CellState]:
    pre = product(x, weights.weight_x) + product(state.h, weights.weight_h) + weights.bias
    i, f, g, o = np.split(pre, 4, axis=1)
    c = expit(f) * state.c + expit(i) * np.tanh(g)
    m = expit(o) * np.tanh(c)
    h = m if weights.projection is None else product(m, weights.projection)
    return pre, CellState(h, c)


def _gru_step(
    x: NDArray[np.floating], state: CellState, layer: RecurrentSpec, weights: CellWeights
) -> tuple[Doubles, CellState]:
    hidden = weights.hidden
    from_x, h = product(x, weights.weight_x) + weights.bias, state.h
    gates = from_x[:, : 2 * hidden] + product(h, weights.weight_h[:, : 2 * hidden])
    r, z = np.split(expit(gates), 2, axis=1)
    own = weights.weight_h[:, 2 * hidden :]
    if layer.reset == "before":
        inner = product(r * h, own)
    else:
        bias_h = 0.0 if weights.bias_h is None else weights.bias_h
        inner = r * (product(h, own) + bias_h)
    candidate = from_x[:, 2 * hidden :] + inner
    n = np.tanh(candidate)
    return np.concatenate([gates, candidate], axis=1), CellState((1.0 - z) * n + z * h, state.c)


def _rnn_step(
    x: NDArray[np.floating], state: CellState, layer: RecurrentSpec, weights: CellWeights
) -> tuple[Doubles, CellState]:
    pre = product(x, weights.weight_x) + product(state.h, weights.weight_h) + weights.bias
    return pre, CellState(np.tanh(pre) if layer.nonlinearity == "tanh" else np.maximum(pre, 0.0), state.c)


def run_layer(
    x: NDArray[np.floating],
    layer: RecurrentSpec,
    weights: dict[str, CellWeights],
    states: dict[str, CellState] | None = None,
) -> tuple[Doubles, Doubles, dict[str, CellState]]:
    """Run a recurrent layer over inputs [batch, steps, inputs].

    Parameters
    ----------
    x : ndarray, [batch, steps, inputs]
    layer : RecurrentSpec
        The layer.
    weights : dict of str to CellWeights
        By direction, see `memramp.models.spec.RecurrentSpec.directions`.
    states : dict of str to CellState, or None
        Where each direction starts; None: at zero.

    Returns
    -------
    outputs : ndarray of float64, [batch, steps, outputs]
    last : ndarray of float64, [batch, outputs]
        What each direction came to last.
    states : dict of str to CellState
        Where each direction ends.
    """
    outputs, ends = [], {}
    for name in layer.directions:
        backwards = name != layer.name
        found, ends[name] = run_cell(
            x[:, ::-1] if backwards else x, layer, weights[name], None if states is None else states[name]
        )
        outputs.append(found[:, ::-1] if backwards else found)
    last = np.concatenate([ends[name].h for name in layer.directions], axis=1)
    return np.concatenate(outputs, axis=2), last, ends


def lstm(x: NDArray[np.floating], weights: CellWeights) -> Doubles:
    """Return the states [batch, steps, state] of an LSTM for inputs [batch, steps, inputs], from zero states."""
    return run_cell(x, _lstm_layer(weights), weights)[0]


def gate_inputs(x: NDArray[np.floating], weights: CellWeights) -> Doubles:
    """Return the pre-activations of an LSTM's gates [batch, steps, 4 hidden], in the order i, f, g, o; see `lstm`."""
    trace = Trace()
    run_cell(x, _lstm_layer(weights), weights, trace=trace)
    return np.stack(trace.pre, axis=1)


def _lstm_layer(weights: CellWeights) -> RecurrentSpec:
    projection = None if weights.projection is None else weights.state
    return RecurrentSpec(
        kind="lstm", name="lstm", inputs=weights.inputs, hidden=weights.hidden, projection=projection
    )


def dense(x: NDArray[np.floating], weights: DenseWeights) -> Doubles:
    """Return x W + b, [..., outputs], for x [..., inputs], in float64."""
    return product(x, weights.weight) + weights.bias


def product(x: NDArray[np.floating], w: NDArray[np.floating]) -> Doubles:
    """Return x W in float64, not by BLAS, whose bits may depend on the number of threads."""
    found: Doubles = np.einsum("...r,rc->...c", x, w, dtype=np.float64)
    return found
