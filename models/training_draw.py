"""One draw of the hardware for the training graph, made by the simulator's own programming functions."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray

from memramp.crossbar import ProgrammedArray
from memramp.devices import NoNoise
from memramp.errors import InputError
from memramp.models.analog_cell import AnalogCell
from memramp.models.analog_network import direction_streams, program_cell, program_readout
from memramp.models.checkpoint import Checkpoint
from memramp.models.gates import ConverterGroup
from memramp.models.hardware import HardwareConfig
from memramp.models.spec import GATES
from memramp.models.torch_draw import ArrayDraw, CellDraw, HardwareDraw, powers_of
from memramp.models.torch_gate import ColumnDraw, GateDraw, Staircase
from memramp.models.torch_slopes import Blur, blurred_slopes
from memramp.peripherals import Converter
from memramp.streams import Streams

_MEAN_SQUARE = 1.0 / 3.0  # of inputs that are uniform in -1..1


def draw_hardware(
    checkpoint: Checkpoint,
    hardware: HardwareConfig,
    streams: Streams,
    blur: Blur | None = None,
    *,
    exact: bool = False,
) -> HardwareDraw:
    """Program the hardware once, with the simulator's own functions, for a batch of training.

    Parameters
    ----------
    checkpoint : Checkpoint
        The weights as they are now.
    hardware : HardwareConfig
        Devices, mapping, converters.
    streams : Streams
        Random streams of this batch.
    blur : Blur or None
        Gradients take the slopes of blurred staircases; None: those of the smooth functions.
    exact : bool
        Forward passes give the simulator's codes, bit for bit, where reads have no noise; see
        `memramp.models.torch_exact`.

    Raises
    ------
    InputError
        The hardware has something that the training graph does not know.
    """
    _check_trainable(hardware)
    cells = {
        name: _draw_cell(
            program_cell(checkpoint, layer, name, hardware, direction_streams(streams, network, name)), blur
        )
        for network in (checkpoint.network,)
        for layer, name in network.directions()
    }
    if exact:
        cells = {name: _exactly(cell) for name, cell in cells.items()}
    readout = None
    if hardware.readout == "analog":
        programmed, scale = program_readout(checkpoint.dense, hardware, streams)
        readout = _array_draw(programmed, hardware, scale)
    return HardwareDraw(cells, readout, hardware.input.levels, hardware.input.range, hardware.state)


def hardware_of_training(hardware: HardwareConfig, noise: str, drop_connect: float) -> HardwareConfig:
    """Return the hardware that batches run through, which may have other errors than the one that is trained for.

    Parameters
    ----------
    hardware : HardwareConfig
        What is trained for.
    noise : {"device", "weight", "none"}
        Errors of programming: of each device, one for each weight, or none.
    drop_connect : float
        Part of the healthy devices of weights that are stuck at g_min beside those that are so anyway.
    """
    device, ramp, crossbar = hardware.device, hardware.devices_of_ramp, hardware.crossbar
    if noise == "none":
        device, ramp = (each.model_copy(update={"prog_noise": NoNoise()}) for each in (device, ramp))
    if noise == "weight":
        crossbar = crossbar.model_copy(update={"noise_on": "used_side"})
    if drop_connect > 0:
        healthy = 1.0 - device.stuck_off_rate - device.stuck_on_rate
        device = device.model_copy(update={"stuck_off_rate": device.stuck_off_rate + healthy * drop_connect})
    changes = {"device": device, "ramp_device": ramp, "crossbar": crossbar, "designed_for": hardware.design_device}
    return hardware.model_copy(update=changes)


def _check_trainable(hardware: HardwareConfig) -> None:
    coding = hardware.coding
    if coding is not None and coding.curve.size:
        raise InputError("training knows no inputs by voltage on devices with a nonlinear I-V curve ('input.coding')")


def _draw_cell(cell: AnalogCell, blur: Blur | None) -> CellDraw:
    if cell.array.partial is not None:
        raise InputError("training knows no sums that are joined in digital ('tile.tall'), where no ramp is used")
    gates = tuple(_gate_draws(cell, blur))
    state = None
    if cell.layer.kind == "lstm" and cell.hardware.tanh_c == "nladc":
        group = next(group for group in cell.groups if "c" in group.gates)
        column = cell.hidden * group.gates.index("c")
        state = _gate_draw(cell, group, slice(None), "state", column, cell.hidden, blur)
    linear = {
        name: _converted(
            GateDraw(slice(None), "identity", _staircase(cell.converters[name], np.uint64(0))), cell.arrays[name], blur
        )
        for name in ("candidate_x", "candidate_h", "projection")
        if name in cell.converters
    }
    arrays = {name: _array_draw(array, cell.hardware) for name, array in cell.arrays.items()}
    return CellDraw(arrays, gates, state, linear, cell.units, cell.hardware.crossbar.w_clip)


def _exactly(cell: CellDraw) -> CellDraw:
    gates = tuple(replace(gate, exact=True) for gate in cell.gates)
    state = None if cell.state is None else replace(cell.state, exact=True)
    return replace(cell, gates=gates, state=state, exact=True)


def _converted(gate: GateDraw, array: ProgrammedArray | None, blur: Blur | None) -> GateDraw:
    """Return a gate whose gradients take the slopes of its blurred staircase, if so asked."""
    if blur is None or gate.stairs is None:
        return gate
    std = blur.std
    if std is None:
        std = 0.0 if array is None else noise_of_sums(array)
    thresholds, outputs = (part.numpy().astype(np.float64) for part in (gate.stairs.thresholds, gate.stairs.outputs))
    return replace(gate, slopes=blurred_slopes(thresholds, outputs, std))


def noise_of_sums(array: ProgrammedArray) -> float:
    """Return the noise of an array's sums: root mean square over its columns, for independent inputs in -1..1.

    Errors of programming and read noise [pre-activation].
    """
    errors = (array.w_eff - array.mapped.weights) ** 2 + array.held_variance + array.white_variance
    of_rows = errors.mean(axis=1)
    return float(np.sqrt(of_rows[:-1].sum() * _MEAN_SQUARE + of_rows[-1]))


def _array_draw(array: ProgrammedArray, hardware: HardwareConfig, factor: float = 1.0) -> ArrayDraw:
    """Return the draw of an array; `factor` is what its weights were multiplied with."""
    own = np.float32(factor)
    return ArrayDraw(
        weights=torch.from_numpy(array.w_eff / own),
        read_var=_variance(array.held_variance / own**2),
        read_white=_variance(array.white_variance / own**2),
        powers=powers_of(hardware.coding),
    )


def _gate_draws(cell: AnalogCell, blur: Blur | None) -> Iterator[GateDraw]:
    """Yield the converters of adjacent gates; one ramp's read noise is one draw for all its gates."""
    groups = {gate: group for group in cell.groups for gate in group.gates}
    names = [gate for gate in GATES[cell.layer.kind] if gate in groups]
    for _, run in groupby(names, key=lambda gate: groups[gate].name):
        gates = list(run)
        group, first = groups[gates[0]], names.index(gates[0])
        columns = slice(first * cell.hidden, (first + len(gates)) * cell.hidden)
        if gates == ["n"]:  # a read of its own, see `memramp.models.analog_cell`
            columns = slice(0, cell.hidden)
        start = cell.hidden * group.gates.index(gates[0])
        yield _gate_draw(cell, group, columns, "", start, len(gates) * cell.hidden, blur)


