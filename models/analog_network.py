"""A network on analog hardware: one object is one programmed chip."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memramp.crossbar import ProgrammedArray, program_array
from memramp.errors import InputError
from memramp.models.analog_cell import AnalogCell, AnalogState
from memramp.models.checkpoint import Checkpoint
from memramp.models.digital_twin import measured_converter, measured_weights
from memramp.models.float_network import dense
from memramp.models.gates import ConverterGroup, check_gates, converter_groups
from memramp.models.hardware import HardwareConfig
from memramp.models.network_arrays import array_name, matrices, readout_weights
from memramp.models.spec import NetworkSpec, RecurrentSpec
from memramp.models.weights import DenseWeights
from memramp.peripherals import Converter, build_converter, code_inputs, uniform_adc
from memramp.peripherals.circuit_effects import with_circuit
from memramp.streams import Streams

Floats = NDArray[np.float32]
States = dict[str, AnalogState]

_REACH = 4.0  # standard deviations of sums that their linear converter covers by default


@dataclass(frozen=True, eq=False)
class ProgrammedNetwork:
    """A network on one chip."""

    checkpoint: Checkpoint
    cells: Mapping[str, AnalogCell]
    """Each direction of each recurrent layer."""

    hardware: HardwareConfig
    streams: Streams
    readout: ProgrammedArray | None
    """The dense layer's array, [inputs + 1, classes]; None where it is digital."""

    readout_factor: float = 1.0
    """What its weights were multiplied with."""

    @property
    def layer(self) -> AnalogCell:
        """The first direction of the first recurrent layer."""
        return next(iter(self.cells.values()))

    @property
    def bias_overflow(self) -> float:
        """By how much calibration asked a bias device of any ramp for more than g_max, see `AnalogCell` [uS]."""
        return max(cell.bias_overflow for cell in self.cells.values())

    def logits(self, features: NDArray[np.floating], first_sample: int = 0) -> NDArray[np.float64]:
        """Return the class scores for features [n, steps, inputs], from zero states.

        Parameters
        ----------
        features : ndarray [n, steps, inputs]
            As the front end makes them; the checkpoint's normalisation is applied here.
        first_sample : int
            Number of the first sample, see `AnalogCell.run`.

        Returns
        -------
        ndarray of float64, [n, classes], or [n, steps, classes] where the network reads all steps

        Raises
        ------
        InputError
            The features are not those that the checkpoint was made for.
        """
        x = self.checkpoint.normalise(features)
        *before, last = self.checkpoint.network.recurrent
        for layer in before:
            x = self._outputs(x, layer, first_sample)
        if self.checkpoint.network.read == "all":
            states = self._outputs(x, last, first_sample)
            scores = [self.scores(states[:, t], first_sample, t) for t in range(states.shape[1])]
            return np.stack(scores, axis=1)
        ends = [self._cell_run(x, last, name, first_sample, record=False) for name in last.directions]
        return self.scores(np.concatenate(ends, axis=1), first_sample)

    def _outputs(self, x: Floats, layer: RecurrentSpec, first_sample: int) -> Floats:
        """Return what a layer gives at each step, [n, steps, outputs]."""
        found = [self._cell_run(x, layer, name, first_sample, record=True) for name in layer.directions]
        in_order = [part[:, ::-1] if name != layer.name else part
                    for name, part in zip(layer.directions, found, strict=True)]
        return np.concatenate(in_order, axis=2)

    def _cell_run(self, x: Floats, layer: RecurrentSpec, name: str, first_sample: int, *, record: bool) -> Floats:
        given = x if name == layer.name else x[:, ::-1]
        return self.cells[name].run(given, first_sample=first_sample, record=record)

    def scores(self, state: Floats, first_sample: int = 0, step: int = 0) -> NDArray[np.float64]:
        """Return the dense layer's outputs [n, classes] for what it reads [n, inputs]."""
        if self.readout is None:
            return dense(state, self.checkpoint.dense)
        coded = code_inputs(state, self.hardware.input, self.hardware.coding)
        key = self.streams.key("dense", "read")
        read = self.readout.multiply(coded.x, key, first_sample=first_sample, step=step, powers=coded.powers)
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
    network = checkpoint.network
    if fault := check_gates(hardware.gates, {layer.kind for layer in network.recurrent}):
        raise InputError(f"gates: {fault}")
    if "c" in hardware.gates and hardware.tanh_c == "digital":
        raise InputError("gates.c is the converter of tanh of the cell state, but tanh_c is 'digital'; take 'nladc'")
    cells = {
        name: program_cell(checkpoint, layer, name, hardware, direction_streams(streams, network, name))
        for layer, name in network.directions()
    }
    readout, factor = None, 1.0
    if hardware.readout == "analog":
        readout, factor = program_readout(checkpoint.dense, hardware, streams)
    return ProgrammedNetwork(checkpoint, cells, hardware, streams, readout, factor)


