"""Trained networks as files: safetensors with the training's configuration and metrics inside, never pickles.

Tensors (float32; rows are inputs, columns are outputs):

=================  ======================  ====================================================
name               shape                   meaning
=================  ======================  ====================================================
features.mean      [inputs]                subtracted from each feature
features.scale     [inputs]                divides each feature; the result is clipped to -1 .. 1
lstm.weight_x      [inputs, 4 hidden]      columns in gate order i, f, g, o
lstm.weight_h      [hidden, 4 hidden]
lstm.bias          [4 hidden]
dense.weight       [hidden, classes]
dense.bias         [classes]
=================  ======================  ====================================================
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
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, save

from memramp.errors import InputError
from memramp.files import in_fixed_order, read_limited, write_atomically
from memramp.models.lstm import DenseWeights, LstmWeights, dense, lstm

FORMAT = "memramp-keyword-lstm"
FORMAT_VERSION = "1"
MAX_BYTES = 1_000_000_000

_SHAPES: dict[str, tuple[str, ...]] = {
    "features.mean": ("inputs",),
    "features.scale": ("inputs",),
    "lstm.weight_x": ("inputs", "gates"),
    "lstm.weight_h": ("hidden", "gates"),
    "lstm.bias": ("gates",),
    "dense.weight": ("hidden", "classes"),
    "dense.bias": ("classes",),
}


@dataclass(frozen=True)
class Checkpoint:
    """A trained keyword-spotting network.

    Parameters
    ----------
    tensors : dict of str to ndarray
        The tensors of the module's table.
    classes : tuple of str
        Names of the classes, in the order of the outputs.
    config : dict
        The training's resolved configuration.
    metrics : dict
        What the training measured, e.g. accuracies in percent.
    name : str
        Where it was read from, for messages.
    digest : str
        SHA-256 of the file.
    """

    tensors: dict[str, NDArray[np.float32]]
    classes: tuple[str, ...]
    config: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    name: str = "checkpoint"
    digest: str = ""

    @cached_property
    def lstm(self) -> LstmWeights:
        """The recurrent layer."""
        return LstmWeights(*(self.tensors[f"lstm.{part}"] for part in ("weight_x", "weight_h", "bias")))

    @cached_property
    def dense(self) -> DenseWeights:
        """The read-out layer."""
        return DenseWeights(self.tensors["dense.weight"], self.tensors["dense.bias"])

    def normalise(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the network's inputs in -1 .. 1, float32 [clips, steps, inputs], for features of that shape."""
        if features.ndim != 3 or features.shape[2] != self.lstm.inputs:
            raise InputError(
                f"{self.name}: made for {self.lstm.inputs} features a step, the data has shape {features.shape}"
            )
        scaled = (features - self.tensors["features.mean"]) / self.tensors["features.scale"]
        inputs: NDArray[np.float32] = np.clip(scaled, -1.0, 1.0).astype(np.float32)
        return inputs

    def expecting(
        self, hidden: int | None, classes: tuple[str, ...], inputs: int | None = None
    ) -> "Checkpoint":
        """Return the checkpoint itself if it fits, else say what does not.

        Raises
        ------
        InputError
            Another number of hidden units or inputs (None: any), or other classes.
        """
        if hidden is not None and hidden != self.lstm.hidden:
            raise InputError(f"{self.name}: has {self.lstm.hidden} hidden units, expected {hidden}")
        if inputs is not None and inputs != self.lstm.inputs:
            raise InputError(f"{self.name}: made for {self.lstm.inputs} features a step, the task has {inputs}")
        if classes != self.classes:
            found = f"{len(self.classes)} classes ({', '.join(self.classes)})"
            raise InputError(f"{self.name}: has {found}, the task has {len(classes)} ({', '.join(classes)})")
        return self

    def float_logits(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the class scores [clips, classes] of the digital network in floating point."""
        return dense(lstm(self.normalise(features), self.lstm)[:, -1], self.dense)


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


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint; a file of that name is replaced in one step, so that a cut never leaves half of one."""
    about = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "classes": json.dumps(checkpoint.classes),
        "config": json.dumps(checkpoint.config),
        "metrics": json.dumps(checkpoint.metrics),
    }
    tensors = {name: np.ascontiguousarray(checkpoint.tensors[name], np.float32) for name in _SHAPES}
    write_atomically(path, in_fixed_order(save(tensors, about)))


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
    if about.get("format") != FORMAT or about.get("format_version") != FORMAT_VERSION:
        found = f"{about.get('format', 'no format')} version {about.get('format_version', 'unknown')}"
        raise InputError(f"{where}: expected the format {FORMAT} version {FORMAT_VERSION}, found {found}")
    classes = _metadata(about, "classes", list, where)
    _check_tensors(tensors, len(classes), where)
    return Checkpoint(
        tensors=tensors,
        classes=tuple(map(str, classes)),
        config=_metadata(about, "config", dict, where),
        metrics=_metadata(about, "metrics", dict, where),
        name=where,
        digest=sha256(content).hexdigest(),
    )


def _metadata(about: dict[str, str], key: str, kind: type, where: str) -> Any:
    try:
        value = json.loads(about.get(key, "null"))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, kind):
        raise InputError(f"{where}: its metadata '{key}' is missing or damaged")
    return value


def _check_tensors(tensors: dict[str, NDArray[Any]], classes: int, where: str) -> None:
    missing = sorted(_SHAPES.keys() - tensors.keys())
    if missing:
        raise InputError(f"{where}: the tensor '{missing[0]}' is missing")
    sizes = {"classes": classes}
    for name in ("lstm.weight_x", "lstm.weight_h"):
        if tensors[name].ndim != 2:
            raise InputError(f"{where}: '{name}' must have two dimensions, found shape {tensors[name].shape}")
    sizes["inputs"], sizes["hidden"] = tensors["lstm.weight_x"].shape[0], tensors["lstm.weight_h"].shape[0]
    sizes["gates"] = 4 * sizes["hidden"]
    for name, axes in _SHAPES.items():
        expected = tuple(sizes[axis] for axis in axes)
        if tensors[name].shape != expected:
            raise InputError(f"{where}: '{name}' must have shape {expected}, found {tensors[name].shape}")
        if tensors[name].dtype != np.float32 or not np.isfinite(tensors[name]).all():
            raise InputError(f"{where}: '{name}' must hold finite float32 numbers")
    if (tensors["features.scale"] <= 0).any():
        raise InputError(f"{where}: 'features.scale' must be positive")