def _gate_draw(
    cell: AnalogCell, group: ConverterGroup, columns: slice, purpose: str, first: int, width: int, blur: Blur | None
) -> GateDraw:
    if group.activation is None:
        if cell.hardware.weights_factor != 1.0:
            raise InputError("training knows no digital gates in an environment that changes the weights' currents")
        return GateDraw(columns, group.function, None)
    converter = cell.converters[group.name]
    key = cell.streams.key(group.name, "read", *([purpose] if purpose else []))
    errors = _columns(converter, converter.offset[first : first + width])
    array = cell.arrays["candidate" if group.gates == ("n",) else "gates"]
    gate = GateDraw(columns, group.function, _staircase(converter, key), errors)
    return _converted(gate, None if purpose == "state" else array, blur)


def _variance(values: NDArray[np.float32]) -> torch.Tensor | None:
    return torch.from_numpy(values) if values.any() else None


def _columns(converter: Converter, offset: NDArray[np.float32]) -> ColumnDraw | None:
    std = float(np.hypot(converter.sample_std, converter.decision_std))  # the same for all of a layer's converters
    if offset.size == 0 and std == 0.0:
        return None
    return ColumnDraw(torch.from_numpy(offset if offset.size else np.zeros(1, np.float32)), std)


def _staircase(converter: Converter, key: np.uint64) -> Staircase:
    return Staircase(torch.from_numpy(converter.read_thresholds(key)), torch.from_numpy(converter.outputs))
