"""The network in an ONNX file: its graph is followed from the inputs to the scores.

Known are an embedding (Gather of a constant by an input), LSTM, GRU and RNN behind each other, one dense layer (Gemm,
or MatMul and Add) on all or the last of their states, and what moves axes between them. Everything else is refused by
name.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memramp.config import describe
from memramp.errors import InputError
from memramp.models.import_onnx_cells import CELLS, layer_of_onnx
from memramp.models.import_onnx_constants import OPAQUE, Constant, fold, is_zero
from memramp.models.import_onnx_dense import OnnxDense
from memramp.models.import_onnx_file import Graph, Node, read_graph
from memramp.models.import_onnx_shapes import MOVES, concatenated, move
from memramp.models.import_onnx_signal import DIRECTIONS, FEATURE, Signal
from memramp.models.import_onnx_sizes import ShapeOf, sizes_of
from memramp.models.import_parts import (
    MAX_NUMBERS,
    Floats,
    ImportedLayer,
    ImportedNetwork,
    Read,
    as_float32,
    listed,
    without_dense,
)

_Value = Constant | Signal | ShapeOf
_LAST = ("Softmax", "LogSoftmax")
"""What may follow the dense layer and is left out: it changes neither the order nor the differences of the scores'
logarithms."""

_INPUTS = {
    "LSTM": 8, "GRU": 8, "RNN": 8, "Gemm": 3, "MatMul": 2, "Add": 2, "Mul": 2, "Gather": 2, "Reshape": 2, "Slice": 5,
    "Squeeze": 2, "Unsqueeze": 2, "Transpose": 1, "Identity": 1, "Cast": 1, "Dropout": 3, "Flatten": 1, "Shape": 1,
    "Expand": 2, "ConstantOfShape": 1, "Softmax": 1, "LogSoftmax": 1,
}  # fmt: skip
"""Number of inputs of each operation, with the optional ones."""


def network_of_onnx(content: bytes, where: str, *, dense: bool = True) -> ImportedNetwork:
    """Return the network in an ONNX file.

    Parameters
    ----------
    content : bytes
        The file.
    where : str
        Its name, for messages.
    dense : bool
        Whether there is a dense layer; without one, the recurrent states that the graph gives are the scores.

    Raises
    ------
    InputError
        The file is damaged, or has something that a network of ours has not; the message names the node.
    """
    return _Walker(read_graph(content, where), where, dense=dense).run()


class _Walker:
    """Goes through the nodes in their order and keeps what is known of each tensor."""

    def __init__(self, graph: Graph, where: str, *, dense: bool) -> None:
        self._graph, self._where, self._wants_dense = graph, where, dense
        self._values: dict[str, _Value] = {
            name: OPAQUE if array is None else array for name, array in graph.constants.items()
        }
        self._layers: list[ImportedLayer] = []
        self._dense: OnnxDense | None = None
        self._embedding: tuple[Floats, str] | None = None
        self._time: str | None = None
        self._batch: str | None = None
        self._sizes: dict[str, int] = {}
        self._folded = 0
        self._notes: list[str] = []

    def run(self) -> ImportedNetwork:
        for node in self._graph.nodes:
            self._step(node)
        if not self._layers:
            raise InputError(f"{self._where}: has no LSTM, GRU or RNN node")
        if self._dense is None and self._wants_dense:
            raise InputError(
                f"{self._where}: no dense layer (Gemm, or MatMul and Add) reads the states of its last recurrent "
                "layer; with --dense none the states are the scores"
            )
        if self._dense is not None and not self._wants_dense:
            raise InputError(f"--dense: {self._where} has a dense layer ({describe(self._dense.source)}), found 'none'")
        end = self._end()
        table, source = self._embedding or (None, "")
        dense = without_dense(self._layers) if self._dense is None else self._dense.weights()
        name = "states as they are" if self._dense is None else self._dense.source
        read: Read = "all" if end.at == "all" else "last"
        return ImportedNetwork(tuple(self._layers), dense, name, read, table, source, tuple(self._notes))

    def _end(self) -> Signal:
        """Return what the graph gives: the scores, or the states of the last layer."""
        wanted = "scores" if self._dense is not None else "states"
        found = [self._values.get(name) for name in self._graph.outputs]
        for signal in found:
            if isinstance(signal, Signal) and signal.kind == wanted and (wanted == "scores" or self._readable(signal)):
                return signal
        given = listed(self._graph.outputs)
        raise InputError(f"{self._where}: its outputs ({given}) are not the {wanted} of the network")

    def _step(self, node: Node) -> None:
        inputs = self._inputs(node)
        if any(isinstance(value, Signal) for value in inputs) or node.op in CELLS:
            made = self._follow(node, inputs)
        else:
            sizes = sizes_of(node, inputs) if any(isinstance(value, ShapeOf) for value in inputs) else None
            made = (sizes or self._fold(node, inputs),)
        for number, name in enumerate(node.outputs):
            if name:
                self._values[name] = made[number] if number < len(made) else OPAQUE

    def _inputs(self, node: Node) -> list[Any]:
        """Return what is known of a node's inputs, None where an optional one is left out."""
        most = _INPUTS.get(node.op, len(node.inputs))
        if len(node.inputs) > most:
            raise InputError(f"{node.place} has {len(node.inputs)} inputs, expected at most {most}")
        found = [self._value(name, node) for name in node.inputs]
        return found + [None] * (most - len(found))

    def _fold(self, node: Node, inputs: list[Any]) -> Constant:
        made = fold(node, inputs)
        self._folded += made.size if isinstance(made, np.ndarray) else 0
        if self._folded > MAX_NUMBERS:
            raise InputError(f"{self._where}: its constants grow to more than {MAX_NUMBERS} numbers")
        return made

    def _value(self, name: str, node: Node) -> _Value | None:
        if not name:
            return None
        if name not in self._values:
            if name not in self._graph.inputs:
                raise InputError(f"{node.place} reads {describe(name)}, which no node before it makes")
            self._values[name] = self._input(name)
        return self._values[name]

    def _input(self, name: str) -> Signal:
        shape = self._graph.inputs[name]
        axes = tuple(f"{name}:{number}" for number in range(3 if shape is None else len(shape)))
        self._sizes |= {axis: size for axis, size in zip(axes, shape or (), strict=False) if size is not None}
        return Signal("input", axes, source=name)

    def _follow(self, node: Node, inputs: list[Any]) -> tuple[_Value, ...]:
        """Return the outputs of a node that reads what depends on the graph's inputs."""
        if node.op in CELLS:
            return self._recurrent(node, inputs)
        if node.op == "Size":
            return (OPAQUE,)
        signals = [value for value in inputs if isinstance(value, Signal)]
        made = self._made(node, inputs, signals)
        if made is None:
            raise InputError(f"{node.place} is not known at this place; {_allowed(signals[0])}")
        return (made,)

    def _made(self, node: Node, inputs: list[Any], signals: list[Signal]) -> Signal | ShapeOf | None:
        if node.op == "Shape":
            names = signals[0].axes[node.integer("start", 0) : node.integer("end", len(signals[0].axes))]
            return ShapeOf(tuple((name,) for name in names))
        if node.op == "Concat" and len(signals) == len(inputs):
            return concatenated(node, signals)
        if node.op == "Gather" and isinstance(inputs[0], np.ndarray):
            return self._look_up(node, inputs[0], signals[0])
        if node.op in ("MatMul", "Gemm"):
            return self._product(node, inputs)
        if node.op == "Add":
            return self._add(node, inputs)
        if node.op in _LAST:
            return self._softmax(node, signals[0])
        if node.op in MOVES and isinstance(inputs[0], Signal) and len(signals) == 1:
            return move(node, inputs[0], [None, *inputs[1:]], self._time, self._sizes)
        return None

    def _look_up(self, node: Node, table: NDArray[Any], signal: Signal) -> Signal | None:
        """Return the vectors of symbols."""
        if table.ndim != 2 or signal.kind != "input" or node.integer("axis", 0) != 0:
            return None
        if self._embedding or self._layers:
            return None
        self._embedding = (as_float32(table, node.place), node.inputs[0])
        self._sizes[FEATURE] = table.shape[1]
        return Signal("symbols", (*signal.axes, FEATURE), source=signal.source)

    def _recurrent(self, node: Node, inputs: list[Any]) -> tuple[_Value, ...]:
        x, lengths, starts, peepholes = inputs[0], inputs[4], inputs[5:7], inputs[7]
        place = node.place
        tensors = [self._constant(value, f"{place}: {key}") for key, value in zip("WRB", inputs[1:4], strict=True)]
        if lengths is not None:
            raise InputError(f"{place}: sequence_lens is not supported, all sequences have the same length here")
        if peepholes is not None:
            raise InputError(f"{place}: the peepholes P are not supported")
        for key, start in zip(("initial_h", "initial_c"), starts, strict=True):
            if start is not None and (isinstance(start, Signal) or not is_zero(start)):
                what = "an input of the graph" if isinstance(start, Signal) else "not known to be zero"
                raise InputError(f"{place}: {key} must be zero or left out, it is {what}")
        w, r, b = tensors
        if w is None or r is None:
            raise InputError(f"{place}: W or R is missing")
        layer = layer_of_onnx(node, w, r, b)
        time_first = node.integer("layout", 0) == 0
        self._check_input(x, place, time_first=time_first)
        self._layers.append(layer)
        self._sizes[FEATURE] = layer.directions[0].state
        return self._states(time_first=time_first)

    def _constant(self, value: Any, shown: str) -> NDArray[Any] | None:
        if value is None or isinstance(value, np.ndarray):
            return value
        raise InputError(f"{shown} must be a constant of floating point numbers, as trained weights are")

    def _check_input(self, x: Any, place: str, *, time_first: bool) -> None:
        """Check that the layer reads what the one before gives, at all steps; the first one names the axes."""
        if self._dense is not None:
            raise InputError(f"{place}: stands behind the dense layer, which must be the last one")
        expected = "the graph's input or its embedding" if not self._layers else "all states of the layer before it"
        if isinstance(x, Signal) and len(x.axes) == 3:
            time, batch = x.axes[:2] if time_first else (x.axes[1], x.axes[0])
            first = not self._layers and x.kind == ("symbols" if self._embedding else "input")
            if first and (x.kind == "input" or x.axes[2] == FEATURE):
                self._time, self._batch = time, batch
                return
            same = (time, batch, x.axes[2]) == (self._time, self._batch, FEATURE)
            if same and x.kind == "states" and x.at == "all" and x.parts == self._last_parts:
                return
        raise InputError(f"{place}: reads something else than {expected}")

    @property
    def _last_parts(self) -> tuple[tuple[int, int], ...]:
        number = len(self._layers) - 1
        return tuple((number, side) for side in range(len(self._layers[-1].directions)))

    def _states(self, *, time_first: bool) -> tuple[Signal, Signal]:
        assert self._time is not None
        assert self._batch is not None
        time, batch, parts = self._time, self._batch, self._last_parts
        axes = (time, DIRECTIONS, batch, FEATURE) if time_first else (batch, time, DIRECTIONS, FEATURE)
        ends = (DIRECTIONS, batch, FEATURE) if time_first else (batch, DIRECTIONS, FEATURE)
        return Signal("states", axes, parts), Signal("states", ends, parts, at="end")

    def _readable(self, signal: Signal) -> bool:
        """Tell whether a dense layer of ours can read these states."""
        whole = bool(self._layers) and signal.kind == "states" and signal.parts == self._last_parts
        aside = DIRECTIONS not in signal.axes or len(signal.parts) == 1
        return whole and aside and signal.axes[-1] == FEATURE and (signal.at != "last" or len(signal.parts) == 1)

    def _product(self, node: Node, inputs: list[Any]) -> Signal | None:
        signal, weight, given = [*inputs, None][:3]
        if not isinstance(signal, Signal) or not isinstance(weight, np.ndarray) or weight.ndim != 2:
            return None
        if self._dense is not None or not self._readable(signal):
            return None
        if node.op == "Gemm" and (node.integer("transA", 0) != 0 or len(signal.axes) != 2):
            return None
        bias = self._constant(given, f"{node.place}: its bias")
        self._dense = OnnxDense(node, weight, bias, self._layers[-1].outputs)
        self._sizes[FEATURE] = self._dense.outputs
        return replace(signal, kind="scores")

    def _add(self, node: Node, inputs: list[Any]) -> Signal | None:
        signal, bias = inputs if isinstance(inputs[0], Signal) else reversed(inputs)
        if not isinstance(signal, Signal) or not isinstance(bias, np.ndarray) or self._dense is None:
            return None
        usable = signal.kind == "scores" and signal.axes[-1] == FEATURE
        return signal if usable and self._dense.takes_bias(bias, node.place) else None

    def _softmax(self, node: Node, signal: Signal) -> Signal | None:
        last = len(signal.axes) - 1
        if signal.kind != "scores" or self._dense is None or signal.axes[last] != FEATURE:
            return None
        if node.integer("axis", last) not in (-1, last):
            return None
        self._dense.close()
        self._notes = [f"{node.op} after the dense layer is left out: the scores are those before it"]
        return signal


def _allowed(signal: Signal) -> str:
    match signal.kind:
        case "input":
            return "an input goes through an embedding, or straight into an LSTM, GRU or RNN node"
        case "symbols":
            return "an embedding goes straight into an LSTM, GRU or RNN node"
        case "states":
            return (
                "states go into the next recurrent node, or all, the last step or Y_h (with two directions: all or "
                "Y_h) into one Gemm, or MatMul and Add"
            )
        case _:
            return f"the scores are the end; only a bias, {' or '.join(_LAST)} and moved axes may follow"
