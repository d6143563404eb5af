"""Read noise: by which kinds of fluctuation a device's conductance differs from read to read.

A ``read_noise`` block is one of the classes below, told apart by its key ``kind``. Each declares whether it is held
within a read or white over the pulse, see `memramp.devices.fluctuation`, and answers `fluctuation` with arrays for
given conductances and conditions. Formulas, units and sources stand in ``docs/read_noise_and_drift.md``.

Voltages, currents and times of `ReadConditions` matter to the kinds whose physics is that of a current (`thermal`,
`shot`): what is a current noise is a smaller noise of the conductance at a higher read voltage.

References
----------
.. [1] Johnson, Phys. Rev. 32, 97 (1928), doi 10.1103/PhysRev.32.97; Nyquist, Phys. Rev. 32, 110 (1928), doi
   10.1103/PhysRev.32.110.
.. [2] Schottky, Ann. Phys. 362, 541 (1918), doi 10.1002/andp.19183622304; for the Fano factor: Blanter, Buttiker, Phys.
   Rep. 336, 1 (2000), doi 10.1016/S0370-1573(99)00123-4.
.. [3] Hooge, IEEE Trans. Electron Devices 41, 1926 (1994), doi 10.1109/16.333808.
.. [4] Joshi et al., Nat. Commun. 11, 2473 (2020), doi 10.1038/s41467-020-16108-9; Nandakumar et al., ICECS 2019, doi
   10.1109/ICECS46596.2019.8964852; coefficients as in ``PCMLikeNoiseModel`` of IBM's aihwkit.
"""

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, PrivateAttr, model_validator
from scipy import constants

from memramp.devices.fluctuation import DEFAULT_CONDITIONS, FloatArray, Fluctuation, ReadConditions, held_only
from memramp.devices.noise import ConstantNoise, Fraction, NoNoise, ProportionalNoise, _Noise
from memramp.devices.telegraph import TelegraphNoise
from memramp.errors import InputError
from memramp.quantities import Hertz, Seconds

_US = 1e-6  # siemens
_Bandwidth = Annotated[Hertz, Field(ge=1e-6, le=1e15)]
_PositiveTime = Annotated[Seconds, Field(ge=1e-12, le=1e9)]
_Size = Annotated[float, Field(strict=True, ge=0.0, le=1.0)]


class RelativeNoise(_Noise):
    """Base of the kinds that are told relative to the device's g_max, of which they learn from `bound`."""

    _g_max: float | None = PrivateAttr(default=None)

    def bound(self, g_max: float) -> Self:
        """Return the noise as part of a device with this `g_max` [uS]."""
        copy = self.model_copy()
        copy._g_max = g_max
        return copy

    def relative(self, g: ArrayLike) -> FloatArray:
        """Return conductances over g_max, limited to 0..1, where the fits hold."""
        return np.clip(np.abs(np.asarray(g, dtype=np.float64)) / self._full(), 0.0, 1.0)

    def _full(self) -> float:
        if self._g_max is None:
            raise ValueError(f"read noise of this kind belongs to a device: bound(g_max) comes first, found {self!r}")
        return self._g_max


class PolynomialNoise(RelativeNoise):
    """Gaussian, held within a read, with a standard deviation that is a polynomial of the conductance."""

    kind: Literal["polynomial"] = "polynomial"
    coefficients: Annotated[tuple[Annotated[float, Field(strict=True)], ...], Field(min_length=1, max_length=10)]
    """c_0, c_1, ... of ``sigma / g_max = sum_i c_i (g / g_max)^i``, with g limited to 0..g_max."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        values = np.polynomial.polynomial.polyval(np.linspace(0.0, 1.0, 1001), self.coefficients)
        if values.min() < 0.0:
            at = np.argmin(values) / 1000
            raise ValueError(f"the polynomial must not be negative, found {values.min():.4g} at g = {at:g} g_max")
        return self

    def std(self, g: ArrayLike) -> FloatArray:
        """Return the polynomial's value [uS]."""
        ratio = self.relative(g)
        return np.asarray(self._full() * np.polynomial.polynomial.polyval(ratio, self.coefficients))


