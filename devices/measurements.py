"""Measured devices in CSV files: what was to be written, what was read, when and how often.

Columns: ``target_uS`` and ``measured_uS``, in uS; optionally ``device`` (a whole number that names a device within its
target), ``read`` (number of the read), ``time_s`` (since programming) and ``temperature_K``, which is the same in all
rows. A row is one read.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memramp.csvfile import CsvContent, csv_number, parse_csv
from memramp.devices.noise import FloatArray
from memramp.errors import InputError
from memramp.files import read_limited
from memramp.measured import check_not_siemens, check_unit, check_unit_of_header, conductance, whole_number
from memramp.quantities import MAX_MICROSIEMENS

MAX_BYTES = 100_000_000
OPTIONAL = ("device", "read", "time_s", "temperature_K")

_COLUMNS = ("target_uS", "measured_uS")
_SHOWN = 3  # temperatures in a message


@dataclass(frozen=True, eq=False)
class Measurements:
    """The rows of a file of measured devices, [n] each."""

    source: str
    """Name of the file."""

    digest: str
    """SHA-256 of the file."""

    target: FloatArray
    """What was to be written [uS]."""

    measured: FloatArray
    """What was read [uS]."""

    device: NDArray[np.int64]
    """Which device was read, numbered over the whole file: rows of equal number are reads of one device."""

    time: FloatArray | None
    """Time since programming [s]."""

    temperature: float | None
    """Of all rows [K]; None: the file does not tell."""

    @property
    def devices(self) -> int:
        """Number of devices."""
        return int(np.unique(self.device).size)


def load_measurements(path: Path) -> Measurements:
    """Read a file of measured devices.

    Without the columns ``device``, ``read`` and ``time_s``, each row is a device of its own. With ``read`` or
    ``time_s`` and without ``device``, the rows of a target are told apart by their order: the n-th row with one (read,
    time) is the n-th device, so each device must have been read equally often.

    Raises
    ------
    InputError
        Names file and line, what was found and what is allowed.
    """
    path = Path(path)
    data = read_limited(path, MAX_BYTES)
    content = _parse(data, str(path), OPTIONAL)
    target, measured = _conductances(content, str(path))
    temperature = _temperature(content, str(path))
    read = _whole(content, "read", str(path))
    time = _numbers(content, "time_s", str(path), lowest=0.0)
    return Measurements(
        source=path.name,
        digest=sha256(data).hexdigest(),
        target=target,
        measured=measured,
        device=_devices(content, str(path), target, read, time),
        time=time,
        temperature=temperature,
    )


def read_errors(path: Path) -> dict[float, FloatArray]:
    """Return the errors ``measured - target`` of a file with the columns of a `Measurements` for each target [uS].

    Only ``target_uS`` and ``measured_uS`` are allowed, and each target needs two rows.

    Raises
    ------
    InputError
        Names file and line, what was found and what is allowed.
    """
    content = _parse(read_limited(path, MAX_BYTES), str(path), ())
    target, measured = _conductances(content, str(path))
    found = {float(value): np.asarray((measured - target)[target == value]) for value in np.unique(target)}
    alone = [value for value, errors in found.items() if errors.size < 2]
    if alone:
        raise InputError(f"{path}: each target needs at least two rows, found one at {alone[0]:g} uS")
    return found


def _parse(data: bytes, where: str, optional: tuple[str, ...]) -> CsvContent:
    check_unit_of_header(data, where)
    content = parse_csv(data, where, _COLUMNS, optional)
    if not content.rows:
        raise InputError(f"{where}: has no rows below its header, expected one for each read")
    return content


def _conductances(content: CsvContent, where: str) -> tuple[FloatArray, FloatArray]:
    """Return what was to be written and what was read [uS]."""
    target = np.array([_target(cells, f"{where}, line {line}") for line, cells in content.rows])
    measured = np.array([conductance(cells, f"{where}, line {line}") for line, cells in content.rows])
    check_unit(measured, target, where)
    for values, column in ((target, "target_uS"), (measured, "measured_uS")):
        check_not_siemens(values, column, where)
    return target, measured


def _temperature(content: CsvContent, where: str) -> float | None:
    """Return the temperature of all rows [K]: of several, the differences would be taken for noise."""
    column = _numbers(content, "temperature_K", where, lowest=1e-6)
    if column is None:
        return None
    found = np.unique(column)
    if found.size > 1:
        shown = ", ".join(f"{value:g}" for value in found[:_SHOWN]) + (", .." if found.size > _SHOWN else "")
        raise InputError(
            f"{where}: temperature_K must be the same in all rows, found {found.size} ({shown} K); fit the rows of one "
            "temperature at a time, what changes between them belongs to the block 'thermal'"
        )
    return float(found[0])


def _target(cells: dict[str, str], place: str) -> float:
    value = csv_number(cells, "target_uS", place)
    if not 0.0 <= value <= MAX_MICROSIEMENS:
        raise InputError(f"{place}: target_uS must lie between 0 and {MAX_MICROSIEMENS:g}, found {value:g}")
    return value


def _numbers(content: CsvContent, column: str, where: str, *, lowest: float) -> FloatArray | None:
    if column not in content.columns:
        return None
    values = np.array([csv_number(cells, column, f"{where}, line {line}") for line, cells in content.rows])
    bad = np.flatnonzero(values < lowest)
    if bad.size:
        said = "not be negative" if lowest == 0.0 else "be positive"
        raise InputError(f"{where}, line {content.rows[bad[0]][0]}: {column} must {said}, found {values[bad[0]]:g}")
    return values


def _whole(content: CsvContent, column: str, where: str) -> NDArray[np.int64] | None:
    if column not in content.columns:
        return None
    return np.array([whole_number(cells, column, f"{where}, line {line}") for line, cells in content.rows], np.int64)


def _devices(
    content: CsvContent, where: str, target: FloatArray, read: NDArray[np.int64] | None, time: FloatArray | None
) -> NDArray[np.int64]:
    """Return the number of each row's device, over the whole file."""
    named = _whole(content, "device", where)
    if named is None and read is None and time is None:
        return np.arange(target.size)
    order = read if read is not None else np.zeros(target.size, np.int64)
    moment = time if time is not None else np.zeros(target.size)
    if named is None:
        named = _nth(target, order, moment)
        _check_equally_often(named, target, where)
    else:
        _check_once(content, where, (target, named, order, moment))
    return np.asarray(np.unique(np.column_stack([target, named]), axis=0, return_inverse=True)[1]).ravel()