def program_cell(
    checkpoint: Checkpoint, layer: RecurrentSpec, name: str, hardware: HardwareConfig, streams: Streams
) -> AnalogCell:
    """Program one direction of a recurrent layer; see `program_network` for the rest."""
    weights, units = checkpoint.cells[name], checkpoint.units(layer)
    hardware = hardware.clipped_at(checkpoint.scalar(layer.name, "clip"))
    arrays = {
        part: _program_weights(array_name(name, part), matrix, hardware, streams, fixed=part in _LINEAR)
        for part, matrix in matrices(layer, weights, units, hardware).items()
    }
    for array in arrays.values():
        _check_parts(array, hardware)
    groups = converter_groups(layer, hardware.activation, hardware.gates, hardware.tanh_c)
    converters = {
        group.name: program_converter(group, layer, hardware, streams, arrays) for group in groups if group.activation
    }
    if any(part in arrays for part in _LINEAR) and hardware.circuit != hardware.circuit.ideal():
        raise InputError(
            "circuit: errors of comparators, integrators and clocks are those of ramp converters; the linear ADCs of "
            "analog projections and of GRUs whose reset gate acts after the product have none, so they cannot be mixed"
        )
    linear = {part: _linear_converter(array, hardware) for part, array in arrays.items() if part in _LINEAR}
    return AnalogCell(layer, weights, arrays, groups, converters | linear, units, hardware, streams)


_LINEAR = ("candidate_x", "candidate_h", "projection")


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


def program_readout(
    weights: DenseWeights, hardware: HardwareConfig, streams: Streams
) -> tuple[ProgrammedArray, float]:
    """Program the read-out of one chip; return the array and the factor that its weights were multiplied with.

    Only the largest output counts, so the weights are scaled to fill the window: nothing is clipped.
    """
    scaled, factor = readout_weights(weights, hardware)
    return _program_weights("dense", scaled, hardware, streams, fixed=True), factor


def _program_weights(
    name: str, weights: NDArray[np.floating], hardware: HardwareConfig, streams: Streams, *, fixed: bool = False
) -> ProgrammedArray:
    """Program an array; `fixed` where its converters have references of their own."""
    rng = streams.generator(name, "program")
    measured = measured_weights(name, hardware, weights, rng)
    if measured is not None:
        return _surrounded(measured, hardware, fixed)
    shape = (weights.shape[0], weights.shape[1])
    faults = None if hardware.faults is None else hardware.faults.masks(name, shape, hardware.crossbar)
    array = program_array(weights, hardware.crossbar, hardware.device, rng, reading=hardware.reading, faults=faults)
    return _surrounded(array, hardware, fixed)


def _surrounded(array: ProgrammedArray, hardware: HardwareConfig, fixed: bool) -> ProgrammedArray:
    """Return the array in its environment, where converters do not track it.

    A ramp converter's thresholds take what the environment does to the weights, see `with_circuit`. The converters of
    partial sums, and the linear ones, have fixed references.
    """
    return array.scaled(hardware.weights_factor) if fixed or array.partial is not None else array


def program_converter(
    group: ConverterGroup,
    layer: RecurrentSpec,
    hardware: HardwareConfig,
    streams: Streams,
    arrays: Mapping[str, ProgrammedArray],
) -> Converter:
    """Program the converter of some gates on one chip, in its circuit and environment.

    Where ramps were measured, the converter has the measured one. It has a column for each unit of each of its gates.

    Parameters
    ----------
    group : ConverterGroup
        The gates.
    layer : RecurrentSpec
        The layer whose gates they are.
    hardware : HardwareConfig
        Devices of the ramp, circuit, environment.
    streams : Streams
        Random streams of the direction.
    arrays : mapping of str to ProgrammedArray
        The arrays of the direction.
    """
    assert group.activation is not None
    array = arrays["candidate" if group.gates == ("n",) else "gates"]
    rng = streams.generator(group.name, "program")
    converter = measured_converter(group, hardware) or build_converter(
        group.activation,
        group.function,
        hardware.devices_of_ramp,
        rng,
        hardware.design_device,
        hardware.circuit,
        hardware.environment,
    )
    return with_circuit(
        converter,
        hardware.circuit,
        array.scale,
        columns=len(group.gates) * layer.hidden,
        rng=streams.generator(group.name, "comparators"),
        environment=hardware.environment,
        parts=array.tiling.row_parts if array.tiling.join == "charge" else 1,
        curves=(hardware.device.iv, hardware.devices_of_ramp.iv),
    )


def _linear_converter(array: ProgrammedArray, hardware: HardwareConfig) -> Converter:
    config = hardware.linear_adc
    spread = float(np.sqrt((array.mapped.weights**2).sum(axis=0).max() / 3.0))
    return uniform_adc("identity", config.bits, config.range or max(_REACH * spread, 1e-6))


def accuracy(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the part of the samples whose largest score is that of their label, in percent."""
    return 100.0 * float(np.mean(np.argmax(logits, axis=1) == labels))


def confusion(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return how many samples of each class (rows) were taken for which (columns), [classes, classes]."""
    classes = logits.shape[1]
    pairs = labels * classes + np.argmax(logits, axis=1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes).astype(np.int64)
