"""A programmed array of differential pairs and its noisy matrix-vector product."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memramp.crossbar import kernels, product_kernels
from memramp.crossbar.mapping import CrossbarConfig, check_window, to_conductances, used_side
from memramp.devices import Device, program
from memramp.devices.noise import FloatArray
from memramp.parallel import over_parts
from memramp.streams import check_counters

FloatMatrix = NDArray[np.float32]

_LARGEST_PART = 64  # samples of one part: their inputs stay in a cache beside a panel of weights


@dataclass(frozen=True, eq=False)
class ProgrammedArray:
    """An array after programming: what its devices hold, and what a read of it does.

    Rows are word lines (inputs) and columns bit lines (outputs); all matrices are [rows, cols].
    """

    g_pos: FloatArray
    """Conductances of the positive devices [uS]."""

    g_neg: FloatArray
    """Conductances of the negative devices [uS]."""

    w_eff: FloatMatrix
    """The weights that the pairs really stand for, ``(g_pos - g_neg) / scale`` [weight units]."""

    noise: kernels.ReadNoise
    """Read noise of the pairs [weight units]."""

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
    def uniform_read_std(self) -> float | None:
        """Held noise of every pair if all are equal, 0 without, else None [weight units]."""
        return None if self.noise.held.size else float(self.noise.held_std)

    @property
    def read_var(self) -> FloatMatrix:
        """Variance of each pair that a full pulse sees, but for two-state devices and a shared column [rows, cols]."""
        common = np.float32(self.noise.held_std**2 + self.noise.white_std**2)
        total = np.full(self.shape, common, np.float32)
        for part in (self.noise.held, self.noise.white):
            if part.size:
                total += part
        return total

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
        rows: tuple[int, int] | None = None,
        tile: int = 0,
    ) -> FloatMatrix:
        """Read the array once for each sample.

        Read noise that is Gaussian and independent for each device and read makes the output ``y[b, j]`` exactly normal
        with mean ``sum_i x[b, i] w_eff[i, j]`` and the variance that `ReadNoise` gives, independent for all b and j
        but for a shared column, so that one draw an output stands for one a device, without approximation. States of
        two-state devices are drawn one by one.
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
        rows : tuple of int or None
            First row that is read, and the first after it that is not; None: all. The others get no pulse, whatever `x`
            says of them.
        tile : int
            Number of the tile that these rows make, 0..2**29: tiles have noise of their own.

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
        check_counters(first_sample, len(inputs), step, kernels.PURPOSES * (tile + 1))
        start, stop = (0, self.shape[0]) if rows is None else rows
        if not 0 <= start <= stop <= self.shape[0]:
            raise ValueError(f"rows lie in 0..{self.shape[0]}, found {start}..{stop}")
        out = np.empty((len(inputs), self.shape[1]), np.float32)
        weights, noise = self.operands

        def read_part(part: slice) -> None:
            first = int(first_sample) + part.start
            kernels.read_batch(
                inputs[part], weights, noise, start, stop, int(tile), np.uint64(key), int(step), first, out[part]
            )

        over_parts(read_part, len(inputs), product_kernels.SAMPLES, most=_LARGEST_PART)
        return out

    def multiply_per_device(self, x: ArrayLike, rng: np.random.Generator) -> FloatArray:
        """Read the array by drawing the noise of every device for every sample: the slow reference of `multiply`.

        Parameters
        ----------
        x : array_like, [batch, rows]
            Inputs in units of one full pulse.
        rng : numpy.random.Generator
            Source of ``2 * batch * rows * cols`` draws.

        Returns
        -------
        ndarray of float64, [batch, cols]
            Outputs [weight units times input units].
        """
        inputs = self._check_inputs(x).astype(np.float64)
        std_pos, std_neg = read_stds(self.g_pos, self.g_neg, self.config, self.device)
        out = np.empty((len(inputs), self.shape[1]))
        for sample, row in enumerate(inputs):
            g_pos = self.g_pos + std_pos * rng.standard_normal(self.shape)
            g_neg = self.g_neg + std_neg * rng.standard_normal(self.shape)
            out[sample] = row @ (g_pos - g_neg) / self.config.scale
        return out

    def _check_inputs(self, x: ArrayLike) -> FloatMatrix:
        inputs = np.ascontiguousarray(x, dtype=np.float32)
        if inputs.ndim != 2 or inputs.shape[1] != self.shape[0]:
            raise ValueError(f"x must be [batch, {self.shape[0]}] for {self.shape[0]} rows, found {list(inputs.shape)}")
        return inputs


