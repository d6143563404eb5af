"""What read-backs of ramps and of weights have in common: units, and rows that must be those of a table."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from memramp.csvfile import csv_number
from memramp.errors import InputError
from memramp.quantities import MAX_MICROSIEMENS

_SIEMENS = 1e-2  # uS: what lies below it altogether was measured in siemens, for 10 nS is little for a memristor
_REMEDIES = {
    "": "rename it if they are",
    "s": "multiply by 1e6",
    "siemens": "multiply by 1e6",
    "ns": "divide by 1000",
    "ms": "multiply by 1000",
}
_WRITTEN = 0.2  # of the largest target: smaller ones say little about the unit


def check_unit_of_header(content: bytes, where: str) -> list[str]:
    """Return the cells of a header, as far as it can be read; another unit than uS, or none, is refused.

    Raises
    ------
    InputError
        The header has conductances in another unit, or without one.
    """
    lines = (line.strip() for line in content.decode("utf-8-sig", "replace").splitlines())
    header = next((line for line in lines if line and not line.startswith("#")), "")
    cells = [cell.strip().strip('"') for cell in re.split("[,;\t]", header)]
    for cell in cells:
        if found := re.fullmatch(r"measured_?(S|siemens|nS|mS)?", cell, re.IGNORECASE):
            remedy = _REMEDIES[(found[1] or "").lower()]
            expected = "conductances are expected in uS, under the header measured_uS"
            raise InputError(f"{where}: {expected}, found the column {cell}; {remedy}")
    return cells


def check_places(
    found: Sequence[tuple[object, ...]], wanted: Sequence[tuple[object, ...]], lines: Sequence[int], where: str
) -> None:
    """Check that the rows of a file are those wanted, each once and in order.

    Raises
    ------
    InputError
        Says which row is unknown, missing, stands twice or elsewhere.
    """
    known, seen = set(wanted), dict[tuple[object, ...], int]()
    for k, (place, line) in enumerate(zip(found, lines, strict=True)):
        at = f"{where}, line {line}"
        if place not in known:
            raise InputError(f"{at}: the table has no {_said(place)}")
        if place in seen:
            raise InputError(f"{at}: {_said(place)} stands twice, first in line {seen[place]}")
        if place != wanted[k]:
            if wanted[k] in found:
                raise InputError(f"{at}: found {_said(place)} where {_said(wanted[k])} belongs; keep the table's order")
            raise InputError(f"{at}: {_said(wanted[k])} is missing, found {_said(place)} in its place")
        seen[place] = line
    if len(found) < len(wanted):
        raise InputError(f"{where}: ends before {_said(wanted[len(found)])}; {len(wanted)} rows are expected")


def conductance(cells: dict[str, str], place: str) -> float:
    """Return a measured conductance [uS].

    Raises
    ------
    InputError
        It is no finite number of 0 to 1e6 uS.
    """
    value = csv_number(cells, "measured_uS", place)
    if not 0.0 <= value <= MAX_MICROSIEMENS:
        raise InputError(f"{place}: measured_uS must lie between 0 and {MAX_MICROSIEMENS:g}, found {value:g}")
    return value


def check_unit(measured: ArrayLike, target: ArrayLike, where: str) -> None:
    """Refuse conductances that are in another unit than uS.

    Raises
    ------
    InputError
        All are below 0.01 uS although more than 1 uS was written, or most are about 1000 times as large or as small as
        what was to be written.
    """
    largest, wanted = float(np.max(measured)), float(np.max(target))
    if 0.0 < largest < _SIEMENS and wanted > 1.0:
        raise InputError(
            f"{where}: the largest conductance is {largest:.3g} where up to {wanted:.4g} uS were to be written, "
            "which looks like siemens; multiply by 1e6"
        )
    written = np.asarray(target) > _WRITTEN * wanted
    ratio = float(np.median(np.asarray(measured)[written] / np.asarray(target)[written])) if written.any() else 1.0
    for factor, unit, remedy in ((1e3, "nS", "divide"), (1e-3, "mS", "multiply")):
        if 0.2 * factor < ratio < 5.0 * factor:
            raise InputError(
                f"{where}: most conductances are about {factor:g} times what was to be written, which looks like "
                f"{unit}; they are expected in uS, {remedy} by 1000"
            )


def check_not_siemens(values: ArrayLike, name: str, where: str, remedy: str = "multiply by 1e6") -> None:
    """Refuse conductances that are all below 0.01 uS, as those of measured devices are in siemens.

    Parameters
    ----------
    values : array_like
        Conductances as read [uS].
    name : str
        What they are, such as ``measured_uS``, for the message.
    where : str
        Names the file.
    remedy : str
        What to do, if they are in siemens.

    Raises
    ------
    InputError
        The largest is above 0 and below 0.01 uS.
    """
    largest = float(np.max(values))
    if 0.0 < largest < _SIEMENS:
        raise InputError(f"{where}: the largest {name} is {largest:.3g} uS, which looks like siemens; {remedy}")


def whole_number(cells: dict[str, str], column: str, place: str) -> int:
    """Return the whole number in a column, which is not negative.

    Raises
    ------
    InputError
        It is none.
    """
    if not re.fullmatch(r"[0-9]{1,9}", cells[column]):
        raise InputError(f"{place}: {column} must be a whole number from 0 to 999999999, found {cells[column][:60]!r}")
    return int(cells[column])


def _said(place: tuple[object, ...]) -> str:
    array, *rest = place
    return f"row {rest[0]} of {array}" if len(rest) == 1 else f"device {' '.join(map(str, rest))} of {array}"
