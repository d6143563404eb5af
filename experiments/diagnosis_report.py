"""What a diagnosis shows in the terminal."""

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from memramp.experiments.diagnosis import Listener
from memramp.experiments.diagnosis_output import Findings
from memramp.experiments.preparation import PreparedPoint
from memramp.experiments.progress import ConsoleProgress
from memramp.experiments.report import described, labelled
from memramp.models.cell_trace import TANH_C
from memramp.models.metric import METRICS
from memramp.models.sensitivity import Indices
from memramp.models.source_study import Outcome, SourceStudy
from memramp.models.step_errors import StepError

NAMES = {TANH_C: "tanh(c)"}
"""Of gates in tables and figures, where it is not the name itself."""

_ROWS = 18  # of the table of errors


class TerminalListener(Listener):
    """Shows a diagnosis on a console; without a terminal (a pipe, a file) there is no progress bar."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = ConsoleProgress(console)

    def note(self, text: str) -> None:
        """Show what takes time, on a terminal."""
        self._progress.note(text)

    def start(self, part: PreparedPoint, study: SourceStudy, chips: int) -> None:
        """Show what is evaluated."""
        self._progress.close()
        self._console.print(labelled(_header(part, study)))
        self._console.print()
        self._progress.start("errors by step", chips, "chips, left")

    def chip(self, what: str) -> None:
        """Move the bar."""
        self._progress.advance(what)

    def finish(self, findings: Findings, folder: Path) -> None:
        """Show the results."""
        self.close()
        tables = [steps_table(findings), ranges_table(findings), sources_table(findings), sobol_table(findings)]
        for table in tables:
            if table is not None:
                self._console.print(table)
                self._console.print()
        self._console.print(Text(f"written to  {os.fspath(folder)}"), soft_wrap=True)

    def close(self) -> None:
        """Remove bar and status."""
        self._progress.close()


def _header(part: PreparedPoint, study: SourceStudy) -> list[tuple[str, str]]:
    config = part.point.config
    samples, steps = study.probe.shape
    where = "".join(f", {key}={value}" for key, value in part.point.sweep.items())
    return [
        ("experiment", f"{config.name}{where}"),
        ("data", f"{samples} sequences of {steps} steps of: {part.data.description}"),
        ("network", config.model.checkpoint),
        ("device", described(part.hardware.device, config.device.preset)),
        ("sources", ", ".join(source.title for source in study.sources) or "none but quantisation"),
        ("chips", f"{study.chips}, seed {config.seed}"),
    ]


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    return table


def steps_table(findings: Findings) -> Table:
    """Return the errors of gates and states: of one step, and at the end of the sequences."""
    headings = ("value in\nfloating point", "error of\none step", "accumulated\nerror", "its\nmean")
    table = _table("Errors at the last step (root mean square)", "", *headings)
    rows = [error for error in findings.steps if error.kind != "pre" and error.loop == "closed"]
    opened = {(error.direction, error.kind, error.name): error for error in findings.steps if error.loop == "open"}
    if len(rows) > _ROWS:
        rows = [error for error in rows if error.kind == "state"]
    for error in rows[-_ROWS:]:
        alone = opened[error.direction, error.kind, error.name]
        table.add_row(
            _named(error, findings.directions),
            f"{error.twin_rms[-1]:.3f}",
            f"{alone.rms[-1]:.4f}",
            f"{error.rms[-1]:.4f}",
            f"{error.mean[-1]:+.4f}",
        )
    return table


def _named(error: StepError, directions: Sequence[str]) -> str:
    layer = f"{error.direction} " if len(directions) > 1 else ""
    return f"{layer}{error.kind} {NAMES.get(error.name, error.name)}"


def ranges_table(findings: Findings) -> Table | None:
    """Return how the converters are used, None where there are none."""
    if not findings.ranges:
        return None
    headings = ("below first\nthreshold", "above last\nthreshold", "codes\nused", "information\nof a code")
    table = _table("Pre-activations in their converters' range", "", *headings)
    for use in findings.ranges[-_ROWS:]:
        layer = f"{use.direction} " if len(findings.directions) > 1 else ""
        used = int((use.codes > 0).sum())
        table.add_row(
            f"{layer}{NAMES.get(use.gate, use.gate)}",
            f"{100.0 * use.below:.1f} %",
            f"{100.0 * use.above:.1f} %",
            f"{used} of {use.codes.size}",
            f"{use.entropy:.2f} bit",
        )
    return table


def sources_table(findings: Findings) -> Table | None:
    """Return what each source of error does, alone and when it is left out."""
    found = findings.sources
    if found is None:
        return None
    metric = findings.metric
    title = f"Sources of error: states (rms) and {METRICS[findings.metric].label}"
    table = _table(title, "", "alone:\nrms", f"\n{metric}", "left out:\nrms", f"\n{metric}", "share of\nerror")
    digits = METRICS[findings.metric].digits
    table.add_row("floating point", "0", f"{found.twin_metric:.{digits}f}")
    table.add_row("quantisation", *_outcome(found.quantisation, digits))
    for effect in found.effects:
        share = found.shares(effect)[0]
        cells = (*_outcome(effect.alone, digits), *_outcome(effect.left_out, digits))
        table.add_row(effect.source.title, *cells, f"{100.0 * share:.1f} %" if share == share else "-")
    table.add_row("all", *_outcome(found.whole, digits))
    return table


def _outcome(outcome: Outcome, digits: int) -> tuple[str, str]:
    return f"{outcome.rms:.4f}", f"{outcome.mean_metric:.{digits}f}"


def sobol_table(findings: Findings) -> Table | None:
    """Return the Sobol indices with their intervals, None where there are none."""
    found, sources = findings.sobol, findings.sources
    if found is None or sources is None:
        return None
    metric = findings.metric
    title = f"Sobol indices, {found.points} points, factors 0 to {findings.scale:g}, with 95 % intervals"
    table = _table(title, "", "square error:\nfirst order", "\ntotal", f"{metric}:\ntotal")
    for column, effect in enumerate(sources.effects):
        first = _index(found.first, 0, column).split(" ")[0]
        table.add_row(effect.source.title, first, *(_index(found.total, row, column) for row in (0, 1)))
    return table


def _index(indices: Indices, row: int, column: int) -> str:
    value, low, high = (part[row, column] for part in (indices.estimate, indices.low, indices.high))
    return f"{value:.2f} ({low:.2f} .. {high:.2f})" if value == value else "never varies"