class _CurrentNoise(_Noise):
    """White current noise, one-sided power spectral density S_I: white over the pulse, or held in a bandwidth."""

    bandwidth: _Bandwidth | None = None
    """None: white, the charge of a pulse t has the variance S_I t / 2. Given: sampled once per read through a filter of
    this equivalent noise bandwidth, so that S_I times it is the variance of a current that is held [Hz]."""

    def density(self, g: ArrayLike, conditions: ReadConditions) -> FloatArray:
        """Return the one-sided power spectral density of the current [A^2/Hz]."""
        raise NotImplementedError

    def fluctuation(
        self,
        g: ArrayLike,
        conditions: ReadConditions = DEFAULT_CONDITIONS,
        rng: np.random.Generator | None = None,  # noqa: ARG002
    ) -> Fluctuation:
        """Return the fluctuation: white, or held where a bandwidth is given."""
        density, none = self.density(g, conditions), np.zeros(np.shape(g))
        bandwidth = 0.5 / conditions.t_pulse if self.bandwidth is None else self.bandwidth
        std = np.sqrt(density * bandwidth) / conditions.v_read / _US
        return Fluctuation(held=none, white=std) if self.bandwidth is None else Fluctuation(held=std, white=none)

    def std(self, g: ArrayLike) -> FloatArray:
        """Return the standard deviation over a full pulse under the default conditions [uS]."""
        return np.sqrt(self.fluctuation(g).variance())


class ThermalNoise(_CurrentNoise):
    """Johnson-Nyquist noise, S_I = 4 k T G [1]_: white over the pulse, ``sqrt(2 k T G / t_pulse) / v_read``."""

    kind: Literal["thermal"] = "thermal"

    def density(self, g: ArrayLike, conditions: ReadConditions) -> FloatArray:
        """Return 4 k T G [A^2/Hz]."""
        siemens = np.abs(np.asarray(g, dtype=np.float64)) * _US
        return 4.0 * constants.k * conditions.temperature * siemens


class ShotNoise(_CurrentNoise):
    """Shot noise, S_I = 2 q I F at I = G v_read [2]_: white over the pulse, ``sqrt(q G F / (t_pulse v_read))``."""

    kind: Literal["shot"] = "shot"
    fano: Fraction = 1.0
    """Fano factor F: 1 for independent electrons (tunnelling), 1/3 for a diffusive conductor, 0..1."""

    def density(self, g: ArrayLike, conditions: ReadConditions) -> FloatArray:
        """Return 2 q I F [A^2/Hz]."""
        current = np.abs(np.asarray(g, dtype=np.float64)) * _US * conditions.v_read
        return 2.0 * constants.e * self.fano * current


