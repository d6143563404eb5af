"""The programming table of a ramp column, for whoever writes the devices."""

import csv
import io
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal

from memramp.errors import InputError
from memramp.files import write_atomically
from memramp.peripherals.ramp import RampDesign


@dataclass(frozen=True)
class TableRow:
    """One device of the ramp column."""

    row: int
    """Word line, from 0: the ramp devices in firing order, then the bias devices."""

    role: Literal["ramp", "bias"]
    """``bias`` devices fire together before the ramp starts, with opposite sign."""

    target_uS: float  # noqa: N815  (the column's name in the file)
    """Conductance to be programmed [uS]."""

    threshold: float
    """Value of the ramp once this device has fired, for bias devices once all of them have [pre-activation]."""

    level: float
    """Activation function at that threshold."""


def ramp_table(design: RampDesign) -> list[TableRow]:
    """Return one row for each device of a ramp column, by word line.

    The bias rows carry the first value of the ramp, the ramp rows all others; of these, ``paper`` levels have two at
    the end that are never compared.
    """
    ramp = design.levels.ramp
    levels = design.function(ramp)
    steps = [
        TableRow(k, "ramp", float(g), float(ramp[k + 1]), float(levels[k + 1])) for k, g in enumerate(design.g_steps)
    ]
    bias = [
        TableRow(len(steps) + k, "bias", float(g), float(ramp[0]), float(levels[0]))
        for k, g in enumerate(design.g_bias)
    ]
    return steps + bias


def write_ramp_table(path: Path, design: RampDesign, *, force: bool = False) -> None:
    """Write the programming table as CSV: a header, then the rows of `ramp_table`, numbers with 12 digits.

    The file appears whole or not at all.

    Parameters
    ----------
    path : Path
        File to be written; its folder must exist.
    design : RampDesign
        The ramp column.
    force : bool
        Replace a file that is there.

    Raises
    ------
    InputError
        The file exists and `force` is not set, or it cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(TableRow)])
    for row in ramp_table(design):
        writer.writerow([f"{item:.12g}" if isinstance(item, float) else item for item in astuple(row)])
    if path.exists() and not force:
        raise InputError(f"{path}: the file exists already; choose another name, or replace it with --force")
    if not path.parent.is_dir():
        raise InputError(f"{path}: no such file or directory ({path.parent})")
    try:
        write_atomically(path, text.getvalue().encode())
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}") from None
