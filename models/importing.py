"""Networks of other programs as checkpoints: torch state dicts, safetensors, ONNX."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memramp.config import validate
from memramp.errors import InputError
from memramp.files import read_limited
from memramp.models.checkpoint import NORMALISATION, Checkpoint
from memramp.models.import_parts import MAX_BYTES, NO_DENSE, Floats, ImportedLayer, ImportedNetwork, listed, shaped
from memramp.models.import_safetensors import read_safetensors
from memramp.models.import_state import StateOptions, network_of_state
from memramp.models.spec import NetworkSpec
from memramp.models.weights import CellWeights

TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
SUFFIXES = (*TORCH_SUFFIXES, ".safetensors", ".onnx")
"""Endings of files that can be imported."""


@dataclass(frozen=True)
class CheckpointOptions:
    """What a network's file does not hold and a checkpoint does."""

    classes: tuple[str, ...] | None = None
    """Names of the outputs; None: their numbers, from 0."""

    mean: NDArray[np.float64] | None = None
    """Subtracted from the features, [inputs] or one number for all; None: 0, or no normalisation without a `scale`."""

    scale: NDArray[np.float64] | None = None
    """Divides the features, [inputs] or one number for all; None: 1, or no normalisation without a `mean`."""

    input_range: float | None = None
    """Input of the first recurrent layer that gets the longest pulse; None: 1."""

    name: str | None = None
    """Name of the network; None: that of the file."""


