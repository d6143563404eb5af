"""How often a converter meets which pre-activation: what data-driven placements of levels optimise for."""

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from memramp.config import StrictModel, validate
from memramp.errors import InputError
from memramp.files import read_limited, write_atomically
from memramp.peripherals.function import FloatArray, Span
from memramp.peripherals.levels import DATA_DRIVEN, LevelsKind
from memramp.tablefile import parse_json

MAX_BYTES = 5_000_000
MAX_INPUT = 1e6
"""Largest magnitude of a pre-activation in a density, as of the ranges of converters."""

_MAX_COUNT = 10**15  # doubles hold such counts exactly; no recording comes near it
_BINS = 512
_TAILS = 1e-4  # of the samples on either side lie outside the bins and are counted in the outermost
_Input = Annotated[float, Field(ge=-MAX_INPUT, le=MAX_INPUT)]


@dataclass(frozen=True, eq=False)
class Density:
    """A distribution of pre-activations, as points with weights."""

    points: FloatArray
    """Ascending, evenly spaced, [n] [pre-activation]."""

    weights: FloatArray
    """Probability of each, [n], of sum 1."""

    description: str
    """Where it comes from."""

    def span(self, coverage: float = 0.999) -> Span:
        """Return the shortest central range that holds a part of the distribution, the same on either side.

        Parameters
        ----------
        coverage : float
            Part of the pre-activations that the range holds, 0..1 exclusive.
        """
        if not 0.0 < coverage < 1.0:
            raise InputError(f"the part that a span holds must lie between 0 and 1, found {coverage:g}")
        total, margin = np.cumsum(self.weights), (1.0 - coverage) / 2
        lo, hi = np.searchsorted(total, [margin, 1.0 - margin * (1 - 1e-9)])
        return float(self.points[lo]), float(self.points[min(hi, self.points.size - 1)])


def normal_density(mean: float, std: float) -> Density:
    """Return a normal distribution, cut at five standard deviations.

    Raises
    ------
    InputError
        The standard deviation is not positive, or a number is not finite or beyond `MAX_INPUT`.
    """
    if not (abs(mean) <= MAX_INPUT and 0.0 < std <= MAX_INPUT):
        allowed = f"a mean of -{MAX_INPUT:g} to {MAX_INPUT:g} and a positive standard deviation up to {MAX_INPUT:g}"
        raise InputError(f"a normal density needs {allowed}, found {mean:g} and {std:g}")
    z = np.linspace(-5.0, 5.0, 2 * _BINS + 1)
    weights = np.exp(-0.5 * z**2)
    return Density(mean + std * z, weights / weights.sum(), f"normal, mean {mean:g}, standard deviation {std:g}")


class Histogram(StrictModel):
    """Counts of pre-activations in bins of equal width."""

    lo: _Input
    """Lower edge of the first bin [pre-activation]."""

    hi: _Input
    """Upper edge of the last bin [pre-activation]."""

    counts: Annotated[
        list[Annotated[int, Field(ge=0, le=_MAX_COUNT, strict=True)]], Field(min_length=16, max_length=100_000)
    ]
    """Number of pre-activations in each bin; those beyond the edges are in the outermost."""

    @model_validator(mode="after")
    def _check(self) -> "Histogram":
        if not self.lo < self.hi:
            raise ValueError(f"lo must lie below hi, found {self.lo:g} and {self.hi:g}")
        if not any(self.counts):
            raise ValueError("found no pre-activations at all")
        return self

    def density(self, description: str) -> Density:
        """Return the distribution, with a point in the middle of each bin."""
        edges = np.linspace(self.lo, self.hi, len(self.counts) + 1)
        weights = np.array(self.counts, dtype=np.float64)
        return Density((edges[:-1] + edges[1:]) / 2, weights / weights.sum(), description)