def program_array(w: ArrayLike, config: CrossbarConfig, device: Device, rng: np.random.Generator) -> ProgrammedArray:
    """Write weights into an array; programming noise and faults are drawn here, once.

    With ``noise_on: pair`` both devices of each pair are programmed and clipped at zero conductance. With ``used_side``
    each weight has one error: where it would carry the used device below ``g_min``, the other device takes the
    remainder, so that the weight keeps the Gaussian error that the released code of Yang et al.,
    doi 10.1038/s41467-025-56254-6, adds to it.

    Parameters
    ----------
    w : array_like, [rows, cols]
        Weights, see `memramp.crossbar.to_conductances` [weight units].
    config : CrossbarConfig
        Mapping.
    device : Device
        Window, noise and faults of every device.
    rng : numpy.random.Generator
        Source of the draws; noise, faults and the two sides have streams of their own.

    Raises
    ------
    InputError
        The weights are no finite matrix, or the largest does not fit into the device's window.
    """
    g_pos, g_neg = (_program_used_side if config.noise_on == "used_side" else _program_pairs)(w, config, device, rng)
    return measured_array(g_pos, g_neg, config, device)


def measured_array(g_pos: ArrayLike, g_neg: ArrayLike, config: CrossbarConfig, device: Device) -> ProgrammedArray:
    """Return the array that devices of known conductances make: programmed, or measured on a chip.

    Parameters
    ----------
    g_pos, g_neg : array_like, [rows, cols]
        What the devices hold [uS].
    config : CrossbarConfig
        Mapping; of it, only the scale and `CrossbarConfig.noise_on` for the read noise matter here.
    device : Device
        Read noise.
    """
    pos, neg = np.asarray(g_pos, dtype=np.float64), np.asarray(g_neg, dtype=np.float64)
    std_pos, std_neg = read_stds(pos, neg, config, device)
    return ProgrammedArray(
        g_pos=pos,
        g_neg=neg,
        w_eff=((pos - neg) / config.scale).astype(np.float32),
        noise=held_noise((std_pos**2 + std_neg**2) / config.scale**2),
        device=device,
        config=config,
    )


def held_noise(variance: FloatArray) -> kernels.ReadNoise:
    """Return read noise that is constant within a read, from each pair's variance [rows, cols] [weight units squared].

    Where all pairs are alike, one number stands for the matrix: reads are faster then.
    """
    if variance.size == 0 or np.ptp(variance) == 0.0:
        return kernels.ReadNoise(held_std=float(np.sqrt(variance.flat[0])) if variance.size else 0.0)
    return kernels.ReadNoise(held=variance.astype(np.float32))


def read_stds(
    g_pos: FloatArray, g_neg: FloatArray, config: CrossbarConfig, device: Device
) -> tuple[FloatArray, FloatArray]:
    """Return the read noise of the positive and the negative devices, [rows, cols] each [uS]."""
    std_pos, std_neg = device.read_noise.std(g_pos), device.read_noise.std(g_neg)
    if config.noise_on == "pair":
        return std_pos, std_neg
    positive = g_pos >= g_neg
    return np.where(positive, std_pos, 0.0), np.where(positive, 0.0, std_neg)


def _program_pairs(
    w: ArrayLike, config: CrossbarConfig, device: Device, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    target_pos, target_neg = to_conductances(w, config, device)
    rng_pos, rng_neg = rng.spawn(2)
    return program(device, target_pos, rng_pos).g, program(device, target_neg, rng_neg).g


def _program_used_side(
    w: ArrayLike, config: CrossbarConfig, device: Device, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    check_window(config, device)
    target, positive = used_side(w, config, device)
    above = program(device, target, rng, floor=-np.inf).g - device.g_min
    signed = np.where(positive, above, -above)
    return device.g_min + np.maximum(signed, 0.0), device.g_min + np.maximum(-signed, 0.0)
