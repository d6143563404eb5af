"""The circuit of a ramp converter: integrators, comparators, clock.

Volts and pre-activation. A data column integrates the charge of its word lines on a feedback capacitor [1]_::

    volts = (1 / c_fb) sum_i v_read G_i T_i = v * volts_per_unit,   volts_per_unit = scale * v_read * t_pulse / c_fb

so that one unit of pre-activation, a weight unit under a full pulse, is a fixed number of volts. The ramp column has a
capacitor of its own, chosen so that one uS under a ramp pulse of one clock, t_ramp = 1 / clock, gives the volts that
v_per_us stands for::

    c_ramp = c_fb * t_ramp / (t_pulse * v_per_us * scale)

What all this does to a converter is worked out in `memramp.peripherals.circuit_effects`.

References
----------
.. [1] The standard circuit of a charge-integrating column; which one Yang et al., Nat. Commun. 16, 1136 (2025), doi
   10.1038/s41467-025-56254-6, built is not known to us. All defaults are reconstructed, but for v_read (they swept 0.15
   to 0.25 V) and 32 clocks at 1 GHz (as told by doi 10.1038/s41467-025-65233-w).
"""

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator
from scipy import constants

from memramp.config import StrictModel
from memramp.errors import InputError
from memramp.peripherals.converter import Counting
from memramp.quantities import Farads, Hertz, Kelvin, Seconds, Volts

_MOST_TIME_CONSTANTS = 50.0  # of leakage within a ramp; the voltages fall by a factor of 1e21

_Errors = Annotated[Volts, Field(ge=0.0, le=100.0)]
_Times = Annotated[Seconds, Field(ge=0.0, le=1.0)]
_Capacitance = Annotated[Farads, Field(ge=1e-18, le=1.0)]


class ComparatorConfig(StrictModel):
    """The comparators, one for each data column. The default is an ideal one."""

    offset_std: _Errors = 0.0
    """Standard deviation of the offsets, drawn once for each column of a chip. A positive one raises the column's
    thresholds [V]."""

    noise: _Errors = 0.0
    """Noise of each decision, independent between columns and clocks [V rms]."""

    hysteresis: _Errors = 0.0
    """Distance h between the two switching points: one that has not crossed yet does so when the ramp exceeds the data
    by h/2, and returns when it has fallen below them by h/2 [V]."""

    delay: _Times = 0.0
    """A decision is about the voltages this long before its clock's end, where the ramp was lower [s]."""


class IntegratorConfig(StrictModel):
    """The integrators of the data columns and of the ramp column. The default is an ideal one."""

    ktc_noise: bool = False
    """Noise of the reset, sqrt(k T / C) volts: each data column has its own at each conversion, from c_fb; that of the
    ramp, from c_ramp, is common to all columns of a conversion."""

    leak_tau: Annotated[Seconds, Field(ge=1e-12, le=1e9)] | None = None
    """Time constant with which held data and ramp fall towards 0 while the clocks pass; None: no leakage [s]."""

    gain: Annotated[float, Field(strict=True, ge=1.0, le=1e12)] | None = None
    """Open-loop gain A at dc. Charge Q gives Q/C / (1 + (1 + c_in/C) / A), which assumes settled voltages and sources
    that do not mind the small voltage left at the summing node; None: infinite."""

    c_in: Annotated[Farads, Field(le=1.0)] = 0.0
    """Capacitance of a column's bit line at the summing node, data and ramp alike; only with a finite gain does it
    matter: the ramp's own feedback capacitor then makes its error differ from that of the data [F]."""

    v_sat: Annotated[Volts, Field(ge=1e-6, le=100.0)] | None = None
    """Outputs clip at -v_sat and +v_sat about the clamp voltage; None: they never clip [V]."""


