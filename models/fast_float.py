"""A network in floating point, compiled: float32, the same bits on any number of threads.

`memramp.models.float_network` is its readable reference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from memramp.elementary import sigmoid, tanh
from memramp.models.analog_cell import AnalogState
from memramp.models.checkpoint import Checkpoint
from memramp.models.digital_product import DigitalMatrix
from memramp.models.spec import RecurrentSpec
from memramp.models.weights import CellWeights

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FastCell:
    """One direction of a recurrent layer."""

    layer: RecurrentSpec
    weights: CellWeights

    def zeros(self, n: int) -> AnalogState:
        """Return the initial state of `n` samples."""
        return AnalogState(np.zeros((n, self.layer.state), np.float32), np.zeros((n, self.layer.hidden), np.float32))

    def sequence(
        self,
        x: Floats,
        state: AnalogState,
        *,
        first_sample: int = 0,  # noqa: ARG002
        first_step: int = 0,  # noqa: ARG002
    ) -> Floats:
        """Run inputs [n, steps, inputs] from a state, which is left at the end; returns [n, steps, state].

        The numbers of sample and step, which pick the noise of an analog cell, mean nothing here.
        """
        n, steps, inputs = x.shape
        from_x = self._input(np.ascontiguousarray(x).reshape(n * steps, inputs)).reshape(n, steps, -1)
        from_x += np.asarray(self.weights.bias, np.float32)
        states = np.empty((n, steps, self.layer.state), np.float32)
        step = {"lstm": self._lstm, "gru": self._gru, "rnn": self._rnn}[self.layer.kind]
        for t in range(steps):
            state.h = step(from_x[:, t], state)
            states[:, t] = state.h
        return states

    @cached_property
    def _input(self) -> DigitalMatrix:
        return DigitalMatrix(self.weights.weight_x)

    @cached_property
    def _inner(self) -> DigitalMatrix:
        return DigitalMatrix(self.weights.weight_h)

    @cached_property
    def _projection(self) -> DigitalMatrix | None:
        return None if self.weights.projection is None else DigitalMatrix(self.weights.projection)

    @cached_property
    def _halves(self) -> tuple[DigitalMatrix, DigitalMatrix]:
        """Those of a GRU's gates and of its candidate."""
        cut = 2 * self.layer.hidden
        return DigitalMatrix(self.weights.weight_h[:, :cut]), DigitalMatrix(self.weights.weight_h[:, cut:])

    def _lstm(self, from_x: Floats, state: AnalogState) -> Floats:
        i, f, g, o = np.split(from_x + self._inner(state.h), 4, axis=1)
        state.c = sigmoid(f) * state.c + sigmoid(i) * tanh(g)
        m = sigmoid(o) * tanh(state.c)
        return m if self._projection is None else self._projection(m)

    def _gru(self, from_x: Floats, state: AnalogState) -> Floats:
        cut, h = 2 * self.layer.hidden, state.h
        if self.layer.reset == "before":
            r, z = np.split(sigmoid(from_x[:, :cut] + self._halves[0](h)), 2, axis=1)
            n = tanh(from_x[:, cut:] + self._halves[1](r * h))
        else:
            inner = self._inner(h)
            r, z = np.split(sigmoid(from_x[:, :cut] + inner[:, :cut]), 2, axis=1)
            bias_h = np.float32(0.0) if self.weights.bias_h is None else self.weights.bias_h
            n = tanh(from_x[:, cut:] + r * (inner[:, cut:] + bias_h))
        return np.asarray((1 - z) * n + z * h)

    def _rnn(self, from_x: Floats, state: AnalogState) -> Floats:
        pre = from_x + self._inner(state.h)
        return tanh(pre) if self.layer.nonlinearity == "tanh" else np.maximum(pre, np.float32(0.0))


def fast_cells(checkpoint: Checkpoint) -> Mapping[str, FastCell]:
    """Return the cells of a network in floating point, by direction."""
    return {name: FastCell(layer, checkpoint.cells[name]) for layer, name in checkpoint.network.directions()}
