"""Change of conductances with time: drift (a power law) and relaxation (a spread that grows with the time's logarithm).

Both are described here and drawn once per device by `memramp.devices.ageing`: two reads at one time differ by read
noise only. At t = 0 there is the programmed state.

References
----------
.. [1] Ielmini et al., IEEE Trans. Electron Devices 54, 308 (2007), doi 10.1109/TED.2006.888752 (drift of phase-change
   memory); Le Gallo et al., Adv. Electron. Mater. 4, 1700627 (2018), doi 10.1002/aelm.201700627.
.. [2] Joshi et al., Nat. Commun. 11, 2473 (2020), doi 10.1038/s41467-020-16108-9; Nandakumar et al., ICECS 2019, doi
   10.1109/ICECS46596.2019.8964852; coefficients as in ``PCMLikeNoiseModel`` of IBM's aihwkit.
.. [3] Wan et al., Nature 608, 504 (2022), doi 10.1038/s41586-022-04992-8, Extended Data Fig. 3d: standard deviation of
   the change of conductance, by state and time since programming, which relaxes fast at first, slowly later.
.. [4] Falcone et al., arXiv 2502.04524: mean and standard deviation linear in log time, whatever the state.
"""

from abc import abstractmethod
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from memramp.config import StrictModel
from memramp.errors import InputError
from memramp.quantities import Microsiemens, NonNegativeMicrosiemens, Seconds

FloatArray = NDArray[np.float64]

LATEST = 1e11
"""Longest time since programming: 3000 years [s]."""

_LEAST_RATIO = 1e-7  # of g_max, as in aihwkit: the logarithm of nothing
_Onset = Annotated[Seconds, Field(ge=1e-9, le=LATEST)]
_Number = Annotated[float, Field(strict=True, ge=-10.0, le=10.0)]
_Spread = Annotated[float, Field(strict=True, ge=0.0, le=10.0)]
_Exponent = Annotated[float, Field(strict=True, ge=-1.0, le=1.0)]
_ExponentSpread = Annotated[float, Field(strict=True, ge=0.0, le=1.0)]


class _Drift(StrictModel):
    t_0: _Onset = 1.0
    """Time after programming from which conductances drift [s]."""

    @abstractmethod
    def exponents(self, g: ArrayLike, g_max: float, z: FloatArray) -> FloatArray:
        """Return the drift exponent of each device.

        Parameters
        ----------
        g : array_like
            Programmed conductances [uS].
        g_max : float
            Of the device [uS].
        z : ndarray, shape of `g`
            Standard normals, one per device.
        """

    def factor(self, nu: FloatArray, t: float) -> FloatArray:
        """Return by what drift multiplies conductances at a time: ``(max(t, t_0) / t_0)^-nu``, 1 up to t_0."""
        return np.asarray((max(t, self.t_0) / self.t_0) ** -nu)


class NoDrift(StrictModel):
    """Conductances do not drift."""

    kind: Literal["none"] = "none"


class PowerLawDrift(_Drift):
    """Power law with an exponent per device, normally distributed: ``g(t) = g (max(t, t_0) / t_0)^-nu`` [1]_."""

    kind: Literal["power_law"] = "power_law"
    nu: _Exponent
    """Mean drift exponent; positive: conductances fall."""

    nu_std: _ExponentSpread = 0.0
    """Standard deviation of the exponents between devices."""

    def exponents(self, g: ArrayLike, g_max: float, z: FloatArray) -> FloatArray:  # noqa: ARG002
        """Return ``nu + nu_std z``."""
        return self.nu + self.nu_std * z


class LogDrift(_Drift):
    """Power law whose exponents depend on the logarithm of the conductance, as published for phase-change memory [2]_.

    With r = g / g_max: mean ``clip(nu + nu_slope ln r, nu_min, nu_max)``, standard deviation ``clip(nu_std +
    nu_std_slope ln r, nu_std_min, nu_std_max)``, and of what is drawn the absolute value, as in the source.
    """

    kind: Literal["power_law_of_g"] = "power_law_of_g"
    nu: _Exponent
    nu_slope: _Exponent
    nu_min: _Exponent = -1.0
    nu_max: _Exponent = 1.0
    nu_std: _Exponent = 0.0
    nu_std_slope: _Exponent = 0.0
    nu_std_min: _ExponentSpread = 0.0
    nu_std_max: _ExponentSpread = 1.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        for low, high in (("nu_min", "nu_max"), ("nu_std_min", "nu_std_max")):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} is at most {high}, found {getattr(self, low):g} and {getattr(self, high):g}")
        return self

    def exponents(self, g: ArrayLike, g_max: float, z: FloatArray) -> FloatArray:
        """Return ``|mean + std z|``."""
        log = np.log(np.maximum(np.abs(np.asarray(g, dtype=np.float64)) / g_max, _LEAST_RATIO))
        mean = np.clip(self.nu + self.nu_slope * log, self.nu_min, self.nu_max)
        std = np.clip(self.nu_std + self.nu_std_slope * log, self.nu_std_min, self.nu_std_max)
        return np.abs(mean + std * z)


class _Relaxation(StrictModel):
    """What every kind can do.

    A device has one normal number z for all times: a device that has moved up stays above. How much a device's changes
    at different times have in common is not published; this is our choice, and so is that the change grows linearly
    with time until t_0, before which nothing was measured.
    """

    @abstractmethod
    def relaxed(self, g: FloatArray, g_max: float, z: FloatArray, t: float) -> FloatArray:
        """Return conductances some time after programming [uS].

        Parameters
        ----------
        g : ndarray
            Programmed conductances [uS].
        g_max : float
            Of the device [uS].
        z : ndarray, shape of `g`
            Standard normals, drawn once per device.
        t : float
            Time since programming, >= 0 [s].
        """


