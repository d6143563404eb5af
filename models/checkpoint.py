"""Trained networks as files: safetensors with the layers, the training's configuration and metrics inside, no pickles.

Tensors (float32; rows are inputs, columns are outputs; NAME is that of a layer, see `memramp.models.spec`):

=================  =====================  ======================================================================
name               shape                  meaning
=================  =====================  ======================================================================
features.mean      [inputs]               subtracted from each feature; both or none of the two
features.scale     [inputs]               divides each feature; the result is clipped to -1 .. 1
NAME.weight        [symbols, outputs]     embedding: a row for each symbol
NAME.weight_x      [inputs, gates]        recurrent layer: columns in the gate order, i, f, g, o of an LSTM
NAME.weight_h      [state, gates]
NAME.bias          [gates]
NAME.bias_h        [hidden]               GRU: bias of the candidate inside the product with the reset gate
NAME.projection    [hidden, projection]   LSTM with a projection
NAME.range_x       []                     input that gets the longest pulse; 1 where it is absent
NAME.range_h       []                     recurrent state that does
NAME.clip          []                     weight that fills the devices' window; the configuration's where it is absent
NAME.weight        [inputs, outputs]      dense layer
NAME.bias          [outputs]
=================  =====================  ======================================================================

The reverse direction of a layer has tensors ``NAME.reverse.weight_x`` and so on. A matrix of a recurrent layer may be
stored in bytes, with the tensor ``NAME.weight_x.step`` beside it, see `memramp.models.compact`.
"""

import json
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, save

from memramp.config import validate
from memramp.errors import InputError
from memramp.files import in_fixed_order, read_limited, write_atomically
from memramp.models.compact import STEP, from_bytes, is_matrix, to_bytes
from memramp.models.float_network import dense, run_layer
from memramp.models.spec import NetworkSpec, RecurrentSpec, keyword_spec
from memramp.models.weights import CellWeights, DenseWeights

FORMAT = "memramp-network"
FORMAT_VERSION = "1"
KEYWORD_FORMAT = "memramp-keyword-lstm"
"""The format before this one: an LSTM named ``lstm`` and a dense layer; still read."""

MAX_BYTES = 1_000_000_000

NORMALISATION = ("features.mean", "features.scale")
_SCALARS = ("range_x", "range_h", "clip")
_LISTED = 20  # classes that a message names
_LEAST_SCALAR = 1e-6  # as of ranges in a configuration

