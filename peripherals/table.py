"""The programming table of ramp columns: what a laboratory writes into its devices, row by row.

One table holds the ramps of a layer, for example those of its sigmoid and its tanh gates. It also holds all that is
needed to have the design again without placing levels anew (`RampTable.design`), to the last bit. Files are in
`memramp.peripherals.table_files`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from memramp import __version__
from memramp.devices import Device
from memramp.devices.tolerance import write_tolerance
from memramp.errors import InputError
from memramp.peripherals.function import FloatArray, Span
from memramp.peripherals.function_record import FunctionRecord
from memramp.peripherals.levels import Levels
from memramp.peripherals.ramp import Column, IntArray, RampDesign
from memramp.peripherals.table_schema import RampSettings, TableRow

MAX_RAMPS = 16

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_ORDER: dict[str, int] = {"ramp": 0, "bias": 1, "spare": 2}


@dataclass(frozen=True)
class TableRamp:
    """One ramp of a table."""

    name: str
    """Its name in the table."""

    settings: RampSettings
    """What is said of it as a whole."""

    rows: tuple[TableRow, ...]
    """Its devices, by word line."""

    def word_lines(self) -> IntArray:
        """Return the word line of each row of the design's column: ramp devices in firing order, bias devices, spares.

        They differ from 0, 1, 2, ... only where a spare has taken over.
        """
        keys = [(_ORDER[row.role], row.clock, row.row) for row in self.rows]
        return np.array([key[2] for key in sorted(keys)], dtype=np.int64)

    def design(self) -> RampDesign:
        """Return the ramp that is meant: targets are those of the design, whatever calibration made of them since.

        Raises
        ------
        InputError
            The function cannot be realised; a file in which that is so was tampered with.
        """
        return self._design

    @cached_property
    def _design(self) -> RampDesign:
        settings, ramp = self.settings, self._ramp()
        lo, hi = settings.span
        span: Span = (-np.inf if lo is None else lo, np.inf if hi is None else hi)
        levels = Levels(
            function=settings.function.function(self.name),
            bits=settings.bits,
            kind=settings.levels,
            ramp=ramp[settings.first :],
            outputs=np.array(settings.outputs),
            codes=np.array(settings.codes, dtype=np.int64),
            lsb=settings.lsb,
            span=span,
        )
        return RampDesign(
            levels=levels,
            g_min=settings.g_min_uS,
            g_max=settings.g_max_uS,
            column=self._column(),
            ramp=ramp,
            first=settings.first,
            bias_total=settings.bias_total_uS,
            v_per_us=settings.v_per_us,
        )

    def _ramp(self) -> FloatArray:
        values = {row.clock: row.threshold for row in self.rows if row.threshold is not None}
        return np.array([values[clock] for clock in sorted(values)], dtype=np.float64)

    def _column(self) -> Column:
        rows = [self.rows[line] for line in self.word_lines()]
        designed = {"bias": self.settings.bias_uS, "spare": self.settings.g_min_uS}
        return Column(
            role=tuple(row.role for row in rows),
            clock=np.array([row.clock for row in rows], dtype=np.int64),
            polarity=np.array([row.polarity for row in rows], dtype=np.int64),
            width=np.array([row.pulse_width for row in rows]),
            target=np.array([designed.get(row.role, row.target_uS) for row in rows]),
            write_order=np.array([row.write_order for row in rows], dtype=np.int64),
        )


@dataclass(frozen=True)
class RampTable:
    """The programming table of one or more ramp columns."""

    ramps: Mapping[str, TableRamp]
    """The ramps by name, in the order of the file."""

    revision: int = 0
    """How often the table was updated from a read-back."""

    memramp: str = __version__
    """Version of the program that made it."""

    checksum: str = field(default="", compare=False)
    """SHA-256 that the file carries from which it was read; empty if it was not."""

    def design(self, name: str) -> RampDesign:
        """Return the design of a ramp, as it was exported.

        Raises
        ------
        InputError
            No ramp of this name.
        """
        return self.ramp(name).design()

    def ramp(self, name: str) -> TableRamp:
        """Return one ramp.

        Raises
        ------
        InputError
            No ramp of this name.
        """
        if name not in self.ramps:
            raise InputError(f"the table has no ramp '{name}', it has: {', '.join(self.ramps)}")
        return self.ramps[name]

    def to_write(self) -> list[tuple[str, TableRow]]:
        """Return the rows that are to be written now with the names of their ramps, in order of writing."""
        chosen = [(name, row) for name, ramp in self.ramps.items() for row in ramp.rows if row.write == "yes"]
        place = list(self.ramps)
        return sorted(chosen, key=lambda item: (place.index(item[0]), item[1].write_order))


def ramp_table(
    designs: RampDesign | Mapping[str, RampDesign], device: Device | None = None, *, tolerance: float | None = None
) -> RampTable:
    """Return the programming table of ramp columns.

    Parameters
    ----------
    designs : RampDesign or mapping
        One ramp, or several by name: a letter, then letters, digits, ``_`` and ``-``; see `ramp_name`.
    device : Device or None
        Sets the verify window, see `memramp.devices.tolerance.write_tolerance`.
    tolerance : float or None
        One verify window for all devices, half its width [uS].

    Raises
    ------
    InputError
        A name that is not allowed, a tolerance that is not positive, or a function that a table cannot hold.
    """
    named = {ramp_name(designs.function.name): designs} if isinstance(designs, RampDesign) else dict(designs)
    if not 1 <= len(named) <= MAX_RAMPS:
        raise InputError(f"a table holds 1 to {MAX_RAMPS} ramps, found {len(named)}")
    for name in named:
        check_ramp_name(name)
    return RampTable({name: _table_ramp(name, design, device, tolerance) for name, design in named.items()})


def ramp_name(text: str) -> str:
    """Return a name that a table can hold, close to a text such as an expression."""
    words = re.findall(r"[A-Za-z0-9]+", text)
    name = "_".join(words)[:64].rstrip("_")
    return text if _NAME.fullmatch(text) else (name if _NAME.fullmatch(name) else f"ramp_{name}"[:64].rstrip("_"))


def check_ramp_name(name: str) -> None:
    """Refuse names that could be taken for something else in a file.

    Raises
    ------
    InputError
        Says what is allowed.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"the name of a ramp is a letter and up to 63 more letters, digits, _ and -, found {name[:80]!r}"
        )


