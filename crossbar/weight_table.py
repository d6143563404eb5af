"""Weights as a table for a laboratory, and what was measured on the devices, to be used in place of drawn noise.

Devices are named as the planes of the mapping are, see `memramp.crossbar.mapping.Plane`. Files are in
`memramp.crossbar.weight_files`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, model_validator

from memramp import __version__
from memramp.config import StrictModel
from memramp.crossbar.array import ProgrammedArray
from memramp.crossbar.mapping import CrossbarConfig, Devices, filled_by, map_weights, tiling_of
from memramp.crossbar.programming import Reading, measured_array
from memramp.devices import Device
from memramp.devices.tolerance import write_tolerance
from memramp.errors import InputError
from memramp.quantities import MAX_MICROSIEMENS

MAX_ARRAYS = 64
MAX_SIDE = 65_536
MAX_DEVICES = 100_000_000

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_SLACK = 1e-9  # of g_max: what rounding may have added to a target at the edge of the window


@dataclass(frozen=True, eq=False)
class WeightTargets:
    """What is to be written into one array."""

    target: Devices
    """Conductances [uS]."""

    tolerance: Devices
    """How far they may lie from that in either direction [uS]."""

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and outputs."""
        rows, cols = next(iter(self.target.values())).shape
        return rows, cols


class WeightSettings(StrictModel):
    """What is said of all arrays."""

    memramp: Annotated[str, Field(pattern=r"^[0-9A-Za-z.+-]{1,40}$")] = __version__
    """Version of the program that made the table."""

    crossbar: CrossbarConfig
    """How weights were mapped."""

    g_min_uS: Annotated[float, Field(ge=0.0, le=MAX_MICROSIEMENS)]  # noqa: N815  (the name in the file)
    """Lower end of the device window [uS]."""

    g_max_uS: Annotated[float, Field(gt=0.0, le=MAX_MICROSIEMENS)]  # noqa: N815
    """Upper end of the device window [uS]."""

    clips: dict[str, Annotated[float, Field(ge=1e-6, le=1e6)]] = Field(default_factory=dict)
    """Weight that fills the window, of arrays whose mapping departs from `crossbar` [weight units]."""

    def mapping_of(self, name: str, device: Device) -> CrossbarConfig:
        """Return how the weights of an array were mapped."""
        return filled_by(self.clips.get(name), self.crossbar, device)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.g_min_uS >= self.g_max_uS:
            raise ValueError(f"g_min_uS must lie below g_max_uS, found {self.g_min_uS:g} and {self.g_max_uS:g}")
        return self


@dataclass(frozen=True, eq=False)
class WeightTable:
    """The programming table of one or more arrays of weights."""

    settings: WeightSettings
    """What is said of all arrays."""

    arrays: Mapping[str, WeightTargets]
    """The arrays by name, in the order of the file."""

    checksum: str = field(default="", compare=False)
    """SHA-256 that the file carries from which it was read; empty if it was not."""

    @property
    def devices(self) -> int:
        """Number of devices of all arrays."""
        return sum(plane.size for part in self.arrays.values() for plane in part.target.values())


@dataclass(frozen=True, eq=False)
class WeightReadback:
    """Measured conductances of arrays of weights."""

    measured: Mapping[str, Devices]
    """Conductances by array [uS]."""

    name: str = "read-back"
    """Where it comes from, for messages."""

    digest: str = ""
    """SHA-256 of the file."""


