"""What is read from another program's file: layers and weights in our layout, before they become a checkpoint."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from memramp.config import describe
from memramp.errors import InputError
from memramp.models.spec import Cell, Nonlinearity, Reset
from memramp.models.weights import CellWeights, DenseWeights

Floats = NDArray[np.float32]
Read = Literal["last", "all"]

MAX_BYTES = 1_000_000_000
"""Larger files are refused [bytes]."""

MAX_NUMBERS = 250_000_000
"""Files with more numbers in their tensors are refused: 1 GB in float32. A small file may claim any number of them."""

NO_DENSE = "none"
"""The word for a read-out that is left out: the recurrent states are the scores."""

_SHOWN = 8


@dataclass(frozen=True)
class ImportedLayer:
    """A recurrent layer."""

    kind: Cell
    source: str
    """What the file calls it."""

    directions: tuple[CellWeights, ...]
    """Its weights, float32: forward, and reverse where there is one."""

    nonlinearity: Nonlinearity = "tanh"
    reset: Reset = "after"

    @property
    def outputs(self) -> int:
        """Width of what it gives at each step."""
        return sum(weights.state for weights in self.directions)


@dataclass(frozen=True)
class ImportedNetwork:
    """A network as it stands in a file."""

    layers: tuple[ImportedLayer, ...]
    dense: DenseWeights
    dense_source: str
    read: Read
    embedding: Floats | None = None
    """A row for each symbol, [symbols, inputs of the first layer]."""

    embedding_source: str = ""
    notes: tuple[str, ...] = ()
    """What the user should know about the conversion, a sentence each."""

    kind: str = ""
    """Of the file: ``torch``, ``safetensors`` or ``onnx``."""

    digest: str = ""
    """SHA-256 of the file."""

    def of_file(self, kind: str, digest: str) -> "ImportedNetwork":
        """Return the network with the kind and the hash of its file."""
        return replace(self, kind=kind, digest=digest)


def as_float32(tensor: NDArray[Any], name: str) -> Floats:
    """Return a tensor of another program in float32.

    Parameters
    ----------
    tensor : ndarray
        Of any type of real floating point.
    name : str
        File and tensor, for messages.

    Raises
    ------
    InputError
        It holds no floating point numbers, or some are not finite in float32.
    """
    if tensor.dtype.kind != "f":
        raise InputError(f"{name}: must hold floating point numbers, found {tensor.dtype}")
    with np.errstate(over="ignore", under="ignore"):
        found = np.ascontiguousarray(tensor, np.float32).reshape(tensor.shape)
    wrong = found.size - int(np.count_nonzero(np.isfinite(found)))
    if wrong:
        raise InputError(f"{name}: {wrong} of its {found.size} numbers are not finite in float32")
    return found


def transposed(tensor: Floats) -> Floats:
    """Return a weight of torch or ONNX, [outputs, inputs], as [inputs, outputs]."""
    return np.ascontiguousarray(tensor.T)


def reordered(tensor: Floats, order: Sequence[int]) -> Floats:
    """Return the blocks of gates along the first axis in another order; `order` has the old place of each new one."""
    blocks = np.split(tensor, len(order))
    return np.concatenate([blocks[place] for place in order])


def without_dense(layers: Sequence[ImportedLayer]) -> DenseWeights:
    """Return the read-out that hands on the states of the last layer as they are."""
    width = layers[-1].outputs
    return DenseWeights(np.eye(width, dtype=np.float32), np.zeros(width, np.float32))


def listed(names: Iterable[str]) -> str:
    """Return names from a file as they are shown in messages: quoted, the first few."""
    found = list(names)
    shown = ", ".join(describe(name) for name in found[:_SHOWN])
    return shown + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")


def shaped(tensor: NDArray[Any]) -> str:
    """Return a tensor's shape as it is shown."""
    return f"[{', '.join(map(str, tensor.shape))}]"
