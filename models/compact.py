"""Weights in a byte each: for networks whose files would be large.

A column of a matrix is stored as whole numbers -127..127 of a step of its own. Half a step is 0.4 % of the column's
largest weight: for a weight of 2 on devices of 150 uS that is 0.6 uS, a fraction of what programming adds.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

LARGEST = 127
STEP = ".step"
"""What is added to the name of a matrix for the tensor of its steps, [cols]."""


def is_matrix(name: str, shape: tuple[int, ...]) -> bool:
    """Return whether a tensor is stored in bytes: the matrices of weights, but no embedding's few rows."""
    return len(shape) == 2 and name.rsplit(".", 1)[-1] in ("weight_x", "weight_h", "projection")


def to_bytes(matrix: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Return a matrix [rows, cols] as whole numbers, and the step of each column."""
    step = (np.abs(matrix).max(axis=0) / np.float32(LARGEST)).astype(np.float32)
    safe = np.where(step > 0.0, step, np.float32(1.0))
    return np.rint(matrix / safe).astype(np.int8), step


def from_bytes(codes: NDArray[np.int8], step: Floats) -> Floats:
    """Return the matrix that `to_bytes` stored."""
    return codes.astype(np.float32) * step


def compacted(tensors: dict[str, Floats]) -> dict[str, Floats]:
    """Return tensors as they are after storing their matrices in bytes."""
    return {
        name: from_bytes(*to_bytes(tensor)) if is_matrix(name, tensor.shape) else tensor
        for name, tensor in tensors.items()
    }