def read_network(path: Path, options: StateOptions | None = None) -> ImportedNetwork:
    """Read a network from a file of another program.

    Parameters
    ----------
    path : Path
        A state dict as ``torch.save`` writes it (`TORCH_SUFFIXES`; needs PyTorch), as safetensors, or an ONNX model
        (needs the package onnx). At most `memramp.models.import_parts.MAX_BYTES`.
    options : StateOptions or None
        What a state dict leaves open; of an ONNX file only ``dense: none`` makes sense.

    Raises
    ------
    InputError
        The file, or something in it, cannot be read as a network; one sentence says what was found and what is allowed.
    """
    chosen, kind = options or StateOptions(), path.suffix.lower()
    if kind not in SUFFIXES:
        raise InputError(f"{path}: the name must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    content = read_limited(path, MAX_BYTES)
    digest = sha256(content).hexdigest()
    if kind == ".onnx":
        return _from_onnx(content, chosen, str(path)).of_file("onnx", digest)
    if kind == ".safetensors":
        return network_of_state(read_safetensors(content, str(path)), chosen, str(path)).of_file("safetensors", digest)
    return network_of_state(_from_torch(content, str(path)), chosen, str(path)).of_file("torch", digest)


def import_network(
    path: Path, options: StateOptions | None = None, about: CheckpointOptions | None = None
) -> Checkpoint:
    """Read a network from a file of another program as a checkpoint; see `read_network` and `checkpoint_of`."""
    return checkpoint_of(read_network(path, options), about or CheckpointOptions(), path)


def checkpoint_of(network: ImportedNetwork, about: CheckpointOptions, path: Path) -> Checkpoint:
    """Return the checkpoint of a network that was read from a file.

    Its layers are called after their cells: ``lstm``, ``lstm2``, ...; ``embedding``; ``dense``.

    Parameters
    ----------
    network : ImportedNetwork
        The network.
    about : CheckpointOptions
        What its file does not hold.
    path : Path
        The file.

    Raises
    ------
    InputError
        Layers that do not fit behind each other, or options that do not fit the layers.
    """
    tensors: dict[str, Floats] = {}
    if network.embedding is not None:
        tensors["embedding.weight"] = network.embedding
    layers = []
    for number, layer in enumerate(network.layers, start=1):
        name = layer.kind if number == 1 else f"{layer.kind}{number}"
        layers.append(_block(name, layer))
        for suffix, weights in zip(("", ".reverse"), layer.directions, strict=False):
            tensors |= _cell_tensors(f"{name}{suffix}", weights)
    tensors |= {"dense.weight": network.dense.weight, "dense.bias": network.dense.bias}
    spec = _spec(network, layers, tensors, str(path))
    tensors |= _normalisation(spec, about) | _input_range(spec, about)
    source = {"file": path.name, "sha256": network.digest, "kind": network.kind}
    return Checkpoint(
        tensors=tensors,
        classes=_classes(about.classes, spec.outputs),
        config={"name": about.name or path.stem, "imported": source},
        name=f"network of {path}",
        spec=spec,
    )


def _block(name: str, layer: ImportedLayer) -> dict[str, Any]:
    first = layer.directions[0]
    block = {"kind": layer.kind, "name": name, "inputs": first.inputs, "hidden": first.hidden}
    block |= {"bidirectional": len(layer.directions) == 2, "nonlinearity": layer.nonlinearity, "reset": layer.reset}
    return block if first.projection is None else {**block, "projection": first.state}


def _cell_tensors(name: str, weights: CellWeights) -> dict[str, Floats]:
    parts = ("weight_x", "weight_h", "bias", "bias_h", "projection")
    found = {f"{name}.{part}": getattr(weights, part) for part in parts}
    return {key: np.ascontiguousarray(tensor, np.float32) for key, tensor in found.items() if tensor is not None}


def _spec(
    network: ImportedNetwork, layers: list[dict[str, Any]], tensors: Mapping[str, Floats], where: str
) -> NetworkSpec:
    before = []
    if network.embedding is not None:
        symbols, width = network.embedding.shape
        before.append({"kind": "embedding", "symbols": symbols, "outputs": width})
    inputs, outputs = network.dense.weight.shape
    dense = {"kind": "dense", "inputs": inputs, "outputs": outputs}
    spec = validate(NetworkSpec, {"layers": (*before, *layers, dense), "read": network.read}, where)
    for name, shape in spec.shapes().items():
        if name not in tensors or tensors[name].shape != shape:
            found = shaped(tensors[name]) if name in tensors else "none"
            raise InputError(f"{where}: the tensor that becomes '{name}' must have shape {list(shape)}, found {found}")
    return spec


def _classes(given: tuple[str, ...] | None, outputs: int) -> tuple[str, ...]:
    if given is None:
        return tuple(str(number) for number in range(outputs))
    if len(given) != outputs:
        raise InputError(f"--classes: the network has {outputs} outputs, found {len(given)} names ({listed(given)})")
    if twice := [name for name, other in zip(sorted(given), sorted(given)[1:], strict=False) if name == other]:
        raise InputError(f"--classes: the name {listed(twice[:1])} stands twice")
    return given


def _normalisation(spec: NetworkSpec, about: CheckpointOptions) -> dict[str, Floats]:
    if about.mean is None and about.scale is None:
        return {}
    if spec.embedding is not None:
        raise InputError("--mean and --scale: belong to features, but the network takes symbols")
    mean = _vector("--mean", np.zeros(1) if about.mean is None else about.mean, spec.inputs)
    scale = _vector("--scale", np.ones(1) if about.scale is None else about.scale, spec.inputs)
    if not (scale > 0.0).all():
        raise InputError(f"--scale: expected positive numbers, found {float(scale.min()):g}")
    return dict(zip(NORMALISATION, (mean, scale), strict=True))


def _vector(option: str, numbers: NDArray[np.float64], inputs: int) -> Floats:
    if numbers.size not in (1, inputs):
        raise InputError(f"{option}: expected one number or {inputs}, one for each feature, found {numbers.size}")
    with np.errstate(over="ignore", under="ignore"):
        found = np.broadcast_to(numbers.ravel().astype(np.float32), (inputs,)).copy()
    if not np.isfinite(found).all():
        raise InputError(f"{option}: expected numbers that are finite in float32")
    return found


def _input_range(spec: NetworkSpec, about: CheckpointOptions) -> dict[str, Floats]:
    if about.input_range is None:
        return {}
    return {f"{spec.recurrent[0].name}.range_x": np.array(about.input_range, np.float32)}


def _from_torch(content: bytes, where: str) -> dict[str, NDArray[Any]]:
    try:
        from memramp.models.import_torch import read_state_dict
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise InputError(f"{where}: reading files of torch.save needs PyTorch: pip install 'memramp[train]'") from None
    return read_state_dict(content, where)


def _from_onnx(content: bytes, options: StateOptions, where: str) -> ImportedNetwork:
    for key in ("recurrent", "embedding", "cell", "nonlinearity", "read", "ignore"):
        if getattr(options, key):
            raise InputError(f"--{key}: belongs to state dicts, of an ONNX file the graph itself says it")
    if options.dense not in (None, NO_DENSE):
        raise InputError(f"--dense: of an ONNX file, only '{NO_DENSE}' can be said, found '{options.dense}'")
    try:
        from memramp.models.import_onnx import network_of_onnx
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("onnx", "google"):
            raise
        raise InputError(f"{where}: reading ONNX files needs the package onnx: pip install 'memramp[onnx]'") from None
    return network_of_onnx(content, where, dense=options.dense is None)
