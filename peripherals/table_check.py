"""What must hold between the rows of a programming table, so that a design can be made of it."""

from itertools import pairwise

from memramp.errors import InputError
from memramp.peripherals.table import MAX_RAMPS, RampTable, TableRamp, check_ramp_name
from memramp.peripherals.table_schema import TableRow

_SLACK = 1e-9  # of g_max: what rounding may have added to a target at the edge of the window


def check_table(table: RampTable, where: str) -> None:
    """Check a table that was read from a file; each value by itself has been checked before.

    Raises
    ------
    InputError
        Names file, ramp and row, what was found and what is allowed.
    """
    if not 1 <= len(table.ramps) <= MAX_RAMPS:
        raise InputError(f"{where}: a table holds 1 to {MAX_RAMPS} ramps, found {len(table.ramps)}")
    for name, ramp in table.ramps.items():
        try:
            check_ramp_name(name)
            _check_numbering(ramp)
            for row in ramp.rows:
                _check_row(row, ramp)
            _check_clocks(ramp)
            _check_order(ramp)
            _check_design(ramp)
        except InputError as error:
            raise InputError(f"{where}, ramp {name[:64]}: {error}") from None


def _check_numbering(ramp: TableRamp) -> None:
    for expected, row in enumerate(ramp.rows):
        if row.row != expected:
            raise InputError(f"row {expected} is missing or not in its place, found row {row.row} there")
    for role in ("ramp", "bias"):
        if not any(row.role == role for row in ramp.rows):
            raise InputError(f"has no {role} devices")


def _check_row(row: TableRow, ramp: TableRamp) -> None:
    at, low, high = f"row {row.row}", ramp.settings.g_min_uS, ramp.settings.g_max_uS
    if not low - _SLACK * high <= row.target_uS <= high * (1 + _SLACK):
        raise InputError(f"{at}: target_uS must lie in the window {low:g} to {high:g}, found {row.target_uS:g}")
    wanted = {"ramp": row.clock >= 1, "bias": row.clock == 0, "spare": row.clock == -1}
    if not wanted[row.role]:
        raise InputError(f"{at}: clock is from 1 on for ramp, 0 for bias, -1 for spare, found {row.clock} ({row.role})")
    if row.polarity != (-1 if row.role == "bias" else 1):
        raise InputError(f"{at}: polarity is -1 for bias devices and 1 for others, found {row.polarity} ({row.role})")
    if (row.threshold is None) != (row.role == "spare") or (row.level is None) != (row.role == "spare"):
        raise InputError(f"{at}: threshold and level belong to ramp and bias devices, not to spares")
    settings, count = ramp.settings, row.clock - ramp.settings.first + 1
    compared = row.role != "spare" and 1 <= count < len(settings.outputs)
    expected = (settings.outputs[count], settings.codes[count]) if compared else (None, None)
    if (row.output, row.code) != expected:
        raise InputError(f"{at}: output and code are {expected[0]} and {expected[1]} by the ramp's list, found others")


def _check_clocks(ramp: TableRamp) -> None:
    values: dict[int, float] = {}
    for row in ramp.rows:
        if row.threshold is not None and values.setdefault(row.clock, row.threshold) != row.threshold:
            raise InputError(f"row {row.row}: devices of one clock have one threshold, found another")
    clocks = sorted(values)
    if clocks != list(range(len(clocks))):
        missing = next(k for k, clock in enumerate(clocks) if clock != k)
        raise InputError(f"no device fires in clock {missing}")
    if not all(values[before] < values[after] for before, after in pairwise(clocks)):
        raise InputError("thresholds must ascend from clock to clock")
    compared = len(clocks) - ramp.settings.first
    if compared < len(ramp.settings.outputs) - 1:
        raise InputError(f"{len(ramp.settings.outputs)} outputs need a threshold fewer, found {compared}")


def _check_order(ramp: TableRamp) -> None:
    places = [row.write_order for row in ramp.rows if row.write_order >= 0]
    if len(set(places)) != len(places):
        raise InputError(f"write_order {next(p for p in places if places.count(p) > 1)} stands twice")
    if any((row.write_order < 0) != (row.role == "spare") for row in ramp.rows):
        raise InputError("write_order is -1 for spares only")
    if len({row.pulse_width for row in ramp.rows if row.role == "bias"}) != 1:
        raise InputError("bias devices fire with one pulse_width, found several")


def _check_design(ramp: TableRamp) -> None:
    design = ramp.design()
    if design.anchor != ramp.settings.anchor:
        raise InputError(f"the threshold nearest to 0 is that of clock {design.anchor}, found {ramp.settings.anchor}")
    if not design.g_min - _SLACK * design.g_max <= ramp.settings.bias_uS <= design.g_max * (1 + _SLACK):
        raise InputError(f"bias_uS must lie in the window, found {ramp.settings.bias_uS:g}")
