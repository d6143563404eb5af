"""Ramp columns after programming: their real staircases, their calibration, and the read noise of each conversion."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memramp.devices import Device, ReadConditions, program
from memramp.errors import InputError
from memramp.peripherals.calibration import Calibration, CalibrationKind, Trim, as_calibration, replace_stuck, trim
from memramp.peripherals.function import FloatArray
from memramp.peripherals.linearity import inl_dnl
from memramp.peripherals.ramp import RampDesign
from memramp.peripherals.ramp_noise import RAMP_CONDITIONS, charge_variance

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ProgrammedRamp:
    """One ramp column of one chip. Made by `program_ramp`."""

    design: RampDesign
    """What was asked for."""

    calibration: Calibration
    """How the column was set right after programming."""

    g_steps: FloatArray
    """Conductances of the devices that make the ramp, in firing order; a spare stands where it took over [uS]."""

    g_bias: FloatArray
    """Conductances that the bias devices hold, after calibration, [n_bias] [uS]."""

    stuck_steps: BoolArray
    """Ramp devices that are stuck at g_min or g_max; a device that a spare replaced is told by the spare."""

    stuck_bias: BoolArray
    """Bias devices that are stuck at g_min or g_max, [n_bias]."""

    values: FloatArray
    """All values that the ramp visits, [n_clocks + 1], non-decreasing, without read noise [pre-activation].

    Equal to ``v_per_us * (gain * cumulated g_steps - sum of g_bias)``, each with its width of pulse, but for rounding;
    computed from the deviations, so that ideal devices give the ideal values to the last bit.
    """

    read_std: FloatArray
    """Read noise of the bias devices together (element 0) and of each clock's devices, [n_clocks + 1]
    [pre-activation]."""

    uncalibrated: FloatArray
    """Thresholds before calibration, [K] [pre-activation]."""

    gain: float
    """Width of the ramp's pulses relative to the designed one: 1, but after two-point calibration."""

    writes: int
    """Number of write operations, over all copies."""

    @property
    def thresholds(self) -> FloatArray:
        """Thresholds without read noise, [K], non-decreasing [pre-activation]."""
        return self.values[self.design.compared]

    @property
    def start_std(self) -> FloatArray:
        """Read noise of the first threshold (element 0) and of the step to each further one, [K] [pre-activation]."""
        return _noise_of_thresholds(self.read_std, self.design)

    @property
    def mid_scale_error(self) -> float:
        """How far the mid-scale value lies from its ideal one [pre-activation]; 0 after one-point calibration."""
        return float(self.values[self.design.anchor] - self.design.ramp[self.design.anchor])

    @property
    def bias_overflow(self) -> float:
        """By how much the largest bias conductance exceeds g_max; 0 within the window [uS].

        `program_ramp` trims without that limit. Above 0, a real column would need one bias device more.
        """
        return float(max(0.0, self.g_bias.max() - self.design.g_max))


@dataclass(frozen=True, eq=False)
class ProgrammedColumns:
    """Many ramp columns of one design, each programmed and calibrated on its own. Made by `program_columns`."""

    design: RampDesign
    calibration: Calibration
    g_steps: FloatArray
    """[n, ramp devices], see `ProgrammedRamp` for this and what follows [uS]."""
    stuck_steps: BoolArray
    """[n, ramp devices]."""
    stuck_bias: BoolArray
    """[n, bias devices]."""
    trimmed: Trim
    """What calibration set."""
    values: FloatArray
    """[n, n_clocks + 1] [pre-activation]."""
    uncalibrated: FloatArray
    """[n, K] [pre-activation]."""
    read_std: FloatArray
    """[n, n_clocks + 1] [pre-activation]."""
    writes: NDArray[np.int64]
    """[n]."""

    @property
    def thresholds(self) -> FloatArray:
        """Thresholds without read noise, [n, K], non-decreasing [pre-activation]."""
        return self.values[:, self.design.compared]

    @property
    def devices(self) -> int:
        """Devices that one converter takes: all rows of all copies."""
        return len(self.design.column.role) * self.calibration.copies

    @property
    def bias_overflow(self) -> FloatArray:
        """By how much the largest bias conductance exceeds g_max, [n] [uS]."""
        return np.asarray(np.maximum(0.0, self.trimmed.g_bias.max(axis=1) - self.design.g_max))

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self.values)

    def __getitem__(self, index: int) -> ProgrammedRamp:
        """Return one of the columns."""
        return ProgrammedRamp(
            design=self.design,
            calibration=self.calibration,
            g_steps=self.g_steps[index],
            g_bias=self.trimmed.g_bias[index],
            stuck_steps=self.stuck_steps[index],
            stuck_bias=self.stuck_bias[index],
            values=self.values[index],
            read_std=self.read_std[index],
            uncalibrated=self.uncalibrated[index],
            gain=float(self.trimmed.gain[index]),
            writes=int(self.writes[index]),
        )


