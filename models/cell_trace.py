"""What a recurrent cell did at each step, of an analog cell and of its twin in floating point alike."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from memramp.models.float_network import Trace, run_cell
from memramp.models.gates import function_of
from memramp.models.spec import GATES, RecurrentSpec
from memramp.models.weights import CellWeights
from memramp.peripherals.functions import get_function

Floats = NDArray[np.floating[Any]]
Kind = Literal["pre", "gate", "state"]
"""Pre-activation of a gate, its value, state of the cell."""

TANH_C = "tanh_c"
"""Name under which tanh of an LSTM's cell state stands among the gates."""


@dataclass
class CellTrace:
    """What a cell did, step by step; each list has an array [n, hidden] (state `h`: [n, state]) for each step."""

    pre: dict[str, list[Floats]] = field(default_factory=dict)
    """Pre-activations by gate, see `memramp.models.spec.GATES`; of what is converted beside the gates also ``tanh_c``,
    ``candidate_x``, ``candidate_h`` and ``projection``."""

    gate: dict[str, list[Floats]] = field(default_factory=dict)
    """Values of the gates, and ``tanh_c``."""

    state: dict[str, list[Floats]] = field(default_factory=dict)
    """``h``, and ``c`` of an LSTM."""

    def add(self, kind: Kind, values: Mapping[str, Floats]) -> None:
        """Append one step's values."""
        lists = getattr(self, kind)
        for name, value in values.items():
            lists.setdefault(name, []).append(value)

    def stacked(self, kind: Kind, name: str) -> Floats:
        """Return what was recorded, [n, steps, width]."""
        return np.stack(getattr(self, kind)[name], axis=1)

    def common(self, twin: "CellTrace") -> Iterator[tuple[Kind, str, Iterable[tuple[Floats, Floats]]]]:
        """Yield kind, name and, step by step, the values of both, for what both recorded."""
        kinds: tuple[Kind, ...] = ("pre", "gate", "state")
        for kind in kinds:
            own, other = getattr(self, kind), getattr(twin, kind)
            for name in other:
                if name in own:
                    yield kind, name, zip(own[name], other[name], strict=True)


@dataclass(frozen=True)
class At:
    """Which read of an analog cell: number of the step and of the first sample; and who wants to know of it."""

    step: int
    sample: int
    trace: CellTrace | None = None

    def record(
        self, pre: Mapping[str, Floats], gate: Mapping[str, Floats], state: Mapping[str, Floats] | None = None
    ) -> None:
        """Tell the trace, if there is one."""
        if self.trace is not None:
            self.trace.add("pre", pre)
            self.trace.add("gate", gate)
            self.trace.add("state", state or {})


def float_trace(x: Floats, layer: RecurrentSpec, weights: CellWeights) -> CellTrace:
    """Run one direction of a layer in floating point from zero states and return what it did.

    Parameters
    ----------
    x : ndarray, [n, steps, inputs]
        In the order in which the direction reads.
    layer : RecurrentSpec
        Kind of the cell.
    weights : CellWeights
        Its weights.
    """
    trace, found = Trace(), CellTrace()
    run_cell(x, layer, weights, trace=trace)
    names = GATES[layer.kind]
    for pre, h, c in zip(trace.pre, trace.h, trace.c, strict=True):
        parts = dict(zip(names, np.split(pre, len(names), axis=1), strict=True))
        found.add("pre", parts)
        found.add("gate", {name: get_function(function_of(layer, name))(part) for name, part in parts.items()})
        found.add("state", {"h": h})
        if layer.kind == "lstm":
            found.add("pre", {TANH_C: c})
            found.add("gate", {TANH_C: np.tanh(c)})
            found.add("state", {"c": c})
    return found
