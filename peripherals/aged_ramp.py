"""Ramp columns some time after they were programmed and calibrated, or at another temperature.

Ramp and bias devices age each by itself, as weights do: drift and relaxation pull the steps apart, whereas what all
devices have in common leaves the comparison with equally aged weights as it was. Nothing is calibrated again.
"""

from dataclasses import replace

import numpy as np

from memramp.devices import Device, ReadConditions
from memramp.devices.ageing import draw
from memramp.peripherals.circuit import CircuitConfig
from memramp.peripherals.converter import Converter, nladc
from memramp.peripherals.environment import EnvironmentConfig
from memramp.peripherals.function import FloatArray
from memramp.peripherals.programmed_ramp import ProgrammedRamp, never_falling, ramp_deviation, ramp_read_std


def age_ramp(
    ramp: ProgrammedRamp,
    device: Device,
    rng: np.random.Generator,
    circuit: CircuitConfig,
    environment: EnvironmentConfig,
) -> ProgrammedRamp:
    """Return a ramp column at inference.

    Parameters
    ----------
    ramp : ProgrammedRamp
        As it was right after calibration.
    device : Device
        Its devices.
    rng : numpy.random.Generator
        Source of what makes them age, a stream of its own: the same one gives the same devices at any time.
    circuit, environment : CircuitConfig, EnvironmentConfig
        Nominal temperature and clock; time and temperature at inference.

    Returns
    -------
    ProgrammedRamp
        With the conductances, values and read noise at inference; what tells of calibration stays as it was. `ramp`
        itself where nothing changes.

    Raises
    ------
    InputError
        The ageing is not known for that time or temperature.
    """
    if not device.ages:
        return ramp
    steps_rng, bias_rng = rng.spawn(2)
    steps, bias = (
        draw(device, ramp.g_steps, steps_rng, ramp.stuck_steps),
        draw(device, ramp.g_bias, bias_rng, ramp.stuck_bias),
    )
    g_steps = environment.age(steps, ramp.g_steps, circuit.temperature, "ramp")
    g_bias = environment.age(bias, ramp.g_bias, circuit.temperature, "ramp")
    if g_steps is ramp.g_steps and g_bias is ramp.g_bias:
        return ramp
    conditions = environment.conditions("ramp", circuit.v_read, circuit.t_ramp, circuit.temperature)
    return _with_conductances(ramp, device, g_steps, g_bias, conditions)


def age_converter(
    ramp: ProgrammedRamp,
    device: Device,
    rng: np.random.Generator,
    circuit: CircuitConfig,
    environment: EnvironmentConfig,
) -> Converter:
    """Return the converter that a ramp column makes at inference.

    `rng` is that of `program_ramp`: ageing has a child of its own, so that it moves nothing else. For other parameters
    and errors see `age_ramp`.
    """
    old = age_ramp(ramp, device, rng.spawn(1)[0], circuit, environment)
    return replace(nladc(old), bias_overflow=ramp.bias_overflow)


def _with_conductances(
    ramp: ProgrammedRamp, device: Device, g_steps: FloatArray, g_bias: FloatArray, conditions: ReadConditions
) -> ProgrammedRamp:
    """Return the ramp with other conductances: its values move by the charge of the differences."""
    design = ramp.design
    width = design.column.width[design.column.rows("bias")]
    risen = ramp.gain * ramp_deviation(design, (g_steps - ramp.g_steps)[None])
    values = ramp.values + design.v_per_us * (risen - np.sum((g_bias - ramp.g_bias) * width))
    read_std = ramp_read_std(design, device, g_steps[None], g_bias[None], np.array([ramp.gain]), conditions)
    return replace(
        ramp, g_steps=g_steps, g_bias=g_bias, values=never_falling(values, design.anchor)[0], read_std=read_std[0]
    )
