"""A device from measurements: window, programming noise, read noise and drift, with a report of how it was chosen.

Programming noise is chosen among Gaussian errors (constant, proportional, polynomial in the conductance) and a uniform
one by Akaike's information criterion [1]_; where the best of them contradicts the data by the test of Kolmogorov and
Smirnov [2]_, the measured errors themselves are taken, as a table; with too few devices for one, the best formula is
taken with a warning. Parameters are fitted to the same data, which makes that test lenient: what it rejects is wrong,
what it passes may be, so that no formula of a larger criterion is taken because it passes.

References
----------
.. [1] Akaike, IEEE Trans. Autom. Control 19, 716 (1974), doi 10.1109/TAC.1974.1100705.
.. [2] Massey, J. Am. Stat. Assoc. 46, 68 (1951), doi 10.1080/01621459.1951.10500769.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from memramp.devices.device import Device
from memramp.devices.drift_fit import DriftFit, fit_drift
from memramp.devices.fit_kinds import Candidate, left_out, programming_candidates, read_candidates
from memramp.devices.measurements import Measurements
from memramp.devices.noise import FloatArray
from memramp.devices.presets import resolve_device
from memramp.errors import InputError

REJECTED = 0.01
"""Probability of the Kolmogorov-Smirnov test below which no formula is believed."""

LEAST_DEVICES = 8
"""Fewest devices that a fit is made of."""

SYSTEMATIC = 3.0
"""Standard errors beyond which a mean error is taken for a systematic one."""


@dataclass(frozen=True, eq=False)
class DeviceFit:
    """What was found."""

    measurements: Measurements
    """The file."""

    target: FloatArray
    """Of each device [uS]."""

    error: FloatArray
    """Of each device: mean of its first reads, less the target [uS]."""

    window: tuple[float, float]
    """g_min and g_max [uS]."""

    programming: tuple[Candidate, ...]
    """All kinds that were tried, the chosen one first."""

    reading: tuple[Candidate, ...]
    """Likewise for read noise; empty where no device was read twice at one time."""

    drift: DriftFit | None
    """None without times."""

    @property
    def left_out(self) -> dict[str, str]:
        """Kinds of programming noise that were not tried, each with the reason."""
        return {} if self.programming[0].kind == "none" else left_out(self.target, self.error)

    @property
    def rejected(self) -> str:
        """Why the programming noise that was taken is not believed, in a phrase; empty where it is."""
        chosen = self.programming[0]
        if not chosen.p_value < REJECTED:
            return ""
        none = all(each.p_value < REJECTED for each in self.programming)
        others = "as are all others" if none else "and the others fit less well"
        best = f"the best formula, {chosen.kind}, is rejected (p = {chosen.p_value:.2g}), {others}"
        return f"{best}; a table of the measured errors {self.left_out['table']}"

    @property
    def systematic(self) -> str:
        """What a mean error that the programming noise does not hold amounts to, in a phrase; empty without one."""
        mean, noise = float(self.error.mean()), self.programming[0].kind
        each = float(self.error.std(ddof=1)) / self.error.size**0.5
        if noise in ("none", "table") or abs(mean) <= SYSTEMATIC * each:
            return ""
        found = f"the mean error of {mean:.3g} uS lies more than {SYSTEMATIC:g} standard errors of {each:.2g} uS from 0"
        return f"{found}: it is systematic, and no part of {noise} noise, whose mean is 0"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user of the device must know, a phrase each."""
        return tuple(said for said in (self.rejected, self.systematic) if said)

    def block(self) -> dict[str, Any]:
        """Return the device as a block with sources, fit for YAML; see `memramp.devices.DeviceConfig`."""
        source, n = f"{self.measurements.source}, sha256 {self.measurements.digest}", self.measurements.devices

        def leaf(value: Any, unit: str, condition: str) -> dict[str, Any]:
            return {"value": value, "unit": unit, "source": source, "condition": condition, "status": "fit"}

        ends = (float(f"{end:.6g}") for end in self.window)
        block: dict[str, Any] = {"description": f"Fitted to {n} measured devices ({self.measurements.source})."}
        for key, end, said in zip(("g_min", "g_max"), ends, ("lowest", "highest"), strict=True):
            block[key] = leaf(end, "uS", f"{said} target of {n} devices, unless it was given")
        chosen, heat = self.programming[0], self.measurements.temperature
        warm = "" if heat is None else f", {heat:g} K"
        said = "; ".join([f"{n} devices, first reads{warm}", chosen.said, *self.warnings])
        block["prog_noise"] = {"kind": chosen.kind} | {
            key: leaf(value, chosen.unit, said) for key, value in chosen.parameters.items()
        }
        if self.reading:
            best = self.reading[0]
            said = f"repeated reads{warm}; {best.said}"
            block["read_noise"] = {"kind": best.kind} | {
                key: leaf(value, best.unit, said) for key, value in best.parameters.items()
            }
        if self.drift is not None:
            block["drift"] = {"kind": "power_law"} | {
                key: leaf(value, unit, f"{self.drift.devices} devices{warm}, {self.drift.said}")
                for key, value, unit in self.drift.parameters()
            }
        return block

    def device(self) -> Device:
        """Return the fitted device."""
        return resolve_device(self.block(), "the fitted device")


