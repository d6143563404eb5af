"""What a person sees of a ramp experiment in the terminal."""

import os
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from memramp.devices import Device
from memramp.experiments.ramp_loading import RampExperiment
from memramp.experiments.ramp_results import BlockSummary, VReadRow
from memramp.experiments.ramp_runner import RampReporter, RampResult
from memramp.experiments.ramp_schema import BEFORE, IDEAL, BlockConfig
from memramp.experiments.report import described, labelled, noise_text
from memramp.experiments.results import overflowing


class TerminalRampReporter(RampReporter):
    """Shows a run on a console; what takes time is told on a terminal alone."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("") if console.is_terminal else None

    def note(self, text: str) -> None:
        """Show what takes time, on a terminal."""
        if self._status is not None:
            self._status.update(f"{text} ...")
            self._status.start()

    def start(self, experiment: RampExperiment) -> None:
        """Show what runs."""
        self._console.print(labelled(_header(experiment)))
        self._console.print()
        self.note(f"programming {experiment.rows} columns")

    def finish(self, experiment: RampExperiment, result: RampResult) -> None:
        """Show the results."""
        self.close()
        for part in experiment.sets:
            here = [each for each in result.summaries if each.first.function == part.function.name]
            self._console.print(linearity_table(here, experiment.config.inl_limit))
            self._console.print()
        if result.v_read:
            self._console.print(v_read_table(result.v_read))
        if note := _overflow(result.summaries):
            self._console.print(labelled([("note", note)]))
        # soft_wrap: a path stays in one piece, so that it can be copied
        self._console.print(Text(f"\nwritten to  {os.fspath(result.folder)}"), soft_wrap=True)

    def close(self) -> None:
        """Remove the status."""
        if self._status is not None:
            self._status.stop()


def linearity_table(summaries: Sequence[BlockSummary], limit: float) -> Table:
    """Return the table of one function: a row for each block before and after each calibration."""
    table = _table(f"{summaries[0].first.function}: INL of the columns (LSB of the output)")
    table.add_column("block", overflow="fold")
    table.add_column("calibration", overflow="fold")
    within = f"columns\nwithin {limit:g}"
    for heading in ("mean\n|INL|", "worst\n|INL|", "missing\ncodes", f"{within}\nmean  max", "devices", "writes"):
        table.add_column(heading, justify="right")
    for each in summaries:
        n, (mean, largest) = len(each.rows), each.within
        devices = (str(each.first.devices), f"{each.writes:.0f}" if each.first.ramp else "")
        counts = f"{mean}/{n}  {largest}/{n}" if each.first.block != IDEAL else ""
        name = "" if each.first.block == IDEAL else each.first.calibration
        numbers = (f"{each.mean_inl:.2f}", f"{each.worst_inl:.2f}", str(each.missing_codes))
        table.add_row(each.first.block if name in ("", BEFORE) else "", name, *numbers, counts, *devices)
    return table


def v_read_table(rows: Sequence[VReadRow]) -> Table:
    """Return the table of the read voltage: how far codes move at its lowest and its highest value."""
    table = _table("Shift of the codes with V_read: mean, largest (LSB of the output)")
    table.add_column("function", overflow="fold")
    table.add_column("columns", overflow="fold")
    ends = list(dict.fromkeys((rows[0].v_read, rows[-1].v_read)))
    for name in ("ramp", "fixed reference"):
        for v_read in ends:
            table.add_column(f"{name}\nat {v_read:g} V", justify="right")
    groups = dict.fromkeys((row.function, row.block) for row in rows)
    for group in groups:
        found = {(row.reference, row.v_read): row for row in rows if (row.function, row.block) == group}
        shown = [found[reference, v_read] for reference in ("tracking", "fixed") for v_read in ends]
        table.add_row(*group, *(f"{row.mean:.2f}, {row.largest}" for row in shown))
    return table


def _table(title: str) -> Table:
    return Table(title=Text(title), title_justify="left", title_style="bold", box=None, pad_edge=False)


def _header(experiment: RampExperiment) -> list[tuple[str, str]]:
    config, design = experiment.config, experiment.sets[0].design
    functions = ", ".join(part.function.name for part in experiment.sets)
    devices = f"{design.g_steps.size} ramp and {design.g_bias.size} bias devices"
    lines = [
        ("experiment", f"{config.name}: {config.description}" if config.description else config.name),
        ("ramps", f"{functions}; {config.bits} bit, {config.levels} levels, {devices}"),
        ("device", described(experiment.device, config.device.preset)),
    ]
    lines += [("block", _block(block, device)) for block, device in experiment.blocks]
    if config.v_read is not None:
        values = config.v_read.values
        lines.append(("v_read", f"{values[0]:g} to {values[-1]:g} V, nominal {config.v_read.nominal:g} V"))
    return [*lines, ("seed", str(config.seed))]


def _block(block: BlockConfig, device: Device) -> str:
    noise = noise_text(device.prog_noise.model_dump())
    stuck = f"stuck off {100 * device.stuck_off_rate:g} %, on {100 * device.stuck_on_rate:g} %"
    return f"{block.name}: {block.columns} columns, programming noise {noise}, {stuck}"


def _overflow(summaries: Sequence[BlockSummary]) -> str:
    """Say where calibration needs bias devices beyond their window: the simulation grants it, a column would not."""
    calibrated = [each for each in summaries if each.first.calibration != BEFORE]
    overflow = [row.bias_overflow for each in calibrated for row in each.rows]
    columns, over = len(overflow), overflowing(overflow)
    if not over:
        return ""
    most = max(overflow)
    need = f"calibration asks a bias device for up to {most:.1f} uS more than g_max"
    return f"on {over} of {columns} calibrated columns, {need}; such a column needs more bias devices"