def _nth(target: FloatArray, order: NDArray[np.int64], moment: FloatArray) -> NDArray[np.int64]:
    """Return how many rows before have the same target, read and time."""
    seen: dict[tuple[float, int, float], int] = {}
    nth = np.empty(target.size, np.int64)
    for i, key in enumerate(zip(target.tolist(), order.tolist(), moment.tolist(), strict=True)):
        nth[i] = seen[key] = seen.get(key, -1) + 1
    return nth


def _check_equally_often(named: NDArray[np.int64], target: FloatArray, where: str) -> None:
    for value in np.unique(target):
        counts = np.bincount(named[target == value])
        if counts.min() != counts.max():
            raise InputError(
                f"{where}: the devices of {value:g} uS were read {counts.min()} to {counts.max()} times, so that rows "
                "cannot be told apart; add the column device"
            )


def _check_once(content: CsvContent, where: str, columns: tuple[NDArray[np.generic], ...]) -> None:
    seen: dict[tuple[float, ...], int] = {}
    for (line, _), key in zip(content.rows, zip(*(part.tolist() for part in columns), strict=True), strict=True):
        if key in seen:
            raise InputError(
                f"{where}, line {line}: device {key[1]:g} of {key[0]:g} uS stands twice with the same read and time, "
                f"first in line {seen[key]}"
            )
        seen[key] = line
