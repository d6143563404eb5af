"""Writing conductances: one event that turns targets into what the devices really hold."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memramp.devices.ageing import Ageing, check_time, draw
from memramp.devices.device import Device
from memramp.devices.noise import FloatArray
from memramp.errors import InputError

_TOLERANCE = 1e-9  # of g_max: what rounding may add to a target at the edge of the window


@dataclass(frozen=True, eq=False)
class Programmed:
    """Devices after programming; all arrays have the shape of the target."""

    g: FloatArray
    """Conductance that each device holds [uS]."""

    stuck_off: NDArray[np.bool_]
    """Devices that stayed at g_min."""

    stuck_on: NDArray[np.bool_]
    """Devices that stayed at g_max."""

    target: FloatArray
    """Conductance that was asked for [uS]."""

    ageing: Ageing | None = None
    """What time and temperature will do, drawn once; None: nothing."""

    def at(self, t: float, temperature: float | None = None, programmed_at: float | None = None) -> FloatArray:
        """Return the conductances t seconds after programming; see `Ageing.at`.

        At t = 0 and unchanged temperature, `g` itself. Two calls give the same, and stuck devices never move [uS].
        """
        check_time(t)
        return self.g if self.ageing is None else self.ageing.at(self.g, t, temperature, programmed_at)


def program(device: Device, target: ArrayLike, rng: np.random.Generator, *, floor: float = 0.0) -> Programmed:
    """Write target conductances into devices.

    The error of `Device.prog_noise` is drawn once per device. A conductance cannot be negative, so the result is
    clipped at `floor` from below; it is not clipped at g_max, since a write may overshoot the window a little. A stuck
    device holds exactly g_min or g_max, without error.

    Parameters
    ----------
    device : Device
        Window, programming noise and fault rates.
    target : array_like, any shape
        Conductances to be written, g_min..g_max [uS].
    rng : numpy.random.Generator
        Source of the draws. Noise and faults use children of their own, so that switching one on does not change
        the draws of the other; each call spawns new children, and two calls draw independently.
    floor : float
        Lowest conductance that noise may lead to [uS]; ``-inf`` leaves the errors unclipped.

    Returns
    -------
    Programmed
        Realised conductances and fault masks.

    Raises
    ------
    InputError
        A target is not finite or lies outside the window.
    """
    wanted = _check_target(device, target)
    fault_rng, noise_rng = rng.spawn(2)
    ageing_rng = fault_rng.spawn(1)[0]  # no third child of `rng`: later calls draw what they drew before
    stuck_off, stuck_on = _draw_faults(device, wanted.shape, fault_rng)
    g = np.maximum(wanted + device.prog_noise.draw(wanted, noise_rng), floor)
    g = np.where(stuck_off, device.g_min, np.where(stuck_on, device.g_max, g))
    ageing = draw(device, g, ageing_rng, stuck_off | stuck_on) if device.ages else None
    return Programmed(g=g, stuck_off=stuck_off, stuck_on=stuck_on, target=wanted, ageing=ageing)


def _check_target(device: Device, target: ArrayLike) -> FloatArray:
    wanted = np.array(target, dtype=np.float64)
    slack = _TOLERANCE * device.g_max
    bad = ~((wanted >= device.g_min - slack) & (wanted <= device.g_max + slack))  # true for NaN as well
    if bad.any():
        window = f"{device.g_min:g}..{device.g_max:g} uS"
        raise InputError(f"target conductances must lie in the device's window {window}, found {wanted[bad][0]:g} uS")
    return np.clip(wanted, device.g_min, device.g_max)


def _draw_faults(
    device: Device, shape: tuple[int, ...], rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    # One uniform number decides both faults, from its two ends: the rates are exact, the faults exclude each other,
    # and changing one rate does not move the other kind of fault to other devices.
    place = rng.random(shape)
    stuck_off = np.asarray(place < device.stuck_off_rate)
    stuck_on = np.asarray((place >= 1.0 - device.stuck_on_rate) & ~stuck_off)
    return stuck_off, stuck_on
