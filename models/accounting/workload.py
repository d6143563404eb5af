"""What a network's hardware has to do, counted: reads, conversions, digital operations, bits moved.

Nothing here depends on what an action costs, nor on which kind of converter performs it: architectures share one
workload. Counts are those of all sequences together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from memramp.config import StrictModel
from memramp.quantities import NonNegativeMicrosiemens

OPERATIONS_PER_MAC = 2
"""One multiplication and one addition."""

_Width = Annotated[int, Field(strict=True, ge=1, le=64)]


class AverageConfig(StrictModel):
    """The ``average`` block: inputs and conductances where no data is read."""

    pulse: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Mean size of inputs [full pulses]; half of 32 ns are the 16 ns of the reference point."""

    conductance: NonNegativeMicrosiemens = 50.0
    """Mean of all devices, idle ones included [uS]."""


class WidthConfig(StrictModel):
    """The ``widths`` block: widths of numbers in digital units [bit]."""

    state: _Width = 16
    """Cell states and sums, where ``state.bits`` is not given."""

    weight: _Width = 8
    """Weights of digital layers, and vectors of an embedding."""

    value: _Width = 8
    """Inputs, recurrent states, gates as factors."""


@dataclass(frozen=True)
class MatrixWork:
    """Reads of one matrix of weights in memristors."""

    name: str
    rows: int
    """Word lines, the bias row among them."""

    bias_rows: int
    outputs: int
    devices: int
    bit_lines: int
    """Physical columns of one row of arrays: all devices of a weight, and reference columns."""

    row_parts: int
    """Arrays that a column is spread over; each has integrators of its own."""

    arrays: int
    reads: float
    """Products of a vector with the matrix."""

    pulses: float
    """Pulses on word lines."""

    pulse_time: float
    """Their total length [s]."""

    energy: float
    """What devices turn into heat [J]."""

    @property
    def macs(self) -> float:
        """Multiplications with a weight; the bias row is not counted, as in published numbers."""
        return self.reads * (self.rows - self.bias_rows) * self.outputs


@dataclass(frozen=True)
class ConversionWork:
    """Conversions of columns that have one function and one resolution."""

    name: str
    function: str
    """``identity`` where the sums themselves are wanted."""

    bits: int
    columns: int
    """Outputs that are converted in a read."""

    reads: float
    ramp_clocks: float
    """Clocks of all reads, where a ramp converts the columns side by side."""

    @property
    def conversions(self) -> float:
        """Conversions of single columns."""
        return self.columns * self.reads

    @property
    def column_clocks(self) -> float:
        """Decisions of a ramp converter's comparators: one for each column and clock."""
        return self.columns * self.ramp_clocks


@dataclass(frozen=True)
class DigitalWork:
    """Digital operations that every architecture needs; keys of multiplications and additions are widths [bit]."""

    multiply: Mapping[int, float] = field(default_factory=dict)
    add: Mapping[int, float] = field(default_factory=dict)
    functions: Mapping[str, float] = field(default_factory=dict)
    """Evaluations of functions of states, by name."""

    macs: float = 0.0
    """Multiplications with a weight among these."""

    register_writes: float = 0.0
    """[bit]."""

    registers: float = 0.0
    """Bits that registers hold."""

    memory_reads: float = 0.0
    """Of weights and embeddings [bit]."""

    memory: float = 0.0
    """Bits that memories hold."""

    moved: float = 0.0
    """Bits between drivers, converters and digital units."""


@dataclass(frozen=True)
class LayerWork:
    """One direction of a recurrent layer, the embedding or the read-out."""

    name: str
    hidden: int
    """Hidden units, or outputs."""

    steps: float
    matrices: tuple[MatrixWork, ...]
    conversions: tuple[ConversionWork, ...]
    digital: DigitalWork


@dataclass(frozen=True)
class Workload:
    """What some sequences take."""

    layers: tuple[LayerWork, ...]
    sequences: float
    steps: float
    """Steps of all sequences together."""

    simulated: bool
    """Whether pulses, conductances and clocks are those of a chip and of real inputs."""

    @property
    def matrices(self) -> tuple[MatrixWork, ...]:
        """All matrices in memristors."""
        return tuple(matrix for layer in self.layers for matrix in layer.matrices)

    @property
    def macs(self) -> float:
        """Multiplications with weights, in memristors and in digital."""
        return sum(matrix.macs for matrix in self.matrices) + sum(layer.digital.macs for layer in self.layers)

    @property
    def operations(self) -> float:
        """Two for each of these."""
        return OPERATIONS_PER_MAC * self.macs
