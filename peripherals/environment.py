"""What surrounds a converter and changes after programming: read voltage, temperature, time.

They act in two ways. Factors of this block multiply all conductances or their currents alike. The ramp is made of
memristors on the same read voltage as the weights, so that a factor common to both cancels in every comparison: the
ramp *tracks* [1]_. A converter with a fixed reference does not.

The devices' own ageing (``drift``, ``relaxation`` and ``thermal`` of a device block, see `memramp.devices.ageing`) acts
on each device by itself, at this block's time and temperature; `aged` tells the conductances. Where both are given,
both act: one change is then described twice, unless each describes a part.

References
----------
.. [1] Yang et al., Nat. Commun. 16, 1136 (2025), doi 10.1038/s41467-025-56254-6: V_read swept from 0.15 to 0.25 V. The
   equations below are the usual ones of the field; they are reconstructed, not the paper's.
"""

from typing import Annotated, Literal, get_args

import numpy as np
from pydantic import Field

from memramp.config import StrictModel
from memramp.devices import Ageing, Device, Programmed, ReadConditions
from memramp.devices.ageing import draw
from memramp.devices.drift import LATEST
from memramp.devices.fluctuation import FloatArray
from memramp.devices.iv import Curve, LinearCurve
from memramp.errors import InputError
from memramp.quantities import Kelvin, Seconds, Volts

Curves = tuple[Curve, Curve]
"""Current against voltage of the memristors of weights and ramp."""

LINEAR: Curves = (LinearCurve(), LinearCurve())

Side = Literal["weights", "ramp"]

_Time = Annotated[Seconds, Field(ge=0.0, le=LATEST)]


class EnvironmentConfig(StrictModel):
    """The ``environment`` block: the conditions at inference. The default is that of programming: nothing changes.

    The currents of the memristors named by `acts_on` are multiplied by::

        F(v_read) / F(nominal v_read) * (1 + temperature_coefficient (temperature - nominal temperature)) * drift
        drift: float = (max(t_inference, t_0) / t_0)^-nu

    with the nominal values of the ``circuit`` block and the curve F of the devices, F(V) = V where it is linear. At
    t_inference = 0, and up to t_0, the programmed state is read.
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

    def factors(
        self, v_read: float, temperature: float, *, tracks: bool = True, curves: Curves = LINEAR
    ) -> tuple[float, float]:
        """Return by what the pre-activations of the weights and the values of the ramp are multiplied.

        Parameters
        ----------
        v_read : float
            Nominal read voltage, > 0 [V].
        temperature : float
            Nominal temperature, at which the devices were programmed, > 0 [K].
        tracks : bool
            Whether the ramp is made of memristors; one that is not keeps its values.
        curves : tuple of curves
            Current against voltage of the memristors of weights and ramp. Conductances are those that are seen at the
            nominal read voltage.

        Returns
        -------
        weights, ramp : float
            Positive; equal to the last bit where both are acted on and have one curve.

        Raises
        ------
        InputError
            The temperature coefficient would carry conductances to zero or below, or a curve is not known at a voltage.
        """
        weights = self._factor(v_read, temperature, curves[0]) if self.sees("weights") else 1.0
        ramp = self._factor(v_read, temperature, curves[1]) if self.sees("ramp") and tracks else 1.0
        return weights, ramp

    def sees(self, side: Side) -> bool:
        """Return whether these memristors see the conditions at inference; else they see those of programming."""
        return self.acts_on in ("both", side)

    def conditions(self, side: Side, v_read: float, t_pulse: float, temperature: float) -> ReadConditions:
        """Return the conditions under which devices are read.

        Parameters
        ----------
        side : {"weights", "ramp"}
            Which devices.
        v_read, temperature : float
            Nominal ones of the circuit [V, K].
        t_pulse : float
            Full pulse: that of the inputs for weights, one clock for the ramp [s].
        """
        if not self.sees(side):
            return ReadConditions(v_read, t_pulse, temperature)
        return ReadConditions(
            v_read=v_read if self.v_read is None else self.v_read,
            t_pulse=t_pulse,
            temperature=temperature if self.temperature is None else self.temperature,
            t=self.t_inference,
        )

    def age(self, ageing: Ageing | None, g: FloatArray, temperature: float, side: Side) -> FloatArray:
        """Return what devices hold at inference [uS]; see `aged`."""
        if ageing is None or not self.sees(side):
            return g
        return ageing.at(g, self.t_inference, self.temperature, temperature)

    def _factor(self, v_read: float, temperature: float, curve: Curve) -> float:
        actual = temperature if self.temperature is None else self.temperature
        by_temperature = 1.0 + self.temperature_coefficient * (actual - temperature)
        if by_temperature <= 0.0:
            raise InputError(
                f"environment: with a temperature_coefficient of {self.temperature_coefficient:g}/K, conductances at "
                f"{actual:g} K would be {by_temperature:g} times those at {temperature:g} K; it has to be above 0"
            )
        actual_voltage = v_read if self.v_read is None else self.v_read
        by_voltage = 1.0 if actual_voltage == v_read else float(curve.shape(actual_voltage) / curve.shape(v_read))
        drift: float = (max(self.t_inference, self.t_0) / self.t_0) ** -self.nu
        return by_voltage * by_temperature * drift


def aged(
    programmed: Programmed, environment: EnvironmentConfig, temperature: float = 300.0, side: Side = "weights"
) -> FloatArray:
    """Return the conductances of devices at inference, as far as their own ageing is concerned.

    `EnvironmentConfig.factors` comes on top, see `memramp.peripherals.circuit_effects.with_circuit`.

    Parameters
    ----------
    programmed : Programmed
        Devices as they were programmed.
    environment : EnvironmentConfig
        Time and temperature at inference.
    temperature : float
        Nominal temperature, at which the devices were programmed [K].
    side : {"weights", "ramp"}
        Which devices they are.

    Returns
    -------
    ndarray
        Of the devices' shape; `programmed.g` itself where nothing changes [uS].

    Raises
    ------
    InputError
        The devices' ageing is not known for that time or temperature.
    """
    return environment.age(programmed.ageing, programmed.g, temperature, side)


def check_ageing(device: Device, environment: EnvironmentConfig, temperature: float = 300.0) -> None:
    """Check that devices have conductances at inference, before any is programmed.

    Parameters
    ----------
    device : Device
        Drift, relaxation, thermal behaviour.
    environment : EnvironmentConfig
        Time and temperature at inference.
    temperature : float
        Nominal temperature, at which the devices are programmed [K].

    Raises
    ------
    InputError
        The ageing is not known for that time or temperature.
    """
    g = np.full(1, device.g_max)
    for side in get_args(Side):
        environment.age(draw(device, g, np.random.default_rng(0)), g, temperature, side)
