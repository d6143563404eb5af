"""Weights to conductances: a differential pair of devices for each weight."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from memramp.config import StrictModel
from memramp.devices import Device
from memramp.devices.noise import FloatArray
from memramp.errors import InputError
from memramp.quantities import Microsiemens

_TOLERANCE = 1e-9  # of g_max: what rounding may add at the edge of the window


class CrossbarConfig(StrictModel):
    """The ``crossbar`` block of a configuration: how a weight becomes a pair of conductances.

    The defaults are those of the released training code of Yang et al., doi 10.1038/s41467-025-56254-6, for the 150 uS
    device, except `noise_on`.
    """

    w_clip: Annotated[float, Field(ge=1e-6, le=1e6, strict=True)] = 2.0
    """Weights are clipped to -w_clip..w_clip [weight units]."""

    scale: Annotated[Microsiemens, Field(ge=1e-6)] = 75.0
    """Conductance per weight unit [uS]."""

    noise_on: Literal["pair", "used_side"] = "pair"
    """``pair``: both devices of a pair have errors, fluctuate and may be stuck. ``used_side``: only the one that
    carries the weight, as in the released code, where each weight has a single noise value."""


def check_window(config: CrossbarConfig, device: Device) -> None:
    """Check that the largest weight fits into the device's window.

    Raises
    ------
    InputError
        ``g_min + scale * w_clip`` lies above ``g_max``.
    """
    top = device.g_min + config.scale * config.w_clip
    if top > device.g_max * (1.0 + _TOLERANCE):
        allowed = (device.g_max - device.g_min) / config.w_clip
        product = f"{device.g_min:g} + {config.scale:g} * {config.w_clip:g} = {top:g} uS"
        raise InputError(
            f"crossbar: g_min + scale * w_clip is {product}, above the device's g_max of {device.g_max:g} uS; "
            f"with this w_clip, scale is at most {allowed:g} uS"
        )


def to_conductances(w: ArrayLike, config: CrossbarConfig, device: Device) -> tuple[FloatArray, FloatArray]:
    """Map weights to the target conductances of differential pairs.

    The used side, positive for ``w >= 0``, holds ``g_min + |w| * scale``; the other stays at ``g_min``.

    Parameters
    ----------
    w : array_like, [rows, cols]
        Weights; rows are inputs and columns outputs, so a torch weight [out, in] must be transposed. Values beyond
        ``config.w_clip`` are clipped [weight units].
    config : CrossbarConfig
        Clip and scale.
    device : Device
        Conductance window.

    Returns
    -------
    g_pos, g_neg : ndarray of float64, [rows, cols]
        Target conductances [uS].

    Raises
    ------
    InputError
        The weights are no matrix or not finite, or the largest does not fit into the window.
    """
    check_window(config, device)
    used, positive = used_side(w, config, device)
    idle = np.full_like(used, device.g_min)
    return np.where(positive, used, idle), np.where(positive, idle, used)


def used_side(w: ArrayLike, config: CrossbarConfig, device: Device) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the target of the used device of each pair [uS] and whether it is the positive one."""
    weights = np.asarray(w, dtype=np.float64)
    if weights.ndim != 2 or weights.size == 0:
        raise InputError(f"weights must be a matrix [rows, cols], found the shape {list(weights.shape)}")
    if not np.isfinite(weights).all():
        raise InputError("weights must be finite, found NaN or infinity")
    used = device.g_min + config.scale * np.minimum(np.abs(weights), config.w_clip)
    return np.minimum(used, device.g_max), weights >= 0
