"""Which source of error carries the error of a network: one at a time, and by Sobol indices.

All evaluations use the same chips: chip i draws the same random numbers whatever the sources' sizes, so that results
are deterministic functions of these sizes, and differences between them are not blurred by chips that differ.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from memramp.models.analog_network import program_network
from memramp.models.float_network import Doubles
from memramp.models.hardware import HardwareConfig
from memramp.models.hardware_sources import Source
from memramp.models.noise_sources import only, scaled_hardware, sources_of, without
from memramp.models.probe import Probe, Twin, run_chip
from memramp.models.sensitivity import Sensitivity, sobol_study
from memramp.streams import Streams

Report = Callable[[str], None]
"""Is told that a chip is done, and what of."""


def _silent(_: str) -> None:
    return


@dataclass(frozen=True, eq=False)
class Outcome:
    """What some hardware makes of a probe."""

    square: Doubles
    """Mean square error of the last layer's states against the twin, over samples, steps and units, [chips]."""

    metric: Doubles
    """Accuracy in percent, or bits per character, [chips]; NaN without labels."""

    @property
    def rms(self) -> float:
        """Root mean square error of the states over all chips."""
        return float(np.sqrt(self.square.mean()))

    @property
    def mean_metric(self) -> float:
        """Mean of the metric over the chips."""
        return float(self.metric.mean())


@dataclass(frozen=True, eq=False)
class Effect:
    """What one source does."""

    source: Source
    alone: Outcome
    """On top of quantisation."""

    left_out: Outcome
    """Everything but this source."""


@dataclass(frozen=True, eq=False)
class OneAtATime:
    """The sources one at a time."""

    twin_metric: float
    quantisation: Outcome
    """Ideal devices in an ideal circuit: only the converters' quantisation is left."""

    whole: Outcome
    """The hardware as configured."""

    effects: tuple[Effect, ...]

    def shares(self, effect: Effect) -> tuple[float, float]:
        """Return which part of the mean square error beyond quantisation a source makes, alone and when left out.

        Both are the same, and sum to 1 over all sources, where small errors add in squares. NaN without any error.
        """
        base, whole = self.quantisation.square.mean(), self.whole.square.mean()
        if whole == base:
            return float("nan"), float("nan")
        alone = (effect.alone.square.mean() - base) / (whole - base)
        return float(alone), float((whole - effect.left_out.square.mean()) / (whole - base))


@dataclass(frozen=True, eq=False)
class SourceStudy:
    """Evaluates a network whose hardware's sources of error are multiplied.

    Parameters
    ----------
    probe : Probe
        What the network reads.
    twin : Twin
        What it does in floating point.
    hardware : HardwareConfig
        As configured.
    streams : Streams
        Chip i, from 1, has the streams ``("chip", i)`` below these.
    chips : int
        Number of chips, at least 1.
    report : callable
        Is told of each chip that is done.
    """

    probe: Probe
    twin: Twin
    hardware: HardwareConfig
    streams: Streams
    chips: int
    report: Report = _silent

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """The sources that there are."""
        return sources_of(self.probe.checkpoint, self.hardware)

    def outcome(self, factors: dict[str, float], what: str = "") -> Outcome:
        """Return what hardware with multiplied sources does, see `scaled_hardware`; `what` names it in reports."""
        found = list(self._chips(scaled_hardware(self.hardware, self.sources, factors), what))
        square, metric = np.array(found).T
        return Outcome(square, metric)

    def _chips(self, hardware: HardwareConfig, what: str) -> Iterator[tuple[float, float]]:
        for number in range(1, self.chips + 1):
            chip = program_network(self.probe.checkpoint, hardware, self.streams.child("chip", number))
            seen = run_chip(chip, self.probe)
            self.report(what)
            yield float(np.square(seen.outputs - self.twin.outputs).mean()), seen.metric

    @property
    def one_at_a_time_chips(self) -> int:
        """Number of chips that `one_at_a_time` evaluates."""
        return self.chips * (2 + 2 * len(self.sources))

    def one_at_a_time(self) -> OneAtATime:
        """Evaluate each source alone, and all but it."""
        base = self.outcome(only(self.sources), "quantisation")
        whole = self.outcome({}, "all sources")
        effects = tuple(
            Effect(
                source,
                self.outcome(only(self.sources, source.name), f"{source.title} alone"),
                self.outcome(without(self.sources, source.name), f"all but {source.title}"),
            )
            for source in self.sources
        )
        return OneAtATime(self.twin.metric, base, whole, effects)

    def sobol_chips(self, n: int) -> int:
        """Return the number of chips that `sobol` evaluates."""
        return self.chips * n * (2 + len(self.sources))

    def sobol(self, n: int, largest: float = 1.0) -> Sensitivity:
        """Return the Sobol indices of the sources.

        Each source's factor is independent and uniform in 0..`largest`; one without a size is there or not, with
        probability 1/2.

        Parameters
        ----------
        n : int
            Points, a power of two.
        largest : float
            Largest factor, above 0.

        Returns
        -------
        Sensitivity
            Of two results, means over the chips: mean square error of the states, and metric.
        """
        rng = self.streams.generator("sobol")
        return sobol_study(lambda points: self._results(points, largest), len(self.sources), n, rng)

    def _results(self, points: Doubles, largest: float) -> Doubles:
        results = []
        for point in points:
            factors = {
                source.name: source.factor(float(u), largest)
                for source, u in zip(self.sources, point, strict=True)
            }
            found = self.outcome(factors, "Sobol indices")
            results.append((found.square.mean(), found.metric.mean()))
        return np.array(results).T
