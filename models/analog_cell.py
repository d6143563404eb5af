"""A recurrent layer on analog hardware, one direction of it: its arrays and converters as programmed into one chip.

The rows of an array are inputs, recurrent state and bias, so that the complete pre-activation stands on each column's
summing node, as an activation inside the ADC needs; the columns are the gates. The state of the layer is digital.

A GRU whose reset gate acts *after* the product (PyTorch's) multiplies half of the candidate's pre-activation, so that
the two halves cannot meet on one node: each has an array of its own, whose sums go through uniform ADCs, and the
candidate is digital. Where it acts *before* (Cho et al. 2014), the candidate is a second read with r h on the rows of
the state, and its function is in the converter as everywhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from memramp.crossbar import ProgrammedArray
from memramp.crossbar.product_kernels import SAMPLES
from memramp.elementary import sigmoid, tanh
from memramp.errors import InputError
from memramp.models import kernels
from memramp.models.cell_trace import TANH_C, At, CellTrace
from memramp.models.digital_product import DigitalMatrix
from memramp.models.gates import ConverterGroup
from memramp.models.hardware import HardwareConfig
from memramp.models.spec import RecurrentSpec
from memramp.models.weights import CellWeights
from memramp.parallel import over_parts
from memramp.peripherals import Converter, code_inputs
from memramp.peripherals.functions import get_function
from memramp.streams import Streams, check_counters

Floats = NDArray[np.float32]

_LARGEST_PART = 32  # samples that run together: what a step needs of them stays in a cache
_EXACT = {"sigmoid": sigmoid, "tanh": tanh}
_COMPILED = ((("i", "f", "o"), ("g",)), (("i", "f", "o"), ("g", "c")))  # gates of each converter


@dataclass
class AnalogState:
    """What a cell hands on: the recurrent state `h` [n, state] and the cell state `c` [n, hidden]."""

    h: Floats
    c: Floats


@dataclass(frozen=True, eq=False)
class AnalogCell:
    """One direction of a recurrent layer as programmed into one chip."""

    layer: RecurrentSpec
    """Kind and sizes."""

    weights: CellWeights
    """What was to be programmed; of it, the projection and the inner bias are used in digital."""

    arrays: Mapping[str, ProgrammedArray]
    """``gates``, [inputs + state + 1, gates hidden]; of a GRU also ``candidate``, or ``candidate_x`` [inputs + 1,
    hidden] and ``candidate_h`` [state + 1, hidden]; ``projection`` [hidden, state] where it is analog."""

    groups: tuple[ConverterGroup, ...]
    """Which gates share a converter."""

    converters: Mapping[str, Converter]
    """By name of the group; those of ``candidate_x``, ``candidate_h`` and ``projection`` are uniform and linear."""

    units: tuple[float, float]
    """Input and recurrent state of a full pulse."""

    hardware: HardwareConfig
    """What was programmed."""

    streams: Streams
    """Random streams of the chip's reads."""

    @property
    def array(self) -> ProgrammedArray:
        """The array of the gates."""
        return self.arrays["gates"]

    @property
    def sigmoid(self) -> Converter:
        """Converter of the LSTM's gates i, f, o: its columns, in this order, [3 hidden]."""
        return self.converters[self._group("i").name]

    @property
    def tanh(self) -> Converter:
        """Converter of the gate g and, if so configured, of the cell state: its columns, [hidden] or [2 hidden].

        The cell state has columns of its own, which it reaches as the pre-activations do, through devices of the array,
        so that circuit and environment act on it alike.
        """
        return self.converters[self._group("g").name]

    def _group(self, gate: str) -> ConverterGroup:
        return next(group for group in self.groups if gate in group.gates)

    @property
    def hidden(self) -> int:
        """Number of hidden units."""
        return self.layer.hidden

    @property
    def bias_overflow(self) -> float:
        """By how much calibration asked a bias device of any ramp for more than g_max [uS].

        The calibration is exact all the same; a real column would need one bias device more.
        """
        return max((converter.bias_overflow for converter in self.converters.values()), default=0.0)

    @property
    def compiled(self) -> bool:
        """Whether whole sequences run in one compiled call: the usual LSTM. All else goes step by step."""
        layer, groups = self.layer, self.groups
        plain = layer.kind == "lstm" and layer.projection is None and self.units == (1.0, 1.0)
        usual = tuple(group.gates for group in groups) in _COMPILED and all(group.activation for group in groups)
        # Sums that are joined in digital go through the compiled functions, which are sigmoid and tanh alone.
        known = self.array.partial is None or [group.function for group in groups] == ["sigmoid", "tanh"]
        return plain and usual and known and self.hardware.state.range is None

    def zeros(self, n: int) -> AnalogState:
        """Return the initial state of `n` samples."""
        return AnalogState(np.zeros((n, self.layer.state), np.float32), np.zeros((n, self.hidden), np.float32))

    def run(self, x: Floats, *, first_sample: int = 0, record: bool = False) -> Floats:
        """Return states for inputs [n, steps, inputs] from zero states.

        Parameters
        ----------
        x : float32 array [n, steps, inputs]
            Inputs, in the order in which the direction reads; those beyond a full pulse are clipped.
        first_sample : int
            Number of the first sample: it picks the samples' noise, so that a batch in parts gives the same bits.
        record : bool
            Return all states instead of the last.

        Returns
        -------
        float32 array [n, steps, state] or [n, state]
        """
        inputs = _sequences(x, self.layer.inputs)
        check_counters(first_sample, *inputs.shape[:2])
        if not self.compiled:
            states = self.sequence(inputs, self.zeros(len(inputs)), first_sample=first_sample, record=record)
            return states if record else states[:, -1]
        states = np.zeros((len(inputs), inputs.shape[1] if record else 1, self.hidden), np.float32)
        self._run_compiled(inputs, int(first_sample), states)
        return states if record else states[:, 0]

    def _run_compiled(self, inputs: Floats, first_sample: int, states: Floats) -> None:
        weights, noise = self.array.operands
        limit, levels = np.float32(self.hardware.input.range), self.hardware.input.levels
        curves, keys = (_curve(self.sigmoid), _curve(self.tanh)), self._keys()
        digital = self.hardware.tanh_c == "digital"
        errors = None if self.sigmoid.plain and self.tanh.plain else (self.sigmoid.errors, self.tanh.errors)

        def run_part(part: slice) -> None:
            kernels.lstm_sequence(
                inputs[part],
                weights,
                noise,
                *curves,
                keys,
                limit,
                levels,
                digital,
                errors,
                self.array.partial,
                self.hardware.coding,
                first_sample + part.start,
                states[part],
            )

        over_parts(run_part, len(inputs), SAMPLES, most=_LARGEST_PART)

    def stepwise(self, x: Floats) -> Floats:
        """Return all states [n, steps, state] from zero ones: the readable reference of `run`, call by call."""
        inputs = _sequences(x, self.layer.inputs)
        return self.sequence(inputs, self.zeros(len(inputs)))

    def sequence(
        self,
        x: Floats,
        state: AnalogState,
        *,
        first_sample: int = 0,
        first_step: int = 0,
        record: bool = True,
        trace: CellTrace | None = None,
    ) -> Floats:
        """Run inputs [n, steps, inputs] from a state, which is left at the end, step by step.

        Parameters
        ----------
        x : float32 array [n, steps, inputs]
            Inputs.
        state : AnalogState
            Where it starts; changed.
        first_sample, first_step : int
            Numbers of the first sample and step, which pick the noise.
        record : bool
            Whether all states are returned, [n, steps, state], or the last alone, [n, 1, state].
        trace : CellTrace or None
            Receives what happens at each step.
        """
        states = np.empty((len(x), x.shape[1] if record else 1, self.layer.state), np.float32)
        step = {"lstm": self._lstm_step, "gru": self._gru_step, "rnn": self._rnn_step}[self.layer.kind]
        for t in range(x.shape[1]):
            at = At(first_step + t, first_sample, trace)
            state.h = step(x[:, t] / np.float32(self.units[0]), state, at)
            states[:, t if record else 0] = state.h
            at.record({}, {}, {"h": state.h} | ({"c": state.c} if self.layer.kind == "lstm" else {}))
        return states

    def _lstm_step(self, x: Floats, state: AnalogState, at: At) -> Floats:
        gates = self._converted(self._read("gates", (x, self._driven(state.h)), at), ("i", "f", "g", "o"), at)
        i, f, g, o = (gates[name] for name in ("i", "f", "g", "o"))
        c = (f.astype(np.float64) * state.c + i.astype(np.float64) * g).astype(np.float32)
        state.c = self.hardware.state.kept(c)
        tanh_c = self._converted_state(state.c, at)
        return self._projected(o * tanh_c, at)

    def _gru_step(self, x: Floats, state: AnalogState, at: At) -> Floats:
        h = self._driven(state.h)
        gates = self._converted(self._read("gates", (x, h), at), ("r", "z"), at)
        n = self._candidate(x, h, gates["r"], at)
        z = gates["z"].astype(np.float64)
        return ((1.0 - z) * n + z * state.h).astype(np.float32)

    def _candidate(self, x: Floats, h: Floats, r: Floats, at: At) -> Floats:
        if self.layer.reset == "before":
            pre = self._read("candidate", (x, r * h), at)
            return self._converted(pre, ("n",), at)["n"]
        from_x = self._linear("candidate_x", self._read("candidate_x", (x,), at), at)
        from_h = self._linear("candidate_h", self._read("candidate_h", (h,), at), at)
        pre = from_x + r * from_h
        n = tanh(pre)
        at.record({"n": pre}, {"n": n})
        return n

    def _rnn_step(self, x: Floats, state: AnalogState, at: At) -> Floats:
        return self._converted(self._read("gates", (x, self._driven(state.h)), at), ("h",), at)["h"]

    def _driven(self, h: Floats) -> Floats:
        return h / np.float32(self.units[1])

    def _read(self, name: str, parts: tuple[Floats, ...], at: At, *, bias: bool = True) -> Floats:
        """Return what an array makes of inputs on its rows, in units of full pulses."""
        coded = code_inputs(np.concatenate(parts, axis=1), self.hardware.input, self.hardware.coding)
        x, powers = coded.x, coded.powers
        if not bias:
            x, powers = x[:, :-1], None if powers is None else (powers[0][:, :-1], powers[1][:, :-1])
        key = self._key(_STREAMS.get(name, name))
        return self.arrays[name].multiply(x, key, first_sample=at.sample, step=at.step, powers=powers)

    def _converted(self, pre: Floats, gates: tuple[str, ...], at: At) -> dict[str, Floats]:
        """Return the values of gates whose pre-activations stand side by side."""
        given = dict(zip(gates, np.split(pre, len(gates), axis=1), strict=True))
        found: dict[str, Floats] = {}
        for group in self.groups:
            asked = [gate for gate in group.gates if gate in given]
            if not asked:
                continue
            values = self._values(group, np.concatenate([given[gate] for gate in asked], axis=1), at, kernels.GATES, 0)
            found |= dict(zip(asked, np.split(values, len(asked), axis=1), strict=True))
        at.record(given, found)
        return found

    def _converted_state(self, c: Floats, at: At) -> Floats:
        if self.hardware.tanh_c == "digital":
            found = tanh(c)
        else:
            group = self._group("c")
            found = self._values(group, c, at, kernels.STATE, self.hidden * group.gates.index("c"))
        at.record({TANH_C: c}, {TANH_C: found})
        return found

    def _values(self, group: ConverterGroup, pre: Floats, at: At, purpose: int, column: int) -> Floats:
        if group.activation is None or self.array.partial is not None:  # a sum that is joined in digital
            if self.array.partial is None:  # else the array itself is in its environment
                pre = pre * np.float32(self.hardware.weights_factor)
            exact = _EXACT.get(group.function)
            return exact(pre) if exact else get_function(group.function)(pre).astype(np.float32)
        converter = self.converters[group.name]
        codes = converter.convert(
            pre, self._key(group.name), at.sample, at.step, purpose=purpose, first_column=column
        )
        return converter.decode(codes)

    def _linear(self, name: str, sums: Floats, at: At) -> Floats:
        converter = self.converters[name]
        at.record({name: sums}, {})
        return converter.decode(converter.convert(sums, self._key(name), at.sample, at.step))

    def _projected(self, m: Floats, at: At) -> Floats:
        if self._projection is None:
            return m
        if self.hardware.projection == "analog":
            return self._linear("projection", self._read("projection", (m,), at, bias=False), at)
        return self._projection(m)

    @cached_property
    def _projection(self) -> DigitalMatrix | None:
        return None if self.weights.projection is None else DigitalMatrix(self.weights.projection)

    def _keys(self) -> tuple[np.uint64, np.uint64, np.uint64]:
        return self._key("lstm"), self._key(self._group("i").name), self._key(self._group("g").name)

    def _key(self, name: str) -> np.uint64:
        """Return the key of what is read under a name; deriving one anew at every step would cost a tenth of it."""
        if name not in self._keys_by_name:
            self._keys_by_name[name] = self.streams.key(name, "read")
        return self._keys_by_name[name]

    @cached_property
    def _keys_by_name(self) -> dict[str, np.uint64]:
        return {}


_STREAMS = {"gates": "lstm"}
"""Names of random streams that are not those of their arrays."""


def _curve(converter: Converter) -> kernels.Curve:
    return converter.base, converter.read_std, converter.outputs


def _sequences(x: Floats, inputs: int) -> Floats:
    sequences = np.ascontiguousarray(x, dtype=np.float32)
    if sequences.ndim != 3 or sequences.shape[2] != inputs:
        raise InputError(f"expected sequences of the shape [n, steps, {inputs}], found {sequences.shape}")
    if not np.isfinite(sequences).all():
        raise InputError("the sequences must be finite numbers")
    return sequences
