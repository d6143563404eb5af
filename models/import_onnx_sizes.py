"""Shapes that an ONNX graph computes as it runs: exporters take the shape of a tensor apart to give it to a Reshape."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from memramp.models.import_onnx_constants import whole_numbers
from memramp.models.import_onnx_file import Node

Size = int | tuple[str, ...]
"""A number, or the product of the sizes of these axes."""


@dataclass(frozen=True)
class ShapeOf:
    """A vector of sizes, or one of them."""

    sizes: tuple[Size, ...]


_MOST = 64  # sizes in a shape, or axes in a product


def sizes_of(node: Node, inputs: Sequence[Any]) -> ShapeOf | None:
    """Return what a node makes of shapes, None where it is nothing that is known here.

    Parameters
    ----------
    node : Node
        The operation.
    inputs : sequence
        Its inputs, of which one at least is a `ShapeOf`.
    """
    operation = _OPERATIONS.get(node.op)
    found = None if operation is None else operation(node, inputs)
    return found if found is not None and len(found.sizes) <= _MOST else None


def _same(_node: Node, inputs: Sequence[Any]) -> ShapeOf | None:
    return inputs[0] if isinstance(inputs[0], ShapeOf) else None


def _reshape(node: Node, inputs: Sequence[Any]) -> ShapeOf | None:
    shape = whole_numbers(node, inputs, 1, "shape")
    return _same(node, inputs) if shape is not None and len(shape) <= 1 else None


def _slice(node: Node, inputs: Sequence[Any]) -> ShapeOf | None:
    given = _same(node, inputs)
    starts, ends = whole_numbers(node, inputs, 1, "starts"), whole_numbers(node, inputs, 2, "ends")
    steps = whole_numbers(node, inputs, 4, "steps")
    if given is None or not starts or not ends or (steps or [1]) != [1]:
        return None
    return ShapeOf(given.sizes[starts[0] : ends[0]])


def _gather(_node: Node, inputs: Sequence[Any]) -> ShapeOf | None:
    given, places = inputs
    if not isinstance(given, ShapeOf) or not isinstance(places, np.ndarray) or places.size > _MOST:
        return None
    numbers, length = [int(place) for place in places.ravel()], len(given.sizes)
    inside = all(-length <= number < length for number in numbers)
    return ShapeOf(tuple(given.sizes[number] for number in numbers)) if inside else None


def _concat(_node: Node, inputs: Sequence[Any]) -> ShapeOf | None:
    found: list[Size] = []
    for each in inputs:
        if isinstance(each, ShapeOf):
            found += each.sizes
        elif isinstance(each, np.ndarray) and each.dtype.kind == "i" and each.size <= _MOST:
            found += [int(number) for number in each.ravel()]
        else:
            return None
        if len(found) > _MOST:
            return None
    return ShapeOf(tuple(found))


def _product(_node: Node, inputs: Sequence[Any]) -> ShapeOf | None:
    if not all(isinstance(each, ShapeOf) and len(each.sizes) == 1 for each in inputs):
        return None
    names: list[str] = []
    for each in inputs:
        if isinstance(each.sizes[0], int):
            return None
        names += each.sizes[0]
    return ShapeOf((tuple(sorted(names)),)) if len(names) <= _MOST else None


_OPERATIONS: dict[str, Callable[[Node, Sequence[Any]], ShapeOf | None]] = {
    "Identity": _same,
    "Cast": _same,
    "Squeeze": _same,
    "Unsqueeze": _same,
    "Reshape": _reshape,
    "Slice": _slice,
    "Gather": _gather,
    "Concat": _concat,
    "Mul": _product,
}
