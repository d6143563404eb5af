"""What temperature does to devices: conduction, and the rate at which they age.

A ``thermal`` block is one of the classes below, told apart by its key ``kind``. All are off by default (``none``).

Drift and relaxation are thermally activated where `retention_energy` is given: at the temperature T they run as fast
again as at `reference` by ``exp(-E / k (1/T - 1/reference))`` (Arrhenius), that is, time is multiplied by it. This is
how retention is measured: at 400 K for hours instead of at 300 K for years.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy import constants

from memramp.config import StrictModel
from memramp.errors import InputError
from memramp.quantities import ElectronVolts, Kelvin

BOLTZMANN_EV = constants.k / constants.e
"""Boltzmann constant [eV/K]."""

_COLDEST = 1.0  # K; below, exponentials of any use leave what a float can hold
_FASTEST = 300.0  # largest exponent, far beyond any use and far within what a float can hold


def arrhenius(energy: float, temperature: float, reference: float) -> float:
    """Return by what a thermally activated rate is faster than at a reference, ``exp(-E/k (1/T - 1/T_ref))``.

    Parameters
    ----------
    energy : float
        Activation energy, >= 0 [eV].
    temperature, reference : float
        At least 1 [K].

    Raises
    ------
    InputError
        A temperature below 1 K, or a factor above exp(300).
    """
    coldest = min(temperature, reference)
    if coldest < _COLDEST:
        raise InputError(f"temperatures of devices are at least {_COLDEST:g} K, found {coldest:g} K")
    exponent = -energy / BOLTZMANN_EV * (1.0 / temperature - 1.0 / reference)
    if exponent > _FASTEST:
        raise InputError(
            f"an activation energy of {energy:g} eV makes everything exp({exponent:.4g}) times as fast at "
            f"{temperature:g} K as at {reference:g} K; this is beyond any use"
        )
    return float(np.exp(exponent))


class _Thermal(StrictModel):
    """What every kind can do."""

    def conduction(self, temperature: float, programmed_at: float) -> float:
        """Return by what conductances are multiplied at a temperature, if programmed at another one [K]; 1 here."""
        if not min(temperature, programmed_at) > 0.0 or np.isnan(temperature + programmed_at):
            raise InputError(f"temperatures must be above 0 K, found {min(temperature, programmed_at):g} K")
        return 1.0

    def acceleration(self, temperature: float) -> float:  # noqa: ARG002
        """Return by what ageing is faster at a temperature than at the reference [K]; 1 here."""
        return 1.0

    @property
    def home(self) -> float:
        """Temperature at which nothing differs [K]."""
        return 300.0


class NoThermal(_Thermal):
    """Temperature changes nothing."""

    kind: Literal["none"] = "none"


class _Activated(_Thermal):
    """Ageing that is thermally activated."""

    retention_energy: ElectronVolts = 0.0
    """Activation energy of drift and relaxation; 0: they do not depend on temperature [eV]."""

    reference: Annotated[Kelvin, Field(ge=_COLDEST)] = 300.0
    """Temperature for which drift and relaxation are told, and at which devices are programmed unless it is said
    otherwise [K]."""

    def acceleration(self, temperature: float) -> float:
        """Return the factor of Arrhenius; see `arrhenius`."""
        return arrhenius(self.retention_energy, temperature, self.reference)

    @property
    def home(self) -> float:
        """Return `reference`."""
        return self.reference


class LinearThermal(_Activated):
    """Conductances change linearly with temperature, as metallic filaments do (negative coefficient)."""

    kind: Literal["linear"] = "linear"
    coefficient: Annotated[float, Field(strict=True, ge=-0.1, le=0.1)] = 0.0
    """Change per kelvin, relative to the conductance at `reference` [1/K]."""

    def conduction(self, temperature: float, programmed_at: float) -> float:
        """Return ``(1 + c (T - reference)) / (1 + c (T_programmed - reference))``.

        Raises
        ------
        InputError
            It would not be positive.
        """
        now, then = (1.0 + self.coefficient * (t - self.reference) for t in (temperature, programmed_at))
        if not min(now, then) > 0.0 or np.isnan(now + then):
            raise InputError(
                f"thermal: with a coefficient of {self.coefficient:g}/K, conductances at {temperature:g} K and "
                f"{programmed_at:g} K would be {now:g} and {then:g} times those at {self.reference:g} K; they have to "
                "be above 0"
            )
        return now / then


class ActivatedThermal(_Activated):
    """Conduction is thermally activated, as over traps: ``G ~ exp(-E / k T)``."""

    kind: Literal["activated"] = "activated"
    conduction_energy: ElectronVolts
    """Activation energy of the conductance [eV]."""

    def conduction(self, temperature: float, programmed_at: float) -> float:
        """Return ``exp(-E/k (1/T - 1/T_programmed))``; see `arrhenius`."""
        return arrhenius(self.conduction_energy, temperature, programmed_at)


Thermal = Annotated[NoThermal | LinearThermal | ActivatedThermal, Field(discriminator="kind")]
"""What temperature does to a device."""
