"""A network's devices as tables for a laboratory, and the network of measured devices."""

import numpy as np
from numpy.typing import NDArray

from memramp.crossbar import ProgrammedArray, WeightTable, array_from_readback, weight_table
from memramp.devices import Device, NoNoise
from memramp.errors import InputError
from memramp.models.checkpoint import Checkpoint
from memramp.models.gates import ConverterGroup, network_groups
from memramp.models.hardware import HardwareConfig
from memramp.models.network_arrays import network_arrays, network_clips
from memramp.models.spec import NetworkSpec, keyword_spec
from memramp.peripherals import (
    CircuitConfig,
    Converter,
    RampDesign,
    RampTable,
    design_converter,
    nladc,
    ramp_from_readback,
    ramp_table,
)

_ALIKE = 1e-2  # of a step or an LSB


def network_ramp_table(
    hardware: HardwareConfig, tolerance: float | None = None, network: NetworkSpec | None = None
) -> RampTable:
    """Return the programming table of a network's ramps.

    Parameters
    ----------
    hardware : HardwareConfig
        Activation, the devices that the ramps were designed for, and those that will be written.
    tolerance : float or None
        Half the verify window; None: as `memramp.devices.tolerance.write_tolerance` says [uS].
    network : NetworkSpec or None
        The network; None: an LSTM.

    Raises
    ------
    InputError
        No gate has a ramp, or one cannot be realised.
    """
    designs = {
        name: design_converter(activation, group.function, hardware.design_device)
        for name, group in groups_of(network or keyword_spec(1, 1, 1), hardware).items()
        if (activation := group.activation) is not None and activation.kind == "nladc"
    }
    if not designs:
        raise InputError(f"activation.kind is '{hardware.activation.kind}', which has no ramps; ramps need 'nladc'")
    return ramp_table(designs, hardware.devices_of_ramp, tolerance=tolerance)


def network_weight_table(
    checkpoint: Checkpoint, hardware: HardwareConfig, tolerance: float | None = None
) -> WeightTable:
    """Return the programming table of a network's weights: the array ``lstm`` and, with an analog read-out, ``dense``.

    Parameters
    ----------
    checkpoint : Checkpoint
        The trained weights.
    hardware : HardwareConfig
        Mapping and devices.
    tolerance : float or None
        Half the verify window; None: as `memramp.devices.tolerance.write_tolerance` says [uS].

    Raises
    ------
    InputError
        The weights do not fit into the device's window.
    """
    arrays, clips = dict(network_arrays(checkpoint, hardware)), network_clips(checkpoint, hardware)
    return weight_table(arrays, hardware.crossbar, hardware.device, tolerance=tolerance, clips=clips)


def groups_of(network: NetworkSpec, hardware: HardwareConfig) -> dict[str, ConverterGroup]:
    """Return the converters of a network's gates by name."""
    return network_groups(network, hardware.activation, hardware.gates, hardware.tanh_c)


def measured_converter(group: ConverterGroup, hardware: HardwareConfig) -> Converter | None:
    """Return the converter of a group's measured ramp, None where ramps were not measured.

    Raises
    ------
    InputError
        The ramp was made for another function, resolution, placement or window than the configuration's.
    """
    measured = hardware.measured
    if measured is None or measured.ramp_table is None or measured.ramps is None:
        return None
    _check_ramp(measured.ramp_table, group, hardware)
    circuit = hardware.circuit
    conditions = hardware.environment.conditions("ramp", circuit.v_read, circuit.t_ramp, circuit.temperature)
    device = hardware.devices_of_ramp
    return nladc(ramp_from_readback(measured.ramp_table, group.name, measured.ramps, device, conditions))


def measured_weights(
    name: str, hardware: HardwareConfig, weights: NDArray[np.floating], rng: np.random.Generator | None = None
) -> ProgrammedArray | None:
    """Return the array of measured devices, None where weights were not measured.

    Parameters
    ----------
    name : str
        Array of the table.
    hardware : HardwareConfig
        Mapping and devices.
    weights : ndarray, [rows, cols]
        What the array is to hold; other weights are refused, as they were another network's.
    rng : numpy.random.Generator or None
        Source of what belongs to the read, see `memramp.crossbar.measured_array`.

    Raises
    ------
    InputError
        There is no such array, or it was made for other weights, another mapping or another window.
    """
    measured = hardware.measured
    if measured is None or measured.weight_table is None or measured.weights is None:
        return None
    table, readback = measured.weight_table, measured.weights
    if name in table.arrays and table.arrays[name].shape != weights.shape:
        rows, cols = table.arrays[name].shape
        raise InputError(
            f"{readback.name}: the array {name} has {rows} rows and {cols} columns, the network needs "
            f"{weights.shape[0]} and {weights.shape[1]}"
        )
    array = array_from_readback(
        table, name, readback, weights, hardware.crossbar, hardware.device, rng, hardware.reading
    )
    wanted = weight_table({name: weights}, hardware.crossbar, hardware.device).arrays[name]
    found = table.arrays[name]
    room = 1e-6 * hardware.device.g_max
    if any(np.abs(target - found.target[plane]).max() > room for plane, target in wanted.target.items()):
        raise InputError(f"{readback.name}: the table of the array {name} was made for other weights")
    return array


