"""Random conductance errors of one memristor: none, constant, proportional to the conductance, or uniform.

A noise block of a configuration is one of the classes below or of `memramp.devices.programming_noise`, told apart by
its key ``kind``. Programming noise (`ProgNoise`) is drawn once per device when it is written; read noise anew at every
read.
"""

from abc import abstractmethod
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from memramp.config import StrictModel
from memramp.devices.fluctuation import DEFAULT_CONDITIONS, Fluctuation, ReadConditions, held_only
from memramp.quantities import NonNegativeMicrosiemens

FloatArray = NDArray[np.float64]

_SIGMAS = 3.0  # 0.3 % of healthy devices with Gaussian errors lie outside

Fraction = Annotated[float, Field(ge=0, le=1, strict=True)]
"""A part of a whole, 0..1 (never percent)."""


class _Noise(StrictModel):
    """What every kind of noise can do."""

    @abstractmethod
    def std(self, g: ArrayLike) -> FloatArray:
        """Return the standard deviation of the error.

        Parameters
        ----------
        g : array_like, any shape
            Conductance: the target for programming noise, the programmed state for read noise [uS].

        Returns
        -------
        ndarray of float64, shape of `g`
            Standard deviation [uS].
        """

    def window(self, g: ArrayLike) -> FloatArray:
        """Return half the width of the window within which errors lie: all of them, or 99.7 % of Gaussian ones [uS]."""
        return _SIGMAS * self.std(g)

    def draw(self, g: ArrayLike, rng: np.random.Generator) -> FloatArray:
        """Draw one independent error per device.

        Parameters
        ----------
        g : array_like, any shape
            Conductance, as in `std` [uS].
        rng : numpy.random.Generator
            Source of the draws; the number of draws depends on the shape alone, never on the size of the noise.

        Returns
        -------
        ndarray of float64, shape of `g`
            Error to be added to the conductance, of zero mean [uS].
        """
        std = self.std(g)
        return std * rng.standard_normal(std.shape)

    def fluctuation(
        self,
        g: ArrayLike,
        conditions: ReadConditions = DEFAULT_CONDITIONS,  # noqa: ARG002  (kinds that depend on it override this)
        rng: np.random.Generator | None = None,  # noqa: ARG002
    ) -> Fluctuation:
        """Return what reads under given conditions do to devices; see `memramp.devices.read_noise`.

        Here: Gaussian with the standard deviation `std`, held within a read, whatever the conditions.
        """
        return held_only(self.std(g))

    @property
    def toggles(self) -> bool:
        """Whether single devices have two states (telegraph noise)."""
        return False

    def bound(self, g_max: float) -> Self:  # noqa: ARG002
        """Return the noise as part of a device with this upper end of the window [uS]; matters to relative kinds."""
        return self


class NoNoise(_Noise):
    """No error at all."""

    kind: Literal["none"] = "none"

    def std(self, g: ArrayLike) -> FloatArray:
        """Return zeros [uS]."""
        return np.zeros(np.shape(g))


class ConstantNoise(_Noise):
    """Gaussian error of one standard deviation for all conductances."""

    kind: Literal["constant"] = "constant"
    sigma: NonNegativeMicrosiemens
    """Standard deviation [uS]."""

    def std(self, g: ArrayLike) -> FloatArray:
        """Return `sigma` for every device [uS]."""
        return np.full(np.shape(g), self.sigma)


class ProportionalNoise(_Noise):
    """Gaussian error whose standard deviation grows with the conductance."""

    kind: Literal["proportional"] = "proportional"
    fraction: Fraction
    """Standard deviation divided by the conductance, 0..1 (never percent)."""

    def std(self, g: ArrayLike) -> FloatArray:
        """Return ``fraction * |g|`` [uS]."""
        return self.fraction * np.abs(np.asarray(g, dtype=np.float64))


class UniformNoise(_Noise):
    """Error uniform within the window of a write-and-verify scheme."""

    kind: Literal["uniform"] = "uniform"
    half_width: NonNegativeMicrosiemens
    """Largest error in either direction: half the width of the verify window [uS]."""

    def std(self, g: ArrayLike) -> FloatArray:
        """Return ``half_width / sqrt(3)`` for every device [uS]."""
        return np.full(np.shape(g), self.half_width / np.sqrt(3.0))

    def window(self, g: ArrayLike) -> FloatArray:
        """Return `half_width` for every device [uS]."""
        return np.full(np.shape(g), self.half_width)

    def draw(self, g: ArrayLike, rng: np.random.Generator) -> FloatArray:
        """Draw errors uniform in ``-half_width .. half_width`` [uS]; see `_Noise.draw`."""
        return self.half_width * rng.uniform(-1.0, 1.0, np.shape(g))


