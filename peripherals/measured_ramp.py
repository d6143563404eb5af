"""Ramps of measured devices: the digital twin of a column, and a laboratory in software to try tables with."""

import numpy as np

from memramp.devices import Device, ReadConditions, program
from memramp.errors import InputError
from memramp.peripherals.calibration import Calibration
from memramp.peripherals.function import FloatArray
from memramp.peripherals.programmed_ramp import BoolArray, ProgrammedRamp, check_window, ramp_read_std
from memramp.peripherals.ramp import RampDesign
from memramp.peripherals.ramp_noise import RAMP_CONDITIONS
from memramp.peripherals.readback import Readback
from memramp.peripherals.table import RampTable, TableRamp
from memramp.streams import Streams

STUCK_MARGIN = 0.02
"""Part of the window within which a device is taken to be at its end, where it should not be. Our choice."""


def simulate_readback(
    table: RampTable, device: Device, streams: Streams, previous: Readback | None = None
) -> Readback:
    """Return what a laboratory would measure that writes the rows which a table says are to be written.

    Parameters
    ----------
    table : RampTable
        Rows with ``write: yes`` are written, with the device's programming noise; the others stay as they are.
    device : Device
        Programming noise and fault rates. The same devices are stuck for all revisions of a table.
    streams : Streams
        Random streams of the column's devices.
    previous : Readback or None
        What the devices held before; None: g_min.

    Raises
    ------
    InputError
        The devices have another window than those that the table was made for.
    """
    measured = {}
    for name, ramp in table.ramps.items():
        check_window(ramp.design(), device)
        target = np.array([row.target_uS for row in ramp.rows])
        healthy = device.model_copy(update={"stuck_off_rate": 0.0, "stuck_on_rate": 0.0})
        faults = program(device, target, streams.generator(name, "faults"))
        written = program(healthy, target, streams.generator(name, "program", table.revision)).g
        before = np.full(target.shape, device.g_min) if previous is None else previous.measured[name]
        g = np.where([row.write == "yes" for row in ramp.rows], written, before)
        measured[name] = np.where(faults.stuck_off, device.g_min, np.where(faults.stuck_on, device.g_max, g))
    return Readback(measured, "simulated read-back")


def ramp_from_readback(
    table: RampTable,
    name: str,
    readback: Readback,
    device: Device | None = None,
    conditions: ReadConditions = RAMP_CONDITIONS,
) -> ProgrammedRamp:
    """Return the ramp that measured devices make, in place of a programmed one: the column's digital twin.

    It is what it is: no calibration is simulated.

    Parameters
    ----------
    table, readback : RampTable, Readback
        What was programmed and what was measured.
    name : str
        Which ramp of the table.
    device : Device or None
        Read noise of the conversions; None: none.
    conditions : ReadConditions
        Of the conversions, for read noise that depends on them.

    Raises
    ------
    InputError
        The table or the read-back has no such ramp, or telegraph noise, which ramps cannot have.
    """
    ramp = table.ramp(name)
    if name not in readback.measured:
        raise InputError(f"{readback.name}: has no ramp '{name}', it has: {', '.join(readback.measured)}")
    lines, design = ramp.word_lines(), ramp.design()
    g, stuck = readback.measured[name][lines], suspects(ramp, readback.measured[name])[lines]
    steps, bias = design.column.rows("ramp"), design.column.rows("bias")
    values = staircase(design, g)
    return ProgrammedRamp(
        design=design,
        calibration=Calibration(kind="none"),
        g_steps=g[steps],
        g_bias=g[bias],
        stuck_steps=stuck[steps],
        stuck_bias=stuck[bias],
        values=values,
        read_std=_read_std(design, g[steps], g[bias], device, conditions),
        uncalibrated=values[design.compared],
        gain=1.0,
        writes=int(steps.size + bias.size),
    )


def staircase(design: RampDesign, g: FloatArray) -> FloatArray:
    """Return the values of a ramp, [n_clocks + 1], from the conductances of its column [pre-activation].

    Computed from the deviations, as in `memramp.peripherals.programmed_ramp`, so that ideal devices give the ideal
    values to the last bit.

    Parameters
    ----------
    g : ndarray, [rows]
        In the order of the design's column [uS].
    """
    steps, bias = design.column.rows("ramp"), design.column.rows("bias")
    error = g - design.column.target
    per_clock = np.add.reduceat((error * design.column.width)[steps], design.column.starts)
    start = np.sum((error * design.column.width)[bias])
    values = design.ramp + design.v_per_us * (np.concatenate([[0.0], np.cumsum(per_clock)]) - start)
    return np.maximum.accumulate(values)  # no conductance is negative; what falls is rounding


def suspects(ramp: TableRamp, g: FloatArray, margin: float | None = None) -> BoolArray:
    """Return which rows seem to be stuck: out of their tolerance, and at an end of the window.

    Parameters
    ----------
    g : ndarray, [rows]
        Measured conductances, by word line [uS].
    margin : float or None
        How near to g_min or g_max; None: `STUCK_MARGIN` of the window [uS].
    """
    low, high = ramp.settings.g_min_uS, ramp.settings.g_max_uS
    near = STUCK_MARGIN * (high - low) if margin is None else margin
    return outside(ramp, g) & ((np.abs(g - low) <= near) | (np.abs(g - high) <= near))


def outside(ramp: TableRamp, g: FloatArray) -> BoolArray:
    """Return which rows lie out of their tolerance, by word line."""
    target, tolerance = (np.array([getattr(row, key) for row in ramp.rows]) for key in ("target_uS", "tolerance_uS"))
    return np.asarray(np.abs(g - target) > tolerance)


def _read_std(
    design: RampDesign, steps: FloatArray, bias: FloatArray, device: Device | None, conditions: ReadConditions
) -> FloatArray:
    if device is None:
        return np.zeros(design.ramp.size)
    return np.asarray(ramp_read_std(design, device, steps[None], bias[None], np.ones(1), conditions)[0])