def program_ramp(
    design: RampDesign,
    device: Device,
    rng: np.random.Generator,
    calibration: CalibrationKind | Calibration = "one_point",
    conditions: ReadConditions = RAMP_CONDITIONS,
) -> ProgrammedRamp:
    """Program a ramp column once, with the programming noise and faults of the same devices that hold the weights.

    For one state of `rng`, the ramp devices are the same for every kind of calibration.

    Parameters
    ----------
    design : RampDesign
        Made for the window of `device`.
    device : Device
        Window, programming noise, read noise and fault rates.
    rng : numpy.random.Generator
        Source of the draws; ramp, bias and spare devices and the calibration use children of their own.
    calibration : Calibration or str
        How the column is set right; a name stands for that kind.
    conditions : ReadConditions
        Of the conversions, for read noise that depends on them.

    Raises
    ------
    InputError
        Unknown calibration, a design for another window, or telegraph noise, which ramps cannot have.
    """
    return program_columns(design, device, rng, 1, calibration, conditions)[0]


def program_columns(
    design: RampDesign,
    device: Device,
    rng: np.random.Generator,
    count: int,
    calibration: CalibrationKind | Calibration = "one_point",
    conditions: ReadConditions = RAMP_CONDITIONS,
) -> ProgrammedColumns:
    """Program many columns at once: `count` independent chips; see `program_ramp`.

    Parameters
    ----------
    count : int
        Number of columns, at least 1. With ``calibration.copies``, each is the best of so many.
    """
    chosen = as_calibration(calibration)
    check_window(design, device)
    total = count * chosen.copies
    steps_rng, bias_rng, spare_rng, trim_rng = rng.spawn(4)
    g_steps, g_bias = design.g_steps, design.g_bias
    steps = program(device, np.broadcast_to(g_steps, (total, g_steps.size)), steps_rng)
    exact = device.ideal() if chosen.kind == "ideal_bias" else device
    bias = program(exact, np.broadcast_to(g_bias, (total, g_bias.size)), bias_rng)
    steps, replaced = replace_stuck(design, device, steps, chosen, spare_rng)
    deviation = ramp_deviation(design, steps.g - g_steps)
    trimmed = trim(design, device, bias, deviation, chosen, trim_rng)
    columns = ProgrammedColumns(
        design=design,
        calibration=chosen,
        g_steps=steps.g,
        stuck_steps=steps.stuck_off | steps.stuck_on,
        stuck_bias=bias.stuck_off | bias.stuck_on,
        trimmed=trimmed,
        values=_staircase(design, deviation, trimmed),
        uncalibrated=_staircase(design, deviation, Trim.untouched(design, bias))[:, design.compared],
        read_std=ramp_read_std(design, device, steps.g, trimmed.g_bias, trimmed.gain, conditions),
        writes=g_steps.size + g_bias.size + replaced + trimmed.writes,
    )
    return columns if chosen.copies == 1 else _best(columns, count)


