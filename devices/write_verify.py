"""The write-verify loop: pulses until a verify read shows the device within a tolerance of its target.

Each try is a SET pulse if the device reads too low, a RESET pulse if it reads too high. A pulse moves the conductance
by a mean step and a random part. The mean step of *identical* pulses depends on the state alone, as in [1]_; *aimed*
pulses stand for a controller that picks their amplitude by the error that it has read.

References
----------
.. [1] Chen, Peng, Yu, "NeuroSim: A circuit-level macro model for benchmarking neuro-inspired architectures in online
   learning", IEEE TCAD 37, 3067 (2018), doi 10.1109/TCAD.2018.2789723, equations (8) to (10).
"""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from memramp.config import StrictModel
from memramp.devices.noise import FloatArray, Fraction, _Noise
from memramp.quantities import NonNegativeMicrosiemens, Seconds, Volts

MAX_TRIES = 10_000
"""Most tries that a loop may take."""

_LINEAR = 1e-6  # nonlinearities below it count as none
_Width = Annotated[Seconds, Field(ge=0, le=1e3)]
_Voltage = Annotated[Volts, Field(ge=-20, le=20)]


class _Pulse(StrictModel):
    """What both kinds of pulses have in common."""

    c2c: Fraction = 0.0
    """Standard deviation of each step, as a part of the device's window (cycle to cycle), 0..1."""

    c2c_relative: Annotated[float, Field(ge=0, le=10, strict=True)] = 0.0
    """Standard deviation of each step over its mean; added in squares to `c2c`."""

    voltage: _Voltage = 0.0
    """Of the pulse; its sign does not matter to the energy; 0: energy not counted [V]."""

    width: _Width = 0.0
    """Of the pulse; 0: energy and time not counted [s]."""

    @property
    def energy_per_siemens(self) -> float:
        """Return V^2 t [V^2 s]."""
        return self.voltage**2 * self.width


class IdenticalPulses(_Pulse):
    """Pulses that are all the same: from end to end of the window in `pulses` steps that shrink (or grow).

    With ``b = nonlinearity``, ``N = pulses`` and u the distance from the end that the polarity starts from, over the
    width of the window: ``step = window (1 / (1 - exp(-b)) - u) (1 - exp(-b / N))``; ``window / N`` for b = 0. In
    the symbols of Chen et al.: ``N = P_max``, ``b = P_max / A``. No pulse carries a device beyond its window.
    """

    kind: Literal["identical"] = "identical"
    pulses: Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
    """Number of mean pulses from one end of the window to the other."""

    nonlinearity: Annotated[float, Field(ge=-50, le=50, strict=True)] = 0.0
    """b: 0 for equal steps; positive: the first steps are the largest."""

    def coefficients(self) -> tuple[float, ...]:
        """Return p0 to p7 of `memramp.devices.kernels.write_verify`."""
        b = self.nonlinearity
        if abs(b) < _LINEAR:
            first, fall = 1.0 / self.pulses, 0.0
        else:
            fall = -np.expm1(-b / self.pulses)
            first = fall / -np.expm1(-b)
        return first, fall, 0.0, self.c2c, self.c2c_relative, self.energy_per_siemens, np.inf, 1.0


class AimedPulses(_Pulse):
    """Pulses whose amplitude follows the error that was read: mean step = gain times its magnitude, at most `max_step`.

    The window is no hard bound to them; conductances stay positive.
    """

    kind: Literal["aimed"] = "aimed"
    gain: Annotated[float, Field(gt=0, le=10, strict=True)]
    """Mean step over the error that was read; 1 aims at the target itself."""

    max_step: Annotated[NonNegativeMicrosiemens, Field(gt=0)] | None = None
    """Largest mean step; None: any [uS]."""

    def coefficients(self) -> tuple[float, ...]:
        """Return p0 to p7 of `memramp.devices.kernels.write_verify`."""
        most = np.inf if self.max_step is None else self.max_step
        return 0.0, 0.0, self.gain, self.c2c, self.c2c_relative, self.energy_per_siemens, most, 0.0


Pulses = Annotated[IdenticalPulses | AimedPulses, Field(discriminator="kind")]
"""Pulses of one polarity."""


class WriteVerify(_Noise):
    """The error that a simulated write-verify loop leaves.

    A device that is not within the tolerance after `max_tries` tries keeps its last value and is marked
    (`Programmed.failed`). Where only the size of the error is wanted (`std`, `draw`), what is *read* last counts as
    uniform within the tolerance, and the conductance differs from that by the read's own error, `verify_noise`. Loops
    whose steps are large beside both leave just that; others less, or with a mean. `memramp.devices.program` runs the
    loop.
    """

    kind: Literal["write_verify"] = "write_verify"
    tolerance: Annotated[NonNegativeMicrosiemens, Field(gt=0)]
    """Half the window that a verify read must hit [uS]."""

    max_tries: Annotated[int, Field(ge=1, le=MAX_TRIES, strict=True)]
    """Most pulses that a device gets."""

    set: Pulses
    """Pulses that raise the conductance."""

    reset: Pulses
    """Pulses that lower it."""

    start: NonNegativeMicrosiemens | None = None
    """Mean conductance before the first pulse; None: the lower end of the device's window [uS]."""

    start_std: NonNegativeMicrosiemens = 0.0
    """Its standard deviation over the devices; none starts below 0 or above its own g_max [uS]."""

    verify_noise: NonNegativeMicrosiemens = 0.0
    """Standard deviation of each verify read [uS]."""

    verify_voltage: _Voltage = 0.0
    """Of a verify read, for its energy; 0: not counted [V]."""

    verify_time: _Width = 0.0
    """Of a verify read, for energy and time; 0: not counted [s]."""

    def std(self, g: ArrayLike) -> FloatArray:
        """Return ``tolerance / sqrt(3)``, that of a uniform error, with the verify noise in squares [uS]."""
        return np.full(np.shape(g), np.hypot(self.tolerance / np.sqrt(3.0), self.verify_noise))

    def window(self, g: ArrayLike) -> FloatArray:
        """Return the tolerance for every device: what is read last lies within it [uS].

        The conductance itself may be off by more, without a bound, if `verify_noise` is not 0.
        """
        return np.full(np.shape(g), self.tolerance)

    def draw(self, g: ArrayLike, rng: np.random.Generator) -> FloatArray:
        """Draw errors with the deviation `std`, of no mean [uS]: without a device's window, the loop cannot run."""
        shown, read = rng.uniform(-1.0, 1.0, np.shape(g)), rng.standard_normal(np.shape(g))
        return self.tolerance * shown - self.verify_noise * read

    def pulse_table(self) -> FloatArray:
        """Return the parameters of SET (0) and RESET (1) pulses for the kernel, [2, 8]."""
        return np.array([self.set.coefficients(), self.reset.coefficients()])

    def loop_table(self) -> FloatArray:
        """Return tolerance [uS], verify noise [uS] and V^2 t of a verify read [V^2 s] for the kernel."""
        return np.array([self.tolerance, self.verify_noise, self.verify_voltage**2 * self.verify_time])

    def time(self, set_pulses: ArrayLike, reset_pulses: ArrayLike) -> FloatArray:
        """Return the time of so many pulses, each followed by a verify read, and of the read before the first [s]."""
        sets, resets = np.asarray(set_pulses, dtype=np.float64), np.asarray(reset_pulses, dtype=np.float64)
        return sets * self.set.width + resets * self.reset.width + (sets + resets + 1.0) * self.verify_time
