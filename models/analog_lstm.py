"""A keyword-spotting LSTM on analog hardware: one object is one programmed chip.

The rows of the one array are features, hidden state and bias, so that the complete pre-activation stands on each
column's summing node, as an activation inside the ADC needs. The columns are the gates i, f, g, o. One sigmoid and one
tanh ramp serve all columns of the layer.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memramp.crossbar import ProgrammedArray, program_array
from memramp.crossbar.product_kernels import SAMPLES
from memramp.elementary import sigmoid, tanh
from memramp.errors import InputError
from memramp.models import kernels
from memramp.models.checkpoint import Checkpoint
from memramp.models.digital_twin import measured_converter, measured_weights, readout_weights
from memramp.models.float_network import dense
from memramp.models.hardware import HardwareConfig
from memramp.models.spec import NetworkSpec
from memramp.models.weights import CellWeights, DenseWeights
from memramp.parallel import over_parts
from memramp.peripherals import Converter, build_converter, code_inputs
from memramp.peripherals.circuit_effects import with_circuit
from memramp.streams import Streams, check_counters

Floats = NDArray[np.float32]

_LARGEST_PART = 32  # samples that run together: what a step needs of them stays in a cache

@dataclass(frozen=True, eq=False)
class AnalogLstm:
    """One LSTM layer as programmed into one chip."""

    array: ProgrammedArray
    """The gate matrix, [inputs + hidden + 1, 4 hidden]."""

    sigmoid: Converter
    """Converter of the gates i, f, o: its columns, in this order, [3 hidden]."""

    tanh: Converter
    """Converter of the gate g and, if so configured, of the cell state: its columns, [hidden] or [2 hidden].

    The cell state has columns of its own, which it reaches as the pre-activations do, through devices of the array, so
    that circuit and environment act on it alike.
    """

    hardware: HardwareConfig
    """What was programmed."""

    streams: Streams
    """Random streams of the chip's reads."""

    @property
    def hidden(self) -> int:
        """Number of hidden units."""
        return self.array.shape[1] // 4

    @property
    def bias_overflow(self) -> float:
        """By how much calibration asked a bias device of either ramp for more than g_max [uS].

        The calibration is exact all the same; a real column would need one bias device more.
        """
        return max(self.sigmoid.bias_overflow, self.tanh.bias_overflow)

    def run(self, x: Floats, *, first_sample: int = 0, record: bool = False) -> Floats:
        """Return hidden states for inputs [n, steps, inputs] in -1..1, from zero states.

        Parameters
        ----------
        x : float32 array [n, steps, inputs]
            Normalised features.
        first_sample : int
            Number of the first sample: it picks the samples' noise, so that a batch in parts gives the same bits.
        record : bool
            Return all states instead of the last.

        Returns
        -------
        float32 array [n, steps, hidden] or [n, hidden]
        """
        inputs = _sequences(x, self.array.shape[0] - 1 - self.hidden)
        n, steps, _ = inputs.shape
        check_counters(first_sample, n, steps)
        states = np.zeros((n, steps if record else 1, self.hidden), np.float32)
        weights, noise = self.array.operands
        limit, levels = np.float32(self.hardware.input.range), self.hardware.input.levels
        curves, keys = (_curve(self.sigmoid), _curve(self.tanh)), self._keys()
        digital = self.hardware.tanh_c == "digital"
        errors = None if self.sigmoid.plain and self.tanh.plain else (self.sigmoid.errors, self.tanh.errors)

        def run_part(part: slice) -> None:
            first = int(first_sample) + part.start
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
                first,
                states[part],
            )

        over_parts(run_part, n, SAMPLES, most=_LARGEST_PART)
        return states if record else states[:, 0]

    def stepwise(self, x: Floats) -> Floats:
        """Return all hidden states [n, steps, hidden]: the readable reference of `run`, call by call."""
        inputs = _sequences(x, self.array.shape[0] - 1 - self.hidden)
        h = np.zeros((inputs.shape[0], self.hidden), np.float32)
        c = np.zeros_like(h)
        states = np.empty((*inputs.shape[:2], self.hidden), np.float32)
        for t in range(inputs.shape[1]):
            i, f, g, o = self._gates(np.concatenate([inputs[:, t], h], axis=1), t)
            c = (f.astype(np.float64) * c + i.astype(np.float64) * g).astype(np.float32)
            h = o * self._tanh_of_state(c, t)
            states[:, t] = h
        return states

    def _gates(self, inputs: Floats, step: int) -> list[Floats]:
        """Return the gates i, f, g, o, [n, hidden] each, for features and hidden states [n, inputs + hidden]."""
        array_key, sigmoid_key, tanh_key = self._keys()
        coded = code_inputs(inputs, self.hardware.input, self.hardware.coding)
        pre = self.array.multiply(coded.x, array_key, step=step, powers=coded.powers)
        i, f, g, o = np.split(pre, 4, axis=1)
        if self.array.partial is not None:  # the sum is joined in digital, and so are the functions
            return [sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)]
        gates = self.sigmoid.convert(np.concatenate([i, f, o], axis=1), sigmoid_key, step=step)
        i, f, o = np.split(self.sigmoid.decode(gates), 3, axis=1)
        return [i, f, self.tanh.decode(self.tanh.convert(g, tanh_key, step=step)), o]

    def _tanh_of_state(self, c: Floats, step: int) -> Floats:
        if self.hardware.tanh_c == "digital":
            return tanh(c)
        key = self._keys()[2]
        return self.tanh.decode(self.tanh.convert(c, key, step=step, purpose=kernels.STATE, first_column=self.hidden))

    def _keys(self) -> tuple[np.uint64, np.uint64, np.uint64]:
        return self.streams.key("lstm", "read"), self.streams.key("sigmoid", "read"), self.streams.key("tanh", "read")


