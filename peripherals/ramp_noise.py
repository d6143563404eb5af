"""Read noise of ramp columns: what the pulses of their devices add to the variance of the ramp."""

import numpy as np
from numpy.typing import ArrayLike

from memramp.devices import Device, ReadConditions
from memramp.devices.fluctuation import FloatArray
from memramp.errors import InputError

RAMP_CONDITIONS = ReadConditions(t_pulse=1e-9)
"""Read of a ramp device at the defaults of the ``circuit`` block: a full pulse is one clock of 1 GHz."""


def check_ramp_device(device: Device) -> None:
    """Refuse devices whose read noise a ramp cannot have.

    Raises
    ------
    InputError
        Telegraph noise: a ramp device that toggles moves all later thresholds by one of two steps, which is not
        Gaussian, and the conversion draws Gaussian steps only.
    """
    if device.read_noise.toggles:
        raise InputError(
            "telegraph read noise is simulated for weights, not for ramps, whose noise is Gaussian: give the ramps "
            "devices of their own ('ramp_device') without it"
        )


def charge_variance(
    device: Device, g: ArrayLike, width: ArrayLike, conditions: ReadConditions = RAMP_CONDITIONS
) -> FloatArray:
    """Return the variance of the charge of ramp or bias devices between conversions: ``(held w)^2 + white^2 w``.

    Parameters
    ----------
    device : Device
        Read noise.
    g : array_like
        Conductances [uS].
    width : array_like
        Widths of the pulses, broadcast against `g` [full pulses of the ramp].
    conditions : ReadConditions
        Of which t_pulse is the ramp's full pulse.

    Returns
    -------
    ndarray
        [(uS full pulse)^2].

    Raises
    ------
    InputError
        See `check_ramp_device`.
    """
    check_ramp_device(device)
    noise = device.read_noise.fluctuation(g, conditions, np.random.default_rng(0))  # nothing toggles: nothing is drawn
    length = np.asarray(width, dtype=np.float64)
    return np.asarray((noise.held * length) ** 2 + noise.white**2 * length)
