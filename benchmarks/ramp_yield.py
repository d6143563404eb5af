"""Time the Monte-Carlo yield of ramp columns: programming, calibration, INL and DNL of many columns.

Run as ``python -m benchmarks.ramp_yield [COLUMNS]``; the default is 10,000 columns of 5 bits. All of it runs on one
core. The best of several repetitions is given, and, beside it, how many normal draws NumPy makes on this machine: a
column needs one for each of its devices.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from memramp.devices import load_preset
from memramp.peripherals import Calibration, design_ramp
from memramp.peripherals.yields import Limits, linearity_of_columns
from memramp.streams import Streams

CALIBRATIONS = {
    "uncalibrated": Calibration(kind="none"),
    "one-point calibrated": Calibration(kind="one_point"),
    "two-point calibrated": Calibration(kind="two_point"),
    "best of 4 copies": Calibration(copies=4),
}


@dataclass(frozen=True)
class Timing:
    """What one way of calibration takes."""

    seconds: float
    """For all columns."""

    draws: int
    """Devices that were drawn."""


def _best(work: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(columns: int = 10_000, repeats: int = 5) -> dict[str, Timing]:
    """Time each way of calibration on `columns` columns of a 5-bit sigmoid."""
    device = load_preset("yang2025_150us")
    design = design_ramp("sigmoid", 5, "midpoint", device)

    def work(calibration: Calibration) -> object:
        return linearity_of_columns(design, device, calibration, Limits(), columns, Streams(1))

    rows = len(design.column.role)
    return {
        name: Timing(_best(lambda kind=kind: work(kind), repeats), columns * rows * kind.copies)  # type: ignore[misc]
        for name, kind in CALIBRATIONS.items()
    }


def normals_per_second(count: int = 1_000_000) -> float:
    """Return how many normal draws NumPy makes in a second, on one core."""
    rng = np.random.default_rng(1)
    return count / _best(lambda: rng.standard_normal(count), 5)


def main() -> None:
    """Print the table."""
    columns = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    timings, normals = measure(columns), normals_per_second()
    print(f"{columns} columns of a 5-bit sigmoid, with INL, DNL and yield, one core")
    for name, timing in timings.items():
        draws = timing.draws / normals
        print(f"  {name:22s} {timing.seconds * 1e3:10.1f} ms, {timing.seconds / draws:5.1f} x its normal draws alone")
    print(f"  normal draws: {normals / 1e6:.0f} million a second")


if __name__ == "__main__":
    main()
