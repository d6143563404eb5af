"""Weights to conductances: differential pairs, a common offset column, or slices of a number."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from memramp.config import StrictModel
from memramp.crossbar.tiling import TileConfig, Tiling, tile_matrix
from memramp.crossbar.wires import WireConfig
from memramp.devices import Device
from memramp.devices.noise import FloatArray
from memramp.errors import InputError
from memramp.quantities import Microsiemens

_TOLERANCE = 1e-9  # of g_max: what rounding may add at the edge of the window


class SliceConfig(StrictModel):
    """The ``slices`` block: a weight as a binary number whose digits are stored in several devices."""

    bits: Annotated[int, Field(strict=True, ge=1, le=16)] = 8
    """Bits of the size of a weight; the sign is in the choice of the pair's side."""

    bits_per_device: Annotated[int, Field(strict=True, ge=1, le=8)] = 2
    """Bits that one device stores, as one of 2**bits_per_device conductances."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.bits % self.bits_per_device:
            found = f"{self.bits} and {self.bits_per_device}"
            raise ValueError(f"bits must be a multiple of bits_per_device, found {found}")
        return self

    @property
    def count(self) -> int:
        """Number of slices."""
        return self.bits // self.bits_per_device

    @property
    def base(self) -> int:
        """How many values a device stores, and by how much more each slice weighs than the one before."""
        return int(2**self.bits_per_device)


class CrossbarConfig(StrictModel):
    """The ``crossbar`` block of a configuration: how weights become conductances.

    The defaults are those of the released training code of Yang et al., doi 10.1038/s41467-025-56254-6, for the 150 uS
    device, except `noise_on`.
    """

    w_clip: Annotated[float, Field(ge=1e-6, le=1e6, strict=True)] = 2.0
    """Weights are clipped to -w_clip..w_clip [weight units]."""

    scale: Annotated[Microsiemens, Field(ge=1e-6)] = 75.0
    """Conductance per weight unit (``scale_per: fixed``). Other scales and bit slices make no use of it, so that a
    sweep may give it for all [uS]."""

    scale_per: Literal["fixed", "layer", "column"] = "fixed"
    """``fixed``: `scale` for all. ``layer``: the largest weight of the matrix, at most `w_clip`, fills the window.
    ``column``: that of each column does, and the column's feedback capacitor is larger in proportion, so that all
    columns have the same volts per unit; errors of the devices then weigh less in columns of small weights."""

    mapping: Literal["differential", "offset", "bit_sliced"] = "differential"
    """``differential``: a pair of devices, one of which carries the weight. ``offset``: one device about the middle of
    the window, and a reference column of devices at the middle that is subtracted from all columns of its array.
    ``bit_sliced``: differential pairs that hold the digits of a binary number; their currents are weighted and summed
    on the column's node."""

    slices: SliceConfig = SliceConfig()
    """How numbers are cut (``bit_sliced``)."""

    noise_on: Literal["pair", "used_side"] = "pair"
    """``pair``: both devices of a pair have errors, fluctuate and may be stuck. ``used_side``: only the one that
    carries the weight, as in the released code, where each weight has a single noise value (``differential``)."""

    layout: Literal["interleaved", "separate"] = "interleaved"
    """Whether the devices of a weight lie side by side in one array, or each in an array of its own."""

    tile: TileConfig = TileConfig()
    """Size of the physical arrays."""

    wires: WireConfig = WireConfig()
    """Resistances of the wires of each physical array; none by default."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.noise_on == "used_side" and self.mapping != "differential":
            raise ValueError(f"noise_on 'used_side' belongs to mapping 'differential', found '{self.mapping}'")
        if self.layout == "separate" and self.mapping == "offset":
            raise ValueError("layout 'separate' needs several devices for a weight, mapping 'offset' has one")
        if self.slices != SliceConfig() and self.mapping != "bit_sliced":
            raise ValueError(f"slices belong to mapping 'bit_sliced', found '{self.mapping}'")
        return self

    def ideal(self) -> "CrossbarConfig":
        """Return the same mapping onto arrays without errors of their own and with perfect wires."""
        return self.model_copy(
            update={"tile": self.tile.model_copy(update={"mismatch": 0.0}), "wires": WireConfig()}
        )


Devices = Mapping[str, FloatArray]
"""A number for each device of an array, by plane (see `Plane.name`) [rows, cols]; ``ref``, [rows, parts], is the
reference columns."""

REFERENCE = "ref"
"""Name of the reference columns among planes of devices."""


@dataclass(frozen=True, eq=False)
class Plane:
    """One device of each weight."""

    name: str
    """``pos``, ``neg``, ``cell``, or with the number of the slice from the least significant: ``pos0``, ``neg0``..."""

    target: FloatArray
    """Conductances to be written, [rows, cols] [uS]."""

    factor: FloatArray
    """What a conductance counts for, [cols] [weight units per uS]."""


@dataclass(frozen=True, eq=False)
class Mapped:
    """A matrix of weights as conductances: ``w = sum over planes of target * factor``, less the reference column."""

    weights: FloatArray
    """What they stand for but for rounding, clipped, [rows, cols] [weight units]."""

    planes: tuple[Plane, ...]
    """The devices of the weights."""

    reference: float | None
    """Conductance of all devices of the reference column, whose current is subtracted from that of each column
    [uS]."""

    scale: FloatArray
    """Conductance per weight unit of each column, [cols]: for slices, that of the most significant one [uS]."""


    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and outputs."""
        rows, cols = self.planes[0].target.shape
        return rows, cols

    def devices(self, tiling: Tiling) -> dict[str, FloatArray]:
        """Return the conductances to be written, one reference column for each part of the outputs [uS]."""
        found = {plane.name: plane.target for plane in self.planes}
        if self.reference is not None:
            shape = (self.shape[0], len(tiling.col_bounds) - 1)
            found[REFERENCE] = np.full(shape, self.reference)
        return found


