"""A ramp column after programming: its real staircase, its calibration, and the read noise of each conversion."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from memramp.devices import Device, Programmed, program
from memramp.errors import InputError
from memramp.peripherals.functions import FloatArray
from memramp.peripherals.ramp import RampDesign

Calibration = Literal["none", "ideal_bias", "one_point"]


@dataclass(frozen=True, eq=False)
class ProgrammedRamp:
    """One ramp column of one chip. Made by `program_ramp`."""

    design: RampDesign
    """What was asked for."""

    calibration: Calibration
    """How the bias devices were set."""

    g_steps: FloatArray
    """Conductances that the ramp devices hold, in firing order, [n_steps] [uS]."""

    g_bias: FloatArray
    """Conductances that the bias devices hold, after calibration, [n_bias] [uS]."""

    stuck_steps: NDArray[np.bool_]
    """Ramp devices that are stuck at g_min or g_max, [n_steps]."""

    stuck_bias: NDArray[np.bool_]
    """Bias devices that are stuck at g_min or g_max, [n_bias]."""

    values: FloatArray
    """All values that the ramp visits, [n_steps + 1], non-decreasing, without read noise [pre-activation].

    Equal to ``v_per_us * (cumulated g_steps - sum of g_bias)`` but for rounding; computed from the deviations, so that
    ideal devices give the ideal values to the last bit.
    """

    read_std: FloatArray
    """Read noise of the bias devices together (element 0) and of the ramp devices, [n_steps + 1] [pre-activation]."""

    @property
    def thresholds(self) -> FloatArray:
        """Thresholds without read noise, [2**bits - 1], non-decreasing [pre-activation]."""
        return self.values[: self.design.thresholds.size]

    @property
    def mid_scale_error(self) -> float:
        """Where the mid-scale value lies instead of at 0 [pre-activation]; 0 after one-point calibration."""
        return float(self.values[self.design.levels.mid])

    @property
    def bias_overflow(self) -> float:
        """By how much the largest bias conductance exceeds g_max; 0 within the window [uS].

        `program_ramp` trims without that limit. Above 0, a real column would need one bias device more.
        """
        return float(max(0.0, self.g_bias.max() - self.design.g_max))


def program_ramp(
    design: RampDesign, device: Device, rng: np.random.Generator, calibration: Calibration = "one_point"
) -> ProgrammedRamp:
    """Program a ramp column once, with the programming noise and faults of the same devices that hold the weights.

    Calibrations:

    ``none``
        The bias devices are programmed to their targets and have errors and faults of their own.
    ``ideal_bias``
        The bias devices hold their targets exactly: the start value is right, the errors of the ramp devices add up
        from there. The uncalibrated integral nonlinearity derived from the released code's equations means this.
    ``one_point``
        The bias devices are trimmed in a closed loop on the column's own output until the mid-scale crossing is exact:
        V_0 = -(sum of the realised steps up to mid-scale), whatever the noise and whatever is stuck. Bias devices that
        are not stuck share the load evenly, without regard to g_max (see `ProgrammedRamp.bias_overflow`). Only if all
        are stuck, or less than no conductance would be called for, an error is left (`ProgrammedRamp.mid_scale_error`).

    For one state of `rng`, the ramp devices are the same for every calibration.

    Parameters
    ----------
    design : RampDesign
        Made for the window of `device`.
    device : Device
        Window, programming noise, read noise and fault rates.
    rng : numpy.random.Generator
        Source of the draws; ramp and bias devices use children of their own.
    calibration : {"none", "ideal_bias", "one_point"}
        How the bias devices are set.

    Raises
    ------
    InputError
        Unknown calibration, or a design for another window.
    """
    if calibration not in get_args(Calibration):
        raise InputError(f"unknown calibration '{calibration}', allowed: {', '.join(get_args(Calibration))}")
    if (design.g_min, design.g_max) != (device.g_min, device.g_max):
        raise InputError(
            f"the ramp was designed for devices of {design.g_min:g}..{design.g_max:g} uS, "
            f"found devices of {device.g_min:g}..{device.g_max:g} uS"
        )
    steps_rng, bias_rng = rng.spawn(2)
    steps = program(device, design.g_steps, steps_rng)
    bias = program(device.ideal() if calibration == "ideal_bias" else device, design.g_bias, bias_rng)
    deviation = np.concatenate([[0.0], np.cumsum(steps.g - design.g_steps)])
    g_bias, shift = _set_bias(design, bias, float(deviation[design.levels.mid]), calibration)
    return ProgrammedRamp(
        design=design,
        calibration=calibration,
        g_steps=steps.g,
        g_bias=g_bias,
        stuck_steps=steps.stuck_off | steps.stuck_on,
        stuck_bias=bias.stuck_off | bias.stuck_on,
        values=_never_falling(design.levels.ramp + design.v_per_us * (deviation - shift), design.levels.mid),
        read_std=design.v_per_us * _read_std(device, steps.g, g_bias),
    )


def _set_bias(
    design: RampDesign, bias: Programmed, deviation_at_mid: float, calibration: Calibration
) -> tuple[FloatArray, float]:
    """Return the bias conductances and by how much their sum exceeds the target [uS]."""
    healthy = ~(bias.stuck_off | bias.stuck_on)
    wanted = design.bias_total + deviation_at_mid - bias.g[~healthy].sum()
    if calibration != "one_point" or not healthy.any():
        return bias.g, float(np.sum(bias.g - design.g_bias))
    g_bias = np.where(healthy, max(wanted, 0.0) / healthy.sum(), bias.g)
    # The sum of g_bias is that deviation already, but for rounding; taken as it is, mid-scale is 0 to the last bit.
    return g_bias, deviation_at_mid if wanted >= 0.0 else float(np.sum(g_bias - design.g_bias))


def _never_falling(values: FloatArray, mid: int) -> FloatArray:
    """Return the values without falls, which are due to rounding: no conductance is negative. Mid-scale stays."""
    before, after = values[mid::-1], values[mid:]
    return np.concatenate([np.minimum.accumulate(before)[::-1], np.maximum.accumulate(after)[1:]])


def _read_std(device: Device, g_steps: FloatArray, g_bias: FloatArray) -> FloatArray:
    start = np.sqrt(np.sum(device.read_noise.std(g_bias) ** 2))  # the bias devices fire together, independently
    return np.concatenate([[start], device.read_noise.std(g_steps)])
