"""The machine's limits, measured in the same run: floating-point operations, memory bandwidth, normal draws."""

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numpy.typing import NDArray

from benchmarks.protocol import Work
from memramp.normals import fill_normals

LIMITS = (
    ("sgemm", "product", {"size": 1536}, 2.0 * 1536**3, "GFLOP/s", "NumPy's product of two 1536 x 1536 matrices"),
    ("triad", "triad", {"count": 2**24}, 2**24 * 24.0, "GB/s", "a = b + s c, three arrays of 128 MiB"),
    ("normals", "normals", {"count": 2**22}, float(2**22), "1e9/s", "memramp's generator, float32"),
)
"""Name, work, sizes, what one run handles, unit of 1e9 of it a second, explanation."""


def product(size: int) -> Work:
    """Return NumPy's product of two square float32 matrices."""
    rng = np.random.default_rng(1)
    a, b = (rng.random((size, size), dtype=np.float32) for _ in range(2))
    out = np.empty_like(a)
    return lambda: np.matmul(a, b, out=out)


@numba.njit(parallel=True, fastmath={"contract"})
def _triad(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> None:
    for i in numba.prange(a.size):
        a[i] = b[i] + 3.0 * c[i]


def triad(count: int) -> Work:
    """Return the triad of McCalpin's STREAM on float64 arrays, counted as three transfers an element."""
    a, b, c = (np.ones(count) for _ in range(3))
    return lambda: _triad(a, b, c)


def normals(count: int) -> Work:
    """Return normal draws by memramp's generator, in pieces that fit a cache, on all threads."""
    threads = numba.get_num_threads()
    piece = 2**14
    out = np.empty((threads, piece), np.float32)

    def fill(thread: int) -> None:
        for block in range(thread, count // piece, threads):
            fill_normals(np.uint64(1), block, 0, 0, out[thread])

    pool = ThreadPoolExecutor(threads)
    return lambda: list(pool.map(fill, range(threads)))
