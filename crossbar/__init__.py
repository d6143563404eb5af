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

from memramp.crossbar.array import ProgrammedArray
from memramp.crossbar.array_faults import ArrayFaults, load_array_faults
from memramp.crossbar.mapping import (
    CrossbarConfig,
    Devices,
    Mapped,
    Plane,
    SliceConfig,
    filled_by,
    map_weights,
    to_conductances,
)
from memramp.crossbar.programming import Reading, measured_array, program_array
from memramp.crossbar.tiling import PartialAdcConfig, TileConfig, Tiling
from memramp.crossbar.weight_files import (
    load_weight_table,
    read_back_weights,
    save_weight_table,
    weight_table_bytes,
    write_weight_readback,
)
from memramp.crossbar.weight_table import (
    WeightReadback,
    WeightTable,
    WeightTargets,
    array_from_readback,
    weight_table,
)

__all__ = [
    "ArrayFaults",
    "CrossbarConfig",
    "Devices",
    "Mapped",
    "PartialAdcConfig",
    "Plane",
    "ProgrammedArray",
    "Reading",
    "SliceConfig",
    "TileConfig",
    "Tiling",
    "WeightReadback",
    "WeightTable",
    "WeightTargets",
    "array_from_readback",
    "filled_by",
    "load_array_faults",
    "load_weight_table",
    "map_weights",
    "measured_array",
    "program_array",
    "read_back_weights",
    "save_weight_table",
    "to_conductances",
    "weight_table",
    "weight_table_bytes",
    "write_weight_readback",
]
