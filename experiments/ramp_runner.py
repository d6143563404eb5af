"""Running a ramp experiment: columns before and after calibration, and the read voltage varied."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memramp.crossbar import CrossbarConfig
from memramp.experiments.folders import check_vacant, make_folder
from memramp.experiments.manifest import Manifest, about_run
from memramp.experiments.ramp_loading import RampExperiment, RampSet
from memramp.experiments.ramp_results import (
    COLUMN_HEADINGS,
    THRESHOLD_HEADINGS,
    V_READ_HEADINGS,
    BlockSummary,
    ColumnRow,
    Reference,
    VReadRow,
    column_row,
    ideal_row,
    summarise,
    summary_data,
)
from memramp.experiments.ramp_schema import BEFORE, IDEAL, VReadConfig
from memramp.experiments.results import TableFile, to_json
from memramp.experiments.runner import RunInterruptedError
from memramp.files import write_atomically
from memramp.peripherals import CircuitConfig, Converter, program_ramp, with_circuit
from memramp.peripherals.circuit import ComparatorConfig
from memramp.peripherals.environment import EnvironmentConfig
from memramp.peripherals.function import FloatArray
from memramp.peripherals.reference import Reference as ThresholdReference
from memramp.streams import Streams

_ROOM_TEMPERATURE = 300.0  # K; it stays as it is


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
    report = report or RampReporter()
    out = None if out is None else Path(out)
    if out is not None:
        check_vacant(out)
    try:
        return _Run(experiment, make_folder(out, experiment.config.name), report).complete()
    finally:
        report.close()


@dataclass(eq=False)
class _Run:
    experiment: RampExperiment
    folder: Path
    report: RampReporter
    rows: list[ColumnRow] = field(default_factory=list)

    def complete(self) -> RampResult:
        manifest = Manifest(self.folder / "manifest.json", about_ramps(self.experiment))
        manifest.write("running", 0)
        try:
            self.report.start(self.experiment)
            self._program()
            result = self._summarise(self._vary())
            self._draw(result)
        except BaseException as error:
            manifest.write("interrupted", len(self.rows))
            if isinstance(error, KeyboardInterrupt):
                kept = f"{len(self.rows)} of {self.experiment.rows} rows are kept in {self.folder / 'results.csv'}"
                raise RunInterruptedError(f"interrupted: {kept}") from None
            raise
        manifest.write("complete", len(self.rows))
        self.report.finish(self.experiment, result)
        return result

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


def vary_v_read(
    rows: Sequence[ColumnRow], config: VReadConfig, calibration: str, streams: Streams
) -> list[VReadRow]:
    """Return how codes move with the read voltage, for the ideal ramps and for the calibrated columns of each block.

    Devices are ohmic, so that a read voltage of s times the nominal one scales the signal by s. A ramp that is made by
    the same voltage scales with it (``tracking``); a reference of its own stays where it is (``fixed``).

    Parameters
    ----------
    rows : sequence of ColumnRow
        As yielded by `evaluate`.
    config : VReadConfig
        Read voltages and inputs.
    calibration : str
        Name of the calibration whose columns are taken.
    streams : Streams
        Source of the comparators' offsets; one comparator for each input of each column.
    """
    taken = [row for row in rows if row.block == IDEAL or row.calibration == calibration]
    groups = dict.fromkeys((row.function, row.block) for row in taken)
    references: tuple[Reference, ...] = ("tracking", "fixed")
    return [
        _at_v_read([row for row in taken if (row.function, row.block) == group], reference, v_read, config, streams)
        for group in groups
        for reference in references
        for v_read in config.values
    ]


def _at_v_read(
    rows: Sequence[ColumnRow], reference: Reference, v_read: float, config: VReadConfig, streams: Streams
) -> VReadRow:
    first = rows[0]
    reach = config.range or first.design.levels.range
    inputs = np.linspace(-reach, reach, config.points)
    shifts = [
        _codes(row, inputs, reference, v_read, config, streams)
        - _codes(row, inputs, reference, config.nominal, config, streams)
        for row in rows
    ]
    errors = np.abs(np.stack(shifts))
    return VReadRow(
        first.function,
        first.block,
        reference,
        v_read,
        inputs=errors.size,
        total=int(errors.sum()),
        largest=int(errors.max()),
        changed=int(np.count_nonzero(errors)),
    )


def signal_to_reference(v_read: float, nominal: float, reference: Reference) -> float:
    """Return by how much the signal grows relative to the thresholds; a comparator feels nothing but this ratio.

    Parameters
    ----------
    v_read, nominal : float
        Read voltage, and the one at which a fixed reference is right [V].
    reference : {"tracking", "fixed"}
        Whether the thresholds scale with the read voltage.
    """
    environment = EnvironmentConfig(v_read=v_read)
    signal, thresholds = environment.factors(nominal, _ROOM_TEMPERATURE, tracks=reference == "tracking")
    return signal / thresholds


def _codes(
    row: ColumnRow, inputs: FloatArray, reference: Reference, v_read: float, config: VReadConfig, streams: Streams
) -> NDArray[np.int64]:
    """Return the codes of inputs at a read voltage: the column's thresholds in the converter's own circuit."""
    design, count = row.design, row.thresholds.size
    converter = Converter(
        function=design.function,
        base=row.thresholds.astype(np.float32),
        read_std=np.zeros(count, np.float32),
        outputs=design.outputs.astype(np.float32),
        codes=design.levels.codes,
        reference=ThresholdReference(tracks=reference == "tracking"),
    )
    circuit = CircuitConfig(v_read=config.nominal, comparator=ComparatorConfig(offset_std=config.offset_std))
    placed = with_circuit(
        converter,
        circuit,
        CrossbarConfig().scale,
        columns=inputs.size,
        rng=streams.generator("comparators", row.function, row.block, row.column or 0),
        environment=EnvironmentConfig(v_read=v_read),
    )
    return np.asarray(placed.counter_reading(placed.convert(inputs[None])[0]), dtype=np.int64)
