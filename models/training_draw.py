"""One draw of the hardware for the training graph, made by the simulator's own programming functions."""

import numpy as np
import torch
from numpy.typing import NDArray

from memramp.errors import InputError
from memramp.models.analog_lstm import direction_streams, program_converter, program_gates, program_readout
from memramp.models.checkpoint import Checkpoint
from memramp.models.hardware import HardwareConfig
from memramp.models.spec import RecurrentSpec
from memramp.models.torch_network import CellDraw, ColumnDraw, GateDraw, HardwareDraw, Staircase, powers_of
from memramp.peripherals import Converter
from memramp.streams import Streams


def draw_hardware(checkpoint: Checkpoint, hardware: HardwareConfig, streams: Streams) -> HardwareDraw:
    """Program the hardware once, with the simulator's own functions, for a batch of training.

    Parameters
    ----------
    checkpoint : Checkpoint
        The weights as they are now.
    hardware : HardwareConfig
        Devices, mapping, converters.
    streams : Streams
        Random streams of this batch.

    Raises
    ------
    InputError
        The hardware has something that the training graph does not know.
    """
    _check_trainable(hardware)
    cells = {
        name: _draw_cell(layer, name, checkpoint, hardware, direction_streams(streams, checkpoint.network, name))
        for layer, name in checkpoint.network.directions()
    }
    readout = None
    if hardware.readout == "analog":
        programmed, scale = program_readout(checkpoint.dense, hardware, streams)
        readout = torch.from_numpy(programmed.w_eff / np.float32(scale))
    return HardwareDraw(cells, readout, hardware.input.levels, hardware.input.range)


def _draw_cell(
    layer: RecurrentSpec, name: str, checkpoint: Checkpoint, hardware: HardwareConfig, streams: Streams
) -> CellDraw:
    array = program_gates(checkpoint.cells[name], hardware, streams)
    if array.partial is not None:
        raise InputError("training knows no sums that are joined in digital ('tile.tall'), where no ramp is used")
    sigmoid, tanh = (program_converter(function, hardware, streams, array) for function in ("sigmoid", "tanh"))
    hidden = layer.hidden
    stairs = {
        "sigmoid": _staircase(sigmoid, streams.key("sigmoid", "read")),
        "tanh": _staircase(tanh, streams.key("tanh", "read")),
    }

    def gate(first: int, last: int, function: str, converter: Converter, column: int) -> GateDraw:
        width = (last - first) * hidden
        errors = _columns(converter, converter.offset[column * hidden : column * hidden + width])
        return GateDraw(slice(first * hidden, last * hidden), function, stairs[function], errors)

    state = None
    if hardware.tanh_c != "digital":
        drawn = _staircase(tanh, streams.key("tanh", "read", "state"))
        state = GateDraw(slice(None), "tanh", drawn, _columns(tanh, tanh.offset[hidden:]))
    return CellDraw(
        weights=torch.from_numpy(array.w_eff),
        gates=(gate(0, 2, "sigmoid", sigmoid, 0), gate(2, 3, "tanh", tanh, 0), gate(3, 4, "sigmoid", sigmoid, 2)),
        state=state,
        read_var=_variance(array.held_variance),
        read_white=_variance(array.white_variance),
        powers=powers_of(hardware.coding),
    )


def _check_trainable(hardware: HardwareConfig) -> None:
    coding = hardware.coding
    if coding is not None and coding.curve.size:
        raise InputError("training knows no inputs by voltage on devices with a nonlinear I-V curve ('input.coding')")


def _variance(values: NDArray[np.float32]) -> torch.Tensor | None:
    return torch.from_numpy(values) if values.any() else None


def _columns(converter: Converter, offset: NDArray[np.float32]) -> ColumnDraw | None:
    std = float(np.hypot(converter.sample_std, converter.decision_std))  # the same for all of a layer's converters
    if offset.size == 0 and std == 0.0:
        return None
    return ColumnDraw(torch.from_numpy(offset if offset.size else np.zeros(1, np.float32)), std)


def _staircase(converter: Converter, key: np.uint64) -> Staircase:
    return Staircase(torch.from_numpy(converter.read_thresholds(key)), torch.from_numpy(converter.outputs))
