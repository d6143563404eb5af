"""What a read does to conductances: fluctuations held within a read, white over the pulse, and two-state (telegraph).

The charge of a device of conductance g under a pulse of length |x| (in full pulses, the sign is the polarity) is, in
units of a full pulse under one uS::

    x (g + held z1 + delta [in the second state]) + sqrt(|x|) white z2,    z1, z2 standard normal, new at each read

so that what is *held* within a read gives the output the variance ``held^2 x^2``, and what is *white* in time gives
``white^2 |x|``: the charge of white current noise grows with the square root of the time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class ReadConditions:
    """Under which devices are read."""

    v_read: float = 0.2
    """Read voltage, > 0 [V]."""

    t_pulse: float = 32e-9
    """Length of a full pulse, > 0 [s]: 1 / clock for ramp devices."""

    temperature: float = 300.0
    """Of the devices, > 0 [K]."""

    t: float = 0.0
    """Time since programming, >= 0 [s]."""

    def __post_init__(self) -> None:
        values = (self.v_read, self.t_pulse, self.temperature)
        if not (all(0.0 < value < np.inf for value in values) and 0.0 <= self.t < np.inf):
            raise ValueError(f"v_read, t_pulse and temperature are positive, t is not negative, found {self}")


DEFAULT_CONDITIONS = ReadConditions()
"""Read of a weight at the circuit's defaults."""


@dataclass(frozen=True, eq=False)
class Telegraph:
    """Devices with two states, one of which they are in during a read; [m] each."""

    indices: IntArray
    """Which devices, as places in the flattened array; a device with two independent traps stands twice."""

    delta: FloatArray
    """Change of the conductance while in the second state [uS]; the programmed conductance is that of the first."""

    duty: FloatArray
    """Probability of the second state, 0..1."""

    def joined(self, other: "Telegraph") -> "Telegraph":
        """Return the devices of both."""
        return Telegraph(
            np.concatenate([self.indices, other.indices]),
            np.concatenate([self.delta, other.delta]),
            np.concatenate([self.duty, other.duty]),
        )

    def variance(self, shape: tuple[int, ...]) -> FloatArray:
        """Return the variance between reads of each device of an array of this shape [uS^2]."""
        each, size = self.duty * (1.0 - self.duty) * self.delta**2, int(np.prod(shape))
        return np.bincount(self.indices, each, minlength=size).astype(np.float64).reshape(shape)


@dataclass(frozen=True, eq=False)
class Fluctuation:
    """Fluctuations of devices under given conditions; arrays of the devices' shape."""

    held: FloatArray
    """Standard deviation of what is Gaussian and constant within a read [uS]."""

    white: FloatArray
    """Standard deviation, over one full pulse, of what is white in time [uS]."""

    telegraph: Telegraph | None = None
    """Two-state devices; None: none."""

    @property
    def quiet(self) -> bool:
        """Whether nothing fluctuates."""
        toggling = self.telegraph is not None and bool(self.telegraph.delta.any())
        return not (toggling or self.held.any() or self.white.any())

    def joined(self, other: "Fluctuation") -> "Fluctuation":
        """Return the fluctuation of two independent ones together."""
        parts = [part for part in (self.telegraph, other.telegraph) if part is not None]
        return Fluctuation(
            held=np.hypot(self.held, other.held),
            white=np.hypot(self.white, other.white),
            telegraph=None if not parts else parts[0] if len(parts) == 1 else parts[0].joined(parts[1]),
        )

    def scaled(self, factor: FloatArray) -> "Fluctuation":
        """Return the fluctuation of devices that each count for so much, of their shape."""
        toggling = self.telegraph
        if toggling is not None:
            delta = toggling.delta * factor.reshape(-1)[toggling.indices]
            toggling = Telegraph(toggling.indices, delta, toggling.duty)
        return Fluctuation(self.held * factor, self.white * factor, toggling)

    def variance(self, x: ArrayLike = 1.0) -> FloatArray:
        """Return the variance of each device's charge between reads.

        Parameters
        ----------
        x : array_like
            Length of the pulses, with the polarity as sign; of the devices' shape, or one for all [full pulses].

        Returns
        -------
        ndarray
            [(uS full pulse)^2].
        """
        width = np.abs(np.asarray(x, dtype=np.float64))
        constant = self.held**2
        if self.telegraph is not None:
            constant = constant + self.telegraph.variance(self.held.shape)
        return np.asarray(constant * width**2 + self.white**2 * width)

    def read(
        self,
        g: ArrayLike,
        x: ArrayLike,
        rng: np.random.Generator,
        powers: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> FloatArray:
        """Draw one read of each device by itself: the slow reference of all kernels.

        Parameters
        ----------
        g : array_like
            Conductances, of the shape of `held` [uS].
        x : array_like
            Pulses, as in `variance`.
        rng : numpy.random.Generator
            Source of the draws.
        powers : tuple of array_like, or None
            What the variances of held and white noise are multiplied with, like `x`; None: x^2 and |x|.

        Returns
        -------
        ndarray
            Charge of each device; the sum along the rows is a column's output [uS full pulse].
        """
        pulse = np.broadcast_to(np.asarray(x, dtype=np.float64), self.held.shape)
        held, white = map(np.sqrt, (pulse**2, np.abs(pulse)) if powers is None else powers)
        noise = held * self.held * rng.standard_normal(pulse.shape)
        noise = noise + white * self.white * rng.standard_normal(pulse.shape)
        present = np.broadcast_to(np.asarray(g, dtype=np.float64), pulse.shape).copy()
        if self.telegraph is not None:
            second = rng.random(self.telegraph.duty.shape) < self.telegraph.duty
            np.add.at(present.reshape(-1), self.telegraph.indices[second], self.telegraph.delta[second])
        return np.asarray(present * pulse + noise)


def held_only(std: FloatArray) -> Fluctuation:
    """Return a Gaussian fluctuation that is constant within a read, of this standard deviation [uS]."""
    return Fluctuation(held=std, white=np.zeros(std.shape))