class NoRelaxation(StrictModel):
    """Conductances do not relax."""

    kind: Literal["none"] = "none"


class NormalRelaxation(_Relaxation):
    """A normal change, whatever the state, with mean and standard deviation linear in log time [4]_."""

    kind: Literal["normal"] = "normal"
    sigma: NonNegativeMicrosiemens
    """Standard deviation of the change at t_0 [uS]."""

    sigma_per_decade: NonNegativeMicrosiemens = 0.0
    """Its growth when the time since programming grows tenfold [uS]."""

    mean: Microsiemens = 0.0
    """Mean change at t_0; negative: conductances fall [uS]."""

    mean_per_decade: Microsiemens = 0.0
    """Its growth when time grows tenfold [uS]."""

    t_0: _Onset = 1.0
    """Earliest time that was measured [s]."""

    def relaxed(self, g: FloatArray, g_max: float, z: FloatArray, t: float) -> FloatArray:  # noqa: ARG002
        """Return ``g + mean(t) + sigma(t) z``."""
        begun, decades = _progress(t, self.t_0)
        mean = self.mean + self.mean_per_decade * decades
        return g + begun * (mean + (self.sigma + self.sigma_per_decade * decades) * z)


class LognormalRelaxation(_Relaxation):
    """A change by a log-normal factor, with mean and standard deviation of its logarithm linear in log time.

    Reconstructed: the log-normal form keeps conductances positive and the spread relative; numbers are to be fitted.
    """

    kind: Literal["lognormal"] = "lognormal"
    sigma: _Spread
    """Standard deviation of ln(g(t) / g) at t_0."""

    sigma_per_decade: _Spread = 0.0
    """Its growth when the time since programming grows tenfold."""

    mean: _Number = 0.0
    """Mean of ln(g(t) / g) at t_0; negative: conductances fall."""

    mean_per_decade: _Number = 0.0
    """Its growth when time grows tenfold."""

    t_0: _Onset = 1.0
    """Earliest time that was measured [s]."""

    def relaxed(self, g: FloatArray, g_max: float, z: FloatArray, t: float) -> FloatArray:  # noqa: ARG002
        """Return ``g exp(mean(t) + sigma(t) z)``."""
        begun, decades = _progress(t, self.t_0)
        mean = self.mean + self.mean_per_decade * decades
        exponent = begun * (mean + (self.sigma + self.sigma_per_decade * decades) * z)
        return g * np.exp(np.minimum(exponent, 100.0))  # a factor beyond exp(100) only says that sigma is a mistake


class TabulatedRelaxation(_Relaxation):
    """A normal change with a standard deviation by state, told by polynomials for some times since programming [3]_.

    Between these times, the standard deviation is linear in log time; up to the first one, linear in time.
    """

    kind: Literal["polynomial"] = "polynomial"
    times: Annotated[tuple[_Onset, ...], Field(min_length=1, max_length=50)]
    """Times since programming, ascending [s]."""

    coefficients: Annotated[
        tuple[Annotated[tuple[Annotated[float, Field(strict=True)], ...], Field(min_length=1, max_length=10)], ...],
        Field(min_length=1, max_length=50),
    ]
    """For each time c_0, c_1, ... of ``sigma / g_max = sum_i c_i (g / g_max)^i``, with g limited to 0..g_max."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.times) != len(self.coefficients):
            found = f"{len(self.times)} and {len(self.coefficients)}"
            raise ValueError(f"times and coefficients are as many, found {found}")
        if (np.diff(self.times) <= 0.0).any():
            raise ValueError(f"times must ascend, found {', '.join(f'{t:g} s' for t in self.times)}")
        for time, row in zip(self.times, self.coefficients, strict=True):
            least = float(np.polynomial.polynomial.polyval(np.linspace(0.0, 1.0, 1001), row).min())
            if least < 0.0:
                raise ValueError(f"the polynomial for {time:g} s must not be negative in 0..g_max, found {least:.4g}")
        return self

    def relaxed(self, g: FloatArray, g_max: float, z: FloatArray, t: float) -> FloatArray:
        """Return ``g + sigma(g, t) z``.

        Raises
        ------
        InputError
            `t` lies beyond the last time: what was not measured is not made up.
        """
        return g + g_max * self._spread(np.clip(g / g_max, 0.0, 1.0), t) * z

    def _spread(self, ratio: FloatArray, t: float) -> FloatArray:
        if t > self.times[-1]:
            raise InputError(
                f"the relaxation of these devices is known up to {self.times[-1]:g} s after programming, found {t:g} s"
            )
        after = int(np.searchsorted(self.times, t))
        upper = np.polynomial.polynomial.polyval(ratio, self.coefficients[after])
        if after == 0:
            return np.asarray(upper * (t / self.times[0]))
        lower = np.polynomial.polynomial.polyval(ratio, self.coefficients[after - 1])
        start, end = self.times[after - 1 : after + 1]
        return np.asarray(lower + (upper - lower) * (np.log(t / start) / np.log(end / start)))


def _progress(t: float, t_0: float) -> tuple[float, float]:
    """Return how much of the change at t_0 has come about, 0..1, and the decades since t_0."""
    return min(t / t_0, 1.0), float(np.log10(max(t / t_0, 1.0)))


Drift = Annotated[NoDrift | PowerLawDrift | LogDrift, Field(discriminator="kind")]
"""How conductances drift."""

Relaxation = Annotated[
    NoRelaxation | NormalRelaxation | LognormalRelaxation | TabulatedRelaxation, Field(discriminator="kind")
]
"""How conductances relax after programming."""
