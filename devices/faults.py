"""Devices that are stuck: drawn at given rates, or measured on a chip."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memramp.config import describe
from memramp.csvfile import csv_number, read_csv_rows
from memramp.devices.noise import FloatArray
from memramp.errors import InputError
from memramp.measured import whole_number
from memramp.quantities import MAX_MICROSIEMENS

BoolArray = NDArray[np.bool_]

_MAX_BYTES = 100_000_000
_COLUMNS = ("row", "col", "state")
_STATES = ("stuck_off", "stuck_on")


@dataclass(frozen=True, eq=False)
class FaultMask:
    """Stuck devices of an array, as they were found; arrays of the target's shape."""

    stuck_off: BoolArray
    """Devices that stay at g_min."""

    stuck_on: BoolArray
    """Devices that stay at g_max."""

    value: FloatArray
    """Conductance at which a device stays, NaN for devices that are not stuck at a value of their own [uS]."""

    def __post_init__(self) -> None:
        shapes = {self.stuck_off.shape, self.stuck_on.shape, self.value.shape}
        if len(shapes) > 1:
            raise InputError(f"the parts of a fault mask have one shape, found {sorted(map(list, shapes))}")
        if bool((self.stuck_off & self.stuck_on | (self.stuck_off | self.stuck_on) & self.stuck_at).any()):
            raise InputError("each device of a fault mask has one fault, found one with two")
        held = self.value[self.stuck_at]
        if not bool(np.all((held >= 0.0) & (held <= MAX_MICROSIEMENS))):
            raise InputError(f"the values of a fault mask must lie between 0 and {MAX_MICROSIEMENS:g} uS")

    @property
    def stuck_at(self) -> BoolArray:
        """Devices that stay at a value of their own."""
        return np.asarray(~np.isnan(self.value))

    def ravel(self) -> "FaultMask":
        """Return the same mask, flat."""
        return FaultMask(self.stuck_off.ravel(), self.stuck_on.ravel(), self.value.ravel())


def load_faults(path: Path, shape: tuple[int, int]) -> FaultMask:
    """Read a measured fault mask: a CSV file with the columns ``row,col,state``, a row for each stuck device.

    Parameters
    ----------
    path : Path
        Rows and columns count from 0, as [word lines, bit lines]. `state` is ``stuck_off`` (at g_min), ``stuck_on`` (at
        g_max), or the conductance at which the device stays [uS].
    shape : (int, int)
        Rows and columns of the array.

    Raises
    ------
    InputError
        Names file and line, what was found and what is allowed.
    """
    mask = no_faults(shape)
    seen: dict[tuple[int, int], int] = {}
    for line, cells in read_csv_rows(Path(path), _COLUMNS, _MAX_BYTES):
        at = f"{path}, line {line}"
        place = _place(cells, shape, at)
        if place in seen:
            first = f"first in line {seen[place]}"
            raise InputError(f"{at}: the device of row {place[0]}, col {place[1]} stands twice, {first}")
        seen[place] = line
        put_fault(mask, place, state_of(cells, at))
    return mask


def no_faults(shape: tuple[int, int]) -> FaultMask:
    """Return a mask without any fault, to be filled with `put_fault`."""
    return FaultMask(np.zeros(shape, np.bool_), np.zeros(shape, np.bool_), np.full(shape, np.nan))


def put_fault(mask: FaultMask, place: tuple[int, int], state: str | float) -> None:
    """Write a fault into a mask's arrays; `state` as from `state_of`."""
    if isinstance(state, float):
        mask.value[place] = state
    else:
        (mask.stuck_off if state == "stuck_off" else mask.stuck_on)[place] = True


def state_of(cells: dict[str, str], at: str) -> str | float:
    """Return the column ``state`` of a row: ``stuck_off``, ``stuck_on``, or a conductance [uS].

    Raises
    ------
    InputError
        It is something else; names `at`.
    """
    return cells["state"] if cells["state"] in _STATES else _value(cells, at)


def _place(cells: dict[str, str], shape: tuple[int, int], at: str) -> tuple[int, int]:
    row, col = whole_number(cells, "row", at), whole_number(cells, "col", at)
    if row >= shape[0] or col >= shape[1]:
        ends = f"rows 0..{shape[0] - 1} and cols 0..{shape[1] - 1}"
        raise InputError(f"{at}: row {row}, col {col} lies outside the array, which has {ends}")
    return row, col


def _value(cells: dict[str, str], at: str) -> float:
    try:
        value = csv_number(cells, "state", at)
    except InputError:
        allowed = "stuck_off, stuck_on or a conductance in uS"
        raise InputError(f"{at}: state must be {allowed}, found {describe(cells['state'])}") from None
    if not 0.0 <= value <= MAX_MICROSIEMENS:
        raise InputError(f"{at}: a conductance must lie between 0 and {MAX_MICROSIEMENS:g} uS, found {value:g}")
    return value
