"""Time a noisy read: one exact draw an output against one draw a device.

Run as ``python -m benchmarks.read_noise [SIZE BATCH]``; the defaults are 512 rows and columns and a batch of 256. All
compiled loops use all cores. The best of several repetitions is given.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from memramp.crossbar import CrossbarConfig, ProgrammedArray, program_array
from memramp.crossbar.array import read_stds
from memramp.devices import load_preset
from memramp.normals import fill_normals

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Timings:
    """Seconds for one batch, except where said otherwise."""

    exact: float
    """`ProgrammedArray.multiply`: product and one draw an output."""

    noise_free: float
    """The product alone, by our own loops."""

    numpy_product: float
    """The product alone, by NumPy's BLAS."""

    per_device_compiled: float
    """One draw a device, compiled, on all cores."""

    per_device_numpy: float
    """`ProgrammedArray.multiply_per_device`: one draw a device, NumPy; extrapolated from a part of the batch."""

    normals_per_second: float
    """Normal draws a second, on one core."""


def _array(size: int, *, noisy: bool) -> ProgrammedArray:
    device = load_preset("yang2025_150us")
    w = np.random.default_rng(1).normal(0.0, 0.5, (size, size))
    return program_array(w, CrossbarConfig(), device if noisy else device.ideal(), np.random.default_rng(2))


@numba.njit(parallel=True, nogil=True, error_model="numpy", fastmath={"contract"})
def read_per_device(x: Floats, g: Floats, std: Floats, scale: float, key: np.uint64, out: Floats) -> None:
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


def _best(work: Callable[[], object], repeats: int) -> float:
    work()  # compile, warm up
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(size: int = 512, batch: int = 256, repeats: int = 10) -> Timings:
    """Time every way to read an array of ``size * size`` pairs once for each sample of a batch."""
    noisy, ideal = _array(size, noisy=True), _array(size, noisy=False)
    x = np.random.default_rng(3).uniform(-1.0, 1.0, (batch, size)).astype(np.float32)
    key = np.uint64(4)
    g = np.stack([noisy.g_pos, noisy.g_neg]).astype(np.float32)
    std = np.stack(read_stds(noisy.g_pos, noisy.g_neg, noisy.config, noisy.device)).astype(np.float32)
    out, z = np.empty((batch, size), np.float32), np.empty(100_000, np.float32)
    rng, few = np.random.default_rng(5), max(1, batch // 64)
    return Timings(
        exact=_best(lambda: noisy.multiply(x, key), repeats),
        noise_free=_best(lambda: ideal.multiply(x, key), repeats),
        numpy_product=_best(lambda: np.matmul(x, noisy.w_eff), repeats),
        per_device_compiled=_best(lambda: read_per_device(x, g, std, noisy.config.scale, key, out), 2),
        per_device_numpy=_best(lambda: noisy.multiply_per_device(x[:few], rng), 1) * batch / few,
        normals_per_second=z.size / _best(lambda: fill_normals(key, 0, 0, 0, z), repeats),
    )


def main() -> None:
    """Print the table."""
    size, batch = map(int, sys.argv[1:3]) if len(sys.argv) > 2 else (512, 256)
    timings = measure(size, batch)
    operations = 2.0 * batch * size * size
    print(f"{size} x {size} pairs, batch {batch}, float32, {numba.get_num_threads()} threads")
    rows = {
        "product and exact read noise": timings.exact,
        "product alone, our loops": timings.noise_free,
        "product alone, NumPy": timings.numpy_product,
        "a draw a device, compiled": timings.per_device_compiled,
        "a draw a device, NumPy": timings.per_device_numpy,
    }
    for name, seconds in rows.items():
        rate, factor = operations / seconds / 1e9, seconds / timings.exact
        print(f"  {name:30s} {seconds * 1e3:10.2f} ms  {rate:8.2f} GFLOP/s  {factor:8.1f} x the exact read")
    print(f"  normal draws on one core: {timings.normals_per_second / 1e6:.0f} million a second")


if __name__ == "__main__":
    main()