def plane_names(config: CrossbarConfig) -> tuple[str, ...]:
    """Return the names of the planes of a mapping, without the reference columns."""
    if config.mapping == "offset":
        return ("cell",)
    if config.mapping == "differential":
        return ("pos", "neg")
    return tuple(f"{side}{place}" for place in range(config.slices.count) for side in ("pos", "neg"))


def tiling_of(shape: tuple[int, int], config: CrossbarConfig) -> Tiling:
    """Return how a matrix lies in physical arrays, see `memramp.crossbar.tiling.tile_matrix`.

    Raises
    ------
    InputError
        It does not fit.
    """
    return tile_matrix(
        shape,
        config.tile,
        planes=len(plane_names(config)),
        shared=1 if config.mapping == "offset" else 0,
        separate=config.layout == "separate",
    )


def device_shapes(shape: tuple[int, int], config: CrossbarConfig) -> dict[str, tuple[int, int]]:
    """Return the shape of each plane of devices that a matrix of weights takes."""
    found = dict.fromkeys(plane_names(config), shape)
    if config.mapping == "offset":
        found[REFERENCE] = (shape[0], len(tiling_of(shape, config).col_bounds) - 1)
    return found


def map_weights(w: ArrayLike, config: CrossbarConfig, device: Device) -> Mapped:
    """Map weights to target conductances.

    Parameters
    ----------
    w : array_like, [rows, cols]
        Weights; rows are inputs and columns outputs, so a torch weight [out, in] must be transposed. Values beyond
        ``config.w_clip`` are clipped [weight units].
    config : CrossbarConfig
        Mapping, clip and scale.
    device : Device
        Conductance window.

    Raises
    ------
    InputError
        The weights are no matrix or not finite, or the largest does not fit into the window.
    """
    weights = _check_weights(w)
    clipped = np.clip(weights, -config.w_clip, config.w_clip)
    if config.mapping == "bit_sliced":
        return _slices(clipped, config, device)
    scale = _scales(clipped, config, device)
    if config.mapping == "offset":
        middle = _middle(device)
        target = np.clip(middle + clipped * scale, device.g_min, device.g_max)
        return Mapped(clipped, (Plane("cell", target, 1.0 / scale),), middle, scale)
    used = np.abs(clipped)  # then in place: matrices may have millions of weights, and fresh memory is slow
    used *= scale
    used += device.g_min
    pos, neg = _sides(np.minimum(used, device.g_max, out=used), weights >= 0, device)
    return Mapped(clipped, (Plane("pos", pos, 1.0 / scale), Plane("neg", neg, -1.0 / scale)), None, scale)


def filled_by(clip: float | None, config: CrossbarConfig, device: Device) -> CrossbarConfig:
    """Return a mapping in which the weight `clip`, to which all are clipped, fills the window; None: as it is."""
    if clip is None:
        return config
    return config.model_copy(update={"w_clip": clip, "scale": _room(config, device) / clip})


def check_window(config: CrossbarConfig, device: Device) -> None:
    """Check that the largest weight fits into the device's window.

    Raises
    ------
    InputError
        ``g_min + scale * w_clip`` lies above ``g_max``; with an offset column, ``scale * w_clip`` is more than half the
        window.
    """
    if config.scale_per != "fixed" or config.mapping == "bit_sliced":
        return
    window = _room(config, device)
    start = device.g_min if config.mapping == "differential" else _middle(device)
    top = start + config.scale * config.w_clip
    if top > (start + window) * (1.0 + _TOLERANCE):
        product = f"{start:g} + {config.scale:g} * {config.w_clip:g} = {top:g} uS"
        name = "g_min" if config.mapping == "differential" else "the middle of the window"
        limit = f"above the device's g_max of {device.g_max:g} uS"
        if start + window < device.g_max:  # the middle level lies nearer to the lower end
            limit = f"above {start + window:g} uS, as far from it as g_min"
        raise InputError(
            f"crossbar: {name} + scale * w_clip is {product}, {limit}; "
            f"with this w_clip, scale is at most {window / config.w_clip:g} uS"
        )


