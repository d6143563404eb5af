"""Monte-Carlo linearity and yield of ramp columns: how many of many columns are linear enough.

Columns are drawn in slices, so that memory stays bounded for any number of them, and each slice has a random stream of
its own: the first columns are the same however many are drawn. Each point of a sweep is named by its own conditions, so
that it gives the same columns whatever else is swept.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from memramp.config import validate
from memramp.defaults import INL_LIMIT
from memramp.devices import Device
from memramp.errors import InputError
from memramp.peripherals.calibration import Calibration, CalibrationKind
from memramp.peripherals.function import FloatArray
from memramp.peripherals.linearity import inl_dnl, missing_codes
from memramp.peripherals.programmed_ramp import program_columns
from memramp.peripherals.ramp import RampDesign
from memramp.streams import Streams

MAX_COLUMNS = 10_000_000
CONFIDENCE = 0.95
_SLICE = 2**19  # devices drawn at once: with all intermediate results, some 100 MB


@dataclass(frozen=True)
class Limits:
    """What makes a column a good one; all limits hold at its output, without read noise."""

    inl: float = INL_LIMIT
    """Largest |INL| of all transitions [LSB]."""

    dnl: float | None = None
    """Largest |DNL| of all counts; None: any [LSB]."""

    no_missing_code: bool = False
    """Whether every code must occur for some input."""

    within_window: bool = True
    """Whether calibration must do without bias conductances above g_max, which no device could be given."""

    def __post_init__(self) -> None:
        for name, value in (("INL", self.inl), ("DNL", self.dnl)):
            if value is not None and not 0.0 < value < np.inf:
                raise InputError(f"the limit of {name} must be a positive number of LSB, found {value:g}")


@dataclass(frozen=True)
class Linearity:
    """Nonlinearity of many columns, as statistics over them [LSB]."""

    mean: float
    """Mean of |INL| over transitions and columns."""

    mean_of_max: float
    """Mean over the columns of their largest |INL|."""

    quantile_95: float
    """What the largest |INL| of 95 % of the columns does not exceed."""

    dnl_mean_of_max: float
    """Mean over the columns of their largest |DNL|."""

    good: int
    """Columns within the limits."""

    columns: int
    """Columns that were drawn."""

    writes: float
    """Write operations a column takes, mean."""

    overflow: int
    """Columns whose calibration asks a bias device for more than g_max."""

    @property
    def fraction(self) -> float:
        """Share of the columns that are good, 0..1."""
        return self.good / self.columns

    @property
    def interval(self) -> tuple[float, float]:
        """Confidence interval of `fraction`, at `CONFIDENCE`."""
        return confidence_interval(self.good, self.columns)


@dataclass(frozen=True)
class Conditions:
    """A point of a sweep; None leaves what the device has."""

    sigma: float | None = None
    """Standard deviation of the programming error, Gaussian and the same for all conductances [uS]."""

    stuck_off: float | None = None
    """Fraction of devices stuck at g_min, 0..1."""

    stuck_on: float | None = None
    """Fraction of devices stuck at g_max, 0..1."""

    copies: int | None = None
    """Columns programmed for one that is used."""

    kind: CalibrationKind | None = None
    """Kind of calibration."""

    @property
    def name(self) -> str:
        """Name of the point's random streams: all that is given, so that other points do not matter."""
        given = ((field.name, getattr(self, field.name)) for field in fields(self))
        return " ".join(f"{key}={value}" for key, value in given if value is not None)

    def changes(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the keys of the device and of the calibration that these conditions give, and their values."""
        noise = None if self.sigma is None else {"kind": "constant", "sigma": self.sigma}
        errors = {"prog_noise": noise, "stuck_off_rate": self.stuck_off, "stuck_on_rate": self.stuck_on}
        return _given(errors), _given({"kind": self.kind, "copies": self.copies})

    def applied_to(self, device: Device, calibration: Calibration) -> tuple[Device, Calibration]:
        """Return the device and the calibration under these conditions.

        Raises
        ------
        InputError
            A standard deviation, a rate or a number of copies that cannot be.
        """
        errors, means = self.changes()
        return (
            validate(Device, device.model_dump() | errors, "yield"),
            validate(Calibration, calibration.model_dump() | means, "yield"),
        )


def _given(changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in changes.items() if value is not None}


def confidence_interval(good: int, total: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the interval of Clopper and Pearson for a share, which holds the true one at least as often as promised.

    Parameters
    ----------
    good, total : int
        Number of good ones, out of how many, at least 1.
    confidence : float
        Probability to hold the true share, 0..1.

    References
    ----------
    Clopper, Pearson, Biometrika 26, 404 (1934), doi 10.1093/biomet/26.4.404.
    """
    tail = (1.0 - confidence) / 2
    low = 0.0 if good == 0 else float(betaincinv(good, total - good + 1, tail))
    high = 1.0 if good == total else float(betaincinv(good + 1, total - good, 1.0 - tail))
    return low, high


def linearity_of_columns(
    design: RampDesign,
    device: Device,
    calibration: Calibration,
    limits: Limits,
    columns: int,
    streams: Streams,
    note: Callable[[int], None] = lambda _: None,
) -> tuple[Linearity, Linearity]:
    """Program many columns of one design and tell how linear they are.

    Parameters
    ----------
    design : RampDesign
        The column.
    device : Device
        Its devices, of the design's window.
    calibration : Calibration
        How each column is set right.
    limits : Limits
        What makes a column a good one.
    columns : int
        How many are drawn, 1..10,000,000.
    streams : Streams
        Source of the draws.
    note : callable
        Is told the number of columns after each slice.

    Returns
    -------
    before, after : Linearity
        Before and after calibration; for the same columns, but that the best of several copies is told by `after`.

    Raises
    ------
    InputError
        Number of columns out of range, or devices of another window.
    """
    if not 1 <= columns <= MAX_COLUMNS:
        raise InputError(f"the number of columns must be 1 to {MAX_COLUMNS}, found {columns}")
    size = max(1, _SLICE // (len(design.column.role) * calibration.copies))
    before, after = _Collected(design, limits), _Collected(design, limits)
    for start in range(0, columns, size):
        count, rng = min(size, columns - start), streams.generator("columns", start // size)
        drawn = program_columns(design, device, rng, count, calibration)
        before.add(drawn.uncalibrated, np.full(count, len(design.g_steps) + len(design.g_bias)), np.zeros(count))
        trimmed = calibration.kind not in ("none", "ideal_bias")  # of the others, nothing is asked
        after.add(drawn.thresholds, drawn.writes, drawn.bias_overflow * trimmed)
        note(count)
    return before.linearity(), after.linearity()


def sweep(
    sigmas: Iterable[float | None] = (None,),
    stuck_off: Iterable[float | None] = (None,),
    stuck_on: Iterable[float | None] = (None,),
    copies: Iterable[int | None] = (None,),
    kinds: Iterable[CalibrationKind | None] = (None,),
) -> list[Conditions]:
    """Return all combinations of conditions; the last one varies fastest."""
    return [Conditions(*values) for values in product(sigmas, stuck_off, stuck_on, copies, kinds)]


def sweep_yield(
    design: RampDesign,
    device: Device,
    calibration: Calibration,
    points: Iterable[Conditions],
    limits: Limits,
    columns: int,
    streams: Streams,
    note: Callable[[int], None] = lambda _: None,
) -> Iterator[tuple[Conditions, Linearity]]:
    """Yield the linearity of columns at each point of a sweep, after calibration; see `linearity_of_columns`.

    The design stays what it is: a point says how well its devices could be written, not what they were designed for.
    """
    for point in points:
        under, calibrated = point.applied_to(device, calibration)
        own = streams.child("yield", point.name)
        yield point, linearity_of_columns(design, under, calibrated, limits, columns, own, note)[1]


def _within(
    thresholds: FloatArray, worst: FloatArray, dnl: FloatArray, design: RampDesign, limits: Limits
) -> NDArray[np.bool_]:
    good = np.asarray(worst <= limits.inl)
    if limits.dnl is not None:
        good &= np.abs(dnl).max(axis=1, initial=0.0) <= limits.dnl
    return good & ~missing_codes(thresholds, design).any(axis=1) if limits.no_missing_code else good


class _Collected:
    """Statistics over slices."""

    def __init__(self, design: RampDesign, limits: Limits) -> None:
        self._design, self._limits = design, limits
        self._worst: list[FloatArray] = []
        self._sum, self._dnl = 0.0, 0.0
        self._good, self._writes, self._overflow = 0, 0, 0

    def add(self, thresholds: FloatArray, writes: NDArray[np.int64], overflow: FloatArray) -> None:
        inl, dnl = inl_dnl(thresholds, self._design)
        size = np.abs(inl)
        self._worst.append(size.max(axis=1))
        self._sum += float(size.sum())
        within = _within(thresholds, self._worst[-1], dnl, self._design, self._limits)
        possible = (overflow == 0.0) | (not self._limits.within_window)
        self._good += int(np.count_nonzero(within & possible))
        self._dnl += float(np.abs(dnl).max(axis=1, initial=0.0).sum())
        self._writes += int(writes.sum())
        self._overflow += int(np.count_nonzero(overflow))

    def linearity(self) -> Linearity:
        worst = np.concatenate(self._worst)
        return Linearity(
            mean=self._sum / (worst.size * self._design.thresholds.size),
            mean_of_max=float(worst.mean()),
            quantile_95=float(np.quantile(worst, 0.95)),
            dnl_mean_of_max=self._dnl / worst.size,
            good=self._good,
            columns=worst.size,
            writes=self._writes / worst.size,
            overflow=self._overflow,
        )