def fit_device(measurements: Measurements, window: tuple[float, float] | None = None) -> DeviceFit:
    """Fit a device to measurements.

    Parameters
    ----------
    measurements : Measurements
        At least `LEAST_DEVICES` devices; of `memramp.devices.measurements.load_measurements`.
    window : (float, float) or None
        g_min and g_max [uS]; None: the lowest and the highest target.

    Raises
    ------
    InputError
        Too few devices, or a window that does not hold all targets.
    """
    target, state = first_states(measurements)
    if target.size < LEAST_DEVICES:
        found = f"found {target.size}"
        raise InputError(f"{measurements.source}: a fit needs at least {LEAST_DEVICES} devices, {found}")
    ends = _window(target, window, measurements.source)
    error = state - target
    return DeviceFit(
        measurements=measurements,
        target=target,
        error=error,
        window=ends,
        programming=_ranked(programming_candidates(target, error, ends[1])),
        reading=tuple(sorted(read_candidates(*read_groups(measurements), ends[1]), key=lambda each: each.aic)),
        drift=fit_drift(measurements),
    )


def first_states(measurements: Measurements) -> tuple[FloatArray, FloatArray]:
    """Return the target of each device and the mean of its reads at its first time [uS]."""
    time = np.zeros(measurements.target.size) if measurements.time is None else measurements.time
    first = np.full(measurements.devices, np.inf)
    np.minimum.at(first, measurements.device, time)
    early = time == first[measurements.device]
    number = measurements.device[early]
    counts = np.bincount(number, minlength=first.size)
    target = np.bincount(number, measurements.target[early], first.size) / counts
    return target, np.bincount(number, measurements.measured[early], first.size) / counts


def read_groups(measurements: Measurements) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return mean, variance and degrees of freedom of reads of one device at one time, for all read at least twice."""
    time = np.zeros(measurements.target.size) if measurements.time is None else measurements.time
    _, group = np.unique(np.column_stack([measurements.device, time]), axis=0, return_inverse=True)
    group = np.asarray(group).ravel()
    counts = np.bincount(group)
    mean = np.bincount(group, measurements.measured) / counts
    squares = np.bincount(group, (measurements.measured - mean[group]) ** 2)
    often = counts > 1
    freedom = np.asarray(counts[often] - 1.0, dtype=np.float64)
    return np.asarray(mean[often]), np.asarray(squares[often] / freedom), freedom


def _window(target: FloatArray, window: tuple[float, float] | None, source: str) -> tuple[float, float]:
    low, high = (float(target.min()), float(target.max())) if window is None else window
    if low >= high:
        hint = "give g_min and g_max" if window is None else "g_min must lie below g_max"
        raise InputError(f"{source}: the window is {low:g} to {high:g} uS; {hint}")
    if target.min() < low or target.max() > high:
        ends = f"{target.min():g} to {target.max():g} uS"
        raise InputError(f"{source}: the targets, {ends}, do not lie in the window {low:g} to {high:g} uS")
    return low, high


def _ranked(candidates: list[Candidate]) -> tuple[Candidate, ...]:
    """Return the candidates by AIC, the table first if the best formula is rejected."""
    formulas = sorted((each for each in candidates if each.kind != "table"), key=lambda each: each.aic)
    tables = [each for each in candidates if each.kind == "table"]
    if tables and formulas[0].p_value < REJECTED:
        return (*tables, *formulas)
    return (*formulas, *tables)
