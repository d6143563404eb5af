"""The weights of layers. Rows are inputs, columns are outputs: the transpose of torch's layout."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class CellWeights:
    """One direction of a recurrent layer: columns in blocks of `hidden`, one for each gate."""

    weight_x: Floats
    """[inputs, gates hidden]."""

    weight_h: Floats
    """[state, gates hidden]; the state is as wide as `hidden`, or as the projection."""

    bias: Floats
    """[gates hidden]."""

    projection: Floats | None = None
    """Matrix that makes the recurrent state of an LSTM's o tanh(c), [hidden, state]; None: that is the state."""

    bias_h: Floats | None = None
    """Bias of a GRU's candidate that stands inside the product with the reset gate, [hidden]; None: no such one."""

    @property
    def inputs(self) -> int:
        """Number of inputs of a step."""
        return int(self.weight_x.shape[0])

    @property
    def state(self) -> int:
        """Width of the recurrent state."""
        return int(self.weight_h.shape[0])

    @property
    def hidden(self) -> int:
        """Number of hidden units."""
        return self.state if self.projection is None else int(self.projection.shape[0])

    def stacked(self) -> Floats:
        """Return the matrix as it is written into one array: rows x, h, bias; [inputs + state + 1, gates hidden]."""
        return np.concatenate([self.weight_x, self.weight_h, self.bias[np.newaxis]])


@dataclass(frozen=True)
class DenseWeights:
    """A dense layer: weight [inputs, outputs], bias [outputs]."""

    weight: Floats
    bias: Floats

    def stacked(self) -> Floats:
        """Return the matrix as it is written into one array: rows input, bias; [inputs + 1, outputs]."""
        return np.concatenate([self.weight, self.bias[np.newaxis]])