def check_window(design: RampDesign, device: Device) -> None:
    """Check that devices have the window that a ramp was designed for.

    Raises
    ------
    InputError
        They have another.
    """
    if (design.g_min, design.g_max) != (device.g_min, device.g_max):
        raise InputError(
            f"the ramp was designed for devices of {design.g_min:g}..{design.g_max:g} uS, "
            f"found devices of {device.g_min:g}..{device.g_max:g} uS"
        )


def ramp_deviation(design: RampDesign, error: FloatArray) -> FloatArray:
    """Return the error of the cumulated steps, [n, n_clocks + 1], from that of each ramp device [uS]."""
    per_clock = np.add.reduceat(error * design.column.width[design.column.rows("ramp")], design.column.starts, axis=1)
    return np.concatenate([np.zeros((len(error), 1)), np.cumsum(per_clock, axis=1)], axis=1)


def _staircase(design: RampDesign, deviation: FloatArray, trimmed: Trim) -> FloatArray:
    """Return the values of the ramp, [n, n_clocks + 1], from their errors: without any, the ideal ones stay."""
    hold = trimmed.anchor
    error = design.v_per_us * (deviation - deviation[:, hold, None] + trimmed.error_at_anchor[:, None])
    rise = design.ramp - design.ramp[hold] + design.v_per_us * (deviation - deviation[:, hold, None])
    return never_falling(design.ramp + error + (trimmed.gain[:, None] - 1.0) * rise, hold)


def never_falling(values: FloatArray, hold: int) -> FloatArray:
    """Return the values without falls, which are due to rounding: no conductance is negative. `hold` stays."""
    before, after = values[:, hold::-1], values[:, hold:]
    return np.concatenate(
        [np.minimum.accumulate(before, axis=1)[:, ::-1], np.maximum.accumulate(after, axis=1)[:, 1:]], axis=1
    )


def ramp_read_std(
    design: RampDesign,
    device: Device,
    g_steps: FloatArray,
    g_bias: FloatArray,
    gain: FloatArray,
    conditions: ReadConditions = RAMP_CONDITIONS,
) -> FloatArray:
    """Return the read noise of columns for the conductances of their devices; see `ProgrammedColumns.read_std`."""
    column = design.column
    width = column.width[column.rows("ramp")] * gain[:, None]
    steps = np.add.reduceat(charge_variance(device, g_steps, width, conditions), column.starts, axis=1)
    fire = charge_variance(device, g_bias, column.width[column.rows("bias")], conditions)  # they fire together
    variance: FloatArray = np.concatenate([np.sum(fire, axis=1, keepdims=True), steps], axis=1)
    return design.v_per_us * np.sqrt(variance)


def _noise_of_thresholds(read_std: FloatArray, design: RampDesign) -> FloatArray:
    start = np.sqrt(np.sum(read_std[..., : design.first + 1] ** 2, axis=-1, keepdims=True))
    steps = read_std[..., design.first + 1 : design.first + design.thresholds.size]
    return np.concatenate([start, steps], axis=-1)


def _best(columns: ProgrammedColumns, count: int) -> ProgrammedColumns:
    """Return of each group of copies the one with the least worst INL, of those that g_max allows; all were written."""
    worst = np.abs(inl_dnl(columns.thresholds, columns.design)[0]).max(axis=1)
    rank = np.where(columns.bias_overflow > 0.0, worst.max() + worst, worst)
    picked = np.argmin(rank.reshape(count, -1), axis=1) + np.arange(count) * columns.calibration.copies
    return ProgrammedColumns(
        design=columns.design,
        calibration=columns.calibration,
        g_steps=columns.g_steps[picked],
        stuck_steps=columns.stuck_steps[picked],
        stuck_bias=columns.stuck_bias[picked],
        trimmed=columns.trimmed.pick(picked),
        values=columns.values[picked],
        uncalibrated=columns.uncalibrated[:: columns.calibration.copies],
        read_std=columns.read_std[picked],
        writes=columns.writes.reshape(count, -1).sum(axis=1),
    )
