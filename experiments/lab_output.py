"""What the commands between a design and the laboratory show in the terminal."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from rich.console import Console, Group
from rich.text import Text

from memramp.experiments.ramp_output import number_table, plural, titled
from memramp.experiments.report import labelled
from memramp.peripherals import CheckReport, RampCheck, RampTable, TableRamp

_SHOWN = 12  # of a list of rows


def exported(table: RampTable) -> Iterator[str]:
    """Yield a line for each ramp of a table."""
    for name, ramp in table.ramps.items():
        counts = {role: sum(row.role == role for row in ramp.rows) for role in ("ramp", "bias", "spare")}
        targets = [row.target_uS for row in ramp.rows if row.role == "ramp"]
        spares = f"; {plural(counts['spare'], 'spare')}" if counts["spare"] else ""
        yield (
            f"{name}: {plural(counts['ramp'], 'ramp device')}, {min(targets):.1f} to {max(targets):.1f} uS; "
            f"{plural(counts['bias'], 'bias device')}, {ramp.settings.bias_uS:.1f} uS{spares}"
        )


def show_check(console: Console, table: RampTable, report: CheckReport) -> None:
    """Print what was found on each ramp, and what is to be written next."""
    console.print(_table(report))
    for name, ramp in report.ramps.items():
        lines = _findings(table.ramp(name), ramp)
        if lines:
            console.print()
            console.print(Text(name, style="bold"))
            console.print(labelled(lines))
    failed = [name for name, ramp in report.ramps.items() if not ramp.passed]
    console.print()
    console.print(Text(f"not passed: {', '.join(failed)}" if failed else "passed"))


def _table(report: CheckReport) -> Group:
    table = number_table("", "max\n|INL|", "mean\n|INL|", "max\n|DNL|", "codes\nmissing", "result", "max |INL|\nthen")
    for name, ramp in report.ramps.items():
        mean = float(np.abs(ramp.inl).mean())
        cells = (f"{ramp.worst_inl:.3f}", f"{mean:.3f}", f"{ramp.worst_dnl:.3f}", str(len(ramp.missing_codes)))
        then = "" if ramp.passed else f"{ramp.expected_worst_inl:.3f}"
        table.add_row(Text(name), *cells, "pass" if ramp.passed else "fail", then)
    notes = [f"pass: |INL| up to {report.inl_limit:g} LSB, no code missing"]
    if not report.passed:
        notes.append("then: once what is proposed below is written exactly")
    return titled("Measured ramps, INL and DNL in LSB of the output", table, notes)


def _findings(programmed: TableRamp, ramp: RampCheck) -> list[tuple[str, str]]:
    lines = []
    if ramp.missing_codes:
        lines.append(("codes missing", _listed(ramp.missing_codes)))
    lines += _stuck(programmed, ramp)
    others = tuple(row for row in ramp.out_of_tolerance if row not in ramp.stuck)
    if others:
        lines.append(("out of tolerance", _rows(others)))
    if lines or not ramp.passed:
        lines.append(("mid-scale error", f"{ramp.mid_scale_error:.4g} pre-activation"))
    return lines if ramp.passed else [*lines, *_proposals(programmed, ramp)]


def _stuck(programmed: TableRamp, ramp: RampCheck) -> list[tuple[str, str]]:
    """Return a line for each sort of stuck device: those that fire, those that spares replaced, and spares."""
    firing = sum(row.role != "spare" for row in programmed.rows)  # at first these have the first rows
    idle = [row for row in ramp.stuck if programmed.rows[row].role == "spare"]
    sorts = {
        "seem stuck": [row for row in ramp.stuck if row not in idle],
        "replaced": [row for row in idle if row < firing],
        "stuck spares": [row for row in idle if row >= firing],
    }
    return [(label, _rows(rows)) for label, rows in sorts.items() if rows]


def _proposals(programmed: TableRamp, ramp: RampCheck) -> list[tuple[str, str]]:
    lines = []
    if ramp.moves:
        lines.append(("spares", ", ".join(f"row {spare} for row {row}" for row, spare in ramp.moves.items())))
    alone = [row for row in ramp.stuck if programmed.rows[row].role == "ramp" and row not in ramp.moves]
    if alone:
        lines.append(("no spare left", f"for {_rows(alone)}"))
    if ramp.rewrite:
        lines.append(("write again", _rows(ramp.rewrite)))
    if ramp.bias_targets:
        lines.append(("new bias", _targets(ramp.bias_targets)))
    if not ramp.bias_fits:
        lines.append(("bias", _unfitting(ramp.further_bias_devices)))
    return lines


def _unfitting(further: int) -> str:
    if further > 0:
        return f"cannot hold the mid-scale crossing; it takes {plural(further, 'bias device')} more"
    return f"cannot hold the mid-scale crossing; it takes {plural(-further, 'bias device')} fewer"


def _targets(targets: Mapping[int, float]) -> str:
    """Return rows and their targets, those of equal target together."""
    rows: dict[str, list[int]] = {}
    for row, target in targets.items():
        rows.setdefault(f"{target:.2f} uS", []).append(row)
    return "; ".join(f"{_rows(which)}: {text}" for text, which in rows.items())


def _rows(rows: Sequence[int]) -> str:
    return f"{'row' if len(rows) == 1 else 'rows'} {_listed(rows)}"


def _listed(values: Sequence[int]) -> str:
    shown = ", ".join(map(str, values[:_SHOWN]))
    return shown if len(values) <= _SHOWN else f"{shown} and {len(values) - _SHOWN} more"