class CircuitConfig(StrictModel):
    """The ``circuit`` block of a configuration. By default nothing departs from the ideal."""

    v_read: Annotated[Volts, Field(ge=1e-6, le=100.0)] = 0.2
    """Nominal read voltage, at which the converter is programmed and calibrated [V]."""

    t_pulse: Annotated[Seconds, Field(ge=1e-12, le=1.0)] = 32e-9
    """Length of a full input pulse [s]."""

    clock: Annotated[Hertz, Field(ge=1.0, le=1e12)] = 1e9
    """Frequency of the ramp's steps and of the comparators [Hz]."""

    c_fb: _Capacitance = 4e-12
    """Feedback capacitor of a data column [F]."""

    temperature: Kelvin = 300.0
    """Nominal temperature, that of programming; kT/C noise is taken at the actual one [K]."""

    comparator: ComparatorConfig = ComparatorConfig()

    integrator: IntegratorConfig = IntegratorConfig()

    jitter: _Times = 0.0
    """Error of the width of the ramp's pulses, independent between clocks [s rms]."""

    counting: Counting = "first_crossing"
    """``first_crossing``: a column's counter stops at the first clock that says 'crossed'. ``count``: it counts all
    clocks that say 'not yet'. They differ where ramp or comparator have noise, or where the ramp falls back."""

    early_stop: bool = False
    """End a conversion when all columns have crossed: fewer clocks, the same codes."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.early_stop and self.counting == "count":
            raise ValueError("early_stop needs counting 'first_crossing': with 'count', every clock counts")
        return self

    @property
    def t_ramp(self) -> float:
        """Full pulse of a ramp device: one clock [s]."""
        return 1.0 / self.clock

    def ideal(self) -> "CircuitConfig":
        """Return the same circuit without any error."""
        return self.model_copy(
            update={"comparator": ComparatorConfig(), "integrator": IntegratorConfig(), "jitter": 0.0}
        )

    def check_leakage(self, clocks: int) -> None:
        """Check that leakage leaves something to compare at the end of a ramp of so many clocks.

        Raises
        ------
        InputError
            ``integrator.leak_tau`` is too short.
        """
        tau, length = self.integrator.leak_tau, clocks * self.t_ramp
        if tau is not None and length > _MOST_TIME_CONSTANTS * tau:
            raise InputError(
                f"circuit: 'integrator.leak_tau' is {tau:g} s, which leaves nothing to compare at the end of a ramp of "
                f"{clocks} clocks ({length:g} s); it has to be at least {length / _MOST_TIME_CONSTANTS:.3g} s"
            )

    def volts_per_unit(self, scale_us: float) -> float:
        """Return the volts of one unit of pre-activation at nominal conditions, for conductances per weight unit [uS].

        0.12 V at the defaults and 75 uS.
        """
        return scale_us * 1e-6 * self.v_read * self.t_pulse / self.c_fb

    def ramp_capacitor(self, v_per_us: float, scale_us: float) -> float:
        """Return the feedback capacitor of the ramp column, c_ramp [F].

        Parameters
        ----------
        v_per_us : float
            Pre-activation per uS of a full ramp pulse, > 0, see `RampDesign.v_per_us`.
        scale_us : float
            Conductance per weight unit, > 0 [uS].
        """
        return self.c_fb * self.t_ramp / (self.t_pulse * v_per_us * scale_us)

    def gain_factor(self, capacitor: float) -> float:
        """Return what a finite gain leaves of an integrator's output, for its feedback capacitor [F]; 1 without one."""
        if self.integrator.gain is None:
            return 1.0
        return 1.0 / (1.0 + (1.0 + self.integrator.c_in / capacitor) / self.integrator.gain)

    def ktc_std(self, capacitor: float, temperature: float | None = None) -> float:
        """Return the reset noise on a capacitor [F], sqrt(k T / C) [V]; 0 where ``integrator.ktc_noise`` is off.

        32 uV at 4 pF and 300 K. `temperature` [K] is the actual one; None: the nominal one.
        """
        actual = self.temperature if temperature is None else temperature
        return float(np.sqrt(constants.k * actual / capacitor)) if self.integrator.ktc_noise else 0.0
