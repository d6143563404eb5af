"""Operations of an ONNX graph that move the axes of a tensor and compute nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from memramp.models.import_onnx_constants import whole_numbers
from memramp.models.import_onnx_file import MAX_AXES, Node
from memramp.models.import_onnx_signal import DIRECTIONS, FEATURE, UNIT, Signal
from memramp.models.import_onnx_sizes import ShapeOf, Size
from memramp.models.spec import MAX_LAYERS

_TO_THE_END = 2**31 - 1
"""Ends of slices at least this large stand for the end of the axis, as exporters write it."""

Given = Sequence[Any]
"""Inputs of a node: arrays, marks of constants, shapes, None."""

Sizes = Mapping[str, int]
Moved = Signal | None
"""None: not an operation that keeps the meaning of the axes."""


def move(node: Node, signal: Signal, inputs: Given, time: str | None, sizes: Sizes) -> Moved:
    """Return what a node makes of a signal by moving, dropping or choosing along axes.

    Parameters
    ----------
    node : Node
        The operation.
    signal : Signal
        Its first input.
    inputs : sequence
        All inputs; that of the signal is None.
    time : str or None
        Name of the axis of time, None before the first recurrent layer.
    sizes : mapping of str to int
        Known sizes of axes.

    Returns
    -------
    Signal or None
        None: the operation is another one, or what is left has no meaning for a network of ours.
    """
    operation = _OPERATIONS.get(node.op)
    known = (np.ndarray, ShapeOf) if node.op == "Reshape" else (np.ndarray,)
    unknown = any(each is not None and not isinstance(each, known) for each in inputs)
    return None if operation is None or unknown else operation(node, signal, inputs, time, sizes)


def concatenated(node: Node, signals: list[Signal]) -> Moved:
    """Return states that are put side by side: of layers or directions."""
    first = signals[0]
    place = first.axis(node.integer("axis", 0))
    if place is None or any((each.kind, each.axes, each.at) != ("states", first.axes, first.at) for each in signals):
        return None
    along = first.axes[place]
    if sum(len(each.parts) for each in signals) > 2 * MAX_LAYERS:
        return None
    if along != DIRECTIONS and (along != FEATURE or DIRECTIONS in first.axes):
        return None
    return replace(first, parts=tuple(part for each in signals for part in each.parts))


def _same(_node: Node, signal: Signal, _inputs: Given, _time: str | None, _sizes: Sizes) -> Moved:
    return signal


def _transpose(node: Node, signal: Signal, _inputs: Given, _time: str | None, _sizes: Sizes) -> Moved:
    order = node.items("perm", int) or tuple(reversed(range(len(signal.axes))))
    if sorted(order) != list(range(len(signal.axes))):
        return None
    return replace(signal, axes=tuple(signal.axes[place] for place in order))


def _squeeze(node: Node, signal: Signal, inputs: Given, _time: str | None, _sizes: Sizes) -> Moved:
    axes = whole_numbers(node, inputs, 1, "axes")
    places = [] if axes is None else [signal.axis(number) for number in axes]
    if not places or any(place is None or not signal.is_unit(signal.axes[place]) for place in places):
        return None
    return signal.without([place for place in places if place is not None])


def _unsqueeze(node: Node, signal: Signal, inputs: Given, _time: str | None, _sizes: Sizes) -> Moved:
    axes = whole_numbers(node, inputs, 1, "axes")
    if axes is None:
        return None
    rank = len(signal.axes) + len(axes)
    if rank > MAX_AXES:
        return None
    places = {number + rank if number < 0 else number for number in axes}
    if len(places) < len(axes) or not all(0 <= place < rank for place in places):
        return None
    return signal.inserted(sorted(places))


def _gather(node: Node, signal: Signal, inputs: Given, time: str | None, sizes: Sizes) -> Moved:
    place, chosen = signal.axis(node.integer("axis", 0)), inputs[1]
    if place is None or not isinstance(chosen, np.ndarray) or chosen.size != 1 or chosen.dtype.kind != "i":
        return None
    number = int(chosen.ravel()[0])
    found = _chosen(signal, place, number, _TO_THE_END if number == -1 else number + 1, time, sizes)
    return found if found is None or chosen.ndim else found.without([place])


def _slice(node: Node, signal: Signal, inputs: Given, time: str | None, sizes: Sizes) -> Moved:
    starts, ends = whole_numbers(node, inputs, 1, "starts"), whole_numbers(node, inputs, 2, "ends")
    axes, steps = whole_numbers(node, inputs, 3, "axes"), whole_numbers(node, inputs, 4, "steps")
    if starts is None or ends is None or len(starts) != 1 or len(ends) != 1 or (steps or [1]) != [1]:
        return None
    place = signal.axis((axes or [0])[0])
    return None if place is None else _chosen(signal, place, starts[0], ends[0], time, sizes)


def _chosen(signal: Signal, place: int, start: int, end: int, time: str | None, sizes: Sizes) -> Moved:
    """Return a part of an axis, which stays: directions, the last step, or an axis of size one."""
    name = signal.axes[place]
    if name == DIRECTIONS:
        first = start + len(signal.parts) if start < 0 else start
        last = end + len(signal.parts) if end < 0 else end
        parts = signal.parts[first:last] if first >= 0 else ()
        return replace(signal, parts=parts) if parts else None
    size = 1 if name.startswith(UNIT) else sizes.get(name)
    is_last = start == -1 or (size is not None and start == size - 1)
    to_end = end >= _TO_THE_END or (size is not None and end >= size)
    if not is_last or not to_end:
        return None
    if name.startswith(UNIT):
        return signal
    if name != time or signal.at != "all" or signal.kind not in ("states", "scores"):
        return None
    return replace(signal.with_axis(place, Signal.new_unit(signal.axes)), at="last")


def _reshape(_node: Node, signal: Signal, inputs: Given, _time: str | None, sizes: Sizes) -> Moved:
    shape = inputs[1] if len(inputs) > 1 else None
    if isinstance(shape, np.ndarray) and shape.size <= len(signal.axes):
        shape = ShapeOf(tuple(int(size) for size in shape.ravel()))
    if not isinstance(shape, ShapeOf):
        return None
    wanted = shape.sizes
    candidates = [signal, signal.plain, signal.merged, signal.plain.merged]
    return next((each for each in candidates if each is not None and _fits(wanted, signal, each, sizes)), None)


def _fits(wanted: tuple[Size, ...], before: Signal, after: Signal, sizes: Sizes) -> bool:
    """Tell whether a shape is that of a signal: 0 keeps the size at its place, one -1 follows from the others.

    Sizes of axes are compared by the names of the axes, but for those of size one.
    """
    if len(wanted) != len(after.axes) or wanted.count(-1) > 1:
        return False
    side_by_side = len(after.parts) if DIRECTIONS not in after.axes else 1
    merged = side_by_side > 1 and DIRECTIONS in before.axes
    for place, (size, name) in enumerate(zip(wanted, after.axes, strict=True)):
        if isinstance(size, tuple):
            whole = (DIRECTIONS, FEATURE) if merged and name == FEATURE else (name,)
            if sorted(each for each in size if not before.is_unit(each)) != [
                each for each in whole if not before.is_unit(each)
            ]:
                return False
            continue
        if size == 0 and (before.axes[place] != name or (merged and name == FEATURE)):
            return False
        known = 1 if after.is_unit(name) else sizes.get(name)
        if name == FEATURE and known is not None:
            known *= max(side_by_side, 1)
        if size > 0 and size != known:
            return False
    return True


def _flatten(node: Node, signal: Signal, _inputs: Given, _time: str | None, _sizes: Sizes) -> Moved:
    plain = signal.plain
    axis = signal.axis(node.integer("axis", 1))
    whole = len(plain.axes) == 2 and axis is not None and len(signal.without(range(axis, 99)).plain.axes) == 1
    return plain if whole else None


_OPERATIONS: dict[str, Callable[[Node, Signal, Given, str | None, Sizes], Moved]] = {
    "Identity": _same,
    "Dropout": _same,
    "Cast": _same,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Gather": _gather,
    "Slice": _slice,
    "Reshape": _reshape,
    "Flatten": _flatten,
}
MOVES = tuple(_OPERATIONS)
