"""Input drivers: how a value becomes pulses on a word line."""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from memramp.config import StrictModel
from memramp.devices.iv import Curve, LinearCurve
from memramp.parallel import over_parts
from memramp.peripherals.driver_kernels import Coding, encode_batch, quantise_batch

_CURVE_POINTS = 4097  # of a curve that is interpolated
_LEAST_PART = 64  # samples that are worth a thread


class InputConfig(StrictModel):
    """The ``input`` block: how an input is applied to its word line. Its sign is always the polarity."""

    coding: Literal["pulse_width", "amplitude", "bit_serial"] = "pulse_width"
    """``pulse_width``: the size is the length of one read pulse. ``amplitude``: it is the voltage of a full pulse, and
    the devices' I-V curve acts on it. ``bit_serial``: one full pulse for each bit of the size, whose charges are
    weighted by powers of two; each is a read of its own."""

    bits: Annotated[int, Field(strict=True, ge=2, le=16)] | None = None
    """Resolution including the sign: 2**(bits-1) - 1 values for each polarity, and 0. None: analog."""

    range: Annotated[float, Field(strict=True, ge=1e-6, le=1e6)] = 1.0
    """Input that takes the longest pulse, the highest voltage, or all bits; larger ones are clipped. A bias row has a
    driver of its own and always gets one full pulse [full input pulses]."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.coding == "bit_serial" and self.bits is None:
            raise ValueError("coding 'bit_serial' needs the key 'bits', which is the number of bits with the sign")
        return self

    @property
    def levels(self) -> int:
        """Number of values above zero for each polarity; 0 for analog inputs."""
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
    over_parts(lambda part: quantise_batch(values[part], limit, levels, out[part]), len(values), _LEAST_PART)
    return out


@dataclass(frozen=True, eq=False)
class CodedInputs:
    """Inputs as an array sees them, with a bias row's full pulse last."""

    x: NDArray[np.float32]
    """What they amount to, [batch, rows + 1] [full input pulses]."""

    powers: tuple[NDArray[np.float32], NDArray[np.float32]] | None
    """What the variances of noise are multiplied with, see `memramp.crossbar.kernels.Powers`; None: pulse widths."""


def coding_of(config: InputConfig, v_read: float, curve: Curve) -> Coding | None:
    """Return how drivers code, as kernels take it; None for pulse widths.

    Parameters
    ----------
    config : InputConfig
        Coding, range, resolution.
    v_read : float
        Voltage of an input of one [V].
    curve : curve
        Current against voltage of the devices that are driven.

    Raises
    ------
    InputError
        The curve is not known at the largest voltage.
    """
    if config.coding == "pulse_width":
        return None
    points = np.empty(0, np.float32)
    if config.coding == "amplitude" and not isinstance(curve, LinearCurve):
        x = np.linspace(0.0, config.range, _points(config.levels))
        points = (curve.shape(x * v_read) / curve.shape(v_read)).astype(np.float32)
    return Coding(config.coding == "bit_serial", np.float32(config.range), config.levels, points)


def code_inputs(x: ArrayLike, config: InputConfig, coding: Coding | None) -> CodedInputs:
    """Return inputs as the drivers apply them, with a bias row's full pulse after them.

    Parameters
    ----------
    x : array_like, [batch, rows]
        Inputs, finite [full input pulses].
    config : InputConfig
        Resolution and range.
    coding : Coding or None
        From `coding_of`.

    Raises
    ------
    ValueError
        Not two-dimensional, or not finite.
    """
    values = quantise_inputs(x, config)
    bias = np.ones((len(values), 1), np.float32)
    if coding is None:
        return CodedInputs(np.concatenate([values, bias], axis=1), None)
    powers = (np.empty_like(values), np.empty_like(values))
    encode_batch(values, coding, powers)
    with_bias = [np.concatenate([part, bias], axis=1) for part in (values, *powers)]
    return CodedInputs(with_bias[0], (with_bias[1], with_bias[2]))


def _points(levels: int) -> int:
    # One for each value that a driver makes, as long as they are few: the curve is exact there.
    return levels + 1 if 0 < levels < _CURVE_POINTS else _CURVE_POINTS


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
