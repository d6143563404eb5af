"""The programming table for the next round: what a check proposes, written into the rows."""

from dataclasses import replace

from memramp.errors import InputError
from memramp.peripherals.check import CheckReport, RampCheck
from memramp.peripherals.proposal import designed_target
from memramp.peripherals.table import RampTable, TableRamp
from memramp.peripherals.table_schema import TableRow


def updated_table(table: RampTable, report: CheckReport) -> RampTable:
    """Return the table of the next revision.

    Rows with ``write: yes`` are those to be written now: spares that take over, devices to be written again, bias
    devices with new targets. A ramp that passed has none. Devices that were found stuck are marked ``never``: they keep
    their place if nothing stands in for them, and a stuck bias device has what it holds as its target.

    Parameters
    ----------
    table : RampTable
        The table that was checked.
    report : CheckReport
        What was found; ramps that are not in it stay as they are.

    Raises
    ------
    InputError
        The report is about other ramps.
    """
    if strangers := sorted(set(report.ramps) - set(table.ramps)):
        raise InputError(f"the check is about the ramp '{strangers[0]}', the table has: {', '.join(table.ramps)}")
    ramps = {name: _ramp(ramp, report.ramps.get(name)) for name, ramp in table.ramps.items()}
    return replace(table, ramps=ramps, revision=table.revision + 1, checksum="")


def _ramp(ramp: TableRamp, check: RampCheck | None) -> TableRamp:
    if check is None:
        return ramp
    rows = {row.row: _row(row, check) for row in ramp.rows}
    for stuck, spare in check.moves.items():
        target = check.bias_targets.get(spare, designed_target(ramp, stuck))
        rows[stuck], rows[spare] = _exchanged(ramp.rows[stuck], ramp.rows[spare], target, ramp.settings.g_min_uS)
    return replace(ramp, rows=tuple(rows[row] for row in sorted(rows)))


def _row(row: TableRow, check: RampCheck) -> TableRow:
    if row.write == "never":
        return row
    if row.row in check.stuck:
        update = {"target_uS": check.held[row.row]} if row.role == "bias" else {}
        return row.model_copy(update={**update, "write": "never"})
    target = check.bias_targets.get(row.row, row.target_uS)
    wanted = row.row in check.bias_targets or row.row in check.rewrite
    return row.model_copy(update={"target_uS": target, "write": "yes" if wanted else "no"})


def _exchanged(stuck: TableRow, spare: TableRow, target: float, idle: float) -> tuple[TableRow, TableRow]:
    """Return the rows of a stuck device, which never fires any more, and of the spare that fires in its place."""
    retired = spare.model_copy(update={"row": stuck.row, "target_uS": idle, "write": "never"})
    return retired, stuck.model_copy(update={"row": spare.row, "target_uS": target, "write": "yes"})