@dataclass(frozen=True)
class Checkpoint:
    """A trained network.

    Parameters
    ----------
    tensors : dict of str to ndarray
        The tensors of the module's table.
    classes : tuple of str
        Names of the classes, or the symbols of a vocabulary, in the order of the outputs.
    config : dict
        The training's resolved configuration.
    metrics : dict
        What the training measured, e.g. accuracies in percent.
    name : str
        Where it was read from, for messages.
    digest : str
        SHA-256 of the file.
    spec : NetworkSpec or None
        The layers; None: an LSTM called ``lstm`` whose last state a dense layer reads.
    """

    tensors: dict[str, NDArray[np.float32]]
    classes: tuple[str, ...]
    config: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    name: str = "checkpoint"
    digest: str = ""
    spec: NetworkSpec | None = None

    @cached_property
    def network(self) -> NetworkSpec:
        """The layers."""
        if self.spec is not None:
            return self.spec
        weight_x, weight_h = self.tensors["lstm.weight_x"], self.tensors["lstm.weight_h"]
        return keyword_spec(weight_x.shape[0], weight_h.shape[0], len(self.classes))

    @cached_property
    def cells(self) -> dict[str, CellWeights]:
        """The weights of each direction of each recurrent layer."""
        return {name: self._cell(name) for _, name in self.network.directions()}

    def _cell(self, name: str) -> CellWeights:
        parts = ("weight_x", "weight_h", "bias", "projection", "bias_h")
        return CellWeights(**{part: self.tensors.get(f"{name}.{part}") for part in parts})  # type: ignore[arg-type]

    @property
    def lstm(self) -> CellWeights:
        """The weights of the first direction of the first recurrent layer."""
        return self.cells[self.network.recurrent[0].name]

    @cached_property
    def dense(self) -> DenseWeights:
        """The read-out layer."""
        name = self.network.dense.name
        return DenseWeights(self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])

    def scalar(self, layer: str, key: str) -> float | None:
        """Return a layer's ``range_x``, ``range_h`` or ``clip``, None where the network was trained without."""
        tensor = self.tensors.get(f"{layer}.{key}")
        return None if tensor is None else float(tensor)

    @property
    def scalars(self) -> dict[str, float]:
        """All scalars of layers, by the names of their tensors."""
        return {name: float(self.tensors[name]) for name in _scalars(self.network) if name in self.tensors}

    def units(self, layer: RecurrentSpec) -> tuple[float, float]:
        """Return the input and the recurrent state that get the longest pulse of a layer."""
        x, h = self.scalar(layer.name, "range_x"), self.scalar(layer.name, "range_h")
        return (1.0 if x is None else x, 1.0 if h is None else h)

    def normalise(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the network's inputs, float32 [clips, steps, inputs], for features of that shape.

        They lie in -1 .. 1 where the network has a normalisation.
        """
        inputs = self.network.inputs
        if features.ndim != 3 or features.shape[2] != inputs:
            raise InputError(f"{self.name}: made for {inputs} features a step, the data has shape {features.shape}")
        if "features.mean" not in self.tensors:
            return np.asarray(features, dtype=np.float32)
        scaled = (features - self.tensors["features.mean"]) / self.tensors["features.scale"]
        clipped: NDArray[np.float32] = np.clip(scaled, -1.0, 1.0).astype(np.float32)
        return clipped

    def expecting(self, hidden: int | None, classes: tuple[str, ...], inputs: int | None = None) -> "Checkpoint":
        """Return the checkpoint itself if it fits, else say what does not.

        Raises
        ------
        InputError
            Another number of hidden units or inputs (None: any), or other classes.
        """
        if hidden is not None and hidden != self.lstm.hidden:
            raise InputError(f"{self.name}: has {self.lstm.hidden} hidden units, expected {hidden}")
        if inputs is not None and inputs != self.network.inputs:
            raise InputError(f"{self.name}: made for {self.network.inputs} features a step, the task has {inputs}")
        if classes != self.classes:
            found = f"{len(self.classes)} classes ({_listed(self.classes)})"
            raise InputError(f"{self.name}: has {found}, the task has {len(classes)} ({_listed(classes)})")
        return self

    def float_states(self, inputs: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return what the dense layer reads of inputs [n, steps, inputs]: [n, state], or [n, steps, state]."""
        first, *others = self.network.recurrent
        x, last, _ = run_layer(inputs, first, self.cells)
        for layer in others:
            x, last, _ = run_layer(x, layer, self.cells)
        return x if self.network.read == "all" else last

    def float_logits(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the class scores [clips, classes] of the digital network in floating point."""
        return dense(self.float_states(self.normalise(features)), self.dense)


def _listed(classes: tuple[str, ...]) -> str:
    symbols = all(len(name) == 1 for name in classes)
    if symbols and (len(classes) > _LISTED or not all(name.isprintable() and name.strip() for name in classes)):
        return repr("".join(classes))
    return ", ".join(classes) if len(classes) <= _LISTED else f"{', '.join(classes[:_LISTED])}, ..."


def shipped_checkpoints() -> list[str]:
    """Return the names of the checkpoints that come with memramp."""
    folder = resources.files("memramp.models") / "checkpoints"
    names = [entry.name for entry in folder.iterdir() if entry.name.endswith(".safetensors")]
    return sorted(name.removesuffix(".safetensors") for name in names)


def load_checkpoint(name_or_path: str) -> Checkpoint:
    """Load a shipped checkpoint by its name, or a file by its path.

    Raises
    ------
    InputError
        There is none, or it is no checkpoint of this format, or its tensors do not fit each other.
    """
    path = Path(name_or_path)
    if path.suffix != ".safetensors":
        known = shipped_checkpoints()
        if name_or_path not in known:
            raise InputError(
                f"checkpoint '{name_or_path}': neither a file ending in .safetensors nor one of those shipped: "
                f"{', '.join(known)}"
            )
        path = Path(str(resources.files("memramp.models") / "checkpoints" / f"{name_or_path}.safetensors"))
    return _read(path)


def save_checkpoint(checkpoint: Checkpoint, path: Path, *, compact: bool = False) -> None:
    """Write a checkpoint; a file of that name is replaced in one step, so that a cut never leaves half of one.

    Parameters
    ----------
    checkpoint : Checkpoint
        The network.
    path : Path
        The file.
    compact : bool
        Whether the matrices are stored in bytes, which rounds them, see `memramp.models.compact`.
    """
    about = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "network": checkpoint.network.model_dump_json(),
        "classes": json.dumps(checkpoint.classes),
        "config": json.dumps(checkpoint.config),
        "metrics": json.dumps(checkpoint.metrics),
    }
    known = [*checkpoint.network.shapes(), *NORMALISATION, *_scalars(checkpoint.network)]
    tensors = {
        # (a 0-d array becomes 1-d in ascontiguousarray)
        name: np.ascontiguousarray(checkpoint.tensors[name], np.float32).reshape(checkpoint.tensors[name].shape)
        for name in known
        if name in checkpoint.tensors
    }
    write_atomically(path, in_fixed_order(save(_in_bytes(tensors) if compact else tensors, about)))


def _in_bytes(tensors: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[Any]]:
    stored: dict[str, NDArray[Any]] = {}
    for name, tensor in tensors.items():
        if is_matrix(name, tensor.shape):
            stored[name], stored[f"{name}{STEP}"] = to_bytes(tensor)
        else:
            stored[name] = tensor
    return stored


def _from_bytes(stored: dict[str, NDArray[Any]], where: str) -> dict[str, NDArray[Any]]:
    """Return the tensors of a file with the matrices that are stored in bytes as numbers."""
    tensors = {name: tensor for name, tensor in stored.items() if not name.endswith(STEP)}
    for name, tensor in tensors.items():
        step = stored.get(f"{name}{STEP}")
        if step is None:
            continue
        fits = tensor.ndim == 2 and step.shape == tensor.shape[1:]
        if not fits or tensor.dtype != np.int8 or step.dtype != np.float32:
            raise InputError(f"{where}: '{name}' and '{name}{STEP}' must be bytes and a float32 step for each column")
        tensors[name] = from_bytes(tensor, step)
    return tensors


def _read(path: Path) -> Checkpoint:
    where = f"checkpoint {path}"
    try:
        content = read_limited(path, MAX_BYTES)
    except InputError as error:
        raise InputError(f"checkpoint {error}") from None
    try:
        with safe_open(path, framework="np") as file:
            about = file.metadata() or {}
        tensors = load(content)
    except OSError as error:
        raise InputError(f"{where}: {(error.strerror or str(error)).lower()}") from None
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{where}: damaged or no safetensors file ({str(error).splitlines()[0]})") from None
    _check_format(about, where)
    classes = tuple(map(str, _metadata(about, "classes", list, where)))
    tensors = _from_bytes(tensors, where)
    spec = _spec(about, tensors, len(classes), where)
    _check_tensors(tensors, spec, where)
    return Checkpoint(
        tensors=tensors,
        classes=classes,
        config=_metadata(about, "config", dict, where),
        metrics=_metadata(about, "metrics", dict, where),
        name=where,
        digest=sha256(content).hexdigest(),
        spec=spec,
    )


def _check_format(about: dict[str, str], where: str) -> None:
    kind, version = about.get("format", "no format"), about.get("format_version", "unknown")
    if kind not in (FORMAT, KEYWORD_FORMAT) or version != FORMAT_VERSION:
        raise InputError(
            f"{where}: expected the format {FORMAT} version {FORMAT_VERSION}, found {kind} version {version}"
            + ("" if kind.startswith("memramp") else "; 'memramp import' reads networks of other programs")
        )


def _metadata(about: dict[str, str], key: str, kind: type, where: str) -> Any:
    try:
        value = json.loads(about.get(key, "null"))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, kind):
        raise InputError(f"{where}: its metadata '{key}' is missing or damaged")
    return value


def _spec(about: dict[str, str], tensors: dict[str, NDArray[Any]], classes: int, where: str) -> NetworkSpec:
    if about.get("format") == FORMAT:
        found = _metadata(about, "network", dict, where)
        spec = validate(NetworkSpec, found, f"{where}: its metadata 'network'")
    else:
        spec = _keyword_network(tensors, classes, where)
    if spec.outputs != classes:
        raise InputError(f"{where}: the network has {spec.outputs} outputs, but there are {classes} classes")
    return spec


def _keyword_network(tensors: dict[str, NDArray[Any]], classes: int, where: str) -> NetworkSpec:
    for name in ("lstm.weight_x", "lstm.weight_h", *NORMALISATION):
        if name not in tensors:
            raise InputError(f"{where}: the tensor '{name}' is missing")
        if "weight" in name and tensors[name].ndim != 2:
            raise InputError(f"{where}: '{name}' must have two dimensions, found shape {tensors[name].shape}")
    sizes = {"inputs": tensors["lstm.weight_x"].shape[0], "hidden": tensors["lstm.weight_h"].shape[0]}
    try:
        return keyword_spec(sizes["inputs"], sizes["hidden"], classes)
    except ValidationError:
        raise InputError(f"{where}: no network has {sizes['inputs']} inputs, {sizes['hidden']} hidden units and "
                         f"{classes} classes") from None


def _scalars(spec: NetworkSpec) -> list[str]:
    return [f"{layer.name}.{key}" for layer in spec.recurrent for key in _SCALARS]


def _check_tensors(tensors: dict[str, NDArray[Any]], spec: NetworkSpec, where: str) -> None:
    expected = spec.shapes()
    for name in expected:
        if name not in tensors:
            raise InputError(f"{where}: the tensor '{name}' is missing")
    optional = dict.fromkeys(NORMALISATION, (spec.inputs,)) | dict.fromkeys(_scalars(spec), ())
    for name, tensor in tensors.items():
        shape = (expected | optional).get(name)
        if shape is None:
            raise InputError(f"{where}: '{name}' is no tensor of its network")
        if tensor.shape != shape:
            raise InputError(f"{where}: '{name}' must have shape {shape}, found {tensor.shape}")
        if tensor.dtype != np.float32 or not np.isfinite(tensor).all():
            raise InputError(f"{where}: '{name}' must hold finite float32 numbers")
        if name in optional and name != "features.mean" and (tensor <= 0).any():
            raise InputError(f"{where}: '{name}' must be positive")
        if shape == () and not _LEAST_SCALAR <= float(tensor) <= 1.0 / _LEAST_SCALAR:
            allowed = f"{_LEAST_SCALAR:g}..{1.0 / _LEAST_SCALAR:g}"
            raise InputError(f"{where}: '{name}' must lie in {allowed}, found {float(tensor):g}")
    if len(tensors.keys() & set(NORMALISATION)) == 1:
        raise InputError(f"{where}: 'features.mean' and 'features.scale' belong together, found one of them")
