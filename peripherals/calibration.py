"""Setting a programmed ramp column right: trimming of bias devices and pulses, spare devices, best of several copies.

What a calibration does is said by a `Calibration`; each step costs devices (spares, copies) or writes, which
`memramp.peripherals.ProgrammedColumns` counts.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from memramp.config import StrictModel
from memramp.devices import Device, Programmed, program
from memramp.errors import InputError
from memramp.peripherals.function import FloatArray
from memramp.peripherals.ramp import RampDesign
from memramp.quantities import NonNegativeMicrosiemens

CalibrationKind = Literal["none", "ideal_bias", "one_point", "two_point"]
IntArray = NDArray[np.int64]

_GAINS = (0.5, 2.0)  # widths of pulse that two-point calibration may ask for
_TWO_POINTS = 1 / 4  # of the thresholds lie outside either of the two; the best for sigmoid, tanh and their like
_BAD, _BAD_IF_STUCK = 5.0, 1.0  # standard deviations of the programming error that a device may be off by


class Calibration(StrictModel):
    """How a column is set right after programming.

    Kinds:

    ``none``
        The bias devices are programmed to their targets and have errors and faults of their own.
    ``ideal_bias``
        The bias devices hold their targets exactly: the start value is right, the errors of the ramp devices add up
        from there. The uncalibrated integral nonlinearity derived from the released code's equations [1]_ means this.
    ``one_point``
        The bias devices are trimmed in a closed loop on the column's own output until the mid-scale crossing is where
        it should be: V_0 = -(sum of the realised steps up to mid-scale), whatever the noise and whatever is stuck [1]_.
        Bias devices that are not stuck share the load evenly, without regard to g_max (see
        `ProgrammedRamp.bias_overflow`). Only if all are stuck, or less than no conductance would be called for, an
        error is left (`ProgrammedRamp.mid_scale_error`).
    ``two_point``
        The width of the ramp's pulses is set as well, one factor for the column, so that the crossings a quarter and
        three quarters up the codes are both exact: the errors of the steps between them no longer add up to an error of
        the slope. Our own; the factor is limited to 0.5..2. Where pulses fill their clocks, a factor above 1 needs a
        higher amplitude of the ramp's drivers in place of a longer pulse, which comes to the same charge. For functions
        whose steps differ much from one end to the other (sqrt), it can be worse than ``one_point``.

    A calibration knows conductances, not comparators: static shifts of a circuit (hysteresis, delay, leakage) are not
    trimmed away. Number of writes: with an exact trim each bias device counts once, which is the least that it takes.

    References
    ----------
    .. [1] Yang et al., Nat. Commun. 16, 1136 (2025), doi 10.1038/s41467-025-56254-6.
    """

    kind: CalibrationKind = "one_point"

    copies: Annotated[int, Field(strict=True, ge=1, le=64)] = 1
    """Columns that are programmed; of those whose bias devices stay within g_max, or else of all, the one with the
    least worst INL after calibration is used."""

    remap: bool = False
    """Whether spare devices (`Realisation.spares`) fire in place of ramp devices that do not hold their target: those
    off by more than five standard deviations of the programming error, and those that writing does not move (stuck) if
    they are off by more than one. The worst are replaced first; a spare that is no better is not used."""

    tolerance: NonNegativeMicrosiemens | None = None
    """Residual error of the trimmed bias: each write of the last bias device has the programming error of its kind, and
    writing ends within this tolerance or after `max_writes`, with the best of them. None: exact [uS]."""

    max_writes: Annotated[int, Field(strict=True, ge=1, le=1000)] = 20
    """Most writes of the bias device that is trimmed last (with `tolerance`)."""


def as_calibration(value: CalibrationKind | Calibration) -> Calibration:
    """Return a calibration; a name stands for that kind without anything further.

    Raises
    ------
    InputError
        Unknown kind.
    """
    if isinstance(value, Calibration):
        return value
    if value not in get_args(CalibrationKind):
        raise InputError(f"unknown calibration '{value}', allowed: {', '.join(get_args(CalibrationKind))}")
    return Calibration(kind=value)


CalibrationConfig = Annotated[
    Calibration, BeforeValidator(lambda value: {"kind": value} if isinstance(value, str) else value)
]
"""A calibration in a configuration: a mapping, or the name of a kind."""


@dataclass(frozen=True, eq=False)
class Trim:
    """What trimming set, for many columns at once."""

    anchor: int
    """Index of the ramp's value from which errors are counted."""

    error_at_anchor: FloatArray
    """What is left there, [n] [uS]."""

    gain: FloatArray
    """Width of the ramp's pulses relative to the designed one, [n]."""

    g_bias: FloatArray
    """Conductances that the bias devices hold, [n, n_bias] [uS]."""

    writes: IntArray
    """Writes that it took, [n]."""

    @classmethod
    def untouched(cls, design: RampDesign, bias: Programmed) -> "Trim":
        """Return what is the case after programming; the errors are counted from the start value."""
        n = len(bias.g)
        excess = np.sum(bias.g - design.g_bias, axis=1) * _bias_width(design)
        return cls(0, -excess, np.ones(n), bias.g, np.zeros(n, np.int64))

    def pick(self, which: IntArray) -> "Trim":
        """Return the trim of some of the columns."""
        return Trim(
            self.anchor,
            self.error_at_anchor[which],
            self.gain[which],
            self.g_bias[which],
            self.writes[which],
        )