class Recording(StrictModel):
    """Pre-activations of one layer, by activation function: a file that ``memramp ramp record`` writes."""

    memramp_preactivations: Literal[1] = 1
    """Version of the format."""

    network: str
    """Which network and layer."""

    data: str
    """Which clips or text."""

    functions: dict[str, Histogram]
    """For each activation function of the layer, what its converters met."""


def histogram(samples: ArrayLike) -> Histogram:
    """Return the histogram of recorded pre-activations, of any shape.

    Raises
    ------
    InputError
        No samples, samples that are all alike, or not finite, or beyond `MAX_INPUT`.
    """
    values = np.asarray(samples, dtype=np.float64).ravel()
    if values.size == 0 or not (np.abs(values) <= MAX_INPUT).all():
        raise InputError(f"recorded pre-activations must be numbers up to {MAX_INPUT:g}, and at least one")
    lo, hi = np.quantile(values, [_TAILS, 1.0 - _TAILS])
    if not lo < hi:
        raise InputError(f"recorded pre-activations are all {lo:g}; levels cannot be placed for them")
    counts: NDArray[np.int64] = np.histogram(np.clip(values, lo, hi), _BINS, (lo, hi))[0]
    return Histogram(lo=float(lo), hi=float(hi), counts=counts.tolist())


def save_recording(path: Path, recording: Recording) -> None:
    """Write a recording as JSON; the file appears whole or not at all."""
    write_atomically(path, (json.dumps(recording.model_dump(), indent=None) + "\n").encode())


def shipped_densities() -> dict[str, Path]:
    """Return the recordings that come with memramp, by name."""
    folder = Path(str(resources.files("memramp.peripherals"))) / "densities"
    return {path.stem: path for path in sorted(folder.glob("*.json"))}


def load_recording(name: str) -> Recording:
    """Read a recording.

    Parameters
    ----------
    name : str
        Name of a shipped one, or a path that ends in ``.json``.

    Raises
    ------
    InputError
        There is no such recording, or the file is none.
    """
    shipped = shipped_densities()
    if not name.endswith(".json"):
        if name not in shipped:
            known = ", ".join(shipped) or "none"
            raise InputError(f"unknown density '{name}', allowed: {known}, normal:MEAN,STD, or a .json file")
        return _read(shipped[name])
    return _read(Path(name))


def density_for(levels: LevelsKind, name: str | None, function: str) -> Density | None:
    """Return the density that a placement of levels needs, see `load_density`; None where it makes no use of one."""
    return load_density(name, function) if name is not None and levels in DATA_DRIVEN else None


def load_density(name: str, function: str) -> Density:
    """Return the density of a function's pre-activations.

    Parameters
    ----------
    name : str
        ``normal:MEAN,STD``, the name of a shipped recording, or a path that ends in ``.json``.
    function : str
        Activation function whose converters are meant; it picks the histogram of a recording.

    Raises
    ------
    InputError
        There is no such density.
    """
    path = Path(name)
    stamp = path.stat().st_mtime_ns if name.endswith(".json") and path.is_file() else 0
    return _load_density(name, function, stamp)


@lru_cache(maxsize=64)
def _load_density(name: str, function: str, stamp: int) -> Density:  # noqa: ARG001  (a changed file is read again)
    if name.startswith("normal:"):
        return normal_density(*_two_numbers(name))
    recording = load_recording(name)
    if function not in recording.functions:
        known = ", ".join(recording.functions)
        raise InputError(f"{name}: holds no pre-activations of '{function}', only of {known}")
    return recording.functions[function].density(f"{recording.network}, {recording.data}")


def _two_numbers(text: str) -> tuple[float, float]:
    try:
        mean, std = (float(part) for part in text.removeprefix("normal:").split(","))
    except ValueError:
        raise InputError(f"density '{text}': expected normal:MEAN,STD, e.g. normal:0,1.5") from None
    return mean, std


def _read(path: Path) -> Recording:
    return validate(Recording, parse_json(read_limited(path, MAX_BYTES), str(path)), str(path))
