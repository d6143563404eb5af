"""A programmed array and its noisy matrix-vector product."""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memramp.crossbar import kernels, product_kernels
from memramp.crossbar.mapping import CrossbarConfig, Devices, Mapped
from memramp.crossbar.output_noise import Fluctuations, OutputNoise, effective_weights, kernel_noise
from memramp.crossbar.tiling import Tiling
from memramp.devices import Device
from memramp.devices.noise import FloatArray
from memramp.parallel import over_parts
from memramp.streams import check_counters

FloatMatrix = NDArray[np.float32]

_LARGEST_PART = 64  # samples of one part: their inputs stay in a cache beside a panel of weights
_FEW_SAMPLES, _MANY_PANELS = 8, 32
_REACH = 4.0  # standard deviations of partial sums that their converter covers by default


@dataclass(frozen=True, eq=False)
class ProgrammedArray:
    """A matrix of weights after programming: what its devices hold, and what a read of it does.

    Rows are word lines (inputs) and columns bit lines (outputs); all matrices are [rows, cols].
    """

    devices: Devices
    """Conductances at the time of the read, by plane of devices, see `memramp.crossbar.mapping.Plane` [uS]."""

    effective: Devices
    """What of them counts through the wires, see `memramp.crossbar.wired.through_wires` [uS]."""

    fluctuations: Fluctuations
    """What they do between reads, as the columns see it, by plane."""

    share: FloatArray | None
    """By how much each device counts more than it should because of its array's capacitor or its surroundings; None: 1,
    [rows, cols]."""

    w_eff: FloatMatrix
    """The weights that the devices really stand for [weight units]."""

    output_noise: OutputNoise
    """What they add to the outputs between reads."""

    mapped: Mapped
    """What was to be programmed."""

    tiling: Tiling
    """How the matrix lies in physical arrays."""

    device: Device
    """The device that was programmed."""

    config: CrossbarConfig
    """The mapping that was used."""

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns."""
        rows, cols = self.w_eff.shape
        return rows, cols

    @property
    def scale(self) -> float:
        """Conductance per weight unit that sets the volts of all columns [uS].

        With a scale per column, that of the column with the smallest scale; the others have larger capacitors.
        """
        return float(self.mapped.scale.min())

    @property
    def g_pos(self) -> FloatArray:
        """Conductances of the positive devices (``differential``) [uS]."""
        return self.devices["pos"]

    @property
    def g_neg(self) -> FloatArray:
        """Conductances of the negative devices (``differential``) [uS]."""
        return self.devices["neg"]

    @property
    def held_variance(self) -> FloatMatrix:
        """Variance between reads of each weight at a full pulse, as far as it is constant within a read.

        Noise of reference columns and of two-state devices is counted as if it were independent and Gaussian; [rows,
        cols] [weight units squared].
        """
        return self._collected(self.output_noise.held, toggling=True)

    @property
    def white_variance(self) -> FloatMatrix:
        """The same, of what is white over the pulse."""
        return self._collected(self.output_noise.white, toggling=False)

    def scaled(self, factor: float) -> "ProgrammedArray":
        """Return the array with all currents multiplied by a factor, such as that of another read voltage."""
        if factor == 1.0:
            return self
        share = np.full(self.shape, factor) if self.share is None else factor * self.share
        return replace(
            self,
            share=share,
            w_eff=(factor * self.w_eff.astype(np.float64)).astype(np.float32),
            output_noise=self.output_noise.scaled(factor),
        )

    @cached_property
    def noise(self) -> kernels.ReadNoise:
        """Read noise, as it is handed to the kernels."""
        return kernel_noise(self.output_noise, self.mapped, self.tiling)

    @cached_property
    def partial(self) -> kernels.Partial | None:
        """How the sums of several arrays are converted before they are joined; None where they are not."""
        if self.tiling.join != "digital":
            return None
        adc = self.config.tile.adc
        reach = self._reach_of_partial_sums() if adc.range is None else adc.range
        bounds = np.array(self.tiling.row_bounds, dtype=np.int64)
        return kernels.Partial(bounds, float(np.float32(reach / adc.top)), adc.top)

    @cached_property
    def operands(self) -> tuple[FloatMatrix, kernels.Noise]:
        """Weights and read noise as kernels take them: weights in panels, see `memramp.crossbar.product_kernels`."""
        return product_kernels.panels_of(self.w_eff), kernels.noise_for_kernels(self.noise)

    def multiply(
        self,
        x: ArrayLike,
        key: np.uint64,
        first_sample: int = 0,
        step: int = 0,
        powers: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> FloatMatrix:
        """Read the array once for each sample.

        Read noise that is Gaussian and independent for each device and read makes the output ``y[b, j]`` exactly normal
        with mean ``sum_i x[b, i] w_eff[i, j]`` and the variance that `output_noise` gives, independent for all b and j
        but for a reference column, so that one draw an output stands for one a device, without approximation. States
        of two-state devices are drawn one by one.
        (Gaussian noise may carry a read conductance below zero for an instant; it is not clipped.)

        Parameters
        ----------
        x : array_like, [batch, rows]
            Inputs in units of one full pulse; taken as float32.
        key : numpy.uint64
            Key of the read noise, from `memramp.streams.Streams.key`.
        first_sample : int
            Number of the first sample, 0..2**32 - 1. A sample's noise depends on the key, its number and the step
            alone: a batch gives the same bits whole, in parts, and on any number of threads.
        step : int
            Number of the read of the same sample, e.g. the time step, 0..2**32 - 1.
        powers : tuple of array_like, or None
            What the variances of held and of white noise are multiplied with, [batch, rows] each; None: x^2 and |x|,
            those of pulses of this length.

        Returns
        -------
        ndarray of float32, [batch, cols]
            Outputs [weight units times input units].

        Raises
        ------
        ValueError
            `x` does not have one column for each row of the array, or a counter is out of range.
        """
        inputs = self._check_inputs(x)
        both = self._check_powers(powers)
        check_counters(first_sample, len(inputs), step)
        if self.partial is None:
            return self._read(inputs, both, (0, self.shape[0]), 0, key, first_sample, step)
        top, lsb = self.partial.top, np.float32(self.partial.lsb)
        codes = np.zeros((len(inputs), self.shape[1]), np.float32)
        for tile, rows in enumerate(pairwise(self.tiling.row_bounds)):
            part = self._read(inputs, both, rows, tile, key, first_sample, step)
            codes += np.clip(np.rint(part / lsb), -top, top)
        return codes * lsb

    def _read(
        self,
        x: FloatMatrix,
        powers: kernels.Powers,
        rows: tuple[int, int],
        tile: int,
        key: np.uint64,
        first_sample: int,
        step: int,
    ) -> FloatMatrix:
        """Return what some rows, those of one array, add to the outputs."""
        out = np.empty((len(x), self.shape[1]), np.float32)
        weights, noise = self.operands
        start, stop = rows
        if len(x) <= _FEW_SAMPLES and len(weights) >= _MANY_PANELS:
            # Too few samples to share out; the columns are. The sums, and so the bits, are the same.
            over_parts(
                lambda part: kernels.multiply_panels(x, weights, start, stop, part.start, part.stop, out),
                len(weights),
                1,
            )
            kernels.add_noise_batch(
                x, powers, noise, start, stop, tile, np.uint64(key), int(step), int(first_sample), out
            )
            return out

        def read_part(part: slice) -> None:
            first = int(first_sample) + part.start
            both = None if powers is None else (powers[0][part], powers[1][part])
            kernels.read_batch(
                x[part], both, weights, noise, start, stop, tile, np.uint64(key), int(step), first, out[part]
            )

        over_parts(read_part, len(x), product_kernels.SAMPLES, most=_LARGEST_PART)
        return out

    def multiply_per_device(
        self, x: ArrayLike, rng: np.random.Generator, powers: tuple[ArrayLike, ArrayLike] | None = None
    ) -> FloatArray:
        """Read the array by drawing the noise of every device for every sample: the slow reference of `multiply`.

        Parameters
        ----------
        x : array_like, [batch, rows]
            Inputs in units of one full pulse.
        rng : numpy.random.Generator
            Source of at least ``2 * batch`` draws for each device.
        powers : tuple of array_like, or None
            As in `multiply`.

        Returns
        -------
        ndarray of float64, [batch, cols]
            Outputs [weight units times input units].
        """
        inputs = self._check_inputs(x).astype(np.float64)
        held, white = self._check_powers(powers) or (inputs**2, np.abs(inputs))
        return np.stack([self._read_once(*rows, rng) for rows in zip(inputs, held, white, strict=True)])

    def _read_once(self, x: FloatArray, held: FloatArray, white: FloatArray, rng: np.random.Generator) -> FloatArray:
        pulses, powers = x[:, np.newaxis], (held[:, np.newaxis], white[:, np.newaxis])
        read = {name: self.fluctuations[name].read(g, pulses, rng, powers) for name, g in self.effective.items()}
        charge = effective_weights(read, self.mapped, self.tiling)
        if self.share is not None:
            charge = charge * self.share
        parts = np.stack([charge[start:stop].sum(axis=0) for start, stop in pairwise(self.tiling.row_bounds)])
        if self.partial is not None:
            top, lsb = self.partial.top, self.partial.lsb
            parts = np.clip(np.rint(parts / lsb), -top, top) * lsb
        return np.asarray(parts.sum(axis=0))

    def _reach_of_partial_sums(self) -> float:
        largest = np.add.reduceat(self.mapped.weights**2, self.tiling.row_bounds[:-1], axis=0).max()
        return max(_REACH * float(np.sqrt(largest / 3.0)), 1e-6)

    def _collected(self, variance: FloatArray, *, toggling: bool) -> FloatMatrix:
        cols = self.shape[1]
        total = variance[:, :cols].copy()
        if variance.shape[1] > cols:
            total += variance[:, cols:][:, self.tiling.part_of_output] * self.mapped.planes[0].factor ** 2
        found = self.output_noise.toggles
        if toggling:
            own = found.column < cols
            spread = found.duty * (1.0 - found.duty) * found.delta**2
            np.add.at(total, (found.row[own], found.column[own]), spread[own])
            for row, column, extra in zip(found.row[~own], found.column[~own], spread[~own], strict=True):
                part = self.tiling.part_of_output == column - cols
                total[row, part] += extra * self.mapped.planes[0].factor[part] ** 2
        return total.astype(np.float32)

    def _check_powers(self, powers: tuple[ArrayLike, ArrayLike] | None) -> tuple[FloatMatrix, FloatMatrix] | None:
        if powers is None:
            return None
        held, white = self._check_inputs(powers[0]), self._check_inputs(powers[1])
        if not (np.all(held >= 0.0) and np.all(white >= 0.0)):
            raise ValueError("powers must not be negative")
        return held, white

    def _check_inputs(self, x: ArrayLike) -> FloatMatrix:
        inputs = np.ascontiguousarray(x, dtype=np.float32)
        if inputs.ndim != 2 or inputs.shape[1] != self.shape[0]:
            raise ValueError(f"x must be [batch, {self.shape[0]}] for {self.shape[0]} rows, found {list(inputs.shape)}")
        if not np.isfinite(inputs).all():
            raise ValueError("x must be finite")
        return inputs
