"""A state dict, which has names and tensors but no structure, as a network: layers are found by their names and shapes.

The names are those of torch.nn: a recurrent module has ``PREFIX.weight_ih_l0`` and so on, ``_l1`` in its second layer,
``_reverse`` in a reverse direction; a cell (torch.nn.LSTMCell) has ``PREFIX.weight_ih``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memramp.errors import InputError
from memramp.models.import_parts import (
    NO_DENSE,
    Floats,
    ImportedLayer,
    ImportedNetwork,
    Read,
    as_float32,
    listed,
    shaped,
    transposed,
    without_dense,
)
from memramp.models.import_state_cells import PART, cell_of_torch
from memramp.models.spec import Cell, Nonlinearity
from memramp.models.weights import DenseWeights

Tensors = Mapping[str, NDArray[Any]]

@dataclass(frozen=True)
class StateOptions:
    """What settles questions that a state dict leaves open. Prefixes are names of modules, such as ``model.lstm``."""

    recurrent: tuple[str, ...] = ()
    """Prefixes of the recurrent modules, in the order of the data; empty: the only one."""

    dense: str | None = None
    """Prefix of the dense layer, or ``none``; None: the only one that fits."""

    embedding: str | None = None
    """Prefix of the embedding; None: a weight that fits and has ``emb`` in the name of its module, if there is one."""

    cell: Cell | None = None
    """What the recurrent layers are expected to be; None: as their shapes say."""

    nonlinearity: Nonlinearity | None = None
    """Function of a plain RNN, of which the tensors do not tell; None: tanh."""

    read: Read | None = None
    """Steps that the dense layer reads; None: the last one."""

    ignore: tuple[str, ...] = ()
    """Shell patterns of tensors that are left out."""


def network_of_state(tensors: Tensors, options: StateOptions, where: str) -> ImportedNetwork:
    """Find the layers of a state dict.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        The state dict, rows are outputs and columns inputs.
    options : StateOptions
        Answers to what the names and shapes leave open.
    where : str
        Name of the file, for messages.

    Returns
    -------
    ImportedNetwork
        Rows are inputs, columns are outputs.

    Raises
    ------
    InputError
        Nothing fits, several things do (and the option that settles it), or tensors are left over.
    """
    return _Finder(_kept(tensors, options.ignore, where), options, where).network()


def _kept(tensors: Tensors, ignore: tuple[str, ...], where: str) -> dict[str, NDArray[Any]]:
    for pattern in ignore:
        if not any(fnmatchcase(name, pattern) for name in tensors):
            raise InputError(f"--ignore: no tensor of {where} is called '{pattern}'; it has {listed(tensors)}")
    return {
        name: tensor for name, tensor in tensors.items() if not any(fnmatchcase(name, pattern) for pattern in ignore)
    }


class _Finder:
    """Takes one layer after the other out of the tensors; what is left over at the end is refused."""

    def __init__(self, tensors: dict[str, NDArray[Any]], options: StateOptions, where: str) -> None:
        self._left, self._options, self._where = tensors, options, where

    def network(self) -> ImportedNetwork:
        layers = tuple(layer for module in self._modules() for layer in self._layers(module))
        table, table_source = self._embedding(layers[0])
        dense, dense_source = self._dense(layers)
        if self._left:
            rest = listed(f"{name} {shaped(tensor)}" for name, tensor in self._left.items())
            raise InputError(
                f"{self._where}: no layer takes the tensors {rest}; --embedding or --dense names their layer, "
                "--ignore PATTERN leaves them out"
            )
        read = self._options.read or "last"
        return ImportedNetwork(
            layers, dense, dense_source, read, table, table_source, tuple(self._notes(layers, read))
        )

    def _notes(self, layers: tuple[ImportedLayer, ...], read: Read) -> list[str]:
        notes = []
        if self._options.read is None:
            notes.append("a state dict does not say which steps the dense layer reads: last is assumed, see --read")
        if read == "last" and len(layers[-1].directions) == 2:
            notes.append("of the reverse direction, last is the first step of the sequence: h_n, not output[:, -1]")
        if any(layer.kind == "rnn" for layer in layers) and self._options.nonlinearity is None:
            notes.append("a state dict does not name the function of an RNN: tanh is assumed, see --nonlinearity")
        return notes

    def _modules(self) -> list[str]:
        found = list(dict.fromkeys(match["module"] or "" for name in self._left if (match := PART.fullmatch(name))))
        if not found:
            raise InputError(
                f"{self._where}: no recurrent layer, whose tensors are called PREFIX.weight_ih_l0 and so on; found "
                f"{listed(self._left) or 'no tensor'}"
            )
        for prefix in self._options.recurrent:
            if prefix not in found:
                raise InputError(f"--recurrent: expected one of {listed(found)}, found '{prefix}'")
        if len(set(self._options.recurrent)) < len(self._options.recurrent):
            raise InputError("--recurrent: the same module stands twice")
        if not self._options.recurrent and len(found) > 1:
            raise InputError(
                f"{self._where}: has {len(found)} recurrent modules, {listed(found)}; choose one with --recurrent "
                "PREFIX (several, one behind the other, with several of them)"
            )
        return list(self._options.recurrent or found)

    def _layers(self, module: str) -> list[ImportedLayer]:
        parts: dict[tuple[int, bool], dict[str, Floats]] = {}
        for name in list(self._left):
            match = PART.fullmatch(name)
            if match and (match["module"] or "") == module:
                place = (int(match["layer"] or 0), bool(match["reverse"]))
                if match["part"] in parts.setdefault(place, {}):
                    raise InputError(f"{self._where}: '{name}' stands for the same tensor as another one")
                parts[place][match["part"]] = self._take(name)
        number = max(layer for layer, _ in parts) + 1
        both = any(reverse for _, reverse in parts)
        shown = f"{self._where}: '{module}'" if module else f"{self._where}: the recurrent module"
        layers = []
        for layer in range(number):
            sides = [(layer, reverse) for reverse in ((False, True) if both else (False,))]
            if missing := [side for side in sides if side not in parts]:
                side = "reverse direction" if missing[0][1] else "forward direction"
                raise InputError(f"{shown} has no tensors of layer {layer}, {side}")
            source = f"{module or '(no prefix)'}" + (f", layer {layer}" if number > 1 else "")
            layers.append(self._layer([parts[side] for side in sides], source, shown))
        return layers

    def _layer(self, sides: list[dict[str, Floats]], source: str, shown: str) -> ImportedLayer:
        found = [cell_of_torch(parts, shown) for parts in sides]
        kinds = {kind for kind, _ in found}
        kind = found[0][0]
        if len(kinds) > 1:
            raise InputError(f"{shown}: its two directions are of different kinds, {' and '.join(sorted(kinds))}")
        expected = self._options.cell
        if expected is not None and kind != expected:
            raise InputError(f"--cell: expected {kind}, as the shapes of '{source}' say, found {expected}")
        nonlinearity = self._options.nonlinearity or "tanh"
        if kind != "rnn" and nonlinearity != "tanh":
            raise InputError(f"--nonlinearity: belongs to a plain RNN, '{source}' is of the kind {kind}")
        return ImportedLayer(kind, source, tuple(weights for _, weights in found), nonlinearity)

    def _embedding(self, first: ImportedLayer) -> tuple[Floats | None, str]:
        inputs = first.directions[0].inputs
        chosen = self._options.embedding
        if chosen is None:
            fitting = [name for name in self._linear(inputs, axis=1) if _looks_like_embedding(name, self._left)]
            if len(fitting) > 1:
                raise InputError(f"{self._where}: {listed(fitting)} may all be the embedding; choose with --embedding")
            if not fitting:
                return None, ""
            chosen = fitting[0]
        table = self._take(self._weight(chosen, "--embedding"))
        if table.ndim != 2 or table.shape[1] != inputs:
            raise InputError(
                f"--embedding: '{chosen}' has shape {shaped(table)}, but the first recurrent layer takes {inputs} "
                "inputs"
            )
        return table, chosen

    def _dense(self, layers: tuple[ImportedLayer, ...]) -> tuple[DenseWeights, str]:
        chosen, width = self._options.dense, layers[-1].outputs
        if chosen == NO_DENSE:
            return without_dense(layers), "states as they are"
        chosen = self._only_dense(width) if chosen is None else chosen
        weight = self._take(self._weight(chosen, "--dense"))
        if weight.ndim != 2 or weight.shape[1] != width:
            raise InputError(
                f"--dense: '{chosen}' has shape {shaped(weight)}, but the last recurrent layer gives {width} outputs"
            )
        name = _joined(chosen, "bias")
        bias = self._take(name) if name in self._left else np.zeros(len(weight), np.float32)
        if bias.shape != (len(weight),):
            raise InputError(f"{self._where}: '{name}' must have shape [{len(weight)}], found {shaped(bias)}")
        return DenseWeights(transposed(weight), bias), chosen

    def _only_dense(self, width: int) -> str:
        fitting = self._linear(width, axis=1)
        biased = [name for name in fitting if _joined(name, "bias") in self._left]
        found = biased or fitting
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(
                f"{self._where}: {listed(found)} may all be the dense layer, of {width} inputs; choose with --dense "
                "PREFIX"
            )
        rest = listed(f"{name} {shaped(tensor)}" for name, tensor in self._left.items()) or "none"
        raise InputError(
            f"{self._where}: no dense layer, a weight [outputs, {width}], among the other tensors ({rest}); with "
            "--dense none the states are the scores"
        )

    def _linear(self, size: int, axis: int) -> list[str]:
        """Return the prefixes of the matrices of this size."""
        return [
            name.removesuffix("weight").removesuffix(".")
            for name, tensor in self._left.items()
            if (name == "weight" or name.endswith(".weight")) and tensor.ndim == 2 and tensor.shape[axis] == size
        ]

    def _weight(self, prefix: str, option: str) -> str:
        name = _joined(prefix, "weight")
        if name not in self._left:
            raise InputError(f"{option}: no tensor '{name}' among those of {self._where}: {listed(self._left)}")
        return name

    def _take(self, name: str) -> Floats:
        return as_float32(self._left.pop(name), f"{self._where}: '{name}'")


def _looks_like_embedding(prefix: str, tensors: Tensors) -> bool:
    return "emb" in prefix.lower() and _joined(prefix, "bias") not in tensors


def _joined(prefix: str, part: str) -> str:
    return f"{prefix}.{part}" if prefix else part
