"""The drift exponent of measured devices: g(t) = g (t / t_0)^-nu, a straight line in logarithms."""

from dataclasses import dataclass

import numpy as np

from memramp.devices.measurements import Measurements
from memramp.devices.noise import FloatArray


@dataclass(frozen=True, eq=False)
class DriftFit:
    """Power law, with an exponent for each device."""

    exponents: FloatArray
    """Least-squares slope of each device, -d ln g / d ln t; positive: conductances fall."""

    t_0: float
    """First time that was measured, > 0 [s]."""

    last: float
    """Last time that was measured [s]."""

    @property
    def devices(self) -> int:
        """Number of devices."""
        return self.exponents.size

    @property
    def nu(self) -> float:
        """Mean exponent."""
        return float(self.exponents.mean())

    @property
    def nu_std(self) -> float:
        """Standard deviation of the exponents between devices; noise of the reads is part of it."""
        return float(self.exponents.std(ddof=1)) if self.devices > 1 else 0.0

    @property
    def said(self) -> str:
        """Over which time, in a phrase."""
        return f"{self.t_0:g} to {self.last:g} s; the spread holds the noise of the reads too"

    def parameters(self) -> list[tuple[str, float, str]]:
        """Return key, value and unit of each number."""
        numbers = (("nu", self.nu, "1"), ("nu_std", self.nu_std, "1"), ("t_0", self.t_0, "s"))
        return [(key, float(f"{value:.6g}"), unit) for key, value, unit in numbers]


def fit_drift(measurements: Measurements) -> DriftFit | None:
    """Fit the drift exponent of each device that was read at two times or more, after t = 0, as a conductance above 0.

    Returns
    -------
    DriftFit or None
        None without times or without such devices.
    """
    if measurements.time is None:
        return None
    usable = (measurements.time > 0.0) & (measurements.measured > 0.0)
    if not usable.any():
        return None
    number = measurements.device[usable]
    log_t, log_g = np.log(measurements.time[usable]), np.log(measurements.measured[usable])
    counts = np.maximum(np.bincount(number, minlength=measurements.devices), 1)
    x = log_t - (np.bincount(number, log_t, counts.size) / counts)[number]
    square = np.bincount(number, x * x, counts.size)
    slope = np.bincount(number, x * log_g, counts.size)
    moved = square > 0.0
    if not moved.any():
        return None
    times = measurements.time[usable]
    return DriftFit(-slope[moved] / square[moved], float(times.min()), float(times.max()))