def check_faults(checkpoint: Checkpoint, hardware: HardwareConfig) -> None:
    """Check that measured faults are those of a network's arrays.

    Raises
    ------
    InputError
        An array or a device that the network does not have; names file and line.
    """
    if hardware.faults is None:
        return
    shapes = {name: matrix.shape for name, matrix in network_arrays(checkpoint, hardware)}
    hardware.faults.check_names(shapes)
    for name, (rows, cols) in shapes.items():
        hardware.faults.masks(name, (rows, cols), hardware.crossbar)


def check_measured(checkpoint: Checkpoint, hardware: HardwareConfig, chips: int) -> None:
    """Check that measured devices fit a network, and that further chips would differ from the first.

    Parameters
    ----------
    checkpoint : Checkpoint
        The network.
    hardware : HardwareConfig
        What is simulated; nothing is checked without measured devices.
    chips : int
        Number of chips; more than one make sense only while something is drawn for each.

    Raises
    ------
    InputError
        Says what does not fit.
    """
    if hardware.measured is None:
        return
    _check_ageing(hardware)
    for group in groups_of(checkpoint.network, hardware).values():
        measured_converter(group, hardware)
    clips = network_clips(checkpoint, hardware)
    for name, matrix in network_arrays(checkpoint, hardware):
        measured_weights(name, hardware.clipped_at(clips.get(name)), matrix)
    if chips > 1 and not _varies(hardware):
        raise InputError(f"'chips' is {chips}, but with measured devices and without noise all are alike; take 1")


def _check_ageing(hardware: HardwareConfig) -> None:
    """Refuse to let some devices age and not those beside them: what was measured is as it was measured."""
    assert hardware.measured is not None
    around, nominal = hardware.environment, hardware.circuit.temperature
    changed = around.t_inference > 0.0 or around.temperature not in (None, nominal)
    ages = hardware.device.ages or hardware.devices_of_ramp.ages
    if changed and ages:
        raise InputError(
            "readback: measured devices are as they were measured, so devices that age (drift, relaxation, thermal) "
            "need environment.t_inference 0 and the nominal temperature"
        )


def _check_ramp(table: RampTable, group: ConverterGroup, hardware: HardwareConfig) -> None:
    assert hardware.measured is not None
    assert hardware.measured.config.ramps is not None
    activation, device, function = group.activation, hardware.devices_of_ramp, group.name
    assert activation is not None
    where = str(hardware.measured.config.ramps.table)
    if activation.kind != "nladc":
        raise InputError(f"readback.ramps: activation.kind is '{activation.kind}', measured ramps need 'nladc'")
    try:
        design = table.design(function)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    window = f"devices of {device.g_min:g}..{device.g_max:g} uS"
    for what, ours, theirs in (
        ("the function", group.function, design.function.name),
        ("activation.bits", activation.bits, design.bits),
        ("activation.levels", activation.levels, design.levels.kind),
        ("the window", window, f"devices of {design.g_min:g}..{design.g_max:g} uS"),
    ):
        if ours != theirs:
            raise InputError(f"{where}: {what} of the ramp {function} is {theirs}, the configuration has {ours}")
    wanted = design_converter(activation, group.function, hardware.design_device)
    if not _alike(wanted, design):
        raise InputError(
            f"{where}: the ramp {function} has other thresholds or outputs than the configuration; "
            "span, density, levels_sigma, output_bits and realisation must be those that the table was exported with"
        )


def _alike(one: RampDesign, other: RampDesign) -> bool:
    """Return whether two ramps make the same converter, but for what an optimiser on another machine may differ by."""
    if not np.array_equal(one.levels.codes, other.levels.codes):
        return False
    least = _ALIKE * float(np.diff(one.ramp).min())
    same_ramp = np.allclose(one.thresholds, other.thresholds, rtol=0.0, atol=least)
    return same_ramp and np.allclose(one.outputs, other.outputs, rtol=0.0, atol=_ALIKE * one.levels.lsb)


def _varies(hardware: HardwareConfig) -> bool:
    """Return whether something is drawn anew for each chip."""
    assert hardware.measured is not None
    array, ramp, ramps_drawn = hardware.device, hardware.devices_of_ramp, hardware.activation.kind == "nladc"
    return (
        _noisy_read(array)
        or (ramps_drawn and _noisy_read(ramp))
        or _noisy_circuit(hardware.circuit)
        or (hardware.measured.weights is None and _noisy_write(array))
        or (hardware.measured.ramps is None and ramps_drawn and _noisy_write(ramp))
    )


def _noisy_circuit(circuit: CircuitConfig) -> bool:
    comparator = circuit.comparator
    drawn = (comparator.offset_std, comparator.noise, circuit.jitter)
    return any(value > 0.0 for value in drawn) or circuit.integrator.ktc_noise


def _noisy_read(device: Device) -> bool:
    return not isinstance(device.read_noise, NoNoise)


def _noisy_write(device: Device) -> bool:
    return not isinstance(device.prog_noise, NoNoise) or device.stuck_off_rate + device.stuck_on_rate > 0.0