def trim(
    design: RampDesign,
    device: Device,
    bias: Programmed,
    deviation: FloatArray,
    calibration: Calibration,
    rng: np.random.Generator,
) -> Trim:
    """Set the bias devices, and the ramp's pulses, of many columns.

    Parameters
    ----------
    design : RampDesign
        The column.
    device : Device
        The bias devices.
    bias : Programmed, [n, n_bias]
        What they hold after programming.
    deviation : ndarray, [n, n_clocks + 1]
        Error of the cumulated steps [uS].
    calibration : Calibration
        What to do.
    rng : numpy.random.Generator
        Source of the errors of repeated writes.
    """
    if calibration.kind in ("none", "ideal_bias"):
        return Trim.untouched(design, bias)
    anchor, gain = design.anchor, np.ones(len(bias.g))
    if calibration.kind == "two_point":
        anchor, gain = _slope(design, deviation)
    healthy = ~(bias.stuck_off | bias.stuck_on)
    width, number = _bias_width(design), np.maximum(healthy.sum(axis=1), 1)
    # The bias must hold what the ramp has risen by up to the anchor, less the anchor's own value.
    risen = (design.ramp[anchor] - design.v_start) / design.v_per_us
    total = gain * (risen + deviation[:, anchor]) - (risen - design.bias_total)
    wanted = total / width - np.sum(bias.g * ~healthy, axis=1)
    share = np.maximum(wanted, 0.0) / number
    g_bias = np.where(healthy, share[:, None], bias.g)
    held = width * np.sum(g_bias, axis=1)
    # Where the devices can hold what is wanted, their sum is that but for rounding; taken as it is, nothing is left.
    error = np.where(healthy.any(axis=1) & (wanted >= 0.0), 0.0, total - held)
    trimmed = Trim(anchor, error, gain, g_bias, healthy.sum(axis=1))
    return trimmed if calibration.tolerance is None else _retry(trimmed, device, healthy, width, calibration, rng)


def _bias_width(design: RampDesign) -> float:
    return float(design.column.width[design.column.rows("bias")[0]])


def _slope(design: RampDesign, deviation: FloatArray) -> tuple[int, FloatArray]:
    """Return the lower of the two points and the factor that makes the distance to the upper one exact."""
    count = design.thresholds.size
    lower = design.first + int(_TWO_POINTS * count)
    upper = design.first + count - 1 - int(_TWO_POINTS * count)
    wanted = (design.ramp[upper] - design.ramp[lower]) / design.v_per_us
    found = wanted + deviation[:, upper] - deviation[:, lower]
    if wanted <= 0.0:  # a single threshold has no slope to set
        return lower, np.ones_like(found)
    return lower, np.clip(wanted / np.maximum(found, wanted / _GAINS[1]), *_GAINS)


def _retry(
    trimmed: Trim,
    device: Device,
    healthy: NDArray[np.bool_],
    width: float,
    calibration: Calibration,
    rng: np.random.Generator,
) -> Trim:
    """Return the trim with the error of the device that is written last, and again until it is within tolerance."""
    assert calibration.tolerance is not None
    rows, last = np.arange(len(healthy)), np.argmax(healthy, axis=1)
    target = np.repeat(trimmed.g_bias[rows, last][:, None], calibration.max_writes, axis=1)
    errors = np.maximum(device.prog_noise.draw(target, rng), -target)
    within = np.abs(errors) <= calibration.tolerance
    tries = np.where(within.any(axis=1), np.argmax(within, axis=1), np.argmin(np.abs(errors), axis=1))
    left = np.where(healthy.any(axis=1), errors[rows, tries], 0.0)
    writes = np.where(within.any(axis=1), tries + 1, calibration.max_writes) - 1
    g_bias = trimmed.g_bias.copy()
    g_bias[rows, last] += left
    return replace(
        trimmed,
        error_at_anchor=trimmed.error_at_anchor - width * left,
        g_bias=g_bias,
        writes=trimmed.writes + np.where(healthy.any(axis=1), writes, 0),
    )


def replace_stuck(
    design: RampDesign, device: Device, steps: Programmed, calibration: Calibration, rng: np.random.Generator
) -> tuple[Programmed, IntArray]:
    """Let spare devices fire in place of ramp devices that do not hold their target.

    Returns
    -------
    steps : Programmed, [n, ramp devices]
        What fires in each ramp device's place.
    writes : ndarray of int, [n]
        Spares that were written.
    """
    spares = int(design.column.rows("spare").size) if calibration.remap else 0
    writes = np.zeros(len(steps.g), np.int64)
    rows = np.arange(len(steps.g))
    spread = np.maximum(device.prog_noise.std(steps.target), 1e-9 * device.g_max)
    for spare_rng in rng.spawn(spares):
        error = np.abs(steps.g - steps.target)
        limit = spread * np.where(steps.stuck_off | steps.stuck_on, _BAD_IF_STUCK, _BAD)
        worst = np.argmax(error - limit, axis=1)
        bad = (error > limit)[rows, worst]
        spare = program(device, steps.target[rows, worst], spare_rng)
        better = bad & (np.abs(spare.g - spare.target) < error[rows, worst])
        steps, writes = _put(steps, spare, rows[better], worst[better]), writes + bad
    return steps, writes


def _put(steps: Programmed, spare: Programmed, rows: IntArray, places: IntArray) -> Programmed:
    g, off, on = steps.g.copy(), steps.stuck_off.copy(), steps.stuck_on.copy()
    g[rows, places], off[rows, places] = spare.g[rows], spare.stuck_off[rows]
    on[rows, places] = spare.stuck_on[rows]
    return Programmed(g=g, stuck_off=off, stuck_on=on, target=steps.target)
