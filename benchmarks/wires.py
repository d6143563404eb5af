"""Time the wire solver against badcrossbar's sparse nodal analysis, and check that both find the same currents.

Run as ``python -m benchmarks.wires [SIZE ...]``; the defaults are 64, 128, 256 and 512 rows and columns, and
1024 without badcrossbar, which takes minutes and much memory. Devices of 2.5 to 250 kohm, wires of 1 ohm. The best of
several repetitions is given; badcrossbar, on one core, runs once where it takes longer than a second. Where it is not
installed (``pip install --no-deps badcrossbar==1.1.0 && pip install pathvalidate sigfig``), its columns stay empty.
"""

import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from memramp.crossbar.wire_fold import effective_conductance
from memramp.crossbar.wires import WireConfig, solve

Floats = NDArray[np.float64]

SIZES = (64, 128, 256, 512, 1024)
LARGEST_FOR_PEER = 512
BATCHES = (1, 16)
WIRES = WireConfig(r_row=1.0, r_col=1.0, r_source=1.0, r_sink=1.0)


@dataclass(frozen=True)
class Timing:
    """One size and batch."""

    size: int
    inputs: int
    seconds: dict[int, float]
    """Ours, from conductances to currents, by the number of threads."""

    iterations: int
    residual: float
    """Largest of the batch."""

    peer_seconds: float | None
    """badcrossbar's."""

    error: float | None
    """Largest difference from badcrossbar, over full scale."""


def measure(sizes: tuple[int, ...] = SIZES, batches: tuple[int, ...] = BATCHES, repeats: int = 9) -> Iterator[Timing]:
    """Time each size and batch."""
    peer = _peer()
    for size in sizes:
        for inputs in batches:
            yield _measure_one(size, inputs, repeats, peer if size <= LARGEST_FOR_PEER else None)


def fold_seconds(size: int = 256, repeats: int = 3) -> dict[int, float]:
    """Time the folding of an array into its effective matrix, by the number of threads."""
    g, _ = _array(size, 1)
    return _by_threads(lambda: effective_conductance(g, WIRES), repeats)


def _measure_one(size: int, inputs: int, repeats: int, peer: Callable[[Floats, Floats], Floats] | None) -> Timing:
    g, v = _array(size, inputs)
    solution = solve(g, WIRES, v)
    seconds = _by_threads(lambda: solve(g, WIRES, v), repeats)
    peer_seconds = error = None
    if peer is not None:
        found: list[Floats] = []
        peer_seconds = _best(lambda: found.append(peer(g, v)), repeats)
        error = float(np.abs(found[0] - solution.currents).max() / (v @ g).max())
    iterations, residual = int(solution.iterations.max()), float(solution.residual.max())
    return Timing(size, inputs, seconds, iterations, residual, peer_seconds, error)


def _array(size: int, inputs: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(size)
    ohms = np.exp(rng.uniform(np.log(2.5e3), np.log(2.5e5), (size, size)))
    return 1e6 / ohms, rng.uniform(0.0, 0.2, (inputs, size))


def _peer() -> Callable[[Floats, Floats], Floats] | None:
    try:
        with warnings.catch_warnings(record=True):
            import badcrossbar
    except ImportError:
        return None
    logging.getLogger("badcrossbar").setLevel(logging.ERROR)

    def currents(g: Floats, v: Floats) -> Floats:
        solution = badcrossbar.compute(v.T, 1e6 / g, r_i=1.0, node_voltages=False, all_currents=False)
        return np.asarray(1e6 * solution.currents.output)

    return currents


def _by_threads(work: Callable[[], object], repeats: int) -> dict[int, float]:
    before, seconds = numba.get_num_threads(), {}
    try:
        for threads in sorted({1, min(2, numba.config.NUMBA_NUM_THREADS)}):
            numba.set_num_threads(threads)
            seconds[threads] = _best(work, repeats)
    finally:
        numba.set_num_threads(before)
    return seconds


def _best(work: Callable[[], object], repeats: int) -> float:
    times: list[float] = []
    while len(times) < repeats and sum(times) < 1.0:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print the table."""
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    print("exact currents of arrays of 2.5 to 250 kohm with wires of 1 ohm; times in ms, ratio: badcrossbar / 1 thread")
    print("  size  inputs  1 thread  2 threads  iterations  residual  badcrossbar   ratio  difference")
    for row in measure(sizes):
        two = f"{row.seconds[2] * 1e3:9.2f}" if 2 in row.seconds else " " * 9
        line = f"  {row.size:4d}  {row.inputs:6d}  {row.seconds[1] * 1e3:8.2f}  {two}"
        line += f"  {row.iterations:10d}  {row.residual:8.1e}"
        if row.peer_seconds is not None:
            line += f"  {row.peer_seconds * 1e3:11.1f}  {row.peer_seconds / row.seconds[1]:6.0f}"
            line += f"  {row.error:10.1e}" if row.error is not None else ""
        print(line, flush=True)
    size = min(256, max(sizes))
    folds = ", ".join(f"{seconds:.2f} s on {threads} thread(s)" for threads, seconds in fold_seconds(size).items())
    print(f"  {size} x {size} folded into its effective matrix: {folds}")


if __name__ == "__main__":
    main()