def to_conductances(w: ArrayLike, config: CrossbarConfig, device: Device) -> tuple[FloatArray, FloatArray]:
    """Map weights to the target conductances of differential pairs.

    The used side, positive for ``w >= 0``, holds ``g_min + |w| * scale``; the other stays at ``g_min``.

    Parameters
    ----------
    w, config, device
        As in `map_weights`; the mapping is ``differential``.

    Returns
    -------
    g_pos, g_neg : ndarray of float64, [rows, cols]
        Target conductances [uS].

    Raises
    ------
    InputError
        Another mapping, or as in `map_weights`.
    """
    if config.mapping != "differential":
        raise InputError(f"crossbar: pairs need mapping 'differential', found '{config.mapping}'")
    pos, neg = map_weights(w, config, device).planes
    return pos.target, neg.target


def _check_weights(w: ArrayLike) -> FloatArray:
    weights = np.asarray(w, dtype=np.float64)
    if weights.ndim != 2 or weights.size == 0:
        raise InputError(f"weights must be a matrix [rows, cols], found the shape {list(weights.shape)}")
    if not np.isfinite(weights).all():
        raise InputError("weights must be finite, found NaN or infinity")
    return weights


def _room(config: CrossbarConfig, device: Device) -> float:
    """Return the conductance that the largest weight may take [uS]."""
    if config.mapping != "offset":
        return device.g_max - device.g_min
    middle = _middle(device)
    return min(device.g_max - middle, middle - device.g_min)


def _middle(device: Device) -> float:
    """Return the conductance of an offset column: the middle of the window, or the level next to it [uS].

    Where levels are finite, the reference devices can only hold one of them; weights lie about it, so that weights of
    equal size and opposite sign stay so.
    """
    middle = 0.5 * (device.g_min + device.g_max)
    levels = device.level_values()
    if levels is None:
        return middle
    nearest = float(levels[np.argmin(np.abs(levels - middle))])
    if nearest in (device.g_min, device.g_max):
        raise InputError("crossbar: an offset column needs a level between g_min and g_max, the device has none")
    return nearest


def _largest(weights: FloatArray, config: CrossbarConfig) -> FloatArray:
    """Return the weight that fills the window, for each column."""
    if config.scale_per == "fixed":
        return np.full(weights.shape[1], config.w_clip)
    found = np.abs(weights).max(axis=0)
    if config.scale_per == "layer":
        found = np.full(weights.shape[1], found.max())
    return np.where(found > 0.0, found, config.w_clip)


def _scales(weights: FloatArray, config: CrossbarConfig, device: Device) -> FloatArray:
    """Return the conductance per weight unit of each column [uS]."""
    if config.scale_per == "fixed":
        check_window(config, device)
        return np.full(weights.shape[1], config.scale)
    return _room(config, device) / _largest(weights, config)


def _check_digits(device: Device, digits: NDArray[np.floating]) -> None:
    levels = device.level_values()
    if levels is None:
        return
    missing = digits[np.abs(levels[:, np.newaxis] - digits).min(axis=0) > 1e-6 * device.g_max]
    if missing.size:
        raise InputError(
            f"crossbar: slices of {digits.size} values need the level {missing[0]:g} uS, which the device has not; "
            "choose 'slices.bits_per_device' for its levels"
        )


def _sides(used: FloatArray, positive: NDArray[np.bool_], device: Device) -> tuple[FloatArray, FloatArray]:
    return np.where(positive, used, device.g_min), np.where(positive, device.g_min, used)


def _slices(weights: FloatArray, config: CrossbarConfig, device: Device) -> Mapped:
    cut = config.slices
    least = _largest(weights, config) / (2**cut.bits - 1)  # weight units of the last bit, [cols]
    number = np.rint(np.abs(weights) / least).astype(np.int64)
    unit = (device.g_max - device.g_min) / (cut.base - 1)  # uS between neighbouring values of a device
    _check_digits(device, device.g_min + unit * np.arange(cut.base))
    planes = []
    for place in range(cut.count):
        used = device.g_min + unit * (number // cut.base**place % cut.base)
        factor = least * cut.base**place / unit
        pos, neg = _sides(np.minimum(used, device.g_max), weights >= 0, device)
        planes += [Plane(f"pos{place}", pos, factor), Plane(f"neg{place}", neg, -factor)]
    return Mapped(weights, tuple(planes), None, unit / (least * cut.base ** (cut.count - 1)))
