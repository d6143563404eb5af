"""An ONNX file as plain nodes and arrays. Needs the package onnx, which parses the file and does nothing else here."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, numpy_helper

from memramp.config import describe
from memramp.errors import InputError
from memramp.models.import_parts import MAX_NUMBERS, listed

MIN_OPSET = 7
"""Version of ONNX's operators in which the recurrent ones got their present form."""

MAX_AXES = 8
"""Tensors that depend on the inputs have at most so many axes."""

_MAX_NODES = 20_000
_NUMBERS = (
    TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.INT64,
    TensorProto.INT32, TensorProto.BOOL,
)  # fmt: skip


@dataclass(frozen=True)
class Node:
    """An operation of the graph."""

    op: str
    """Its name, with the domain where that is not ONNX's own."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    """Numbers, texts, tuples of them, and arrays; None where the value is of another kind."""

    where: str = ""
    """Name of the file."""

    @property
    def place(self) -> str:
        """What messages call it."""
        found = self.name or next(filter(None, self.outputs), "")
        op = self.op if self.op.isidentifier() and len(self.op) < 60 else describe(self.op)
        return f"{self.where}: {op} node {describe(found)}" if found else f"{self.where}: {op} node"

    def integer(self, key: str, default: int) -> int:
        """Return an attribute that is a whole number."""
        return int(self._checked(key, default, int))

    def real(self, key: str, default: float) -> float:
        """Return an attribute that is a number."""
        return float(self._checked(key, default, (int, float)))

    def text(self, key: str, default: str) -> str:
        """Return an attribute that is a text."""
        return str(self._checked(key, default, str))

    def items(self, key: str, kind: type) -> tuple[Any, ...] | None:
        """Return an attribute that is a tuple of numbers or texts, None where it is left out."""
        found: tuple[Any, ...] | None = self._checked(key, None, (tuple, type(None)))
        if found is not None and not all(isinstance(each, kind) for each in found):
            raise InputError(f"{self.place}: the attribute {key} is of a wrong kind")
        return found

    def _checked(self, key: str, default: Any, kinds: type | tuple[type, ...]) -> Any:
        found = self.attributes.get(key, default)
        if not isinstance(found, kinds):
            raise InputError(f"{self.place}: the attribute {key} is of a wrong kind")
        return found


@dataclass(frozen=True)
class Graph:
    """The main graph of a file."""

    nodes: tuple[Node, ...]
    constants: dict[str, NDArray[Any] | None]
    """Arrays by name, bfloat16 as float32; None where the numbers are of a type that no weight of ours has."""

    inputs: dict[str, tuple[int | None, ...] | None]
    """Shapes of what the caller gives; None: unknown."""

    outputs: tuple[str, ...]


def read_graph(content: bytes, where: str) -> Graph:
    """Return the graph of an ONNX file.

    Parameters
    ----------
    content : bytes
        The file. Tensors that it keeps in other files are refused: no other file is ever read.
    where : str
        Its name, for messages.

    Raises
    ------
    InputError
        It is damaged, has external or sparse tensors, or operators of before `MIN_OPSET`.
    """
    model = ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        raise InputError(f"{where}: damaged or no ONNX file") from None
    graph = model.graph
    if not graph.node or not model.opset_import:
        raise InputError(f"{where}: damaged or no ONNX file (it has no operators)")
    _check(model, where)
    constants = {_text(tensor.name): _array(tensor, where) for tensor in graph.initializer}
    _check_total(constants.values(), where)
    return Graph(
        tuple(_node(node, where) for node in graph.node),
        constants,
        {_text(each.name): _shape(each, where) for each in graph.input if _text(each.name) not in constants},
        tuple(_text(each.name) for each in graph.output),
    )


def _check(model: ModelProto, where: str) -> None:
    opset = max((int(each.version) for each in model.opset_import if each.domain in ("", "ai.onnx")), default=0)
    if opset < MIN_OPSET:
        raise InputError(f"{where}: uses version {opset} of ONNX's operators, expected {MIN_OPSET} or later")
    if len(model.graph.node) > _MAX_NODES:
        raise InputError(f"{where}: has {len(model.graph.node)} nodes, at most {_MAX_NODES} are read")
    if model.graph.sparse_initializer:
        raise InputError(f"{where}: has sparse tensors, expected dense ones")


def _check_total(arrays: Iterable[NDArray[Any] | None], where: str) -> None:
    if sum(array.size for array in arrays if array is not None) > MAX_NUMBERS:
        raise InputError(f"{where}: its tensors have more than {MAX_NUMBERS} numbers")


def _node(node: NodeProto, where: str) -> Node:
    domain, op = _text(node.domain), _text(node.op_type)
    op = op if domain in ("", "ai.onnx") else f"{domain}.{op}"
    attributes = {_text(attribute.name): _value(attribute, where) for attribute in node.attribute}
    return Node(op, _text(node.name), tuple(map(_text, node.input)), tuple(map(_text, node.output)), attributes, where)


def _value(attribute: AttributeProto, where: str) -> Any:
    match attribute.type:
        case AttributeProto.TENSOR:
            return _array(attribute.t, where)
        case AttributeProto.STRING:
            return _text(attribute.s)
        case AttributeProto.STRINGS:
            return tuple(map(_text, attribute.strings))
        case AttributeProto.INT:
            return int(attribute.i)
        case AttributeProto.INTS:
            return tuple(map(int, attribute.ints))
        case AttributeProto.FLOAT:
            return float(attribute.f)
        case AttributeProto.FLOATS:
            return tuple(map(float, attribute.floats))
    return None


def _array(tensor: TensorProto, where: str) -> NDArray[Any] | None:
    name = describe(_text(tensor.name))
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        files = [_text(entry.value) for entry in tensor.external_data if entry.key == "location"]
        raise InputError(
            f"{where}: keeps the tensor {name} in another file ({listed(files)}), which is not read; save the model in "
            "one file"
        )
    if tensor.data_type not in _NUMBERS:
        return None
    if any(size < 0 for size in tensor.dims) or prod(tensor.dims) > MAX_NUMBERS:
        raise InputError(f"{where}: the tensor {name} is damaged (shape {list(tensor.dims)[:8]})")
    try:
        found = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{where}: the tensor {name} is damaged ({said[:120]})") from None
    return found.astype(np.float32) if tensor.data_type == TensorProto.BFLOAT16 else found


def _text(found: str | bytes) -> str:
    """Return a text; protobuf gives bytes where it is not UTF-8."""
    return found if isinstance(found, str) else found.decode("utf-8", "replace")


def _shape(value: onnx.ValueInfoProto, where: str) -> tuple[int | None, ...] | None:
    if not value.type.tensor_type.HasField("shape"):
        return None
    if len(value.type.tensor_type.shape.dim) > MAX_AXES:
        raise InputError(f"{where}: its input {describe(_text(value.name))} has more than {MAX_AXES} axes")
    sizes = [int(size.dim_value) for size in value.type.tensor_type.shape.dim]
    return tuple(size if size > 0 else None for size in sizes)
