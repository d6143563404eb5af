"""From fluctuations of devices to the noise of outputs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from memramp.crossbar import kernels
from memramp.crossbar.mapping import REFERENCE, Devices, Mapped
from memramp.crossbar.tiling import Tiling
from memramp.devices.fluctuation import Fluctuation, Telegraph
from memramp.devices.noise import FloatArray

IntArray = NDArray[np.int32]
Fluctuations = Mapping[str, Fluctuation]
"""What each plane of devices does between reads; see `memramp.crossbar.mapping.Plane`."""


@dataclass(frozen=True, eq=False)
class Toggles:
    """Two-state devices as outputs see them; [m] each."""

    row: IntArray
    column: IntArray
    delta: NDArray[np.float32]
    """Change of the weight while in the second state [weight units; uS in reference columns]."""

    duty: NDArray[np.float32]
    """Probability of the second state, 0..1."""


@dataclass(frozen=True, eq=False)
class OutputNoise:
    """Noise of the columns of an array: its outputs, and after them its reference columns.

    A reference column's noise is subtracted from all outputs of its part, and so is common to them.
    """

    held: FloatArray
    """Variance of what is constant within a read, [rows, columns] [weight units squared; uS^2 in reference columns].
    An output has the sum over the rows of it times the squared input."""

    white: FloatArray
    """Variance of what is white over the pulse, alike: to be multiplied with the size of the input."""

    toggles: Toggles
    """Two-state devices."""

    def scaled(self, factor: float) -> "OutputNoise":
        """Return the noise with all currents multiplied by a factor."""
        toggles = replace(self.toggles, delta=(self.toggles.delta * factor).astype(np.float32))
        return OutputNoise(self.held * factor**2, self.white * factor**2, toggles)


def effective_weights(devices: Devices, mapped: Mapped, tiling: Tiling) -> FloatArray:
    """Return the weights that devices stand for, [rows, cols] [weight units].

    Parameters
    ----------
    devices : mapping
        Conductances by plane [uS].
    mapped : Mapped
        What each counts for.
    tiling : Tiling
        Which outputs share a reference column.
    """
    first, *others = mapped.planes
    total = devices[first.name] * first.factor
    part = np.empty_like(total)
    for plane in others:
        total += np.multiply(devices[plane.name], plane.factor, out=part)
    if REFERENCE in devices:
        total -= devices[REFERENCE][:, tiling.part_of_output] * mapped.planes[0].factor
    return total


def output_noise(fluctuations: Fluctuations, mapped: Mapped) -> OutputNoise:
    """Return the noise of outputs and reference columns."""
    held, white = np.zeros(mapped.shape), np.zeros(mapped.shape)
    toggles = []
    for plane in mapped.planes:
        found = fluctuations[plane.name]
        for total, std in ((held, found.held), (white, found.white)):
            if std.any():
                part = plane.factor * std
                total += np.square(part, out=part)
        toggles.append(_toggles(found.telegraph, mapped.shape[1], 0, plane.factor))
    if REFERENCE in fluctuations:
        found = fluctuations[REFERENCE]
        held = np.concatenate([held, found.held**2], axis=1)
        white = np.concatenate([white, found.white**2], axis=1)
        parts = found.held.shape[1]
        toggles.append(_toggles(found.telegraph, parts, mapped.shape[1], np.ones(parts)))
    return OutputNoise(held, white, _joined(toggles))


def _toggles(telegraph: Telegraph | None, columns: int, first: int, factor: FloatArray) -> Toggles:
    if telegraph is None:
        empty = np.empty(0)
        places, numbers = empty.astype(np.int32), empty.astype(np.float32)
        return Toggles(places, places, numbers, numbers)
    row, column = np.divmod(telegraph.indices, columns)
    delta = (telegraph.delta * factor[column]).astype(np.float32)
    return Toggles(
        row.astype(np.int32), (first + column).astype(np.int32), delta, telegraph.duty.astype(np.float32)
    )


def _joined(parts: list[Toggles]) -> Toggles:
    return Toggles(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "column", "delta", "duty"))
    )


def kernel_noise(noise: OutputNoise, mapped: Mapped, tiling: Tiling) -> kernels.ReadNoise:
    """Return the noise of outputs as kernels are told it.

    Where all weights are alike, one number stands for the matrix: reads are faster then.
    """
    cols = mapped.shape[1]
    held_std, held = _common(noise.held[:, :cols])
    white_std, white = _common(noise.white[:, :cols])
    shared = None
    if noise.held.shape[1] > cols:
        shared = kernels.Shared(
            held=np.ascontiguousarray(noise.held[:, cols:], dtype=np.float32),
            white=np.ascontiguousarray(noise.white[:, cols:], dtype=np.float32),
            part=tiling.part_of_output,
            factor=mapped.planes[0].factor.astype(np.float32),
        )
    toggles = noise.toggles
    order = np.argsort(toggles.row, kind="stable")
    column = np.where(toggles.column < cols, toggles.column, cols - 1 - toggles.column).astype(np.int32)
    telegraph = kernels.Telegraph(toggles.row[order], column[order], toggles.delta[order], toggles.duty[order])
    return kernels.ReadNoise(held_std, white_std, held, white, telegraph, shared)


def _common(variance: FloatArray) -> tuple[float, NDArray[np.float32]]:
    """Return the deviation that all weights have and nothing, or 0 and the variance of each."""
    if np.ptp(variance) == 0.0:
        return float(np.sqrt(variance.flat[0])), np.empty((0, 0), np.float32)
    return 0.0, variance.astype(np.float32)
