"""Running a ramp experiment: columns before and after calibration, and the read voltage varied."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memramp.experiments.folders import make_folder, vacant
from memramp.experiments.manifest import Manifest, about_run
from memramp.experiments.ramp_loading import RampExperiment, RampSet
from memramp.experiments.ramp_results import (
    COLUMN_HEADINGS,
    THRESHOLD_HEADINGS,
    V_READ_HEADINGS,
    BlockSummary,
    ColumnRow,
    VReadRow,
    column_row,
    ideal_row,
    summarise,
    summary_data,
)
from memramp.experiments.ramp_schema import BEFORE
from memramp.experiments.ramp_v_read import vary_v_read
from memramp.experiments.results import TableFile, to_json
from memramp.files import write_atomically
from memramp.peripherals import program_ramp
from memramp.streams import Streams


@dataclass(frozen=True, eq=False)
class RampResult:
    """A finished run."""

    folder: Path
    """Where its files lie."""

    rows: list[ColumnRow]
    """One for each column and state of calibration, and for the ideal ramp of each function."""

    summaries: list[BlockSummary]
    v_read: list[VReadRow]


class RampReporter:
    """Is told how a run proceeds; this one keeps silent."""

    def note(self, text: str) -> None:
        """Tell that something begins that takes time."""

    def start(self, experiment: RampExperiment) -> None:
        """Tell what will be run, once everything is checked."""

    def row(self, row: ColumnRow) -> None:
        """Tell that a row is done."""

    def finish(self, experiment: RampExperiment, result: RampResult) -> None:
        """Tell the results."""

    def close(self) -> None:
        """End what is shown, also after an error."""


def run_ramp_experiment(
    experiment: RampExperiment, out: Path | str | None = None, report: RampReporter | None = None
) -> RampResult:
    """Run a ramp experiment and write its results, summary, manifest and figures.

    Column number i of a block has the same ramp devices under every calibration; where a calibration chooses among
    copies, they are the first of them. What is written, but for the manifest, depends on the files and the seed alone.

    Parameters
    ----------
    experiment : RampExperiment
        As loaded by `memramp.experiments.ramp_loading.load_ramp_experiment`.
    out : path or None
        Folder that is missing or empty; None takes the next free ``runs/NAME-001``.
    report : RampReporter or None
        Is told how it goes.

    Raises
    ------
    InputError
        The folder is not vacant; nothing has been written then.
    RunInterruptedError
        Ctrl-C. The rows that were finished are kept.
    """
    folder = vacant(out)
    with closing(report or RampReporter()) as told:
        return _Run(experiment, make_folder(folder, experiment.config.name), told).complete()


@dataclass(eq=False)
class _Run:
    experiment: RampExperiment
    folder: Path
    report: RampReporter
    rows: list[ColumnRow] = field(default_factory=list)

    def complete(self) -> RampResult:
        manifest = Manifest(self.folder / "manifest.json", about_ramps(self.experiment))
        with manifest.keeping(self.rows, self._kept):
            self.report.start(self.experiment)
            self._program()
            result = self._summarise(self._vary())
            self._draw(result)
        self.report.finish(self.experiment, result)
        return result

    def _kept(self) -> str:
        return f"{len(self.rows)} of {self.experiment.rows} rows are kept in {self.folder / 'results.csv'}"

    def _program(self) -> None:
        with (
            TableFile(self.folder / "results.csv", COLUMN_HEADINGS) as results,
            TableFile(self.folder / "thresholds.csv", THRESHOLD_HEADINGS) as thresholds,
        ):
            for row in evaluate(self.experiment):
                results.write(row.cells())
                for cells in row.threshold_cells():
                    thresholds.write(cells)
                self.rows.append(row)
                self.report.row(row)

    def _vary(self) -> list[VReadRow]:
        config = self.experiment.config
        if config.v_read is None:
            return []
        self.report.note("varying the read voltage")
        rows = vary_v_read(self.rows, config.v_read, config.calibrations[0].label, Streams(config.seed))
        with TableFile(self.folder / "v_read.csv", V_READ_HEADINGS) as table:
            for row in rows:
                table.write(row.cells())
        return rows

    def _summarise(self, v_read: list[VReadRow]) -> RampResult:
        config = self.experiment.config
        summaries = summarise(self.rows, config.inl_limit)
        nominal = None if config.v_read is None else config.v_read.nominal
        data = summary_data(summaries, v_read, nominal, config.inl_limit)
        write_atomically(self.folder / "summary.json", to_json(data))
        return RampResult(self.folder, self.rows, summaries, v_read)

    def _draw(self, result: RampResult) -> None:
        from memramp.experiments.ramp_figures import draw_all  # Matplotlib takes its time to import

        self.report.note("drawing the figures")
        for name, content in draw_all(self.experiment, result):
            write_atomically(self.folder / "figures" / name, content)


def about_ramps(experiment: RampExperiment) -> dict[str, Any]:
    """Return what the manifest tells of a ramp experiment."""
    return {
        **about_run(experiment.config, "ramp", experiment.source, experiment.overrides),
        "ramps": [{"function": part.function.name, "sha256": part.digest} for part in experiment.sets],
        "blocks": [
            {"name": block.name, "columns": block.columns, "device": device.model_dump(mode="json")}
            for block, device in experiment.blocks
        ],
        "config": experiment.resolved(),
    }


def evaluate(experiment: RampExperiment) -> Iterator[ColumnRow]:
    """Yield the rows of all functions: the ideal ramp, then the columns of each block, before and after calibration."""
    for part in experiment.sets:
        yield ideal_row(part.function.name, part.design)
        for number, (block, _) in enumerate(experiment.blocks):
            for column in range(1, block.columns + 1):
                yield from _column(experiment, part, number, column)


def _column(experiment: RampExperiment, part: RampSet, number: int, column: int) -> Iterator[ColumnRow]:
    (block, device), name = experiment.blocks[number], part.function.name
    streams = Streams(experiment.config.seed).child("block", block.name)
    before = program_ramp(part.design, device, streams.generator(name, "column", column), BEFORE)
    yield column_row(name, block.name, column, BEFORE, before)
    for entry, design in zip(experiment.config.calibrations, part.calibrated, strict=True):
        # The same stream again: calibrations are compared on the same devices.
        ramp = program_ramp(design, device, streams.generator(name, "column", column), entry.plain)
        yield column_row(name, block.name, column, entry.label, ramp)
