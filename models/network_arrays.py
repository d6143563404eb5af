"""The matrices that a network is written as."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from memramp.models.checkpoint import Checkpoint
from memramp.models.hardware import HardwareConfig
from memramp.models.spec import RecurrentSpec
from memramp.models.weights import CellWeights, DenseWeights


def matrices(
    layer: RecurrentSpec, weights: CellWeights, units: tuple[float, float], hardware: HardwareConfig
) -> dict[str, NDArray[np.floating]]:
    """Return the matrices that a direction is written as, by part, see `AnalogCell.arrays`.

    Rows of inputs and of states are multiplied by what a full pulse of theirs stands for.
    """
    x, h = weights.weight_x * units[0], weights.weight_h * units[1]
    if layer.kind == "gru":
        return _gru_matrices(layer, weights, x, h)
    found = {"gates": np.concatenate([x, h, weights.bias[np.newaxis]])}
    if weights.projection is not None and hardware.projection == "analog":
        found["projection"] = weights.projection
    return found


def _gru_matrices(
    layer: RecurrentSpec, weights: CellWeights, x: NDArray[np.floating], h: NDArray[np.floating]
) -> dict[str, NDArray[np.floating]]:
    cut, bias = 2 * layer.hidden, weights.bias[np.newaxis]
    found = {"gates": np.concatenate([x[:, :cut], h[:, :cut], bias[:, :cut]])}
    if layer.reset == "before":
        return found | {"candidate": np.concatenate([x[:, cut:], h[:, cut:], bias[:, cut:]])}
    inner = np.zeros(layer.hidden, np.float32) if weights.bias_h is None else weights.bias_h
    return found | {
        "candidate_x": np.concatenate([x[:, cut:], bias[:, cut:]]),
        "candidate_h": np.concatenate([h[:, cut:], inner[np.newaxis]]),
    }


def network_arrays(checkpoint: Checkpoint, hardware: HardwareConfig) -> Iterator[tuple[str, NDArray[np.floating]]]:
    """Yield the name and the weights of each array of a network."""
    for layer, name in checkpoint.network.directions():
        parts = matrices(layer, checkpoint.cells[name], checkpoint.units(layer), hardware)
        for part, matrix in parts.items():
            yield array_name(name, part), matrix
    if hardware.readout == "analog":
        yield "dense", readout_weights(checkpoint.dense, hardware)[0]


def network_clips(checkpoint: Checkpoint, hardware: HardwareConfig) -> dict[str, float]:
    """Return the weights that fill the window, by array, of layers that were trained with one of their own."""
    found: dict[str, float] = {}
    for layer, name in checkpoint.network.directions():
        clip = checkpoint.scalar(layer.name, "clip")
        if clip is not None:
            parts = matrices(layer, checkpoint.cells[name], checkpoint.units(layer), hardware)
            found |= {array_name(name, part): clip for part in parts}
    return found


def array_name(direction: str, part: str) -> str:
    """Return the name of a part's array in tables."""
    return direction if part == "gates" else f"{direction}.{part}"


def readout_weights(weights: DenseWeights, hardware: HardwareConfig) -> tuple[NDArray[np.floating], float]:
    """Return the weights that are written for an analog read-out and the factor that they were multiplied with.

    Only the largest output counts, so the weights are scaled to fill the window: nothing is clipped.
    """
    stacked = weights.stacked()
    factor = hardware.crossbar.w_clip / max(float(np.abs(stacked).max()), 1e-30)
    return stacked * factor, factor
