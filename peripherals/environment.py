"""What surrounds a converter and changes after programming: read voltage, temperature, time.

All three multiply conductances or their currents by a factor. The ramp is made of memristors on the same read voltage
as the weights, so that a factor common to both cancels in every comparison: the ramp *tracks* [1]_. A converter with a
fixed reference does not. Factors here are global and act on mean conductances; that single devices drift apart is not
part of them.

References
----------
.. [1] Yang et al., Nat. Commun. 16, 1136 (2025), doi 10.1038/s41467-025-56254-6: V_read swept from 0.15 to 0.25 V. The
   equations below are the usual ones of the field; they are reconstructed, not the paper's.
"""

from typing import Annotated, Literal

from pydantic import Field

from memramp.config import StrictModel
from memramp.errors import InputError
from memramp.quantities import Kelvin, Seconds, Volts

_LATEST = 1e11  # s, 3000 years
_Time = Annotated[Seconds, Field(ge=0.0, le=_LATEST)]


class EnvironmentConfig(StrictModel):
    """The ``environment`` block: the conditions at inference. The default is that of programming: nothing changes.

    The currents of the memristors named by `acts_on` are multiplied by::

        (v_read / nominal v_read) * (1 + temperature_coefficient (temperature - nominal temperature)) * drift
        drift: float = (max(t_inference, t_0) / t_0)^-nu

    with the nominal values of the ``circuit`` block. At t_inference = 0, and up to t_0, the programmed state is read.
    """

    v_read: Annotated[Volts, Field(ge=1e-6, le=100.0)] | None = None
    """Actual read voltage; None: the nominal one [V]."""

    temperature: Kelvin | None = None
    """Actual temperature, of the devices and of kT/C noise; None: the nominal one [K]."""

    temperature_coefficient: Annotated[float, Field(strict=True, ge=-0.1, le=0.1)] = 0.0
    """Relative change of every conductance with temperature, taken as linear [1/K]."""

    t_inference: _Time = 0.0
    """Time since programming [s]."""

    nu: Annotated[float, Field(strict=True, ge=-1.0, le=1.0)] = 0.0
    """Drift exponent, the same for all devices: conductances fall as time to the power of -nu."""

    t_0: Annotated[_Time, Field(ge=1e-9)] = 1.0
    """Time after programming from which conductances drift [s]."""

    acts_on: Literal["both", "weights", "ramp"] = "both"
    """Which memristors see all this. ``both`` is a chip as it is; the other two pull weights and ramp apart, to show
    what tracking is worth."""

    def factors(self, v_read: float, temperature: float, *, tracks: bool = True) -> tuple[float, float]:
        """Return by what the pre-activations of the weights and the values of the ramp are multiplied.

        Parameters
        ----------
        v_read : float
            Nominal read voltage, > 0 [V].
        temperature : float
            Nominal temperature, at which the devices were programmed, > 0 [K].
        tracks : bool
            Whether the ramp is made of memristors; one that is not keeps its values.

        Returns
        -------
        weights, ramp : float
            Positive; equal to the last bit where both are acted on.

        Raises
        ------
        InputError
            The temperature coefficient would carry conductances to zero or below.
        """
        factor = self._factor(v_read, temperature)
        weights = factor if self.acts_on in ("both", "weights") else 1.0
        ramp = factor if self.acts_on in ("both", "ramp") and tracks else 1.0
        return weights, ramp

    def _factor(self, v_read: float, temperature: float) -> float:
        actual = temperature if self.temperature is None else self.temperature
        by_temperature = 1.0 + self.temperature_coefficient * (actual - temperature)
        if by_temperature <= 0.0:
            raise InputError(
                f"environment: with a temperature_coefficient of {self.temperature_coefficient:g}/K, conductances at "
                f"{actual:g} K would be {by_temperature:g} times those at {temperature:g} K; it has to be above 0"
            )
        by_voltage = 1.0 if self.v_read is None else self.v_read / v_read
        drift: float = (max(self.t_inference, self.t_0) / self.t_0) ** -self.nu
        return by_voltage * by_temperature * drift
