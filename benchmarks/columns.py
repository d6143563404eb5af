"""Work on ramp columns: the Monte-Carlo yield of many of them, and the normal draws that it needs, alone."""

import numpy as np

from benchmarks.protocol import Work
from memramp.devices import ConstantNoise, load_preset
from memramp.peripherals import Calibration, RampDesign, design_ramp
from memramp.peripherals.yields import Limits, Linearity, linearity_of_columns
from memramp.streams import Streams

CALIBRATIONS = {
    "none": Calibration(kind="none"),
    "one_point": Calibration(kind="one_point"),
    "two_point": Calibration(kind="two_point"),
    "best of 4": Calibration(copies=4),
}

SIGMA = 5.0
"""Programming error of the columns [uS]."""

_DEVICE = "yang2025_150us"


def _design() -> RampDesign:
    return design_ramp("sigmoid", 5, "midpoint", load_preset(_DEVICE))


def column_yield(columns: int, calibration: str) -> Linearity:
    """Return the linearity of many 5-bit sigmoid columns after their calibration; any within the window or not."""
    device = load_preset(_DEVICE).model_copy(update={"prog_noise": ConstantNoise(sigma=SIGMA)})
    limits = Limits(inl=0.5, within_window=False)
    return linearity_of_columns(_design(), device, CALIBRATIONS[calibration], limits, columns, Streams(1))[1]


def ramp_yield(columns: int, calibration: str) -> Work:
    """Return: program, calibrate and judge many columns."""
    return lambda: {"good": column_yield(columns, calibration).fraction}


def normal_draws(columns: int, calibration: str) -> Work:
    """Return: draw a normal number for each of their devices, with NumPy."""
    count = columns * len(_design().column.role) * CALIBRATIONS[calibration].copies
    rng = np.random.default_rng(1)
    return lambda: rng.standard_normal(count)
