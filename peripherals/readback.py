"""Read-backs: what was measured on the devices of a programming table, and the ramps that they make.

A read-back is a CSV file with one row a device, in the order of the table: ``ramp,row,measured_uS``, or
``row,measured_uS`` where it is about one ramp. The columns ``role`` and ``target_uS`` of the table may be there as
well; they must then agree with it. Line endings and a byte order mark do not matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from memramp.config import describe
from memramp.csvfile import Row, csv_number, parse_csv
from memramp.errors import InputError
from memramp.files import read_limited
from memramp.measured import check_places, check_unit, check_unit_of_header, conductance, whole_number
from memramp.peripherals.function import FloatArray
from memramp.peripherals.table import RampTable, TableRamp
from memramp.tablefile import csv_lines, write_new_file

MAX_BYTES = 16_000_000
_AGREES = 1e-3  # absolute [uS] and relative: targets may have been rounded on their way


@dataclass(frozen=True, eq=False)
class Readback:
    """Measured conductances."""

    measured: Mapping[str, FloatArray]
    """Conductance of each row of the table, by ramp [uS]."""

    name: str = "read-back"
    """Where it comes from, for messages."""

    digest: str = ""
    """SHA-256 of the file."""


def read_back(path: Path, table: RampTable, ramp: str | None = None) -> Readback:
    """Read what was measured on the devices of a table.

    Parameters
    ----------
    path : Path
        CSV file; see the module's description.
    table : RampTable
        What was programmed.
    ramp : str or None
        The ramp that the file is about; None: all of the table.

    Raises
    ------
    InputError
        Rows that are missing, stand twice, are in another order or unknown; conductances that are no number of uS;
        names file and line, what was found and what is allowed.
    """
    content, where = read_limited(path, MAX_BYTES), str(path)
    header = check_unit_of_header(content, where)
    names = list(table.ramps) if ramp is None else [table.ramp(ramp).name]
    if "ramp" not in header and len(names) > 1:
        raise InputError(
            f"{where}: the table has the ramps {', '.join(names)}, so the header must be ramp,row,measured_uS"
        )
    columns = ("ramp", "row", "measured_uS") if "ramp" in header else ("row", "measured_uS")
    rows = parse_csv(content, where, columns, ("role", "target_uS")).rows
    wanted = [(name, line.row) for name in names for line in table.ramps[name].rows]
    check_places([_place(row, names, where) for row in rows], wanted, [line for line, _ in rows], where)
    measured: dict[str, list[float]] = {name: [] for name in names}
    for (line, cells), (name, index) in zip(rows, wanted, strict=True):
        measured[name].append(conductance(cells, f"{where}, line {line}"))
        _check_agrees(cells, table.ramps[name], index, f"{where}, line {line}")
    arrays = {name: np.array(values) for name, values in measured.items()}
    for name, values in arrays.items():
        check_unit(values, [row.target_uS for row in table.ramps[name].rows], where)
    return Readback(arrays, where, sha256(content).hexdigest())


def write_readback(path: Path, measured: Mapping[str, ArrayLike], force: bool = False) -> None:
    """Write conductances as a laboratory would: ``ramp,row,measured_uS``.

    Raises
    ------
    InputError
        There is such a file, or it cannot be written.
    """
    rows = [
        (name, row, float(g)) for name, values in measured.items() for row, g in enumerate(np.asarray(values).tolist())
    ]
    write_new_file(path, csv_lines([("ramp", "row", "measured_uS"), *rows]).encode(), force=force)


def _place(row: Row, names: Sequence[str], where: str) -> tuple[object, ...]:
    line, cells = row
    return cells.get("ramp", names[0]), whole_number(cells, "row", f"{where}, line {line}")


def _check_agrees(cells: dict[str, str], ramp: TableRamp, index: int, place: str) -> None:
    row = ramp.rows[index]
    if "role" in cells and cells["role"] != row.role:
        raise InputError(f"{place}: role is {row.role} in the table, found {describe(cells['role'])}")
    if "target_uS" not in cells:
        return
    if abs(csv_number(cells, "target_uS", place) - row.target_uS) > _AGREES * (1.0 + row.target_uS):
        raise InputError(f"{place}: target_uS is {row.target_uS:.6g} in the table, found {cells['target_uS']}")
