"""Two-state (telegraph) noise: some devices have a trap near their filament that is charged or not during a read.

A fraction of the devices toggles, which ones is drawn once per chip. Their conductance in the second state differs by a
relative amplitude, one for all or log-normally spread, as observed for filamentary memories [1]_ [2]_. The state is
drawn anew at each read and holds within it: capture and emission are taken to be slow beside a pulse and fast beside
the time between two reads.

References
----------
.. [1] Ambrogio et al., IEEE Trans. Electron Devices 61, 2920 (2014), doi 10.1109/TED.2014.2330202.
.. [2] Veksler et al., "Methodology for the statistical evaluation of the effect of random telegraph noise (RTN) on RRAM
   characteristics", IEDM 2012: the size of read instabilities is log-normally spread.
"""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field

from memramp.devices.fluctuation import DEFAULT_CONDITIONS, FloatArray, Fluctuation, ReadConditions, Telegraph
from memramp.devices.noise import Fraction, _Noise


class TelegraphNoise(_Noise):
    """Devices with two states, held within a read."""

    kind: Literal["telegraph"] = "telegraph"
    active: Fraction
    """Part of the devices that toggle, 0..1."""

    amplitude: Fraction
    """Change of the conductance in the second state relative to the first; the median where it is spread, 0..1."""

    log_std: Annotated[float, Field(strict=True, ge=0.0, le=5.0)] = 0.0
    """Standard deviation of the natural logarithm of the amplitude between devices; 0: the same for all."""

    duty: Fraction = 0.5
    """Probability of the second state, 0..1."""

    direction: Literal["down", "up", "either"] = "down"
    """Whether the second state conducts less (a trapped electron pushes current away), more, or either, by device. No
    amplitude leads below 0 uS."""

    def fluctuation(
        self,
        g: ArrayLike,
        conditions: ReadConditions = DEFAULT_CONDITIONS,  # noqa: ARG002
        rng: np.random.Generator | None = None,
    ) -> Fluctuation:
        """Return the fluctuation; `rng` says which devices toggle, and how, by the shape of `g` alone.

        The same state of `rng` gives the same devices, at any conductance. With a higher `active`, those of a lower one
        toggle still.

        Raises
        ------
        ValueError
            No generator.
        """
        if rng is None:
            raise ValueError("telegraph noise needs a generator that says which devices toggle")
        conductance = np.asarray(g, dtype=np.float64)
        shape = conductance.shape
        place, z, sign = rng.random(shape), rng.standard_normal(shape), rng.random(shape) < 0.5
        indices = np.flatnonzero(place < self.active)
        none = np.zeros(shape)
        states = self._states(conductance.reshape(-1)[indices], z.reshape(-1)[indices], sign.reshape(-1)[indices])
        return Fluctuation(none, none, Telegraph(indices, states, np.full(indices.size, self.duty)))

    def _states(self, g: FloatArray, z: FloatArray, up: np.ndarray) -> FloatArray:
        change = g * self.amplitude * np.exp(self.log_std * z)
        rises = up if self.direction == "either" else np.full(g.shape, self.direction == "up")
        return np.asarray(np.where(rises, change, np.maximum(-change, -np.abs(g))))

    def std(self, g: ArrayLike) -> FloatArray:
        """Return the standard deviation between reads, as the root mean square over all devices [uS].

        Toggling is not Gaussian, and most devices do not: a number for comparison. Amplitudes are not limited here.
        """
        spread = self.active * self.duty * (1.0 - self.duty) * np.exp(2.0 * self.log_std**2)
        return np.asarray(self.amplitude * np.sqrt(spread) * np.abs(np.asarray(g, dtype=np.float64)))

    @property
    def toggles(self) -> bool:
        """Whether any device toggles."""
        return self.active > 0.0 and self.amplitude > 0.0
