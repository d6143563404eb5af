"""Work on one array: a product with converters at both ends, the same by a draw for each device, programming."""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from benchmarks.protocol import Work
from memramp import devices
from memramp.crossbar import CrossbarConfig, ProgrammedArray, program_array
from memramp.devices import Device, load_preset
from memramp.normals import fill_normals
from memramp.peripherals import Converter, InputConfig, quantise_inputs, uniform_adc
from memramp.streams import Streams

Floats = NDArray[np.float32]

PART = 64
"""NumPy's draw for each device is timed on one of so many parts of the batch."""

_KEY = np.uint64(4)


@dataclass(frozen=True, eq=False)
class NoisyProduct:
    """A batch through 8-bit drivers, an array whose devices fluctuate at every read, and 8-bit converters."""

    array: ProgrammedArray
    x: Floats
    """[batch, rows], in -1..1."""
    driver: InputConfig
    adc: Converter

    @classmethod
    def build(cls, rows: int, cols: int, batch: int, *, noisy: bool = True) -> "NoisyProduct":
        """Program an array with random weights; the converters span four standard deviations of the outputs."""
        device = load_preset("yang2025_150us")
        w = np.random.default_rng(1).normal(0.0, 0.5, (rows, cols))
        x = np.random.default_rng(3).uniform(-1.0, 1.0, (batch, rows)).astype(np.float32)
        rng = np.random.default_rng(2)
        return cls(
            array=program_array(w, CrossbarConfig(), device if noisy else device.ideal(), rng),
            x=x,
            driver=InputConfig(bits=8),
            adc=uniform_adc("identity", 8, 4.0 * 0.5 * (rows / 3.0) ** 0.5),
        )

    def pulses(self) -> Floats:
        """Return what the drivers make of the inputs, [batch, rows]."""
        return quantise_inputs(self.x, self.driver)

    def read(self) -> Floats:
        """Return the outputs of the array [batch, cols]: one exact draw an output."""
        return self.array.multiply(self.pulses(), _KEY)

    def codes(self) -> NDArray[np.int16]:
        """Return what the converters make of them: all that is timed."""
        return self.adc.convert(self.read())

    def read_per_device(self) -> Floats:
        """Return the outputs by one draw a device, compiled, on all threads: the same generator, the same noise."""
        g = np.stack([self.array.g_pos, self.array.g_neg]).astype(np.float32)
        std = self.array.device.read_noise.std(g).astype(np.float32)
        out = np.empty((len(self.x), self.array.shape[1]), np.float32)
        per_device(self.pulses(), g, std, self.array.config.scale, _KEY, out)
        return out

    def read_per_device_numpy(self, samples: int) -> NDArray[np.float64]:
        """Return the first outputs by one draw a device with NumPy: the slow reference of the tests."""
        return self.array.multiply_per_device(self.pulses()[:samples], np.random.default_rng(5))


@numba.njit(parallel=True, nogil=True, error_model="numpy", fastmath={"contract"})
def per_device(x: Floats, g: Floats, std: Floats, scale: float, key: np.uint64, out: Floats) -> None:
    """Read a batch with a draw for each device; g and std [2, rows, cols] uS, positive side first."""
    rows, cols = g.shape[1], g.shape[2]
    for b in numba.prange(x.shape[0]):
        z = np.empty((2, cols), np.float32)
        out[b, :] = np.float32(0.0)
        for i in range(rows):
            fill_normals(key, i, b, 0, z[0])
            fill_normals(key, i, b, 1, z[1])
            x_i = x[b, i] / np.float32(scale)
            for j in range(cols):
                g_pos, g_neg = g[0, i, j] + std[0, i, j] * z[0, j], g[1, i, j] + std[1, i, j] * z[1, j]
                out[b, j] += x_i * (g_pos - g_neg)


def noisy_product(rows: int, cols: int, batch: int) -> Work:
    """Return: quantise, multiply with exact read noise, convert."""
    return NoisyProduct.build(rows, cols, batch).codes


def noisy_read(rows: int, cols: int, batch: int) -> Work:
    """Return: multiply with exact read noise, alone."""
    product = NoisyProduct.build(rows, cols, batch)
    pulses = product.pulses()
    return lambda: product.array.multiply(pulses, _KEY)


def sgemm(rows: int, cols: int, batch: int) -> Work:
    """Return NumPy's product of the same shape."""
    product = NoisyProduct.build(rows, cols, batch)
    out = np.empty((batch, cols), np.float32)
    return lambda: np.matmul(product.x, product.array.w_eff, out=out)


def per_device_compiled(rows: int, cols: int, batch: int) -> Work:
    """Return: multiply with a draw for each device, compiled."""
    return NoisyProduct.build(rows, cols, batch).read_per_device


def per_device_numpy(rows: int, cols: int, batch: int) -> Work:
    """Return: the same by NumPy, for one of `PART` parts of the batch."""
    product = NoisyProduct.build(rows, cols, batch)
    return lambda: product.read_per_device_numpy(max(1, batch // PART))


@dataclass(frozen=True, eq=False)
class Programming:
    """The same pair of arrays written into many chips."""

    device: Device
    target: NDArray[np.float64]
    """[2, rows, cols] uS, positive side first."""

    @classmethod
    def build(cls, rows: int, cols: int) -> "Programming":
        """Map random weights to pairs of devices with the write noise that aihwkit has, too."""
        device = load_preset("pcm_joshi2020")
        w = np.random.default_rng(1).uniform(-1.0, 1.0, (rows, cols)) * (device.g_max - device.g_min)
        return cls(device, device.g_min + np.stack([np.maximum(w, 0.0), np.maximum(-w, 0.0)]))

    def errors(self, times: int) -> NDArray[np.float64]:
        """Return the standard deviation of the devices' error on each chip, [times] [uS]."""
        return np.asarray(devices.program_chips(self.device, self.target, devices.chip_keys(Streams(1), times)).std)


def programming(rows: int, cols: int, times: int) -> Work:
    """Return: write the pair into so many chips and tell the error of each."""
    pair = Programming.build(rows, cols)
    return lambda: {"error relative to g_max": float(pair.errors(times).mean() / pair.device.g_max)}
