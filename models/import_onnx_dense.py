"""The dense layer of an ONNX graph: Gemm, or MatMul and Add."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from memramp.errors import InputError
from memramp.models.import_onnx_file import Node
from memramp.models.import_parts import Floats, as_float32, shaped
from memramp.models.weights import DenseWeights


class OnnxDense:
    """A dense layer as far as it has been read.

    Parameters
    ----------
    node : Node
        Gemm or MatMul, whose first input is the states.
    weight : ndarray
        Its second input.
    bias : ndarray or None
        The third one of Gemm.
    inputs : int
        Width of the states.

    Raises
    ------
    InputError
        Shapes that do not fit.
    """

    def __init__(self, node: Node, weight: NDArray[Any], bias: NDArray[Any] | None, inputs: int) -> None:
        self.source, place = node.name or node.op, node.place
        turned = node.op == "Gemm" and node.integer("transB", 0) != 0
        matrix = weight.T if turned else weight
        if matrix.shape[0] != inputs or matrix.shape[1] == 0:
            raise InputError(f"{place}: its weight must have {inputs} inputs, found shape {shaped(matrix)}")
        self._weight = as_float32(_times(matrix, node, "alpha"), f"{place}: its weight")
        self._bias = None if bias is None else self._spread(_times(bias, node, "beta"), place)

    @property
    def outputs(self) -> int:
        """Number of scores."""
        return int(self._weight.shape[1])

    def takes_bias(self, bias: NDArray[Any], place: str) -> bool:
        """Take the bias that an Add gives; False if there is one already."""
        if self._bias is not None:
            return False
        self._bias = self._spread(bias, place)
        return True

    def close(self) -> None:
        """Let no bias come any more."""
        self._bias = self.weights().bias

    def weights(self) -> DenseWeights:
        """Return the weights; a missing bias is zero."""
        bias = np.zeros(self.outputs, np.float32) if self._bias is None else self._bias
        return DenseWeights(self._weight, bias)

    def _spread(self, bias: NDArray[Any], place: str) -> Floats:
        if bias.size != 1 and (bias.size != self.outputs or bias.shape[-1] != self.outputs):
            raise InputError(f"{place}: the bias must have shape [{self.outputs}], found {shaped(bias)}")
        return np.broadcast_to(as_float32(bias.ravel(), f"{place}: the bias"), (self.outputs,)).copy()


def _times(tensor: NDArray[Any], node: Node, key: str) -> NDArray[Any]:
    factor = node.real(key, 1.0) if node.op == "Gemm" else 1.0
    return tensor if factor == 1.0 or tensor.dtype.kind != "f" else np.multiply(tensor, factor, dtype=np.float64)