class FlickerNoise(_Noise):
    """1/f noise, S_G / G^2 = A / f [3]_, integrated from f_low to f_high: ``g sqrt(A ln(f_high / f_low))``, held."""

    kind: Literal["flicker"] = "flicker"
    amplitude: _Size
    """A, relative power spectral density at 1 Hz, 0..1."""

    f_low: _Bandwidth
    """Lowest frequency: one over the time since the conductance was last known, as by calibration [Hz]."""

    f_high: _Bandwidth | None = None
    """Highest frequency; None: 1 / (2 t_pulse), beyond which a pulse averages [Hz]."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.f_high is not None and self.f_high <= self.f_low:
            raise ValueError(f"f_low must lie below f_high, found {self.f_low:g} Hz and {self.f_high:g} Hz")
        return self

    def fluctuation(
        self,
        g: ArrayLike,
        conditions: ReadConditions = DEFAULT_CONDITIONS,
        rng: np.random.Generator | None = None,  # noqa: ARG002
    ) -> Fluctuation:
        """Return the fluctuation, held within a read.

        Raises
        ------
        InputError
            f_low lies above 1 / (2 t_pulse).
        """
        high = 0.5 / conditions.t_pulse if self.f_high is None else self.f_high
        if high <= self.f_low:
            found = f"{self.f_low:g} Hz and {high:g} Hz"
            raise InputError(f"flicker noise: f_low must lie below f_high, by default 1 / (2 t_pulse), found {found}")
        size = np.sqrt(self.amplitude * np.log(high / self.f_low))
        return held_only(size * np.abs(np.asarray(g, dtype=np.float64)))

    def std(self, g: ArrayLike) -> FloatArray:
        """Return the standard deviation under the default conditions [uS]."""
        return self.fluctuation(g).held


class AccumulatedFlickerNoise(RelativeNoise):
    """1/f noise accumulated since programming, as published for phase-change memory [4]_; held within a read.

    ``sigma = g Q sqrt(ln((t + t_0 + t_read) / (2 t_read)))`` with ``Q = min(q (g / g_max)^-exponent, q_max)`` and t the
    time since programming. (aihwkit counts its ``t_inference`` from t_0 after programming, as is done here.)
    """

    kind: Literal["accumulated_flicker"] = "accumulated_flicker"
    q: _Size
    """Q at g_max, 0..1."""

    exponent: Annotated[float, Field(strict=True, ge=0.0, le=5.0)] = 0.0
    """How Q grows towards low conductances."""

    q_max: _Size = 1.0
    """Largest Q, 0..1."""

    t_read: _PositiveTime = 250e-9
    """Length of the read pulses of the fit [s]."""

    t_0: _PositiveTime = 20.0
    """Time from the last programming pulse to t = 0 [s]."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.t_0 < self.t_read:
            raise ValueError(f"t_0 is at least t_read, found {self.t_0:g} s and {self.t_read:g} s")
        return self

    def fluctuation(
        self,
        g: ArrayLike,
        conditions: ReadConditions = DEFAULT_CONDITIONS,
        rng: np.random.Generator | None = None,  # noqa: ARG002
    ) -> Fluctuation:
        """Return the fluctuation, held within a read, at the conditions' time since programming."""
        size = np.sqrt(np.log((conditions.t + self.t_0 + self.t_read) / (2.0 * self.t_read)))
        ratio = np.maximum(self.relative(g), 1e-12)  # without current, there is no noise whatever Q is
        spread = np.minimum(self.q * ratio**-self.exponent, self.q_max)
        return held_only(np.abs(np.asarray(g, dtype=np.float64)) * spread * size)

    def std(self, g: ArrayLike) -> FloatArray:
        """Return the standard deviation right after programming [uS]."""
        return self.fluctuation(g).held


_Single = Annotated[
    NoNoise
    | ConstantNoise
    | ProportionalNoise
    | PolynomialNoise
    | ThermalNoise
    | ShotNoise
    | FlickerNoise
    | AccumulatedFlickerNoise
    | TelegraphNoise,
    Field(discriminator="kind"),
]


class SumNoise(_Noise):
    """Several independent kinds at once."""

    kind: Literal["sum"] = "sum"
    of: Annotated[tuple[_Single, ...], Field(min_length=1, max_length=16)]
    """The kinds; a sum within a sum is not needed."""

    def fluctuation(
        self,
        g: ArrayLike,
        conditions: ReadConditions = DEFAULT_CONDITIONS,
        rng: np.random.Generator | None = None,
    ) -> Fluctuation:
        """Return what all of them do; each has a child of `rng`, so that a kind added at the end moves no other."""
        children = [None] * len(self.of) if rng is None else rng.spawn(len(self.of))
        total = held_only(np.zeros(np.shape(g)))
        for part, child in zip(self.of, children, strict=True):
            total = total.joined(part.fluctuation(g, conditions, child))
        return total

    def std(self, g: ArrayLike) -> FloatArray:
        """Return the standard deviation of the sum [uS]."""
        return np.asarray(np.sqrt(np.sum([part.std(g) ** 2 for part in self.of], axis=0)))

    @property
    def toggles(self) -> bool:
        """Whether one of the kinds has two states."""
        return any(part.toggles for part in self.of)

    def bound(self, g_max: float) -> Self:
        """Return the sum of the bound kinds."""
        return self.model_copy(update={"of": tuple(part.bound(g_max) for part in self.of)})


ReadNoise = Annotated[_Single | SumNoise, Field(discriminator="kind")]
"""Fluctuation of a read conductance, independent between devices and between reads."""
