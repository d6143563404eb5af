"""Converters behind one interface: the nonlinear ramp ADC, and a uniform ADC with a digital activation after it.

Both turn the pre-activations of a batch into codes by first crossing (code c: c thresholds are <= v) and codes into
values of the activation function; they differ in their thresholds, outputs and noise only, so one class serves both.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from memramp.config import StrictModel
from memramp.devices import Device
from memramp.errors import InputError
from memramp.peripherals import kernels
from memramp.peripherals.functions import Function, get_function
from memramp.peripherals.input_driver import batch_of_float32
from memramp.peripherals.levels import MAX_BITS, LevelsKind, check_bits, ideal_levels
from memramp.peripherals.programmed_ramp import Calibration, ProgrammedRamp, program_ramp
from memramp.peripherals.ramp import design_ramp
from memramp.streams import check_counters

Float32Array = NDArray[np.float32]
_PARTS = 16  # of a batch: enough for any number of threads to share; the codes do not depend on it


class ActivationConfig(StrictModel):
    """How pre-activations become values of the activation function."""

    kind: Literal["nladc", "uniform_adc"] = "nladc"
    """Ramp converter with the function in its thresholds, or uniform converter and digital function."""

    bits: Annotated[int, Field(strict=True, ge=1, le=MAX_BITS)] = 5
    """Resolution, 1..12 (2..12 with levels ``midpoint``); above 8, steps are small beside usual programming errors."""

    levels: LevelsKind = "midpoint"
    """Placement of thresholds and outputs of the ramp; for ``uniform_adc`` it only sets the default range."""

    calibration: Calibration = "one_point"
    """How the ramp's bias devices are set (``nladc``)."""

    range: Annotated[float, Field(strict=True, ge=1e-6, le=1e6)] | None = None
    """Full scale of ``uniform_adc``: it converts -range..range [pre-activation]. None: as far as the ramp reaches."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.kind == "nladc" and self.range is not None:
            raise ValueError("range belongs to kind 'uniform_adc'; the range of 'nladc' follows from its levels")
        if self.kind == "nladc" or self.range is None:
            check_bits(self.bits, self.levels)
        return self


@dataclass(frozen=True, eq=False)
class Converter:
    """A converter with 2**bits codes, ready to convert."""

    function: Function
    """The activation function."""

    base: Float32Array
    """Value of the ramp at each comparison, without read noise, [2**bits - 1] [pre-activation]."""

    read_std: Float32Array
    """Read noise of the start value and of the step to each further value, [2**bits - 1] [pre-activation]."""

    outputs: Float32Array
    """Output of each code, [2**bits]."""

    bias_overflow: float = 0.0
    """By how much calibration asked a bias device for more than g_max, see `ProgrammedRamp.bias_overflow` [uS]."""

    def __post_init__(self) -> None:
        count = 2**self.bits
        sizes = (self.base.size, self.read_std.size, self.outputs.size)
        if self.bits < 1 or sizes != (count - 1, count - 1, count):  # the kernels rely on it
            raise ValueError(f"a converter needs 2**bits - 1 values, as many noises and 2**bits outputs, found {sizes}")

    @property
    def bits(self) -> int:
        """Resolution."""
        return int(self.outputs.size).bit_length() - 1

    @property
    def thresholds(self) -> Float32Array:
        """Thresholds without read noise, [2**bits - 1]: the running maximum of `base` [pre-activation]."""
        return np.maximum.accumulate(self.base)

    @property
    def noisy(self) -> bool:
        """Whether each conversion draws read noise."""
        return bool(self.read_std.any())

    def read_thresholds(self, key: int | np.uint64, sample: int = 0, step: int = 0, purpose: int = 0) -> Float32Array:
        """Return the thresholds of one conversion, with the read noise that all its columns share.

        Parameters
        ----------
        key : int
            64-bit key of this converter's read noise, see `memramp.streams.Streams.key`.
        sample, step, purpose : int
            Which conversion, each 0..2**32 - 1; `purpose` tells apart conversions of one ramp in the same step.

        Returns
        -------
        ndarray of float32, [2**bits - 1], non-decreasing [pre-activation]
        """
        out = np.empty_like(self.base)
        kernels.noisy_thresholds(self.base, self.read_std, np.uint64(key), step, sample, purpose, out)
        return out

    def convert(
        self, v: ArrayLike, key: int | np.uint64 | None = None, first_sample: int = 0, step: int = 0, purpose: int = 0
    ) -> NDArray[np.int16]:
        """Convert a batch of pre-activations; one ramp, and so one draw of its noise, serves all columns of a sample.

        Parameters
        ----------
        v : array_like, [batch, cols]
            Pre-activations, finite.
        key : int or None
            64-bit key of this converter's read noise; needed only with noise.
        first_sample : int
            Index of the first sample: a batch in two halves gives the same codes as in one piece.
        step, purpose : int
            Which conversion of the sample; see `read_thresholds`.

        Returns
        -------
        ndarray of int16, [batch, cols]
            Codes, 0..2**bits - 1.

        Raises
        ------
        ValueError
            Not two-dimensional, or not finite; a counter beyond 32 bits; noise without a key.
        """
        values = batch_of_float32(v, "pre-activations")
        codes = np.empty(values.shape, np.int16)
        check_counters(first_sample, len(values), step, purpose)
        if self.noisy:
            if key is None:
                raise ValueError("a noisy converter needs a key, one of its own")
            scratch = np.empty((_PARTS, self.base.size), np.float32)
            kernels.convert_batch(
                values, self.base, self.read_std, np.uint64(key), first_sample, step, purpose, scratch, codes
            )
        else:
            kernels.convert_batch_static(values, self.thresholds, _PARTS, codes)
        return codes

    def decode(self, codes: NDArray[np.integer]) -> Float32Array:
        """Return the value of the activation function that each code stands for; any shape."""
        return np.asarray(self.outputs[codes])


def nladc(ramp: ProgrammedRamp) -> Converter:
    """Return the converter that a programmed ramp column makes."""
    count = ramp.design.thresholds.size
    return Converter(
        function=ramp.design.function,
        base=ramp.thresholds.astype(np.float32),
        read_std=ramp.read_std[:count].astype(np.float32),
        outputs=ramp.design.outputs.astype(np.float32),
        bias_overflow=ramp.bias_overflow,
    )


def uniform_adc(function: str | Function, bits: int, full_scale: float) -> Converter:
    """Return the conventional baseline: an ideal uniform ADC and a digital unit that looks the function up.

    The 2**bits codes divide -full_scale..full_scale evenly; a code stands for the function at the middle of its part.
    Values beyond full scale take the outermost code.

    Parameters
    ----------
    function : str or Function
        Activation function of the digital unit.
    bits : int
        Resolution, 1..12.
    full_scale : float
        Largest pre-activation of the range, > 0.

    Raises
    ------
    InputError
        Unknown function, bits out of range, or a full scale that is not positive and finite.
    """
    chosen = get_function(function) if isinstance(function, str) else function
    if isinstance(bits, bool) or not isinstance(bits, int | np.integer) or not 1 <= bits <= MAX_BITS:
        raise InputError(f"bits of a uniform ADC must be 1 to {MAX_BITS}, found {bits}")
    if not 0.0 < full_scale < np.inf:
        raise InputError(f"full scale of a uniform ADC must be positive, found {full_scale}")
    count = 2**bits
    edges = full_scale * (2 * np.arange(1, count) - count) / count
    middles = full_scale * (2 * np.arange(count) + 1 - count) / count
    return Converter(
        function=chosen,
        base=edges.astype(np.float32),
        read_std=np.zeros(count - 1, np.float32),
        outputs=chosen(middles).astype(np.float32),
    )


def build_converter(config: ActivationConfig, function: str, device: Device, rng: np.random.Generator) -> Converter:
    """Make the converter of one chip that a configuration describes.

    Parameters
    ----------
    config : ActivationConfig
        Kind, resolution, levels, calibration, range.
    function : str
        Activation function.
    device : Device
        The devices of the ramp column; unused for ``uniform_adc``.
    rng : numpy.random.Generator
        Source of the programming draws, a child stream of its own for each ramp of each chip; unused likewise.

    Raises
    ------
    InputError
        The ramp cannot be realised in the device's window, or an unknown function.
    """
    if config.kind == "nladc":
        design = design_ramp(function, config.bits, config.levels, device)
        return nladc(program_ramp(design, device, rng, config.calibration))
    full_scale = config.range or ideal_levels(function, config.bits, config.levels).range
    return uniform_adc(function, config.bits, full_scale)
