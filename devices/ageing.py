"""Devices after programming: what time and temperature make of conductances, drawn once per device.

The order of what acts on a programmed conductance g at time t and temperature T::

    t' = t exp(-E_retention / k (1/T - 1/reference))       thermal: time runs faster when it is hot
    g  -> relaxed(g, t')                                   relaxation, one normal number per device for all times
    g  -> max(g, 0)                                        no conductance is negative
    g  -> g (max(t', t_0) / t_0)^-nu                       drift, one exponent per device
    g  -> g conduction(T)                                  thermal: filaments and traps conduct differently

Stuck devices never move. The temperature is that of the whole time since programming and of the read.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memramp.devices.device import Device
from memramp.devices.drift import LATEST, FloatArray, NoDrift, NoRelaxation
from memramp.errors import InputError


@dataclass(frozen=True, eq=False)
class Ageing:
    """What was drawn for devices when they were programmed; arrays of their shape. Made by `draw`."""

    device: Device
    """Of which kind they are."""

    nu: FloatArray | None
    """Drift exponents; None without drift."""

    z: FloatArray | None
    """Standard normals of the relaxation; None without relaxation."""

    moves: NDArray[np.bool_]
    """Devices that are not stuck."""

    def at(
        self, g: FloatArray, t: float, temperature: float | None = None, programmed_at: float | None = None
    ) -> FloatArray:
        """Return the conductances at a time since programming.

        Parameters
        ----------
        g : ndarray
            Programmed conductances; negative ones, as one-sided errors of weights may have, are not clipped [uS].
        t : float
            Time since programming, 0..1e11 [s].
        temperature : float or None
            Of the devices since programming [K]; None: that at which they were programmed.
        programmed_at : float or None
            Temperature at which they were programmed [K]; None: the thermal block's reference.

        Returns
        -------
        ndarray
            [uS]. `g` itself where nothing changes, as at t = 0 and unchanged temperature.

        Raises
        ------
        InputError
            Time or temperature out of range, or a relaxation that is not known for so long a time.
        """
        thermal = self.device.thermal
        then = thermal.home if programmed_at is None else programmed_at
        now = then if temperature is None else temperature
        elapsed = check_time(t) * thermal.acceleration(now)
        conduction = thermal.conduction(now, then)
        if elapsed == 0.0 and conduction == 1.0:
            return g
        return np.where(self.moves, self._aged(g, elapsed) * conduction, g)

    def _aged(self, g: FloatArray, elapsed: float) -> FloatArray:
        aged = g
        if self.z is not None and not isinstance(self.device.relaxation, NoRelaxation):
            relaxed = self.device.relaxation.relaxed(g, self.device.g_max, self.z, elapsed)
            aged = np.maximum(relaxed, np.minimum(g, 0.0))
        if self.nu is not None and not isinstance(self.device.drift, NoDrift):
            aged = aged * self.device.drift.factor(self.nu, elapsed)
        return aged


def draw(device: Device, g: ArrayLike, rng: np.random.Generator, stuck: NDArray[np.bool_] | None = None) -> Ageing:
    """Draw once what makes devices age.

    Parameters
    ----------
    device : Device
        Drift, relaxation, thermal behaviour.
    g : array_like, any shape
        Programmed conductances [uS].
    rng : numpy.random.Generator
        Source of the draws. Each effect has a child of its own and draws by the shape alone, so that switching one on
        changes nothing of another.
    stuck : ndarray of bool or None
        Devices that never move; None: none.
    """
    conductance = np.asarray(g, dtype=np.float64)
    drift_rng, relaxation_rng = rng.spawn(2)
    nu = z = None
    if not isinstance(device.drift, NoDrift):
        nu = device.drift.exponents(conductance, device.g_max, drift_rng.standard_normal(conductance.shape))
    if not isinstance(device.relaxation, NoRelaxation):
        z = relaxation_rng.standard_normal(conductance.shape)
    moves = np.ones(conductance.shape, np.bool_) if stuck is None else ~stuck
    return Ageing(device, nu, z, moves)


def check_time(t: float) -> float:
    """Return a time since programming.

    Raises
    ------
    InputError
        It is no number of 0 to 1e11 s.
    """
    if not 0.0 <= t <= LATEST:
        raise InputError(f"the time since programming must be 0 to {LATEST:g} s, found {t:g} s")
    return float(t)
