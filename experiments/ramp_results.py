"""What a ramp experiment measures: a row for each column and calibration, for each read voltage, and their summary."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from memramp.experiments.ramp_schema import BEFORE, IDEAL
from memramp.experiments.results import overflowing
from memramp.peripherals import ProgrammedRamp, RampDesign, inl_dnl
from memramp.peripherals.function import FloatArray
from memramp.peripherals.linearity import missing_codes

Reference = Literal["tracking", "fixed"]
"""``tracking``: the ramp is made by the same read voltage as the signal; ``fixed``: by a reference of its own."""

COLUMN_HEADINGS = (
    "function", "block", "column", "calibration", "mean_abs_inl_lsb", "max_abs_inl_lsb", "max_abs_dnl_lsb",
    "missing_codes", "mid_scale_error", "stuck_ramp_devices", "stuck_bias_devices", "bias_overflow_us", "devices",
    "writes",
)  # fmt: skip
THRESHOLD_HEADINGS = ("function", "block", "column", "calibration", "transition", "ideal", "threshold", "inl_lsb")
V_READ_HEADINGS = (
    "function", "block", "reference", "v_read_v", "inputs", "sum_abs_error_lsb", "mean_abs_error_lsb",
    "max_abs_error_lsb", "changed_codes",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ColumnRow:
    """One column in one state of calibration, or the ramp of ideal devices. All without read noise."""

    function: str

    block: str
    """Name of the block, or ``ideal``."""

    column: int | None
    """Number of the column, from 1; None: ideal."""

    calibration: str
    """Name of the calibration, or ``none``."""

    design: RampDesign

    thresholds: FloatArray
    """[K], non-decreasing [pre-activation]."""

    values: FloatArray
    """All values that the ramp visits, [n_clocks + 1] [pre-activation]."""

    ramp: ProgrammedRamp | None
    """None: ideal."""

    @property
    def inl(self) -> FloatArray:
        """Integral nonlinearity of each transition, [K] [LSB]."""
        return inl_dnl(self.thresholds, self.design)[0]

    @property
    def mean_inl(self) -> float:
        """Mean |INL| over the transitions [LSB]."""
        return float(np.mean(np.abs(self.inl)))

    @property
    def max_inl(self) -> float:
        """Largest |INL| [LSB]."""
        return float(np.max(np.abs(self.inl)))

    @property
    def max_dnl(self) -> float:
        """Largest |DNL| [LSB]."""
        return float(np.max(np.abs(inl_dnl(self.thresholds, self.design)[1]), initial=0.0))

    @property
    def missing_codes(self) -> int:
        """Number of codes that no input gives."""
        return int(np.count_nonzero(missing_codes(self.thresholds, self.design)))

    @property
    def mid_scale_error(self) -> float:
        """How far the mid-scale value lies from its ideal one [pre-activation]."""
        return 0.0 if self.ramp is None else self.ramp.mid_scale_error

    @property
    def stuck(self) -> tuple[int, int]:
        """Number of ramp devices and of bias devices that are stuck."""
        return (0, 0) if self.ramp is None else (int(self.ramp.stuck_steps.sum()), int(self.ramp.stuck_bias.sum()))

    @property
    def bias_overflow(self) -> float:
        """By how much a bias device would have to exceed g_max [uS]."""
        return 0.0 if self.ramp is None else self.ramp.bias_overflow

    @property
    def devices(self) -> int:
        """Number of devices, with all copies and spares."""
        return len(self.design.column.role) * (1 if self.ramp is None else self.ramp.calibration.copies)

    @property
    def writes(self) -> int:
        """Number of write operations."""
        return 0 if self.ramp is None else self.ramp.writes

    def within(self, limit: float) -> tuple[bool, bool]:
        """Return whether mean and largest |INL| are within a limit [LSB]."""
        return self.mean_inl <= limit, self.max_inl <= limit

    def cells(self) -> list[Any]:
        """Return the row as it stands under `COLUMN_HEADINGS`."""
        numbers = (self.mean_inl, self.max_inl, self.max_dnl)
        return [
            *self._head(), *map(as_cell, numbers), self.missing_codes, as_cell(self.mid_scale_error), *self.stuck,
            as_cell(self.bias_overflow), self.devices, self.writes,
        ]  # fmt: skip

    def threshold_cells(self) -> Iterator[list[Any]]:
        """Yield a row for each transition, as it stands under `THRESHOLD_HEADINGS`."""
        for number, numbers in enumerate(zip(self.design.thresholds, self.thresholds, self.inl, strict=True), start=1):
            yield [*self._head(), number, *map(as_cell, numbers)]

    def _head(self) -> list[Any]:
        return [self.function, self.block, "" if self.column is None else self.column, self.calibration]


@dataclass(frozen=True)
class VReadRow:
    """Codes at one read voltage, compared with those of the same columns at the nominal one."""

    function: str
    block: str
    """Name of the block, or ``ideal``."""

    reference: Reference
    v_read: float
    """Read voltage [V]."""

    inputs: int
    """Number of conversions: inputs times columns."""

    total: int
    """Sum of the |errors| of the codes [LSB]."""

    largest: int
    """Largest |error| [LSB]."""

    changed: int
    """Number of codes that are not those of the nominal read voltage."""

    @property
    def mean(self) -> float:
        """Mean |error| [LSB]."""
        return self.total / self.inputs

    def cells(self) -> list[Any]:
        """Return the row as it stands under `V_READ_HEADINGS`."""
        head = [self.function, self.block, self.reference, as_cell(self.v_read), self.inputs]
        return [*head, self.total, as_cell(self.mean), self.largest, self.changed]


def as_cell(number: float) -> str:
    """Return a number as the tables hold it: eight digits, of which -0 is none."""
    return f"{number + 0.0:.8g}"


@dataclass(frozen=True, eq=False)
class BlockSummary:
    """All columns of one block in one state of calibration."""

    rows: tuple[ColumnRow, ...]
    limit: float
    """Limit of the INL [LSB]."""

    @property
    def first(self) -> ColumnRow:
        """The first column, which has all names."""
        return self.rows[0]

    @property
    def mean_inl(self) -> float:
        """Mean |INL| over transitions and columns [LSB]."""
        return float(np.mean([row.mean_inl for row in self.rows]))

    @property
    def mean_max_inl(self) -> float:
        """Largest |INL| of a column, mean over the columns [LSB]."""
        return float(np.mean([row.max_inl for row in self.rows]))

    @property
    def worst_inl(self) -> float:
        """Largest |INL| of all columns [LSB]."""
        return max(row.max_inl for row in self.rows)

    @property
    def worst_dnl(self) -> float:
        """Largest |DNL| of all columns [LSB]."""
        return max(row.max_dnl for row in self.rows)

    @property
    def missing_codes(self) -> int:
        """Missing codes of all columns together."""
        return sum(row.missing_codes for row in self.rows)

    @property
    def within(self) -> tuple[int, int]:
        """Number of columns whose mean, and whose largest |INL| is within the limit."""
        flags = np.array([row.within(self.limit) for row in self.rows])
        return int(flags[:, 0].sum()), int(flags[:, 1].sum())

    @property
    def overflowing(self) -> int:
        """Number of columns in which a bias device would have to exceed g_max, see `overflowing`."""
        return overflowing([row.bias_overflow for row in self.rows])

    @property
    def writes(self) -> float:
        """Writes a column, mean."""
        return float(np.mean([row.writes for row in self.rows]))

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as JSON holds it."""
        mean_within, max_within = self.within
        return {
            "block": self.first.block,
            "calibration": self.first.calibration,
            "columns": len(self.rows),
            "mean_abs_inl_lsb": round(self.mean_inl, 6),
            "max_abs_inl_lsb": {"mean": round(self.mean_max_inl, 6), "worst": round(self.worst_inl, 6)},
            "max_abs_dnl_lsb": round(self.worst_dnl, 6),
            "missing_codes": self.missing_codes,
            "columns_within_limit": {"mean_abs_inl": mean_within, "max_abs_inl": max_within},
            "stuck_devices": {role: sum(row.stuck[k] for row in self.rows) for k, role in enumerate(("ramp", "bias"))},
            "columns_over_g_max": self.overflowing,
            "bias_overflow_us": round(max(row.bias_overflow for row in self.rows), 6),
            "devices": self.first.devices,
            "writes": round(self.writes, 6),
        }