@dataclass(frozen=True, eq=False)
class ProgrammedNetwork:
    """A keyword-spotting network on one chip."""

    checkpoint: Checkpoint
    layer: AnalogLstm
    readout: ProgrammedArray | None
    """The dense layer's array, [hidden + 1, classes]; None where it is digital."""

    def logits(self, features: NDArray[np.floating], first_sample: int = 0) -> NDArray[np.float64]:
        """Return the class scores [n, classes] for features [n, steps, inputs].

        Parameters
        ----------
        features : ndarray [n, steps, inputs]
            As the front end makes them; the checkpoint's normalisation is applied here.
        first_sample : int
            Number of the first sample, see `AnalogLstm.run`.

        Raises
        ------
        InputError
            The features are not those that the checkpoint was made for.
        """
        state = self.layer.run(self.checkpoint.normalise(features), first_sample=first_sample)
        if self.readout is None:
            return dense(state, self.checkpoint.dense)
        coded = code_inputs(state, self.layer.hardware.input, self.layer.hardware.coding)
        key = self.layer.streams.key("dense", "read")
        read = self.readout.multiply(coded.x, key, first_sample=first_sample, powers=coded.powers)
        return read.astype(np.float64)


def program_network(checkpoint: Checkpoint, hardware: HardwareConfig, streams: Streams) -> ProgrammedNetwork:
    """Program one chip.

    Parameters
    ----------
    checkpoint : Checkpoint
        The trained weights.
    hardware : HardwareConfig
        Devices, mapping, drivers, converters.
    streams : Streams
        Random streams of this chip; another chip needs other ones, e.g. ``streams.child("chip", 1)``.

    Raises
    ------
    InputError
        The ramp or the weights do not fit into the device's window, or the matrix not into the arrays.
    """
    array = program_gates(checkpoint.lstm, hardware, streams)
    _check_parts(array, hardware)
    layer = AnalogLstm(
        array=array,
        sigmoid=program_converter("sigmoid", hardware, streams, array),
        tanh=program_converter("tanh", hardware, streams, array),
        hardware=hardware,
        streams=streams,
    )
    readout = program_readout(checkpoint.dense, hardware, streams)[0] if hardware.readout == "analog" else None
    return ProgrammedNetwork(checkpoint, layer, readout)


def _check_parts(array: ProgrammedArray, hardware: HardwareConfig) -> None:
    if array.partial is None:
        return
    if hardware.tanh_c == "nladc":
        raise InputError(
            "tanh_c 'nladc' needs a ramp converter, which arrays that are joined in digital ('tile.tall') do not have; "
            "set tanh_c to 'digital'"
        )
    if hardware.circuit != hardware.circuit.ideal():
        raise InputError(
            "circuit: errors of comparators, integrators and clocks are those of ramp converters, which arrays that "
            "are joined in digital ('tile.tall') do not have"
        )


