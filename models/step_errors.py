"""Error of each gate and state of an analog network against its twin in floating point, step by step.

Two comparisons. *Closed loop*: chip and twin each go on from their own states, and each layer reads what the one before
gives, so that errors accumulate. *Open loop*: at each step the chip is given the twin's states and inputs, so that what
is seen is the error that one step of one layer makes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from memramp.memory import refuse_more_than_memory
from memramp.models.analog_cell import AnalogCell, AnalogState
from memramp.models.analog_network import ProgrammedNetwork, program_network
from memramp.models.cell_trace import CellTrace, Floats, Kind
from memramp.models.float_network import Doubles
from memramp.models.hardware import HardwareConfig
from memramp.models.probe import Probe, Seen, Traces, Twin, run_chip
from memramp.models.spec import RecurrentSpec
from memramp.streams import Streams

Loop = Literal["closed", "open"]
_BYTES = 16  # of a number in the traces of twin (float64) and of a chip in both loops (float32)


@dataclass(frozen=True, eq=False)
class ChipTraces:
    """What one chip did on a probe."""

    chip: ProgrammedNetwork
    closed: Traces
    open: Traces
    seen: Seen
    """Outputs and metric, in closed loop."""


def chip_traces(
    probe: Probe, twin: Twin, hardware: HardwareConfig, streams: Streams, chips: int
) -> Iterator[ChipTraces]:
    """Yield what each chip does; chip i, from 1, has the streams ``("chip", i)``, as in a run.

    Raises
    ------
    InputError
        The hardware does not fit the network, or there is not enough memory.
    """
    _check_memory(probe)
    for number in range(1, chips + 1):
        chip = program_network(probe.checkpoint, hardware, streams.child("chip", number))
        closed: Traces = {}
        seen = run_chip(chip, probe, closed)
        opened = {name: open_trace(cell, twin.inputs[name], twin.traces[name]) for name, cell in chip.cells.items()}
        yield ChipTraces(chip, closed, opened, seen)


def open_trace(cell: AnalogCell, inputs: Floats, twin: CellTrace) -> CellTrace:
    """Run an analog cell with the twin's states given to it at each step.

    Parameters
    ----------
    cell : AnalogCell
        One direction of a layer on a chip.
    inputs : ndarray, [n, steps, inputs]
        What the twin reads, in the same order.
    twin : CellTrace
        What it does.
    """
    given, trace, state = np.ascontiguousarray(inputs, np.float32), CellTrace(), cell.zeros(len(inputs))
    for t in range(given.shape[1]):
        cell.sequence(given[:, t : t + 1], state, first_step=t, trace=trace)
        state = AnalogState(*(_float32(twin.state.get(name), t, getattr(state, name)) for name in ("h", "c")))
    return trace


def _float32(steps: list[Floats] | None, t: int, kept: NDArray[np.float32]) -> NDArray[np.float32]:
    return kept if steps is None else steps[t].astype(np.float32)


@dataclass(frozen=True, eq=False)
class StepError:
    """Error of one gate or state of one direction of a layer."""

    direction: str
    """Which, see `memramp.models.spec.NetworkSpec.directions`."""

    loop: Loop
    kind: Kind
    name: str
    """Gate or state."""

    rms: Doubles
    """Root mean square over samples, units and chips, [steps]; steps in the order in which the direction reads."""

    mean: Doubles
    """Mean, chip minus twin, [steps]."""

    twin_rms: Doubles
    """Root mean square of the twin's values, to compare with, [steps]."""

    chips_rms: Doubles
    """Root mean square of each chip's error over samples and units, [chips, steps]."""


Key = tuple[str, Loop, Kind, str]


@dataclass
class StepErrorSums:
    """Collects errors chip by chip."""

    twin: Twin
    _mean: dict[Key, list[Doubles]] = field(default_factory=dict)
    _square: dict[Key, list[Doubles]] = field(default_factory=dict)
    _twin: dict[Key, Doubles] = field(default_factory=dict)

    def add(self, traces: ChipTraces) -> None:
        """Add a chip."""
        loops: tuple[tuple[Loop, Traces], ...] = (("closed", traces.closed), ("open", traces.open))
        for loop, found in loops:
            for direction, trace in found.items():
                for kind, name, steps in trace.common(self.twin.traces[direction]):
                    moments = np.array([_moments(own, other) for own, other in steps]).T
                    self._put((direction, loop, kind, name), *moments)

    def _put(self, key: Key, mean: Doubles, square: Doubles, twin: Doubles) -> None:
        self._mean.setdefault(key, []).append(mean)
        self._square.setdefault(key, []).append(square)
        self._twin[key] = twin

    def errors(self) -> list[StepError]:
        """Return the errors over all chips that were added."""
        return [
            StepError(
                *key,
                rms=np.sqrt(np.mean(squares, axis=0)),
                mean=np.mean(self._mean[key], axis=0),
                twin_rms=np.sqrt(self._twin[key]),
                chips_rms=np.sqrt(squares),
            )
            for key, squares in self._square.items()
        ]


def _moments(own: Floats, twin: Floats) -> tuple[float, float, float]:
    """Return mean and mean square of the error, and the mean square of the twin."""
    reference = twin.astype(np.float64)
    error = own - reference
    return float(error.mean()), float(np.square(error).mean()), float(np.square(reference).mean())


def _check_memory(probe: Probe) -> None:
    def width(layer: RecurrentSpec) -> int:  # pre-activations, gates, states
        return len(layer.directions) * (2 * layer.columns + 3 * layer.hidden + layer.state)

    n, steps = probe.shape
    numbers = n * steps * sum(map(width, probe.checkpoint.network.recurrent))
    refuse_more_than_memory(_BYTES * numbers, f"keeping what the network does in {n} sequences of {steps} steps")
