"""Short names for people, in figures and on the terminal."""

from memramp.peripherals.calibration import Calibration

_KINDS = {
    "none": "uncalibrated",
    "ideal_bias": "ideal bias devices",
    "one_point": "one-point calibrated",
    "two_point": "two-point calibrated",
}


def calibration_label(calibration: Calibration) -> str:
    """Return what was done to a column, e.g. ``one-point calibrated, best of 4 copies``."""
    parts = [_KINDS[calibration.kind]]
    if calibration.copies > 1:
        parts.append(f"best of {calibration.copies} copies")
    if calibration.remap:
        parts.append("stuck devices replaced")
    if calibration.tolerance is not None:
        parts.append(f"within {calibration.tolerance:g} uS")
    return ", ".join(parts)