def direction_streams(streams: Streams, network: NetworkSpec, name: str) -> Streams:
    """Return the random streams of a direction of a recurrent layer; the first has those of the chip."""
    first = network.recurrent[0].name
    return streams if name == first else streams.child("layer", name)


def program_gates(weights: CellWeights, hardware: HardwareConfig, streams: Streams) -> ProgrammedArray:
    """Program the gate matrix of one chip, or take it as it was measured."""
    return _program_weights("lstm", weights.stacked(), hardware, streams)


def program_readout(
    weights: DenseWeights, hardware: HardwareConfig, streams: Streams
) -> tuple[ProgrammedArray, float]:
    """Program the read-out of one chip; return the array and the factor that its weights were multiplied with.

    Only the largest output counts, so the weights are scaled to fill the window: nothing is clipped.
    """
    scaled, factor = readout_weights(weights, hardware)
    return _program_weights("dense", scaled, hardware, streams), factor


def _program_weights(
    name: str, weights: NDArray[np.floating], hardware: HardwareConfig, streams: Streams
) -> ProgrammedArray:
    rng = streams.generator(name, "program")
    measured = measured_weights(name, hardware, weights, rng)
    if measured is not None:
        return _surrounded(measured, hardware)
    shape = (weights.shape[0], weights.shape[1])
    faults = None if hardware.faults is None else hardware.faults.masks(name, shape, hardware.crossbar)
    array = program_array(weights, hardware.crossbar, hardware.device, rng, reading=hardware.reading, faults=faults)
    return _surrounded(array, hardware)


def _surrounded(array: ProgrammedArray, hardware: HardwareConfig) -> ProgrammedArray:
    """Return the array in its environment, where converters do not track it.

    A ramp converter's thresholds take what the environment does to the weights, see `with_circuit`. The converters of
    partial sums have fixed references.
    """
    return array if array.partial is None else array.scaled(hardware.weights_factor)


def program_converter(
    function: str, hardware: HardwareConfig, streams: Streams, array: ProgrammedArray
) -> Converter:
    """Program the converter of one function on one chip, in its circuit and environment, for a layer's gate matrix.

    Where ramps were measured, the converter has the measured one.
    The sigmoid converter has columns for the gates i, f, o; any other one for g and, where the cell state goes through
    it too, for that.
    """
    rng = streams.generator(function, "program")
    converter = measured_converter(function, hardware) or build_converter(
        hardware.activation,
        function,
        hardware.devices_of_ramp,
        rng,
        hardware.design_device,
        hardware.circuit,
        hardware.environment,
    )
    groups = 3 if function == "sigmoid" else 1 if hardware.tanh_c == "digital" else 2
    return with_circuit(
        converter,
        hardware.circuit,
        array.scale,
        columns=groups * (array.shape[1] // 4),
        rng=streams.generator(function, "comparators"),
        environment=hardware.environment,
        parts=array.tiling.row_parts if array.tiling.join == "charge" else 1,
        curves=(hardware.device.iv, hardware.devices_of_ramp.iv),
    )


def accuracy(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the part of the samples whose largest score is that of their label, in percent."""
    return 100.0 * float(np.mean(np.argmax(logits, axis=1) == labels))


def confusion(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return how many samples of each class (rows) were taken for which (columns), [classes, classes]."""
    classes = logits.shape[1]
    pairs = labels * classes + np.argmax(logits, axis=1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def _curve(converter: Converter) -> kernels.Curve:
    return converter.base, converter.read_std, converter.outputs


def _sequences(x: Floats, inputs: int) -> Floats:
    sequences = np.ascontiguousarray(x, dtype=np.float32)
    if sequences.ndim != 3 or sequences.shape[2] != inputs:
        raise InputError(f"expected sequences of the shape [n, steps, {inputs}], found {sequences.shape}")
    if not np.isfinite(sequences).all():
        raise InputError("the sequences must be finite numbers")
    return sequences
