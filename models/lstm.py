"""The long short-term memory network in floating point: the readable reference that everything analog is compared with.

Hochreiter, Schmidhuber, Neural Computation 9, 1735 (1997), doi 10.1162/neco.1997.9.8.1735, with the forget gate of
Gers, Schmidhuber, Cummins, Neural Computation 12, 2451 (2000), doi 10.1162/089976600300015015.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

GATES = ("i", "f", "g", "o")
"""Order of the gates' column blocks: input, forget, candidate, output."""


@dataclass(frozen=True)
class LstmWeights:
    """One LSTM layer. Rows are inputs, columns are outputs: the transpose of torch's layout.

    Parameters
    ----------
    weight_x : ndarray [inputs, 4 hidden]
    weight_h : ndarray [hidden, 4 hidden]
    bias : ndarray [4 hidden]
        Columns in the gate order i, f, g, o.
    """

    weight_x: NDArray[np.floating]
    weight_h: NDArray[np.floating]
    bias: NDArray[np.floating]

    @property
    def inputs(self) -> int:
        """Number of inputs of a step."""
        return int(self.weight_x.shape[0])

    @property
    def hidden(self) -> int:
        """Number of hidden units."""
        return int(self.weight_h.shape[0])

    def stacked(self) -> NDArray[np.floating]:
        """Return the matrix as it is written into one array: rows x, h, bias; [inputs + hidden + 1, 4 hidden]."""
        return np.concatenate([self.weight_x, self.weight_h, self.bias[np.newaxis]])


@dataclass(frozen=True)
class DenseWeights:
    """A dense layer: weight [inputs, outputs], bias [outputs]."""

    weight: NDArray[np.floating]
    bias: NDArray[np.floating]

    def stacked(self) -> NDArray[np.floating]:
        """Return the matrix as it is written into one array: rows input, bias; [inputs + 1, outputs]."""
        return np.concatenate([self.weight, self.bias[np.newaxis]])


def lstm(x: NDArray[np.floating], weights: LstmWeights) -> NDArray[np.float64]:
    """Return the hidden states [batch, steps, hidden] for inputs [batch, steps, inputs], from zero initial states."""
    return _run(x, weights)[0]


def gate_inputs(x: NDArray[np.floating], weights: LstmWeights) -> NDArray[np.float64]:
    """Return the pre-activations of the gates [batch, steps, 4 hidden], in the order i, f, g, o; see `lstm`."""
    return _run(x, weights)[1]


def _run(x: NDArray[np.floating], weights: LstmWeights) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    batch, steps, _ = x.shape
    h = np.zeros((batch, weights.hidden))
    c = np.zeros_like(h)
    states, inputs = np.empty((batch, steps, weights.hidden)), np.empty((batch, steps, 4 * weights.hidden))
    for t in range(steps):
        inputs[:, t] = _product(x[:, t], weights.weight_x) + _product(h, weights.weight_h) + weights.bias
        i, f, g, o = np.split(inputs[:, t], 4, axis=1)
        c = expit(f) * c + expit(i) * np.tanh(g)
        h = expit(o) * np.tanh(c)
        states[:, t] = h
    return states, inputs


def dense(x: NDArray[np.floating], weights: DenseWeights) -> NDArray[np.float64]:
    """Return x W + b, [batch, outputs], in float64."""
    return _product(x, weights.weight) + weights.bias


def _product(x: NDArray[np.floating], w: NDArray[np.floating]) -> NDArray[np.float64]:
    # Not by BLAS, whose bits may depend on the number of threads.
    product: NDArray[np.float64] = np.einsum("br,rc->bc", x, w, dtype=np.float64)
    return product
