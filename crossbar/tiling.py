"""Matrices larger than one physical array: how they are cut, and how the parts of a column are joined again.

An activation inside the ADC needs the *complete* pre-activation of a column on one summing node: the sum of two
activations is not the activation of a sum. A matrix with more rows than an array has word lines is therefore refused,
joined in charge before the converter, or converted in parts and joined in digital, as the configuration says.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from memramp.config import StrictModel
from memramp.devices.noise import Fraction
from memramp.errors import InputError

_Lines = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class PartialAdcConfig(StrictModel):
    """The uniform ADC that converts the partial sums of arrays that are joined in digital."""

    bits: Annotated[int, Field(strict=True, ge=2, le=16)] = 8
    """Resolution including the sign: codes -(2**(bits-1) - 1) .. 2**(bits-1) - 1."""

    range: Annotated[float, Field(strict=True, ge=1e-6, le=1e6)] | None = None
    """Partial sum of the largest code; larger ones are clipped. None: four standard deviations of the partial sums of
    inputs that are independent and uniform in -1..1, the same for all arrays; our choice [pre-activation]."""

    @property
    def top(self) -> int:
        """Largest code."""
        return int(2 ** (self.bits - 1)) - 1


class TileConfig(StrictModel):
    """The ``tile`` block: the size of a physical array. By default an array is as large as its matrix."""

    rows: _Lines | None = None
    """Word lines of an array; None: any number."""

    cols: _Lines | None = None
    """Bit lines of an array, all devices of a weight and reference columns counted; None: any number."""

    tall: Literal["refuse", "charge", "digital"] = "refuse"
    """What becomes of a matrix with more rows than an array has word lines. ``refuse``: an error. ``charge``: the
    integrators of the arrays share their charges, so that one converter sees the complete sum. ``digital``: each array
    has uniform ADCs; sums and activations are digital, and the ramps are not used."""

    mismatch: Fraction = 0.0
    """Relative standard deviation of the capacitors that share their charges, drawn once for each array and column of a
    chip (``charge``)."""

    adc: PartialAdcConfig = PartialAdcConfig()
    """Converter of the partial sums (``digital``)."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.mismatch > 0.0 and self.tall != "charge":
            raise ValueError(f"mismatch belongs to tall 'charge', found tall '{self.tall}'")
        if self.adc != PartialAdcConfig() and self.tall != "digital":
            raise ValueError(f"adc belongs to tall 'digital', found tall '{self.tall}'")
        return self


@dataclass(frozen=True)
class Tiling:
    """How a matrix lies in physical arrays."""

    row_bounds: tuple[int, ...]
    """First row of each part, then the number of rows."""

    col_bounds: tuple[int, ...]
    """First output of each part, then the number of outputs."""

    planes_per_array: int
    """Devices of a weight that lie in the same array."""

    arrays: int
    """Number of physical arrays."""

    join: Literal["none", "charge", "digital"]
    """How parts of a column are joined."""

    @property
    def row_parts(self) -> int:
        """Number of arrays that a column is spread over."""
        return len(self.row_bounds) - 1

    @property
    def part_of_output(self) -> NDArray[np.int32]:
        """Number of the part in which each output lies, [cols]."""
        return np.repeat(np.arange(len(self.col_bounds) - 1, dtype=np.int32), np.diff(self.col_bounds))

    def blocks(self) -> list[tuple[slice, slice]]:
        """Return rows and outputs of each part, row by row of parts."""
        return [
            (slice(*rows), slice(*cols)) for rows in pairwise(self.row_bounds) for cols in pairwise(self.col_bounds)
        ]


def tile_matrix(
    shape: tuple[int, int], config: TileConfig, *, planes: int, shared: int = 0, separate: bool = False
) -> Tiling:
    """Cut a matrix into physical arrays, filled one after another.

    Parameters
    ----------
    shape : tuple of int
        Numbers of rows and outputs.
    config : TileConfig
        Size of an array, and what a tall matrix becomes.
    planes : int
        Devices of a weight.
    shared : int
        Further bit lines of each array, such as a reference column.
    separate : bool
        Each device of a weight lies in an array of its own.

    Raises
    ------
    InputError
        The matrix is taller than an array and is to be refused, or not even one output fits into an array.
    """
    rows, cols = shape
    tall = config.rows is not None and rows > config.rows
    if tall and config.tall == "refuse":
        raise InputError(
            f"crossbar: a matrix of {rows} rows does not fit into arrays of {config.rows} word lines; an activation "
            "in the ADC needs the complete sum; enlarge 'tile.rows', or set 'tile.tall' to 'charge' or 'digital'"
        )
    lines = 1 if separate else planes
    outputs = cols if config.cols is None else (config.cols - shared) // lines
    if outputs < 1:
        raise InputError(
            f"crossbar: 'tile.cols' is {config.cols}, too few for one output, which takes {lines + shared} bit lines"
        )
    row_bounds = _bounds(rows, config.rows or rows)
    col_bounds = _bounds(cols, outputs)
    parts = (len(row_bounds) - 1) * (len(col_bounds) - 1)
    join: Literal["none", "charge", "digital"] = "none"
    if tall:
        join = "charge" if config.tall == "charge" else "digital"
    return Tiling(row_bounds, col_bounds, lines, parts * (planes if separate else 1), join)


def _bounds(size: int, part: int) -> tuple[int, ...]:
    return (*range(0, size, part), size)
