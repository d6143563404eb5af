"""The arrays of the wires' cases, the same for memramp and its peers; imports nothing of memramp."""

import numpy as np
from numpy.typing import NDArray

OHM = 1.0
"""Resistance of each piece of wire, from cell to cell, from the drivers to the first and from the last to ground."""

G_MIN, G_MAX = 4.0, 400.0
"""Conductances of the devices [uS], 250 to 2.5 kohm."""

V_MAX = 0.2
"""Largest input of either sign [V]."""


def wire_data(size: int, inputs: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return conductances [size, size] uS, spread evenly over their logarithm, and voltages [inputs, size] V."""
    rng = np.random.default_rng(1)
    g = np.exp(rng.uniform(np.log(G_MIN), np.log(G_MAX), (size, size)))
    return g, rng.uniform(-V_MAX, V_MAX, (inputs, size))