def _table_ramp(name: str, design: RampDesign, device: Device | None, tolerance: float | None) -> TableRamp:
    levels, column = design.levels, design.column
    lo, hi = (float(end) if np.isfinite(end) else None for end in levels.span)
    settings = RampSettings(
        function=FunctionRecord.of(design.function),
        bits=design.bits,
        levels=levels.kind,
        span=(lo, hi),
        g_min_uS=design.g_min,
        g_max_uS=design.g_max,
        v_per_us=design.v_per_us,
        bias_uS=float(design.g_bias[0]),
        bias_total_uS=design.bias_total,
        first=design.first,
        anchor=design.anchor,
        lsb=levels.lsb,
        outputs=tuple(map(float, levels.outputs)),
        codes=tuple(map(int, levels.codes)),
    )
    windows = write_tolerance(column.target, device, tolerance)
    at = design.function(design.ramp)
    return TableRamp(name, settings, tuple(_row(design, k, float(windows[k]), at) for k in range(windows.size)))


def _row(design: RampDesign, row: int, tolerance: float, at: FloatArray) -> TableRow:
    column, clock = design.column, int(design.column.clock[row])
    count = clock - design.first + 1  # from this threshold on, where it is one
    fires, compared = clock >= 0, 1 <= count < design.outputs.size
    return TableRow(
        row=row,
        role=column.role[row],
        clock=clock,
        polarity=1 if column.polarity[row] > 0 else -1,
        pulse_width=float(column.width[row]),
        write_order=int(column.write_order[row]),
        target_uS=float(column.target[row]),
        tolerance_uS=tolerance,
        threshold=float(design.ramp[clock]) if fires else None,
        level=float(at[clock]) if fires else None,
        output=float(design.outputs[count]) if compared else None,
        code=int(design.levels.codes[count]) if compared else None,
        write="yes" if fires else "no",
    )
