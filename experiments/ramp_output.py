"""What the commands of ``memramp ramp`` show in the terminal."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from rich.console import Console, Group
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from memramp.devices import Device
from memramp.experiments.report import described, labelled, noise_text
from memramp.peripherals import Calibration, Density, RampDesign, expected_error
from memramp.peripherals.function import FloatArray
from memramp.peripherals.wording import calibration_label
from memramp.peripherals.yields import CONFIDENCE, Conditions, Limits, Linearity

MAX_SHOWN = 80
"""Most rows of a ramp that are printed; of longer ones, beginning and end."""

_SHOWN_ENDS = (40, 20)
_NAMES = ("", "role", "calibration", "result")  # columns that stand to the left


def show_design(
    console: Console,
    design: RampDesign,
    device: Device,
    preset: str,
    density: Density | None,
    *,
    full: bool = False,
) -> None:
    """Print what a ramp column is made of, and its rows."""
    console.print(labelled(_summary(design, device, preset)))
    if density is not None:
        console.print(labelled(_errors(design, device, density)))
    console.print()
    console.print(rows_table(design, full=full))


def _summary(design: RampDesign, device: Device, preset: str) -> list[tuple[str, str]]:
    levels = design.levels
    codes = int(levels.codes.max() - levels.codes.min()) + 1
    turning = "" if design.function.monotone else f", turns at {_numbers(design.function.folds)}"
    return [
        ("ramp", f"{design.bits} bit, levels {levels.kind}, {design.thresholds.size} thresholds, {codes} codes"),
        ("function", f"{design.function.name} = {design.function.formula}{turning}"),
        ("device", described(device, preset)),
        ("column", _column(design)),
        ("clocks", f"{design.ramp.size - 1}, from {design.ramp[0]:.5g} to {design.ramp[-1]:.5g} pre-activation"),
        ("v_per_us", f"{design.v_per_us:.6g} pre-activation for each uS that fires with a full pulse"),
        ("LSB", f"{levels.lsb:.6g} of the output, {design.outputs.min():.5g} to {design.outputs.max():.5g}"),
    ]


def _column(design: RampDesign) -> str:
    column = design.column
    widths, spares = column.width[column.rows("ramp")], column.rows("spare").size
    pulses = "" if np.all(widths == 1.0) else f", pulses of {_range(widths, 'g')}"
    parts = [
        f"{plural(design.g_steps.size, 'ramp device')} of {_range(design.g_steps, '.2f')} uS{pulses}",
        f"{plural(design.g_bias.size, 'bias device')} of {_range(design.g_bias, '.2f')} uS",
    ]
    return "; ".join([*parts, plural(spares, "spare")] if spares else parts)


def plural(count: int, name: str) -> str:
    """Return a count and what is counted."""
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def _errors(design: RampDesign, device: Device, density: Density) -> list[tuple[str, str]]:
    ideal, noisy = (expected_error(design, density, kind) for kind in (device.ideal(), device))
    return [
        ("density", density.description),
        ("error", f"RMS at the output {ideal:.5f} with ideal devices, {noisy:.5f} expected with this one's"),
        ("", "programming and read noise, one-point calibrated, no stuck devices"),
    ]


def rows_table(design: RampDesign, *, full: bool = False) -> Table:
    """Return the rows of a column: what is written, and the ramp's value once a row has fired."""
    headings = ("row", "role", "clock", "pulse", "target\nuS", "ramp", "function\nthere", "code\nabove")
    table = number_table(*headings)
    column, total = design.column, len(design.column.role)
    head, tail = (total, 0) if full or total <= MAX_SHOWN else _SHOWN_ENDS
    for row in range(total):
        if row == head and tail:
            table.add_row("...", *[""] * (len(headings) - 1))
        if head <= row < total - tail:
            continue
        cells = ("", "", "") if column.role[row] == "spare" else _after(design, int(column.clock[row]))
        clock = "" if column.role[row] == "spare" else str(column.clock[row])
        table.add_row(
            str(row), column.role[row], clock, f"{column.width[row]:g}", f"{column.target[row]:.2f}", *cells
        )
    return table


def _after(design: RampDesign, clock: int) -> tuple[str, str, str]:
    value, index = float(design.ramp[clock]), clock - design.first
    compared = 0 <= index < design.thresholds.size
    code = str(int(design.levels.codes[index + 1])) if compared else ""
    return f"{value:.4f}", f"{float(design.function(value)):.4f}", code


