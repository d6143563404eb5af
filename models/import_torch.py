"""Tensors of a file that ``torch.save`` wrote: only tensors, never other pickled objects. Needs PyTorch."""

import io
import re
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from memramp.config import describe
from memramp.errors import InputError
from memramp.models.import_parts import MAX_NUMBERS, listed

NESTED = ("state_dict", "model_state_dict", "model")
"""Keys under which trainings keep the state dict beside other things."""

_MAX_PICKLE = 10_000_000  # bytes; that of a state dict has about 100 a tensor
_MAX_ENTRIES = 20_000


def read_state_dict(content: bytes, where: str) -> dict[str, NDArray[Any]]:
    """Return the tensors of a state dict, bfloat16 as float32.

    Parameters
    ----------
    content : bytes
        A file written by ``torch.save(model.state_dict(), FILE)``, or by a training that keeps the state dict under one
        of the keys `NESTED`.
    where : str
        Its name, for messages.

    Raises
    ------
    InputError
        It is damaged, larger than it looks, holds other objects than tensors, or no state dict.
    """
    _check_archive(content, where)
    loaded = _load(content, where)
    named = _state_dict(loaded, where)
    tensors = [value for value in named.values() if isinstance(value, torch.Tensor)]
    if sum(tensor.numel() for tensor in tensors) > MAX_NUMBERS:
        raise InputError(f"{where}: its tensors have more than {MAX_NUMBERS} numbers")
    return {name: _array(value) for name, value in named.items()}


def _check_archive(content: bytes, where: str) -> None:
    """Refuse what would grow when it is read: torch's own files are stored as they are, without compression."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError):
        raise InputError(
            f"{where}: damaged or no file of torch.save since PyTorch 1.6 (those are zip archives); save it again "
            "with torch.save(model.state_dict(), FILE)"
        ) from None
    if len(entries) > _MAX_ENTRIES:
        raise InputError(f"{where}: has {len(entries)} parts, at most {_MAX_ENTRIES} are read")
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    if packed or sum(entry.file_size for entry in entries) > len(content):
        raise InputError(f"{where}: is compressed, which torch.save never does")
    if any(entry.filename.endswith(".pkl") and entry.file_size > _MAX_PICKLE for entry in entries):
        raise InputError(f"{where}: its list of tensors is larger than {_MAX_PICKLE} bytes")


def _load(content: bytes, where: str) -> object:
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a hostile pickle makes of it
        said = str(error)
        other = re.search(r"(?:GLOBAL |but got <class ')([\w.]+)", said)
        if other is not None:
            raise InputError(
                f"{where}: holds pickled objects ({other[1][:60]}), which are never loaded; save only the tensors with "
                "torch.save(model.state_dict(), FILE)"
            ) from None
        if "TorchScript" in said:
            raise InputError(
                f"{where}: is a TorchScript archive; save the tensors with torch.save(model.state_dict(), FILE)"
            ) from None
        raise InputError(f"{where}: damaged or no file of torch.save ({_short(said, error)})") from None


def _short(said: str, error: Exception) -> str:
    """Return the first sentence of torch's message, which may have pages."""
    line = said.strip().splitlines()[0] if said.strip() else type(error).__name__
    return line.split(". ")[0].strip()[:120]


def _state_dict(loaded: object, where: str) -> dict[str, Any]:
    if isinstance(loaded, Mapping) and not _tensors(loaded):
        inner = [key for key in NESTED if isinstance(loaded.get(key), Mapping)]
        loaded = loaded[inner[0]] if inner else loaded
    if not isinstance(loaded, Mapping):
        raise InputError(f"{where}: expected a state dict (names and tensors), found {type(loaded).__name__}")
    if not _tensors(loaded):
        keys = f"; its keys: {listed(map(str, loaded))}" if loaded else ""
        raise InputError(f"{where}: holds no tensors, neither itself nor under {', '.join(NESTED)}{keys}")
    if wrong := [key for key in loaded if not isinstance(key, str)]:
        raise InputError(f"{where}: names of tensors are text, found {describe(wrong[0])}")
    return dict(loaded)


def _tensors(found: Mapping[Any, Any]) -> bool:
    return any(isinstance(value, torch.Tensor) for value in found.values())


def _array(value: object) -> NDArray[Any]:
    """Return a tensor as an array; what is none becomes an empty one of objects, refused where it is used."""
    plain = isinstance(value, torch.Tensor) and value.layout == torch.strided and value.device.type == "cpu"
    if not plain or value.is_quantized:  # type: ignore[attr-defined]
        return np.empty(0, object)
    tensor: Any = value.detach().resolve_conj().resolve_neg()  # type: ignore[attr-defined]
    if tensor.is_floating_point() and tensor.dtype != torch.float64:
        tensor = tensor.to(torch.float32)
    found: NDArray[Any] = tensor.numpy()
    return found
