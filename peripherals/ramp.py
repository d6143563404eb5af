"""The ramp column: a staircase from memristors that fire one after another, and what programming makes of it.

The column holds one device per step of the ramp and a few bias devices. All bias devices fire together, with the sign
opposite to the ramp's, and set the start value; then the ramp devices fire one per clock, each adding a step that is
proportional to its conductance [1]_::

    V_0     = -(sum of bias conductances) * v_per_us
    V_{k+1} =   V_k + g_k * v_per_us

Values are in units of the pre-activation (weight unit times full input pulse); `RampDesign.v_per_us` converts
conductances into them and is the only link between the two, fixed by the largest step, which takes g_max.

References
----------
.. [1] Yang et al., Nat. Commun. 16, 1136 (2025), doi 10.1038/s41467-025-56254-6. Equations as in the authors' released
   code; the even split of the bias conductance over its devices is reconstructed.
"""

import math
from dataclasses import dataclass

import numpy as np

from memramp.devices import Device
from memramp.errors import InputError
from memramp.peripherals.functions import FloatArray, Function
from memramp.peripherals.levels import Levels, LevelsKind, ideal_levels


@dataclass(frozen=True, eq=False)
class RampDesign:
    """What is to be programmed into a ramp column, and the converter that it would give with ideal devices."""

    levels: Levels
    """Function, resolution, ideal thresholds and outputs."""

    g_min: float
    """Lower end of the device window [uS]."""

    g_max: float
    """Upper end of the device window, taken by the largest step [uS]."""

    g_steps: FloatArray
    """Targets of the ramp devices in firing order, [n_steps], g_min..g_max [uS]."""

    g_bias: FloatArray
    """Targets of the bias devices, [n_bias], all equal, g_min..g_max [uS]."""

    bias_total: float
    """Half-ramp sum: the conductance that the bias devices hold together [uS]."""

    v_per_us: float
    """Pre-activation per uS that fires."""

    @property
    def function(self) -> Function:
        """The activation function."""
        return self.levels.function

    @property
    def bits(self) -> int:
        """Resolution of the converter."""
        return self.levels.bits

    @property
    def thresholds(self) -> FloatArray:
        """Ideal thresholds, [2**bits - 1], strictly increasing [pre-activation]."""
        return self.levels.thresholds

    @property
    def outputs(self) -> FloatArray:
        """Output of each count, [2**bits], strictly increasing."""
        return self.levels.outputs

    @property
    def steps(self) -> FloatArray:
        """Ideal steps of the ramp, [n_steps], positive [pre-activation]."""
        return np.diff(self.levels.ramp)

    @property
    def v_start(self) -> float:
        """Ideal start value, which is the first threshold; negative [pre-activation]."""
        return float(self.levels.ramp[0])

    def pulse_width(self, scale: float) -> float:
        """Return how long a ramp device fires, in units of a full input pulse.

        The ramp and the weights share integrator and read voltage, so a device of the ramp adds what a weight device of
        the same conductance adds for an input of this size.

        Parameters
        ----------
        scale : float
            Conductance per weight unit of the crossbar, > 0 [uS].
        """
        return self.v_per_us * scale


def design_ramp(function: str | Function, bits: int, levels: LevelsKind, device: Device) -> RampDesign:
    """Turn an activation function into the conductances of a ramp column.

    The step conductances are ``g_k = g_max dV_k / max(dV)``. The number of bias devices is the smallest that can hold
    the half-ramp sum, ceil(sum / g_max) (5 for 5 bit, as printed in the paper); they share it evenly, which leaves each
    the same room for trimming and keeps all of them far above g_min.

    Parameters
    ----------
    function : str or Function
        Activation function.
    bits : int
        Resolution, 1..12 for ``paper``, 2..12 for ``midpoint``.
    levels : {"paper", "midpoint"}
        Placement of thresholds and outputs; see `memramp.peripherals.levels`.
    device : Device
        Only its window is used.

    Raises
    ------
    InputError
        Unknown function or levels, bits out of range, or a conductance below the window's lower end.
    """
    ideal = ideal_levels(function, bits, levels)
    g_steps, v_per_us = _step_conductances(ideal, device)
    _check_window(ideal, g_steps, device)
    bias_total = float(g_steps[: ideal.mid].sum())
    n_bias = math.ceil(bias_total / device.g_max)
    return RampDesign(
        levels=ideal,
        g_min=device.g_min,
        g_max=device.g_max,
        g_steps=g_steps,
        g_bias=np.full(n_bias, bias_total / n_bias),
        bias_total=bias_total,
        v_per_us=v_per_us,
    )


def _step_conductances(levels: Levels, device: Device) -> tuple[FloatArray, float]:
    steps = np.diff(levels.ramp)
    return device.g_max * (steps / steps.max()), float(steps.max() / device.g_max)


def _check_window(levels: Levels, g_steps: FloatArray, device: Device) -> None:
    # The bias devices need no check: there are at most as many as steps in the half ramp, so that the share of each is
    # at least the mean of those steps.
    if g_steps.min() >= device.g_min:
        return
    fitting = [bits for bits in range(1, levels.bits) if _fits(levels, bits, device)]
    raise InputError(
        f"a {levels.bits}-bit {levels.function.name} ramp with levels '{levels.kind}' needs steps down to "
        f"{g_steps.min():.3g} uS, below the device's g_min of {device.g_min:g} uS; "
        f"at most {max(fitting, default=0)} bits fit"
    )


def _fits(levels: Levels, bits: int, device: Device) -> bool:
    try:
        fewer = ideal_levels(levels.function, bits, levels.kind)
    except InputError:
        return False
    return bool(_step_conductances(fewer, device)[0].min() >= device.g_min)
