"""How pre-activations lie in the range of their converters."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from memramp.models.analog_cell import AnalogCell
from memramp.models.analog_network import ProgrammedNetwork
from memramp.models.cell_trace import TANH_C, Floats
from memramp.models.float_network import Doubles
from memramp.models.probe import Traces, Twin
from memramp.peripherals import Converter

_BINS = 120
_MARGIN = 0.05  # of the width of the histogram, on either side
_LINEAR = ("candidate_x", "candidate_h", "projection")


@dataclass(frozen=True, eq=False)
class RangeUse:
    """Pre-activations of one gate of one direction, over samples, steps, units and chips, in closed loop."""

    direction: str
    gate: str
    """A gate, ``tanh_c``, or a sum that is converted by itself: ``candidate_x``, ``candidate_h``, ``projection``."""

    edges: Doubles
    """Of the histogram's bins, [bins + 1]; the outermost bins also hold all that lies beyond them [pre-activation]."""

    counts: NDArray[np.int64]
    """[bins]."""

    thresholds: Doubles
    """Of the converter with ideal devices, [K] [pre-activation]."""

    below: float
    """Part that lies below the first threshold of its chip, 0..1."""

    above: float
    """Part that lies at or above the last threshold, 0..1."""

    codes: NDArray[np.int64]
    """How often each count of thresholds occurs, by the thresholds as programmed, without read noise; [K + 1]."""

    @property
    def used(self) -> float:
        """Part of the codes that occur at all, 0..1."""
        return float(np.count_nonzero(self.codes) / self.codes.size)

    @property
    def entropy(self) -> float:
        """Information of a code, ``-sum p log2 p``: the bits of a converter whose codes are all equally frequent."""
        p = self.codes[self.codes > 0] / max(int(self.codes.sum()), 1)
        return float(-(p * np.log2(p)).sum()) + 0.0


@dataclass
class _Sums:
    edges: Doubles
    counts: NDArray[np.int64]
    thresholds: Doubles
    codes: NDArray[np.int64]
    outside: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))


class RangeUses:
    """Collects pre-activations chip by chip.

    Parameters
    ----------
    ideal : ProgrammedNetwork
        The network with ideal devices, whose thresholds are shown.
    twin : Twin
        The network in floating point; its pre-activations set the histograms' range together with the thresholds.
    """

    def __init__(self, ideal: ProgrammedNetwork, twin: Twin) -> None:
        self._sums: dict[tuple[str, str], _Sums] = {}
        for direction, cell in ideal.cells.items():
            for gate, (converter, _) in converted(cell).items():
                self._sums[direction, gate] = _empty(converter, twin.traces[direction].pre.get(gate, []))

    def add(self, chip: ProgrammedNetwork, traces: Traces) -> None:
        """Add a chip's traces in closed loop."""
        for direction, cell in chip.cells.items():
            for gate, (converter, columns) in converted(cell).items():
                for pre in traces[direction].pre[gate]:
                    _add(self._sums[direction, gate], pre.astype(np.float64), converter, columns)

    def uses(self) -> list[RangeUse]:
        """Return what was found over all chips that were added."""
        found = []
        for (direction, gate), sums in self._sums.items():
            below, above = (float(count) / max(int(sums.codes.sum()), 1) for count in sums.outside)
            found.append(
                RangeUse(direction, gate, sums.edges, sums.counts, sums.thresholds, below, above, sums.codes)
            )
        return found


def converted(cell: AnalogCell) -> dict[str, tuple[Converter, slice]]:
    """Return the converter of each gate of a cell that has one, and its columns there.

    Gates whose sums are joined in digital, or whose function is digital, have none.
    """
    found: dict[str, tuple[Converter, slice]] = {}
    if cell.array.partial is None:
        for group in cell.groups:
            for number, gate in enumerate(group.gates if group.activation is not None else ()):
                columns = slice(number * cell.hidden, (number + 1) * cell.hidden)
                found[TANH_C if gate == "c" else gate] = (cell.converters[group.name], columns)
    linear = {name: (cell.converters[name], slice(None)) for name in _LINEAR if name in cell.converters}
    return found | linear


def _empty(converter: Converter, steps: list[Floats]) -> _Sums:
    thresholds = converter.thresholds.astype(np.float64)
    finite = thresholds[np.isfinite(thresholds)]
    ends = [*(f(values) for values in (finite, *steps) if values.size for f in (np.min, np.max)), 0.0]
    low, high = min(ends), max(ends)
    margin = _MARGIN * ((high - low) or 1.0)
    edges = np.linspace(low - margin, high + margin, _BINS + 1)
    return _Sums(edges, np.zeros(_BINS, np.int64), thresholds, np.zeros(thresholds.size + 1, np.int64))


def _add(sums: _Sums, pre: Doubles, converter: Converter, columns: slice) -> None:
    against = pre - converter.offset[columns] if converter.offset.size else pre
    thresholds = converter.thresholds.astype(np.float64)
    codes = np.searchsorted(thresholds, against.ravel(), side="right")
    sums.codes += np.bincount(codes, minlength=sums.codes.size)
    sums.outside += (int(np.count_nonzero(codes == 0)), int(np.count_nonzero(codes == thresholds.size)))
    inside = np.clip(pre.ravel(), sums.edges[0], sums.edges[-1])
    sums.counts += np.histogram(inside, sums.edges)[0]
