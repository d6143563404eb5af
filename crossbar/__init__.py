"""Many memristors: weights to differential conductances, programming, and the noisy matrix-vector product.

Rows are word lines and inputs, columns are bit lines and outputs: a matrix is [rows, cols], a batch [batch, rows] gives
[batch, cols]. Conductances are in uS, inputs in units of one full pulse, outputs in weight units times input units.

>>> import numpy as np
>>> from memramp.crossbar import CrossbarConfig, program_array
>>> from memramp.devices import load_preset
>>> w = np.array([[1.0, -0.5], [0.25, 2.0]])
>>> array = program_array(w, CrossbarConfig(), load_preset("yang2025_150us"), np.random.default_rng(1))
>>> array.multiply([[1.0, 0.5]], key=np.uint64(7)).shape
(1, 2)

The compiled loops in `memramp.crossbar.kernels` are shared with the network kernels of `memramp.models`.
"""

from memramp.crossbar.array import ProgrammedArray, program_array
from memramp.crossbar.mapping import CrossbarConfig, check_window, to_conductances

__all__ = ["CrossbarConfig", "ProgrammedArray", "check_window", "program_array", "to_conductances"]