def summarise(rows: Sequence[ColumnRow], limit: float) -> list[BlockSummary]:
    """Return a summary for each function, block and calibration, in the order of the rows."""
    groups: dict[tuple[str, str, str], list[ColumnRow]] = {}
    for row in rows:
        groups.setdefault((row.function, row.block, row.calibration), []).append(row)
    order = dict.fromkeys((function, block) for function, block, _ in groups)
    return [BlockSummary(tuple(groups[key]), limit) for pair in order for key in groups if key[:2] == pair]


def summary_data(
    summaries: Sequence[BlockSummary], v_read: Sequence[VReadRow], nominal: float | None, limit: float
) -> dict[str, Any]:
    """Return what ``summary.json`` holds."""
    functions = dict.fromkeys(summary.first.function for summary in summaries)
    return {
        "inl_limit_lsb": limit,
        "v_read_nominal_v": nominal,
        "functions": [
            {
                "function": name,
                "columns": [summary.as_dict() for summary in summaries if summary.first.function == name],
                "v_read": [_v_read_entry(row) for row in v_read if row.function == name],
            }
            for name in functions
        ],
    }


def _v_read_entry(row: VReadRow) -> dict[str, Any]:
    return {
        "block": row.block,
        "reference": row.reference,
        "v_read_v": row.v_read,
        "mean_abs_error_lsb": round(row.mean, 6),
        "max_abs_error_lsb": row.largest,
        "changed_codes": row.changed,
    }


def ideal_row(function: str, design: RampDesign) -> ColumnRow:
    """Return the row of the ramp of ideal devices."""
    return ColumnRow(function, IDEAL, None, BEFORE, design, design.thresholds, design.ramp, None)


def column_row(function: str, block: str, column: int, calibration: str, ramp: ProgrammedRamp) -> ColumnRow:
    """Return the row of a programmed column."""
    return ColumnRow(function, block, column, calibration, ramp.design, ramp.thresholds, ramp.values, ramp)
