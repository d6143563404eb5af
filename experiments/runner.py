"""Running an experiment: every point in floating point, with ideal devices, and on a number of chips."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from memramp.experiments.evaluation import in_floating_point, kind_of, on_chip
from memramp.experiments.folders import make_folder, vacant
from memramp.experiments.loading import Experiment
from memramp.experiments.manifest import Manifest, about_network
from memramp.experiments.preparation import PreparedPoint, prepare
from memramp.experiments.results import Condition, PointSummary, ResultsFile, Row, summarise, to_json
from memramp.experiments.scores import Score
from memramp.files import write_atomically
from memramp.jit import cache_folder
from memramp.models.analog_network import program_network
from memramp.streams import Streams


@dataclass(frozen=True, eq=False)
class RunResult:
    """A finished run."""

    folder: Path
    """Where its files lie."""

    classes: tuple[str, ...]
    """Names of the classes, in the order of the confusion matrices."""

    summaries: list[PointSummary]
    """One for each point."""


class Reporter:
    """Is told how a run proceeds; this one keeps silent."""

    def note(self, text: str) -> None:
        """Tell that something begins that takes time."""

    def start(self, experiment: Experiment, prepared: Sequence[PreparedPoint], rows: int) -> None:
        """Tell what will be run, once everything is checked."""

    def row(self, row: Row) -> None:
        """Tell that a row is done."""

    def finish(self, result: RunResult) -> None:
        """Tell the results."""

    def close(self) -> None:
        """End what is shown, also after an error."""


def run_experiment(
    experiment: Experiment, out: Path | str | None = None, report: Reporter | None = None
) -> RunResult:
    """Run an experiment and write its results, summary, manifest and figures.

    Chip number i has the same random streams at every point, so that points are compared under the same draws.
    ``results.csv`` depends on the files and the seed alone: neither on the number of threads nor on the machine's load.

    Parameters
    ----------
    experiment : Experiment
        As loaded by `load_experiment`.
    out : path or None
        Folder that is missing or empty; None takes the next free ``runs/NAME-001``.
    report : Reporter or None
        Is told how it goes.

    Raises
    ------
    InputError
        Something does not exist or does not fit; nothing has been written then.
    RunInterruptedError
        Ctrl-C. The rows that were finished are kept.
    """
    folder = vacant(out)
    with closing(report or Reporter()) as told:
        prepared = prepare(experiment, told.note)
        return _Run(experiment, prepared, make_folder(folder, experiment.config.name), told).complete()


@dataclass(eq=False)
class _Run:
    experiment: Experiment
    prepared: list[PreparedPoint]
    folder: Path
    report: Reporter
    rows: list[Row] = field(default_factory=list)

    @property
    def total(self) -> int:
        return len(self.prepared) * (2 + self.experiment.config.chips)

    def complete(self) -> RunResult:
        manifest = Manifest(self.folder / "manifest.json", about_network(self.experiment, self.prepared))
        with manifest.keeping(self.rows, self._kept):
            self.report.start(self.experiment, self.prepared, self.total)
            if not any(cache_folder().iterdir()):
                self.report.note("compiling, once after an installation")
            self._evaluate()
            result = self._summarise()
            self._draw(result)
        self.report.finish(result)
        return result

    def _evaluate(self) -> None:
        config, kind = self.experiment.config, kind_of(self.prepared[0].data)
        with ResultsFile(self.folder / "results.csv", self.experiment.swept, kind) as file:
            for row in evaluate(self.prepared, config.seed, config.chips, self.report.note):
                file.add(row)
                self.rows.append(row)
                self.report.row(row)

    def _summarise(self) -> RunResult:
        classes, summaries = self.prepared[0].data.classes, summarise(self.rows)
        content = to_json({"points": [summary.as_dict(classes) for summary in summaries]})
        write_atomically(self.folder / "summary.json", content)
        return RunResult(self.folder, classes, summaries)

    def _draw(self, result: RunResult) -> None:
        from memramp.experiments.figures import draw_all  # Matplotlib takes its time to import

        self.report.note("drawing the figures")
        for name, content in draw_all(self.experiment, self.prepared, result):
            write_atomically(self.folder / "figures" / name, content)

    def _kept(self) -> str:
        if len(summarise(self.rows)) > 0:
            self._summarise()
        return f"{len(self.rows)} of {self.total} rows are kept in {self.folder / 'results.csv'}"


def evaluate(
    prepared: Sequence[PreparedPoint], seed: int, chips: int, note: Callable[[str], None] = lambda _: None
) -> Iterator[Row]:
    """Yield the rows of all points: float, ideal, then the chips from 1 on.

    Parameters
    ----------
    prepared : sequence of PreparedPoint
        As made by `prepare`.
    seed : int
        Seed of the chips' streams.
    chips : int
        Number of chips at each point.
    note : callable
        Is told how long evaluations proceed.
    """
    known: dict[tuple[str, ...], Score] = {}
    for part in prepared:
        for condition in ("float", "ideal"):
            key = _depends_on(part, condition)
            if key not in known:  # points often share them
                known[key] = _digital(part, condition, note)
            yield Row(part.point.number, part.point.sweep, condition, None, known[key])
        for chip in range(1, chips + 1):
            network = program_network(part.checkpoint, part.hardware, Streams(seed).child("chip", chip))
            score = on_chip(network, part.data, f"chip {chip}", note)
            yield Row(part.point.number, part.point.sweep, "chip", chip, score, network.bias_overflow)


def _digital(part: PreparedPoint, condition: Condition, note: Callable[[str], None]) -> Score:
    if condition == "float":
        return in_floating_point(part.reference, part.data, note)
    network = program_network(part.checkpoint, part.hardware.ideal(), Streams(0))  # without noise, no stream is used
    return on_chip(network, part.data, "ideal converter", note)


def _depends_on(part: PreparedPoint, condition: Condition) -> tuple[str, ...]:
    if condition == "float":
        hardware, digest = "", part.reference.digest
    else:
        hardware, digest = part.hardware.ideal().model_dump_json(), part.checkpoint.digest
    return (condition, hardware, digest, part.data.sha256, part.point.config.task.model_dump_json())
