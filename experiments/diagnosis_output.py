"""What a diagnosis found, as tables and JSON."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student_t

from memramp.experiments.results import TableFile, to_json
from memramp.files import write_atomically
from memramp.models.range_use import RangeUse
from memramp.models.sensitivity import CONFIDENCE, Indices, Sensitivity
from memramp.models.source_study import Effect, OneAtATime, Outcome
from memramp.models.step_errors import StepError

RESULTS = ("square_error", "metric")
"""What Sobol indices are about: mean square error of the states, and the metric."""

_DIGITS = 6  # significant ones in files


@dataclass
class Findings:
    """Everything that a diagnosis found; what is not there yet is empty or None."""

    metric: str
    shape: tuple[int, int]
    """Numbers of samples and steps."""

    chips: int
    scale: float
    steps: list[StepError] = field(default_factory=list)
    ranges: list[RangeUse] = field(default_factory=list)
    sources: OneAtATime | None = None
    sobol: Sensitivity | None = None

    @property
    def directions(self) -> tuple[str, ...]:
        """Directions of layers, in their order."""
        return tuple(dict.fromkeys(error.direction for error in self.steps))


def outcomes(found: OneAtATime) -> Iterator[tuple[str, str, Outcome]]:
    """Yield condition, source and outcome: quantisation, each source alone, all but each, all."""
    yield "quantisation", "", found.quantisation
    for effect in found.effects:
        yield "alone", effect.source.name, effect.alone
    for effect in found.effects:
        yield "left_out", effect.source.name, effect.left_out
    yield "all", "", found.whole


def rms_interval(outcome: Outcome) -> tuple[float, float]:
    """Return the 95 % interval of the root mean square error; NaN for one chip.

    By Student's t of the mean square over the chips, and the square root's slope (delta method).
    """
    low, high = mean_interval(outcome.square)
    half = (high - low) / 2.0 / (2.0 * outcome.rms) if outcome.rms > 0.0 else 0.0
    return max(outcome.rms - half, 0.0 * half), outcome.rms + half


def mean_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of a mean, by Student's t; NaN for one value."""
    if len(values) < 2:
        return math.nan, math.nan
    half = student_t.ppf(0.5 + CONFIDENCE / 2.0, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def write_steps(folder: Path, findings: Findings) -> str:
    """Write ``errors.csv``; return its name."""
    headings = ("direction", "loop", "kind", "name", "step", "rms", "mean", "twin_rms", "chips_min", "chips_max")
    rows = (
        (error.direction, error.loop, error.kind, error.name, step, *_numbers(*values))
        for error in findings.steps
        for step, values in enumerate(
            zip(
                error.rms,
                error.mean,
                error.twin_rms,
                error.chips_rms.min(axis=0),
                error.chips_rms.max(axis=0),
                strict=True,
            ),
            start=1,
        )
    )
    return _write(folder, "errors.csv", headings, rows)


def write_ranges(folder: Path, findings: Findings) -> list[str]:
    """Write ``ranges.csv`` and ``histograms.csv``; return their names."""
    headings = ("direction", "gate", "first_threshold", "last_threshold", "below", "above", "codes", "codes_used",
                "entropy_bits")
    ranges = (
        (
            use.direction,
            use.gate,
            *_numbers(use.thresholds[0], use.thresholds[-1], use.below, use.above),
            use.codes.size,
            np.count_nonzero(use.codes),
            *_numbers(use.entropy),
        )
        for use in findings.ranges
    )
    bins = (
        (use.direction, use.gate, *_numbers(low, high), count)
        for use in findings.ranges
        for low, high, count in zip(use.edges[:-1], use.edges[1:], use.counts, strict=True)
    )
    return [
        _write(folder, "ranges.csv", headings, ranges),
        _write(folder, "histograms.csv", ("direction", "gate", "low", "high", "count"), bins),
    ]


def write_sources(folder: Path, findings: Findings) -> list[str]:
    """Write ``sources.csv``, and ``sobol.csv`` where there are indices; return their names."""
    found = findings.sources
    assert found is not None
    headings = ("condition", "source", "chip", "rms", findings.metric)
    rows = (
        (condition, source, chip, *_numbers(math.sqrt(square), metric))
        for condition, source, outcome in outcomes(found)
        for chip, (square, metric) in enumerate(zip(outcome.square, outcome.metric, strict=True), start=1)
    )
    names = [_write(folder, "sources.csv", headings, rows)]
    if findings.sobol is not None:
        keys = [f"{order}{end}" for order in ("first", "total") for end in ("", "_low", "_high")]
        table = (
            (effect.source.name, result, *_numbers(*_index_row(findings.sobol, row, column)))
            for row, result in enumerate(RESULTS)
            for column, effect in enumerate(found.effects)
        )
        names.append(_write(folder, "sobol.csv", ("source", "result", *keys), table))
    return names


def write_json(folder: Path, findings: Findings) -> None:
    """Write ``diagnosis.json``: everything but the histograms; the same for the same files and seed."""
    samples, steps = findings.shape
    content = {
        "samples": samples,
        "steps": steps,
        "chips": findings.chips,
        "metric": findings.metric,
        "errors": [_error_block(error) for error in findings.steps],
        "ranges": [_range_block(use) for use in findings.ranges],
        "sources": None if findings.sources is None else _sources_block(findings.sources),
        "sobol": None if findings.sobol is None else _sobol_block(findings),
    }
    write_atomically(folder / "diagnosis.json", to_json(content))


def _error_block(error: StepError) -> dict[str, Any]:
    """Return what stands in errors.csv step by step in a few numbers."""
    return {
        "direction": error.direction,
        "loop": error.loop,
        "kind": error.kind,
        "name": error.name,
        "rms_first": _rounded(error.rms[0]),
        "rms_last": _rounded(error.rms[-1]),
        "rms_largest": _rounded(error.rms.max()),
        "mean_last": _rounded(error.mean[-1]),
        "twin_rms_last": _rounded(error.twin_rms[-1]),
    }


def _range_block(use: RangeUse) -> dict[str, Any]:
    shares = {key: _rounded(getattr(use, key)) for key in ("below", "above", "used", "entropy")}
    return {"direction": use.direction, "gate": use.gate, "codes": use.codes.size, **shares}


def _sources_block(found: OneAtATime) -> dict[str, Any]:
    return {
        "float": {"metric": _rounded(found.twin_metric)},
        "quantisation": _outcome_block(found.quantisation),
        "all": _outcome_block(found.whole),
        "sources": [_effect_block(found, effect) for effect in found.effects],
    }


def _effect_block(found: OneAtATime, effect: Effect) -> dict[str, Any]:
    alone, left_out = found.shares(effect)
    return {
        "source": effect.source.name,
        "has_size": effect.source.continuous,
        "alone": _outcome_block(effect.alone) | {"share": _rounded(alone)},
        "left_out": _outcome_block(effect.left_out) | {"share": _rounded(left_out)},
    }


def _outcome_block(outcome: Outcome) -> dict[str, Any]:
    return {
        "rms": _rounded(outcome.rms),
        "rms_interval": [_rounded(end) for end in rms_interval(outcome)],
        "metric": _rounded(outcome.mean_metric),
        "metric_interval": [_rounded(end) for end in mean_interval(outcome.metric)],
    }


def _sobol_block(findings: Findings) -> dict[str, Any]:
    found, sources = findings.sobol, findings.sources
    assert found is not None
    assert sources is not None
    names = [effect.source.name for effect in sources.effects]
    results = {
        result: {
            "mean": _rounded(found.mean[row]),
            "variance": _rounded(found.variance[row]),
            "first": _indices_block(found.first, row, names),
            "total": _indices_block(found.total, row, names),
        }
        for row, result in enumerate(RESULTS)
    }
    about = {"points": found.points, "evaluations": found.evaluations, "largest_factor": findings.scale}
    return about | results


def _indices_block(indices: Indices, row: int, names: Sequence[str]) -> dict[str, Any]:
    return {
        name: [_rounded(part[row, column]) for part in (indices.estimate, indices.low, indices.high)]
        for column, name in enumerate(names)
    }


def _index_row(found: Sensitivity, row: int, column: int) -> list[float]:
    kinds = (found.first, found.total)
    return [float(part[row, column]) for kind in kinds for part in (kind.estimate, kind.low, kind.high)]


def _rounded(value: float) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None


def _numbers(*values: float) -> list[str]:
    """Return numbers as they stand in tables; what is not finite stays empty."""
    return [f"{value:.{_DIGITS}g}" if math.isfinite(value) else "" for value in values]


def _write(folder: Path, name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    with TableFile(folder / name, headings) as file:
        for row in rows:
            file.write(row)
    return name