def weight_table(
    arrays: Mapping[str, ArrayLike],
    config: CrossbarConfig,
    device: Device,
    *,
    tolerance: float | None = None,
    clips: Mapping[str, float] | None = None,
) -> WeightTable:
    """Return the programming table of weights.

    Parameters
    ----------
    arrays : mapping of str to array_like, [rows, cols]
        Weights by the name of their array: a letter, then letters, digits, ``_``, ``.`` and ``-``. Rows are inputs and
        columns outputs, as in `memramp.crossbar.map_weights` [weight units].
    config : CrossbarConfig
        Clip and scale.
    device : Device
        Window, and the verify window, see `memramp.devices.tolerance.write_tolerance`.
    tolerance : float or None
        One verify window for all devices, half its width [uS].
    clips : mapping or None
        Weight that fills the window, of those arrays where it is not that of `config` [weight units].

    Raises
    ------
    InputError
        A name or a tolerance that is not allowed, weights that are no finite matrix or do not fit into the window.
    """
    settings = WeightSettings(
        crossbar=config, g_min_uS=device.g_min, g_max_uS=device.g_max, clips=dict(clips or {})
    )
    made = {}
    for name, weights in arrays.items():
        mapped = map_weights(weights, settings.mapping_of(name, device), device)
        target = mapped.devices(tiling_of(mapped.shape, config))
        windows = {plane: write_tolerance(wanted, device, tolerance) for plane, wanted in target.items()}
        made[name] = WeightTargets(target, windows)
    check_names(list(made), "weights")
    return WeightTable(settings, made)


def array_from_readback(
    table: WeightTable,
    name: str,
    readback: WeightReadback,
    weights: ArrayLike,
    config: CrossbarConfig,
    device: Device,
    rng: np.random.Generator | None = None,
    reading: Reading | None = None,
) -> ProgrammedArray:
    """Return the array that measured devices make, in place of a programmed one.

    Parameters
    ----------
    table, readback : WeightTable, WeightReadback
        What was programmed and what was measured.
    name : str
        Which array.
    weights : array_like, [rows, cols]
        What it was made for [weight units].
    config : CrossbarConfig
        Mapping; must be that of the table.
    device : Device
        Read noise; must have the window of the table.
    rng, reading
        As in `memramp.crossbar.measured_array`.

    Raises
    ------
    InputError
        There is no such array, or another mapping or window.
    """
    for what, found in (("table", table.arrays), ("read-back", readback.measured)):
        if name not in found:
            raise InputError(f"{readback.name}: the {what} has no array '{name}', it has: {', '.join(found)}")
    settings, mapping = table.settings, table.settings.mapping_of(name, device)
    for key in ("mapping", "w_clip", "scale", "scale_per", "slices"):
        ours, theirs = getattr(config, key), getattr(mapping, key)
        if ours != theirs:
            raise InputError(f"crossbar: {key} is {_told(ours)}, the table of the weights was made for {_told(theirs)}")
    if (device.g_min, device.g_max) != (settings.g_min_uS, settings.g_max_uS):
        raise InputError(
            f"the table of the weights was made for devices of {settings.g_min_uS:g}..{settings.g_max_uS:g} uS, "
            f"found devices of {device.g_min:g}..{device.g_max:g} uS"
        )
    return measured_array(readback.measured[name], weights, config, device, rng, reading=reading)


def _told(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def check_names(names: list[str], where: str) -> None:
    """Refuse names of arrays that could be taken for something else in a file.

    Raises
    ------
    InputError
        Says what is allowed.
    """
    if not 1 <= len(names) <= MAX_ARRAYS:
        raise InputError(f"{where}: a table holds 1 to {MAX_ARRAYS} arrays, found {len(names)}")
    for name in names:
        if not _NAME.fullmatch(name):
            allowed = "a letter and up to 63 more letters, digits, _ . and -"
            raise InputError(f"{where}: the name of an array is {allowed}, found {name[:80]!r}")


def check_targets(table: WeightTable, where: str) -> None:
    """Check the numbers of a table that was read from a file.

    Raises
    ------
    InputError
        A target outside the window, or a tolerance that is not positive.
    """
    check_names(list(table.arrays), where)
    low, high = table.settings.g_min_uS, table.settings.g_max_uS
    for name, part in table.arrays.items():
        for plane, target in part.target.items():
            tolerance = part.tolerance[plane]
            bad = ~((target >= low - _SLACK * high) & (target <= high * (1 + _SLACK)))
            if bad.any():
                row, column = np.argwhere(bad)[0]
                at = f"{where}: array {name}, row {row}, column {column}, {plane}"
                found = f"found {target[bad][0]:g}"
                raise InputError(f"{at}: target_uS must lie in the window {low:g} to {high:g}, {found}")
            if not np.all((tolerance > 0.0) & (tolerance <= MAX_MICROSIEMENS)):
                raise InputError(f"{where}: array {name}: tolerance_uS must be positive")
