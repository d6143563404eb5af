"""Diagnosis of an experiment's network: where its error comes from, and in which gates and steps it stands."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from memramp.errors import InputError
from memramp.experiments.diagnosis_output import Findings, write_json, write_ranges, write_sources, write_steps
from memramp.experiments.folders import make_folder, vacant
from memramp.experiments.loading import Experiment, Point
from memramp.experiments.manifest import Manifest, about_network
from memramp.experiments.preparation import PreparedPoint, prepare
from memramp.files import write_atomically
from memramp.models.analog_network import program_network
from memramp.models.keyword_set import KeywordSet
from memramp.models.noise_sources import MAX_FACTOR
from memramp.models.probe import Probe, Twin, run_twin
from memramp.models.range_use import RangeUses
from memramp.models.sensitivity import check_points
from memramp.models.source_study import SourceStudy
from memramp.models.step_errors import StepErrorSums, chip_traces
from memramp.streams import Streams

MAX_CHIPS = 1000
DEFAULT_CHIPS = 5
CLIPS, STRETCHES, STEPS = 128, 16, 100


@dataclass(frozen=True)
class Extent:
    """How much is evaluated.

    Raises
    ------
    InputError
        A number is out of range; names the option.
    """

    samples: int | None = None
    """Sequences, evenly spread over the data; None: `CLIPS` clips, or `STRETCHES` stretches of a text."""

    steps: int | None = None
    """Symbols of a stretch of a text; None: `STEPS`."""

    chips: int | None = None
    """None: those of the experiment, at most `DEFAULT_CHIPS`."""

    sobol: int = 64
    """Points of the Sobol study, a power of two; 0: none."""

    scale: float = 1.0
    """Largest factor of a source in the Sobol study."""

    point: int | None = None
    """Which point of a sweep, from 1."""

    def __post_init__(self) -> None:
        for option, value in (("--samples", self.samples), ("--steps", self.steps)):
            if value is not None and value < 1:
                raise InputError(f"{option}: expected 1 or more, found {value}")
        if self.chips is not None and not 1 <= self.chips <= MAX_CHIPS:
            raise InputError(f"--chips: expected 1 to {MAX_CHIPS}, found {self.chips}")
        if not 0.0 < self.scale <= MAX_FACTOR:
            raise InputError(f"--scale: expected more than 0, at most {MAX_FACTOR:g}, found {self.scale:g}")
        if self.sobol:
            try:
                check_points(self.sobol)
            except InputError as error:
                raise InputError(f"--sobol: {error}, or 0 for no Sobol indices") from None


class Listener:
    """Is told how a diagnosis goes; this one keeps quiet."""

    def note(self, text: str) -> None:
        """Tell what takes time."""

    def start(self, part: PreparedPoint, study: SourceStudy, chips: int) -> None:
        """Tell what will be evaluated, and how many chips in all."""

    def chip(self, what: str) -> None:
        """Tell that a chip is done."""

    def finish(self, findings: Findings, folder: Path) -> None:
        """Tell the results."""

    def close(self) -> None:
        """End what is shown, also after an error."""


def diagnose(
    experiment: Experiment, extent: Extent, out: Path | None = None, listener: Listener | None = None
) -> Findings:
    """Diagnose one point of an experiment and write tables, ``diagnosis.json`` and figures.

    Parameters
    ----------
    experiment : Experiment
        As loaded by `load_experiment`.
    extent : Extent
        How much is evaluated.
    out : path or None
        Folder that is missing or empty; None takes the next free ``runs/NAME-diagnosis-001``.
    listener : Listener or None
        Is told how it goes.

    Raises
    ------
    InputError
        Something does not exist or does not fit; nothing has been written then.
    RunInterruptedError
        Ctrl-C. The tables that were finished are kept.
    """
    folder = vacant(out)
    with closing(listener or Listener()) as told:
        chosen = replace(experiment, points=(_chosen(experiment, extent.point),))
        (part,) = prepare(chosen, told.note)
        probe = probe_of(part, extent)
        told.note("running the network in floating point")
        run = _Diagnosis(chosen, part, extent, probe, run_twin(probe), told)
        return run.complete(make_folder(folder, f"{chosen.config.name}-diagnosis"))


def _chosen(experiment: Experiment, number: int | None) -> Point:
    points = experiment.points
    if number is None:
        if len(points) > 1:
            raise InputError(
                f"{experiment.source}: the sweep has {len(points)} points, a diagnosis is about one; give --point "
                f"1 to {len(points)}"
            )
        return points[0]
    if not 1 <= number <= len(points):
        raise InputError(f"--point: the experiment has the points 1 to {len(points)}, found {number}")
    return points[number - 1]


def probe_of(part: PreparedPoint, extent: Extent) -> Probe:
    """Return what a point's network reads: clips, or stretches of a text.

    Raises
    ------
    InputError
        `Extent.steps` is given for clips, or a text is too short.
    """
    data = part.data
    if isinstance(data, KeywordSet):
        if extent.steps is not None:
            raise InputError("--steps: is for texts, the task's clips are read from end to end")
        return Probe.of_features(part.checkpoint, data.features, data.labels).sample(extent.samples or CLIPS)
    return Probe.of_text(part.checkpoint, data.symbols, extent.samples or STRETCHES, extent.steps or STEPS)


@dataclass(eq=False)
class _Diagnosis:
    experiment: Experiment
    part: PreparedPoint
    extent: Extent
    probe: Probe
    twin: Twin
    listener: Listener
    study: SourceStudy = field(init=False)

    def __post_init__(self) -> None:
        config = self.part.point.config
        chips = min(config.chips, DEFAULT_CHIPS) if self.extent.chips is None else self.extent.chips
        self.study = SourceStudy(
            self.probe, self.twin, self.part.hardware, Streams(config.seed), chips, self.listener.chip
        )

    def complete(self, folder: Path) -> Findings:
        manifest = Manifest(folder / "manifest.json", about_network(self.experiment, [self.part]) | self._about())
        done: list[str] = []
        with manifest.keeping(done, lambda: f"{', '.join(done) or 'nothing'} kept in {folder}"):
            self.listener.start(self.part, self.study, self._chips())
            findings = self._evaluate(folder, done)
            write_json(folder, findings)
            self._draw(folder, findings)
        self.listener.finish(findings, folder)
        return findings

    def _about(self) -> dict[str, Any]:
        samples, steps = self.probe.shape
        found = {"samples": samples, "steps": steps, "chips": self.study.chips}
        return {"diagnosis": found | {"sobol": self.extent.sobol, "scale": self.extent.scale}}

    def _chips(self) -> int:
        sobol = self.study.sobol_chips(self.extent.sobol) if self._has_sobol() else 0
        return self.study.chips + self.study.one_at_a_time_chips + sobol

    def _has_sobol(self) -> bool:
        return self.extent.sobol > 0 and len(self.study.sources) > 0

    def _evaluate(self, folder: Path, done: list[str]) -> Findings:
        findings = Findings(self.probe.metric, self.probe.shape, self.study.chips, self.extent.scale)
        self._trace(findings)
        done += [write_steps(folder, findings), *write_ranges(folder, findings)]
        findings.sources = self.study.one_at_a_time()
        if self._has_sobol():
            findings.sobol = self.study.sobol(self.extent.sobol, self.extent.scale)
        done += write_sources(folder, findings)
        return findings

    def _trace(self, findings: Findings) -> None:
        study, sums = self.study, StepErrorSums(self.twin)
        ideal = program_network(self.probe.checkpoint, study.hardware.ideal(), Streams(0))
        uses = RangeUses(ideal, self.twin)
        for traces in chip_traces(self.probe, self.twin, study.hardware, study.streams, study.chips):
            sums.add(traces)
            uses.add(traces.chip, traces.closed)
            self.listener.chip("errors by step")
        findings.steps, findings.ranges = sums.errors(), uses.uses()

    def _draw(self, folder: Path, findings: Findings) -> None:
        from memramp.experiments.diagnosis_figures import draw_all  # Matplotlib takes its time to import

        self.listener.note("drawing the figures")
        for name, content in draw_all(findings):
            write_atomically(folder / "figures" / name, content)


def diagnose_file(path: Path, overrides: Sequence[str], extent: Extent, out: Path | None, listener: Listener) -> None:
    """Load an experiment file and diagnose it; see `diagnose`."""
    from memramp.experiments.loading import load_experiment

    diagnose(load_experiment(path, overrides), extent, out, listener)
