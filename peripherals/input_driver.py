"""Input drivers: how a value becomes a pulse on a word line."""

from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from memramp.config import StrictModel
from memramp.parallel import over_parts
from memramp.peripherals import kernels

_LEAST_PART = 64  # samples that are worth a thread


class InputConfig(StrictModel):
    """Pulse-width coding of the inputs: size is the length of the read pulse, sign its polarity."""

    bits: Annotated[int, Field(strict=True, ge=2, le=16)] | None = None
    """Resolution including the sign: 2**(bits-1) - 1 pulse widths for each polarity, and no pulse. None: analog."""

    range: Annotated[float, Field(strict=True, ge=1e-6, le=1e6)] = 1.0
    """Input that takes the longest pulse; larger ones are clipped. A bias row has a driver of its own and always gets
    one full pulse [full input pulses]."""

    @property
    def levels(self) -> int:
        """Number of pulse widths above zero for each polarity; 0 for analog pulses."""
        return 0 if self.bits is None else 2 ** (self.bits - 1) - 1


def quantise_inputs(x: ArrayLike, config: InputConfig) -> NDArray[np.float32]:
    """Return the inputs as the drivers apply them.

    Values are clipped to ``-range..range`` and, unless `InputConfig.bits` is None, rounded to the nearest of
    2**bits - 1 values that are symmetric about 0 (a value half-way goes to the even number of clock cycles).

    Parameters
    ----------
    x : array_like, [batch, rows]
        Inputs, finite [full input pulses].
    config : InputConfig
        Resolution and range.

    Returns
    -------
    ndarray of float32, [batch, rows]
        What the crossbar sees [full input pulses].

    Raises
    ------
    ValueError
        Not two-dimensional, or not finite.
    """
    values = batch_of_float32(x, "inputs")
    out = np.empty_like(values)
    limit, levels = np.float32(config.range), config.levels
    over_parts(lambda part: kernels.quantise_batch(values[part], limit, levels, out[part]), len(values), _LEAST_PART)
    return out


def batch_of_float32(values: ArrayLike, name: str) -> NDArray[np.float32]:
    """Return a contiguous float32 array [batch, n] for the kernels, or say why that is not possible.

    Raises
    ------
    ValueError
        Not two-dimensional, or not finite: a comparator would turn NaN into a valid code in silence.
    """
    array = np.ascontiguousarray(values, dtype=np.float32)
    if array.ndim != 2:
        raise ValueError(f"{name} must have the shape [batch, n], found {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    return array