def linearity_table(
    calibration: Calibration, limits: Limits, before: Linearity, after: Linearity, devices: int
) -> Group:
    """Return the expected INL before and after calibration, and what that costs."""
    title = f"INL of {after.columns} programmed columns, in LSB of the output, without read noise"
    table = number_table("", "mean\n|INL|", "mean of\nmax", "95 % of\ncolumns", "good", "writes")
    for label, part in (("as programmed", before), (calibration_label(calibration), after)):
        numbers = (f"{part.mean:.3f}", f"{part.mean_of_max:.3f}", f"{part.quantile_95:.3f}")
        table.add_row(label, *numbers, percent(part), f"{part.writes:.1f}")
    notes = [f"good: {said(limits)}; {plural(devices, 'device')} a converter"]
    notes.append(f"largest |DNL|, mean: {before.dnl_mean_of_max:.3f} as programmed, then {after.dnl_mean_of_max:.3f}")
    if after.overflow:
        share = f"{100 * after.overflow / after.columns:.1f} %"
        notes.append(f"{share} of the columns are not, since a bias device would need more than g_max")
    return titled(title, table, notes)


def percent(part: Linearity) -> str:
    """Return the share of good columns; all and none are said only where it is all and none."""
    share = 100.0 * part.fraction
    return f"{min(max(share, 0.01), 99.99) if 0 < part.good < part.columns else share:.2f} %"


def said(limits: Limits) -> str:
    """Return the limits in a few words."""
    parts = [f"|INL| up to {limits.inl:g} LSB"]
    if limits.dnl is not None:
        parts.append(f"|DNL| up to {limits.dnl:g} LSB")
    return ", ".join([*parts, "no code missing"] if limits.no_missing_code else parts)


def yield_table(
    found: Sequence[tuple[Conditions, Linearity]],
    design: RampDesign,
    limits: Limits,
    device: Device,
    calibration: Calibration,
) -> Group:
    """Return the yield at each point of a sweep, with its confidence interval."""
    swept = {key: heading for key, heading in _SWEPT.items() if getattr(found[0][0], key) is not None}
    table = number_table(*swept.values(), "yield", f"{100 * CONFIDENCE:g} % interval", "mean of\nmax |INL|")
    for point, part in found:
        low, high = (100.0 * end for end in part.interval)
        values = (getattr(point, key) for key in swept)
        texts = (f"{value:g}" if isinstance(value, float) else str(value) for value in values)
        table.add_row(*texts, percent(part), f"{low:.2f} to {high:.2f} %", f"{part.mean_of_max:.3f}")
    of = f"{design.bits}-bit {design.function.name} ramp, levels {design.levels.kind}"
    title = f"Yield of {found[0][1].columns} columns at each point: {of}"
    notes = [f"good: {said(limits)}"]
    if worst := max(part.overflow for _, part in found):
        share = f"{100 * worst / found[0][1].columns:.1f} %"
        notes.append(f"up to {share} of the columns are not, since a bias device would need more than g_max")
    return titled(title, table, [*notes, f"at all points: {_fixed(swept, device, calibration)}"])


def _fixed(swept: Collection[str], device: Device, calibration: Calibration) -> str:
    """Return what is the same at all points of a sweep."""
    parts = [f"devices of {device.g_min:g} to {device.g_max:g} uS"]
    if "sigma" not in swept:
        parts.append(f"programming noise {noise_text(device.prog_noise.model_dump())}")
    for key, name, rate in (("stuck_off", "off", device.stuck_off_rate), ("stuck_on", "on", device.stuck_on_rate)):
        if key not in swept and rate:
            parts.append(f"stuck {name} {100 * rate:g} %")
    if "kind" not in swept:
        parts.append(calibration_label(calibration))
    elif calibration.remap:
        parts.append("stuck devices replaced")
    return ", ".join(parts)


_SWEPT = {
    "sigma": "sigma\nuS",
    "stuck_off": "stuck\noff",
    "stuck_on": "stuck\non",
    "copies": "copies",
    "kind": "calibration",
}


def number_table(*headings: str) -> Table:
    """Return an empty table whose columns stand to the right, but for those of names."""
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(Text(heading), justify="left" if heading in _NAMES else "right", overflow="fold")
    return table


def titled(title: str, table: Table, notes: Sequence[str]) -> Group:
    """Return a table between title and notes, which are as wide as the terminal."""
    return Group(Text(title, style="bold"), table, *map(Text, notes))


@contextmanager
def progress(console: Console, what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal; yields what moves it."""
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TextColumn("left"))
    with Progress(*columns, TimeRemainingColumn(compact=True), console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.update(task, advance=count)


def _range(values: FloatArray, form: str) -> str:
    low, high = f"{values.min():{form}}", f"{values.max():{form}}"
    return low if low == high else f"{low} to {high}"


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
