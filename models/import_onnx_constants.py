"""Tensors of an ONNX graph that do not depend on its inputs: exporters slice, join and turn weights in the graph."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from memramp.errors import InputError
from memramp.models.import_onnx_file import Node
from memramp.models.import_parts import MAX_NUMBERS


class _Mark:
    """A tensor of which only this much is known."""


ZEROS: Final = _Mark()
"""Zeros, of whatever shape."""

OPAQUE: Final = _Mark()
"""Something else, such as a size of a batch."""

Constant = NDArray[Any] | _Mark
Given = Sequence[Constant | None]


def fold(node: Node, inputs: Given) -> Constant:
    """Return the first output of a node whose inputs are constants.

    Parameters
    ----------
    node : Node
        Any operation; what is not known here gives `OPAQUE`.
    inputs : sequence of ndarray, ZEROS, OPAQUE or None
        Its inputs, None where an optional one is left out.

    Raises
    ------
    InputError
        The inputs do not fit the operation, or the result would be too large.
    """
    if node.op == "Constant":
        return _constant(node)
    if node.op == "ConstantOfShape":
        return ZEROS if "value" not in node.attributes or is_zero(node.attributes["value"]) else OPAQUE
    data = inputs if node.op == "Concat" else inputs[:1]
    kept = node.op == "Expand" or (node.op in _OPERATIONS and any(each is ZEROS for each in data))
    if kept and all(map(is_zero, data)):
        return ZEROS
    return _apply(node, inputs)


def is_zero(value: object) -> bool:
    """Tell whether all of a constant's numbers are known to be zero."""
    return value is ZEROS or (isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and not value.any())


def _constant(node: Node) -> Constant:
    for key in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if node.attributes.get(key) is not None:
            found = node.attributes[key]
            return found if isinstance(found, np.ndarray) else np.array(found)
    return OPAQUE


def _apply(node: Node, inputs: Given) -> Constant:
    operation = _OPERATIONS.get(node.op)
    arrays = [each for each in inputs if isinstance(each, np.ndarray)]
    if operation is None or len(arrays) < sum(each is not None for each in inputs) or not arrays:
        return OPAQUE
    if sum(array.size for array in arrays) > MAX_NUMBERS:
        raise InputError(f"{node.place} makes a tensor of more than {MAX_NUMBERS} numbers")
    try:
        return operation(node, inputs)
    except InputError:
        raise
    except (ValueError, IndexError, TypeError, OverflowError) as error:
        said = (str(error).splitlines() or ["?"])[0][:120]
        raise InputError(f"{node.place} does not fit its inputs ({said})") from None


def whole_numbers(node: Node, inputs: Given, place: int, key: str) -> list[int] | None:
    """Return numbers that are an input of new versions of an operation and an attribute of old ones."""
    given = inputs[place] if place < len(inputs) else None
    if isinstance(given, np.ndarray) and given.dtype.kind == "i":
        return [int(number) for number in given.ravel()[:64]]
    found = node.attributes.get(key)
    if given is not None or found is None:
        return None
    return [found] if isinstance(found, int) else list((node.items(key, int) or ())[:64])


def _transpose(node: Node, inputs: Given) -> Constant:
    return _array(inputs[0]).transpose(whole_numbers(node, inputs, 1, "perm"))


def _unsqueeze(node: Node, inputs: Given) -> Constant:
    return np.expand_dims(_array(inputs[0]), tuple(whole_numbers(node, inputs, 1, "axes") or ()))


def _squeeze(node: Node, inputs: Given) -> Constant:
    axes = whole_numbers(node, inputs, 1, "axes")
    return np.squeeze(_array(inputs[0]), None if axes is None else tuple(axes))


def _concat(node: Node, inputs: Given) -> Constant:
    return np.concatenate([_array(each) for each in inputs], node.integer("axis", 0))


def _reshape(_node: Node, inputs: Given) -> Constant:
    array, shape = _array(inputs[0]), [int(size) for size in _array(inputs[1]).ravel()]
    return array.reshape([array.shape[i] if size == 0 else size for i, size in enumerate(shape)])


def _slice(node: Node, inputs: Given) -> Constant:
    starts, ends = whole_numbers(node, inputs, 1, "starts") or [], whole_numbers(node, inputs, 2, "ends") or []
    array, parts = _array(inputs[0]), [slice(None)] * _array(inputs[0]).ndim
    axes = whole_numbers(node, inputs, 3, "axes") or list(range(len(starts)))
    steps = whole_numbers(node, inputs, 4, "steps") or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step <= 0:
            raise ValueError("backwards")
        parts[axis] = slice(start, end, step)
    return array[tuple(parts)]


def _gather(node: Node, inputs: Given) -> Constant:
    array, places = _array(inputs[0]), _array(inputs[1])
    if places.size > array.size:
        raise ValueError("takes more than there is")
    return np.take(array, places, node.integer("axis", 0))


def _cast(node: Node, inputs: Given) -> Constant:
    kinds = {1: np.float32, 7: np.int64, 10: np.float16, 11: np.float64}  # of onnx.TensorProto.DataType
    kind = kinds.get(node.integer("to", 0))
    return OPAQUE if kind is None else _array(inputs[0]).astype(kind)


def _array(value: Constant | None) -> NDArray[Any]:
    if not isinstance(value, np.ndarray):
        raise ValueError("an input is missing")  # noqa: TRY004  (a fault of the file, not of a caller)
    return value


_OPERATIONS: dict[str, Callable[[Node, Given], Constant]] = {
    "Identity": lambda _, inputs: _array(inputs[0]),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Concat": _concat,
    "Reshape": _reshape,
    "Slice": _slice,
    "Gather": _gather,
    "Cast": _cast,
}
