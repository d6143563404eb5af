"""ONNX's recurrent operators as our layers.

W [directions, gates hidden, inputs], R [directions, gates hidden, hidden] and B [directions, 2 gates hidden], the
biases of W and of R behind each other. Gates: i, o, f, c of LSTM; z, r, h of GRU. With ``linear_before_reset`` 0, a
GRU's reset gate multiplies the states before they meet R, otherwise the product and its bias.
Source: LSTM, GRU and RNN in ONNX's operator schemas.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from memramp.config import describe
from memramp.errors import InputError
from memramp.models.import_onnx_file import Node
from memramp.models.import_parts import Floats, ImportedLayer, as_float32, reordered, shaped, transposed
from memramp.models.spec import GATES, Cell, Nonlinearity
from memramp.models.weights import CellWeights

CELLS: dict[str, Cell] = {"LSTM": "lstm", "GRU": "gru", "RNN": "rnn"}

_ORDER: dict[Cell, tuple[int, ...]] = {"lstm": (0, 2, 3, 1), "gru": (1, 0, 2), "rnn": (0,)}
"""Place among ONNX's gates of each of ours."""

_ACTIVATIONS: dict[Cell, tuple[str, ...]] = {
    "lstm": ("sigmoid", "tanh", "tanh"), "gru": ("sigmoid", "tanh"), "rnn": ("tanh",)
}  # fmt: skip
_WITHOUT = ("clip", "activation_alpha", "activation_beta")


def layer_of_onnx(node: Node, w: NDArray[Any], r: NDArray[Any], b: NDArray[Any] | None) -> ImportedLayer:
    """Return a node as a layer.

    Parameters
    ----------
    node : Node
        LSTM, GRU or RNN.
    w, r : ndarray
        Its weights.
    b : ndarray or None
        Its biases; None: zero.

    Raises
    ------
    InputError
        Shapes that do not fit, a direction, activation or attribute that our cells do not have.
    """
    kind, place = CELLS[node.op], node.place
    directions = _directions(node, place)
    nonlinearity = _nonlinearity(node, kind, directions, place)
    for key in _WITHOUT:
        found = node.attributes.get(key, ())
        if not isinstance(found, tuple) or found:
            raise InputError(f"{place}: the attribute {key} is not supported, found {describe(found)}")
    if node.integer("input_forget", 0) != 0:
        raise InputError(f"{place}: the attribute input_forget is not supported, expected 0")
    tensors = _tensors(w, r, b, directions, len(GATES[kind]), place)
    hidden = tensors[1].shape[2]
    if node.integer("hidden_size", hidden) != hidden:
        raise InputError(f"{place}: hidden_size must be {hidden} as in R, found {node.integer('hidden_size', hidden)}")
    after = kind != "gru" or node.integer("linear_before_reset", 0) != 0
    sides = [_side(kind, *(tensor[side] for tensor in tensors), after=after) for side in range(directions)]
    return ImportedLayer(kind, node.name or node.op, tuple(sides), nonlinearity, "after" if after else "before")


def _directions(node: Node, place: str) -> int:
    direction = node.text("direction", "forward")
    if direction not in ("forward", "bidirectional"):
        raise InputError(f"{place}: direction must be forward or bidirectional, found {describe(direction)}")
    return 2 if direction == "bidirectional" else 1


def _nonlinearity(node: Node, kind: Cell, directions: int, place: str) -> Nonlinearity:
    given = node.items("activations", str) or _ACTIVATIONS[kind] * directions
    found = tuple(name.lower() for name in given)
    if kind == "rnn" and found == ("relu",) * directions:
        return "relu"
    if found != _ACTIVATIONS[kind] * directions:
        also = " or Relu" if kind == "rnn" else ""
        raise InputError(
            f"{place}: activations must be {', '.join(name.capitalize() for name in _ACTIVATIONS[kind])}{also} in each "
            f"direction, found {describe(', '.join(given))}"
        )
    return "tanh"


def _tensors(
    w: NDArray[Any], r: NDArray[Any], b: NDArray[Any] | None, directions: int, gates: int, place: str
) -> tuple[Floats, Floats, Floats]:
    if r.ndim != 3 or r.shape[2] == 0 or r.shape != (directions, gates * r.shape[2], r.shape[2]):
        raise InputError(f"{place}: R must have shape [{directions}, {gates} hidden, hidden], found {shaped(r)}")
    rows = r.shape[1]
    if w.ndim != 3 or w.shape[2] == 0 or w.shape[:2] != (directions, rows):
        raise InputError(f"{place}: W must have shape [{directions}, {rows}, inputs], found {shaped(w)}")
    b = np.zeros((directions, 2 * rows), np.float32) if b is None else b
    if b.shape != (directions, 2 * rows):
        raise InputError(f"{place}: B must have shape [{directions}, {2 * rows}], found {shaped(b)}")
    return as_float32(w, f"{place}: W"), as_float32(r, f"{place}: R"), as_float32(b, f"{place}: B")


def _side(kind: Cell, w: Floats, r: Floats, b: Floats, *, after: bool) -> CellWeights:
    order, hidden = _ORDER[kind], r.shape[1]
    outer, inner = (reordered(half, order).astype(np.float64) for half in np.split(b, 2))
    bias_h = None
    if kind == "gru" and after:  # the candidate's bias of R stays inside the product with the reset gate
        bias_h = inner[2 * hidden :].astype(np.float32)
        inner[2 * hidden :] = 0.0
    bias = (outer + inner).astype(np.float32)
    return CellWeights(transposed(reordered(w, order)), transposed(reordered(r, order)), bias, bias_h=bias_h)
