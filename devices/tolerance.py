"""How far a written conductance may lie from its target: the window of a write-verify loop."""

import numpy as np
from numpy.typing import ArrayLike

from memramp.devices.device import Device
from memramp.devices.noise import FloatArray, NoNoise
from memramp.errors import InputError
from memramp.quantities import MAX_MICROSIEMENS

DEFAULT_TOLERANCE = 5.0
"""Half the verify window of the published TaOx devices of ReADC, Nat. Commun. 2025, doi 10.1038/s41467-025-65233-w
[uS]."""

_LEAST = 0.001  # of g_max: for noise that vanishes with the conductance


def write_tolerance(target: ArrayLike, device: Device | None = None, tolerance: float | None = None) -> FloatArray:
    """Return half the width of the verify window of each device, in the shape of `target`.

    Parameters
    ----------
    target : array_like
        Conductances to be written [uS].
    device : Device or None
        Without `tolerance`, uniform errors give their own half width, measured ones the largest, a write-verify loop
        its tolerance, Gaussian ones three standard deviations, all at least 0.1 % of g_max. None, or a device without
        errors: `DEFAULT_TOLERANCE`.
    tolerance : float or None
        One for all [uS].

    Raises
    ------
    InputError
        The tolerance is not positive.
    """
    wanted = np.asarray(target, dtype=np.float64)
    if tolerance is not None:
        if not 0.0 < tolerance <= MAX_MICROSIEMENS:
            raise InputError(f"the tolerance must be positive and at most {MAX_MICROSIEMENS:g} uS, found {tolerance:g}")
        return np.full(wanted.shape, float(tolerance))
    if device is None or isinstance(device.prog_noise, NoNoise):
        return np.full(wanted.shape, DEFAULT_TOLERANCE)
    return np.maximum(device.prog_noise.window(wanted), _LEAST * device.g_max)
