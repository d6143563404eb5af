"""Converters behind one interface: the nonlinear ramp ADC, and a uniform ADC with a digital activation after it.

Both turn the pre-activations of a batch into codes by first crossing (code c: c thresholds are <= v) and codes into
values of the activation function; they differ in their thresholds, outputs and noise only, so one class serves both.
What a real circuit and its surroundings add is put in by `memramp.peripherals.circuit_effects.with_circuit`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memramp.errors import InputError
from memramp.parallel import over_parts
from memramp.peripherals import kernels
from memramp.peripherals.function import Function
from memramp.peripherals.functions import get_function
from memramp.peripherals.input_driver import batch_of_float32
from memramp.peripherals.levels import MAX_BITS
from memramp.peripherals.programmed_ramp import ProgrammedRamp
from memramp.peripherals.reference import Reference, reference_of
from memramp.streams import check_counters

Float32Array = NDArray[np.float32]
_MOST_COUNTS = 2**15  # counts are int16
_LEAST_PART = 16  # samples that are worth a thread; the codes do not depend on it
_LARGEST_PART = 64  # samples whose thresholds a thread holds at once
_MOST_BINS = 4096
_FEW_THRESHOLDS = 63  # so many are compared as fast as a bin is looked up


Counting = Literal["first_crossing", "count"]


@dataclass(frozen=True, eq=False)
class Converter:
    """A converter with K thresholds and K + 1 counts, ready to convert.

    K is 2**bits - 1 where each code has one place on the ramp. Where the function has folds, K may be another number:
    the ramp rises all the same, and the *counter* goes down in the falling sections.
    """

    function: Function
    """The activation function."""

    base: Float32Array
    """Value of the ramp at each comparison, without read noise, [K] [pre-activation]."""

    read_std: Float32Array
    """Read noise of the start value and of the step to each further value, [K] [pre-activation]."""

    outputs: Float32Array
    """Output of each count, [K + 1]; need not be monotone."""

    bias_overflow: float = 0.0
    """By how much calibration asked a bias device for more than g_max, see `ProgrammedRamp.bias_overflow` [uS]."""

    codes: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Reading of the counter, up or down, at each count, [K + 1], >= 0. Empty: the counts themselves."""

    reference: Reference = field(default_factory=Reference)
    """Where the thresholds come from."""

    offset: Float32Array = field(default_factory=lambda: np.empty(0, np.float32))
    """Offset of each column's comparator, which raises all its thresholds, [columns]; empty: none [pre-activation]."""

    sample_std: float = 0.0
    """Noise of the value that a column holds, drawn once per column and conversion [pre-activation]."""

    decision_std: float = 0.0
    """Noise of the comparators, drawn for each decision [pre-activation]."""

    hysteresis: float = 0.0
    """By how much a threshold is higher for a comparator that said 'crossed' before. `base` is what counts for one that
    did not, so only counting ``count`` meets it [pre-activation]."""

    counting: Counting = "first_crossing"
    """Count to the first clock that says 'crossed', or all clocks that say 'not yet'."""

    early_stop: bool = False
    """Whether a conversion ends when all its columns have crossed; see `cycles`."""

    def __post_init__(self) -> None:
        sizes = (self.base.size, self.read_std.size, self.outputs.size)
        if not 1 <= self.base.size < _MOST_COUNTS or sizes != (sizes[0], sizes[0], sizes[0] + 1):  # kernels rely on it
            raise ValueError(f"a converter needs K >= 1 values, as many noises and K + 1 outputs, found {sizes}")
        if self.codes.size == 0:
            object.__setattr__(self, "codes", np.arange(self.outputs.size))
        if self.codes.shape != self.outputs.shape or self.codes.min() < 0:
            raise ValueError(f"a converter needs a code >= 0 for each of {self.outputs.size} counts")

    @property
    def bits(self) -> int:
        """Resolution: the bits that the counter needs."""
        return int(self.codes.max()).bit_length()

    @property
    def thresholds(self) -> Float32Array:
        """Thresholds without any noise, [K] [pre-activation].

        The running maximum of `base`, or, where all clocks count, `base` in ascending order.
        """
        return np.sort(self.base) if self.counting == "count" else np.maximum.accumulate(self.base)

    @property
    def noisy(self) -> bool:
        """Whether each conversion draws noise."""
        return bool(self.read_std.any()) or self.sample_std > 0.0 or self.decision_std > 0.0

    @property
    def plain(self) -> bool:
        """Whether all columns are alike but for what they hold, and count to the first crossing."""
        quiet = self.sample_std == 0.0 and self.decision_std == 0.0
        return quiet and self.offset.size == 0 and self.counting == "first_crossing"

    @property
    def errors(self) -> kernels.ColumnErrors:
        """What tells the columns apart and how they count, as kernels take it."""
        return kernels.ColumnErrors(
            offset=self.offset,
            sample_std=np.float32(self.sample_std),
            decision_std=np.float32(self.decision_std),
            hysteresis=np.float32(self.hysteresis),
            count_all=self.counting == "count",
        )

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
        ndarray of float32, [K], non-decreasing [pre-activation]
        """
        out = np.empty_like(self.base)
        if self.counting == "first_crossing":
            kernels.noisy_thresholds(
                self.base, self.read_std, np.uint64(key), int(step), int(sample), int(purpose), out
            )
            return out
        both = np.empty((2, self.base.size), np.float32)
        kernels.read_ramp(self.base, self.read_std, np.uint64(key), int(step), int(sample), int(purpose), True, both)
        return np.asarray(both[1])

    def convert(
        self,
        v: ArrayLike,
        key: int | np.uint64 | None = None,
        first_sample: int = 0,
        step: int = 0,
        purpose: int = 0,
        first_column: int = 0,
    ) -> NDArray[np.int16]:
        """Convert a batch of pre-activations; one ramp, and so one draw of its noise, serves all columns of a sample.

        Parameters
        ----------
        v : array_like, [batch, cols]
            Pre-activations, finite.
        key : int or None
            64-bit key of this converter's noise; needed only with noise.
        first_sample : int
            Index of the first sample: a batch in two halves gives the same codes as in one piece.
        step, purpose : int
            Which conversion of the sample; see `read_thresholds`. `purpose` lies below 2**30 where columns have noise
            of their own.
        first_column : int
            Number of the first column of `v`: it picks the columns' offsets and noise.

        Returns
        -------
        ndarray of int16, [batch, cols]
            Thermometer counts, 0..K.

        Raises
        ------
        ValueError
            Not two-dimensional, or not finite; a counter beyond 32 bits; noise without a key; columns that the
            converter does not have.
        """
        values = batch_of_float32(v, "pre-activations")
        codes = np.empty(values.shape, np.int16)
        check_counters(first_sample, len(values), step, purpose)
        if self.noisy and key is None:
            raise ValueError("a noisy converter needs a key, one of its own")
        over_parts(
            self._conversion(values, np.uint64(key or 0), first_sample, step, purpose, first_column, codes),
            len(values),
            _LEAST_PART,
            most=_LARGEST_PART,
        )
        return codes

    def _conversion(
        self,
        v: Float32Array,
        key: np.uint64,
        first_sample: int,
        step: int,
        purpose: int,
        first_column: int,
        codes: NDArray[np.int16],
    ) -> Callable[[slice], None]:
        """Return what converts a part of a batch."""
        first, step, purpose = int(first_sample), int(step), int(purpose)  # one type each: kernels compile once
        base, std = self.base, self.read_std
        if not self.plain:
            self._check_columns(v.shape[1], purpose, first_column)
            column, errors = int(first_column), self.errors
            return lambda part: kernels.convert_batch_columns(
                v[part], column, base, std, errors, key, first + part.start, step, purpose, codes[part]
            )
        if self.noisy:
            return lambda part: kernels.convert_batch(
                v[part], base, std, key, first + part.start, step, purpose, codes[part]
            )
        thresholds, bins = self.thresholds, self._bins
        if bins is not None:
            return lambda part: kernels.convert_batch_by_bins(v[part], thresholds, *bins, codes[part])
        return lambda part: kernels.convert_batch_static(v[part], thresholds, codes[part])

    @cached_property
    def _bins(self) -> tuple[NDArray[np.int32], np.float32, np.float32] | None:
        """Even bins that hold one threshold each at most, as `kernels.convert_batch_by_bins` takes them, if any do."""
        thresholds = self.thresholds
        if thresholds.size <= _FEW_THRESHOLDS or not np.isfinite(thresholds).all():
            return None
        low, span, gap = thresholds[0], thresholds[-1] - thresholds[0], np.diff(thresholds).min()
        if span >= gap * (_MOST_BINS / 2):
            return None
        per_bin = np.float32(2.0) / gap
        places = ((thresholds - low) * per_bin).astype(np.int64)
        return np.searchsorted(places, np.arange(places[-1] + 1)).astype(np.int32), low, per_bin

    def _check_columns(self, columns: int, purpose: int, first_column: int) -> None:
        last = first_column + columns
        if first_column < 0 or 0 < self.offset.size < last:
            raise ValueError(f"the converter has {self.offset.size} columns, found columns {first_column}..{last - 1}")
        if purpose >= kernels.SAMPLE or last * self.base.size >= 2**32:
            found = f"{purpose}, and {last} x {self.base.size}"
            raise ValueError(f"purposes lie below 2**30, columns x thresholds below 2**32, found {found}")

    def decode(self, codes: NDArray[np.integer]) -> Float32Array:
        """Return the value of the activation function that each count stands for; any shape."""
        return np.asarray(self.outputs[codes])

    def counter_reading(self, counts: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return what the counter, up or down, shows at each count; any shape."""
        return np.asarray(self.codes[counts])

    def cycles(self, counts: NDArray[np.integer], early_stop: bool | None = None) -> NDArray[np.int64]:
        """Return how many clocks each conversion takes.

        One clock sets the start value, then each threshold takes one, and each value that the ramp visits before the
        first threshold. A whole conversion of 2**n codes thus takes 2**n clocks, as the paper's: 32 ns for 5 bit at
        1 GHz, Yang et al., doi 10.1038/s41467-025-56254-6, by way of doi 10.1038/s41467-025-65233-w. With early stop, a
        conversion ends at the clock in which the last of its columns crosses.

        Parameters
        ----------
        counts : ndarray of int, [..., cols]
            Thermometer counts of the columns that share a ramp, 0..K; at least one column.
        early_stop : bool or None
            None: as the converter is made.

        Returns
        -------
        ndarray of int64, [...]
        """
        size = self.base.size
        stops = self.early_stop if early_stop is None else early_stop
        compared = np.minimum(counts.max(axis=-1).astype(np.int64) + 1, size)  # count c crosses at comparison c + 1
        return np.asarray((compared if stops else np.full_like(compared, size)) + (1 + self.reference.lead.size))


def nladc(ramp: ProgrammedRamp) -> Converter:
    """Return the converter that a programmed ramp column makes."""
    return Converter(
        function=ramp.design.function,
        base=ramp.thresholds.astype(np.float32),
        read_std=ramp.start_std.astype(np.float32),
        outputs=ramp.design.outputs.astype(np.float32),
        bias_overflow=ramp.bias_overflow,
        codes=np.asarray(ramp.design.levels.codes),
        reference=reference_of(ramp),
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
        reference=Reference(tracks=False),
    )
