"""What reading the arrays of a network takes, from the inputs and the conductances themselves.

Energy that the devices turn into heat: each device under a pulse of length |x| t_pulse draws v_read^2 G. Drivers,
integrators, wires and digital units are not in it. Conversions are counted, and priced by what is known of a whole ramp
converter.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memramp.errors import InputError
from memramp.models.analog_cell import AnalogCell
from memramp.models.analog_network import ProgrammedNetwork
from memramp.peripherals import code_inputs

CONVERSION_5BIT = 42.82e-12 / 128
"""Energy of one 5-bit conversion of a nonlinear ramp ADC [J]: 42.82 pJ for 128 columns and 32 clocks at 1 GHz, as ReADC
(Nat. Commun. 2025, doi 10.1038/s41467-025-65233-w) says of Yang et al. (doi 10.1038/s41467-025-56254-6); derived."""

_CLOCKS_5BIT = 32


@dataclass(frozen=True)
class ReadEnergy:
    """What some sequences took."""

    devices: float
    """Energy that all devices of the recurrent layers' arrays turned into heat [J]."""

    conversions: int
    """Conversions of ramp converters: columns times steps, and those of cell states."""

    clocks: int
    """Comparisons of all these conversions."""

    sequences: int

    @property
    def converters(self) -> float:
        """Energy of the converters: `CONVERSION_5BIT`, in proportion to the clocks [J].

        That is reconstructed for resolutions other than 5 bit.
        """
        return self.clocks * CONVERSION_5BIT / _CLOCKS_5BIT

    @property
    def per_sequence(self) -> float:
        """Energy of devices and converters of one sequence [J]."""
        return (self.devices + self.converters) / self.sequences


def read_energy(chip: ProgrammedNetwork, features: NDArray[np.floating]) -> ReadEnergy:
    """Return what the recurrent layers of a chip take for sequences [n, steps, inputs].

    Parameters
    ----------
    chip : ProgrammedNetwork
        A network without an embedding.
    features : ndarray [n, steps, inputs]
        As for `ProgrammedNetwork.logits`.

    Raises
    ------
    InputError
        Inputs are coded in another way than by pulse width, or a GRU's candidate is read apart.
    """
    x, devices, conversions, clocks = chip.checkpoint.normalise(features), 0.0, 0, 0
    for layer in chip.checkpoint.network.recurrent:
        outputs = []
        for name in layer.directions:
            cell, backwards = chip.cells[name], name != layer.name
            given = np.ascontiguousarray(x[:, ::-1] if backwards else x)
            states = cell.run(given, record=True)
            devices += cell_energy(cell, given, states)
            count, each = _conversions(cell, states.shape[0] * states.shape[1])
            conversions, clocks = conversions + count, clocks + each
            outputs.append(states[:, ::-1] if backwards else states)
        x = np.concatenate(outputs, axis=2)
    return ReadEnergy(devices, conversions, clocks, len(features))


def cell_energy(cell: AnalogCell, x: NDArray[np.float32], states: NDArray[np.float32]) -> float:
    """Return what the devices of a gate array take for inputs [n, steps, inputs] and the states they led to [J]."""
    if cell.hardware.input.coding != "pulse_width":
        raise InputError(f"energy is known for input.coding 'pulse_width', found '{cell.hardware.input.coding}'")
    if set(cell.arrays) - {"gates"}:
        raise InputError(f"energy is known for one array a layer, found {', '.join(cell.arrays)}")
    before = np.concatenate([np.zeros_like(states[:, :1]), states[:, :-1]], axis=1)
    rows = np.concatenate([x / np.float32(cell.units[0]), before / np.float32(cell.units[1])], axis=2)
    pulses = code_inputs(rows.reshape(-1, rows.shape[2]), cell.hardware.input, None).x
    of_row = np.sum([g.sum(axis=1) for g in cell.array.devices.values()], axis=0)  # [uS]
    circuit, v_read = cell.hardware.circuit, cell.hardware.reading.conditions.v_read
    return float(np.abs(pulses).sum(axis=0, dtype=np.float64) @ of_row) * 1e-6 * v_read**2 * circuit.t_pulse


def _conversions(cell: AnalogCell, steps: int) -> tuple[int, int]:
    """Return conversions and comparisons of ramp converters over some steps."""
    count = clocks = 0
    for group in cell.groups:
        if group.activation is not None and group.activation.kind == "nladc":
            columns = cell.hidden * len(group.gates) * steps
            count += columns
            clocks += columns * 2**group.activation.bits
    return count, clocks
