"""Tensors of a safetensors file of another program."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize

from memramp.errors import InputError
from memramp.models.checkpoint import FORMAT, KEYWORD_FORMAT

_TYPES = {
    "F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32, "I16": np.int16,
    "I8": np.int8, "U8": np.uint8, "BOOL": np.bool_,
}  # fmt: skip


def read_safetensors(content: bytes, where: str) -> dict[str, NDArray[Any]]:
    """Return the tensors of a safetensors file, bfloat16 as float32.

    Parameters
    ----------
    content : bytes
        The file.
    where : str
        Its name, for messages.

    Raises
    ------
    InputError
        It is damaged, or a checkpoint of memramp already.
    """
    try:
        parts = deserialize(content)  # type: ignore[no-untyped-call]
        about = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]).get("__metadata__") or {}
        found = {str(name): _array(part) for name, part in sorted(parts, key=lambda each: each[0])}
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{where}: damaged or no safetensors file ({str(error).splitlines()[0]})") from None
    if about.get("format") in (FORMAT, KEYWORD_FORMAT):
        raise InputError(f"{where}: is a checkpoint of memramp already and needs no import")
    return found


def _array(part: dict[str, Any]) -> NDArray[Any]:
    kind, data, shape = str(part["dtype"]), part["data"], part["shape"]
    if kind == "BF16":  # the upper half of a float32
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
    if kind not in _TYPES:
        return np.empty(0, object)  # a type that no weight of ours has; refused where it is used
    return np.frombuffer(data, _TYPES[kind]).reshape(shape)
