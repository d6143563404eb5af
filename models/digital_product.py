"""Products of a digital unit: compiled, float32, the same bits on any number of threads."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from memramp.crossbar import kernels, product_kernels
from memramp.parallel import over_parts

Floats = NDArray[np.float32]

_FEW_SAMPLES = 8  # fewer are not worth sharing out; the columns are
_LARGEST_PART = 64


@dataclass(frozen=True, eq=False)
class DigitalMatrix:
    """A matrix [rows, cols] that many vectors are multiplied with."""

    matrix: NDArray[np.floating]

    @cached_property
    def _panels(self) -> Floats:
        return product_kernels.panels_of(self.matrix)

    def __call__(self, x: Floats) -> Floats:
        """Return x W, [n, cols]: sums in the order of the rows, one rounding a row.

        Parameters
        ----------
        x : float32 array, [n, rows]
            Contiguous or not.
        """
        inputs, panels = np.ascontiguousarray(x, np.float32), self._panels
        rows, out = inputs.shape[1], np.empty((len(inputs), self.matrix.shape[1]), np.float32)
        if len(inputs) <= _FEW_SAMPLES:
            over_parts(
                lambda part: kernels.multiply_panels(inputs, panels, 0, rows, part.start, part.stop, out),
                len(panels),
                1,
            )
        else:
            over_parts(
                lambda part: kernels.multiply_panels(inputs[part], panels, 0, rows, 0, len(panels), out[part]),
                len(inputs),
                product_kernels.SAMPLES,
                most=_LARGEST_PART,
            )
        return out
