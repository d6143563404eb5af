"""Quantiles of the error of ReADC's devices, for devices/presets/readc_taox_table.yaml.

Published are the standard deviation at each of 7 targets and that every error lies within 5 uS
(doi 10.1038/s41467-025-65233-w). The shape between is ours: Q(u) = 5 sign(2u - 1) |2u - 1|^p uS, uniform for p = 1,
with p such that the standard deviation of what is drawn is the measured one.
"""

import numpy as np
from scipy.optimize import brentq

from memramp.devices import TableNoise

TARGETS = (100, 150, 200, 250, 300, 350, 400)
SIGMAS = (2.42, 2.64, 2.98, 2.79, 2.81, 2.63, 2.84)
HALF_WIDTH = 5.0
QUANTILES = 17


def quantiles(sigma: float) -> np.ndarray:
    """Return the quantiles of an error of this standard deviation [uS]."""
    u = 2.0 * np.linspace(0.0, 1.0, QUANTILES) - 1.0

    def row(p: float) -> np.ndarray:
        return HALF_WIDTH * np.sign(u) * np.abs(u) ** p

    def excess(p: float) -> float:
        noise = TableNoise(targets=(0.0,), errors=(tuple(row(p).tolist()),))
        return float(noise.std(0.0)) - sigma

    return np.round(row(brentq(excess, 0.2, 5.0)), 3) + 0.0


if __name__ == "__main__":
    for target, sigma in zip(TARGETS, SIGMAS, strict=True):
        print(f"    - [{', '.join(f'{q:g}' for q in quantiles(sigma))}]  # {target} uS")
