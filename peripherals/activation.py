"""The ``activation`` block of a configuration, and the converters that it describes."""

from functools import lru_cache
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from memramp.config import StrictModel
from memramp.devices import ConstantNoise, Device, NoNoise
from memramp.peripherals.aged_ramp import age_converter
from memramp.peripherals.calibration import Calibration, CalibrationConfig
from memramp.peripherals.circuit import CircuitConfig
from memramp.peripherals.converter import Converter, uniform_adc
from memramp.peripherals.density import Density, density_for
from memramp.peripherals.design import design_ramp
from memramp.peripherals.environment import EnvironmentConfig
from memramp.peripherals.functions import get_function
from memramp.peripherals.levels import DATA_DRIVEN, MAX_BITS, LevelsKind, check_bits, ideal_levels
from memramp.peripherals.placement import check_data_bits
from memramp.peripherals.programmed_ramp import program_ramp
from memramp.peripherals.ramp import RampDesign, Realisation
from memramp.peripherals.ramp_noise import check_ramp_device
from memramp.quantities import NonNegativeMicrosiemens


class ActivationConfig(StrictModel):
    """How pre-activations become values of the activation function."""

    kind: Literal["nladc", "uniform_adc"] = "nladc"
    """Ramp converter with the function in its thresholds, or uniform converter and digital function."""

    bits: Annotated[int, Field(strict=True, ge=1, le=MAX_BITS)] = 5
    """Resolution, 1..12 (from 2 on unless levels are ``paper``); above 8, steps are small beside usual programming
    errors."""

    levels: LevelsKind = "midpoint"
    """Placement of thresholds and outputs of the ramp; for ``uniform_adc`` it only sets the default range."""

    density: Annotated[str, Field(min_length=1)] | None = None
    """Pre-activations that ``lloyd_max`` and ``noise_aware`` levels are made for: a shipped recording, a ``.json``
    file, or ``normal:MEAN,STD``. The other placements make no use of it, so that a sweep may give it for all."""

    levels_sigma: NonNegativeMicrosiemens | None = None
    """Programming error that ``noise_aware`` levels are placed for, none of its read noise; a network belongs to the
    levels that it was trained with, whatever devices it meets later. None: what the device's own noise says [uS]."""

    output_bits: Annotated[int, Field(strict=True, ge=3, le=16)] | None = None
    """Outputs of these two on a grid of so many bits; None: any value."""

    calibration: CalibrationConfig = Calibration()
    """How a ramp column is set right (``nladc``): the name of a kind, or a mapping."""

    realisation: Realisation = Realisation()
    """How steps may be made of devices (``nladc``)."""

    range: Annotated[float, Field(strict=True, ge=1e-6, le=1e6)] | None = None
    """Full scale of ``uniform_adc``: it converts -range..range [pre-activation]. None: as far as the ramp reaches."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.kind == "nladc" and self.range is not None:
            raise ValueError("range belongs to kind 'uniform_adc'; the range of 'nladc' follows from its levels")
        if self.kind == "nladc" or self.range is None:
            check_bits(self.bits, self.levels)
        if self.levels in DATA_DRIVEN:
            self._check_data_driven()
        return self

    def _check_data_driven(self) -> None:
        if self.kind == "uniform_adc":
            raise ValueError(f"levels '{self.levels}' are for kind 'nladc', found kind 'uniform_adc'")
        if self.density is None:
            raise ValueError(f"levels '{self.levels}' need the key 'density': a recording, or normal:MEAN,STD")
        check_data_bits(self.bits, self.output_bits)


def design_converter(config: ActivationConfig, function: str, device: Device) -> RampDesign:
    """Return the ramp column that a configuration asks for; a design that was made before is not made again.

    Parameters
    ----------
    config : ActivationConfig
        Resolution, levels, realisation.
    function : str
        Activation function.
    device : Device
        Window, and the noise that levels and realisation take into account.

    Raises
    ------
    InputError
        The ramp cannot be realised in the device's window, an unknown function, no such density, or telegraph noise.
    """
    check_ramp_device(device)
    density = density_for(config.levels, config.density, function)
    if config.levels == "noise_aware" and config.levels_sigma is not None:
        expected = {"prog_noise": ConstantNoise(sigma=config.levels_sigma), "read_noise": NoNoise()}
        device = device.model_copy(update=expected)
    return _design(config.bits, config.levels, config.output_bits, config.realisation, function, device, density)


@lru_cache(maxsize=64)
def _design(
    bits: int,
    levels: LevelsKind,
    output_bits: int | None,
    realisation: Realisation,
    function: str,
    device: Device,
    density: Density | None,
) -> RampDesign:
    grid = output_bits if levels in DATA_DRIVEN else None
    return design_ramp(
        function, bits, levels, device, density=density, output_bits=grid, realisation=realisation
    )


def build_converter(
    config: ActivationConfig,
    function: str,
    device: Device,
    rng: np.random.Generator,
    designed_for: Device | None = None,
    circuit: CircuitConfig | None = None,
    environment: EnvironmentConfig | None = None,
) -> Converter:
    """Make the converter of one chip that a configuration describes.

    Parameters
    ----------
    config : ActivationConfig
        Kind, resolution, levels, calibration, range.
    function : str
        Activation function.
    device : Device
        The devices of the ramp column; unused for ``uniform_adc``.
    rng : numpy.random.Generator
        Source of the programming draws, a child stream of its own for each ramp of each chip; unused likewise.
    designed_for : Device or None
        Devices that the column was designed for, of the same window; None: those that it has.
    circuit, environment : CircuitConfig and EnvironmentConfig, or None
        Clock, read voltage, temperatures and time, on which the ramp's read noise and the ageing of its devices depend;
        None: the default ones. What they do to the converter itself is put in by `with_circuit`.

    Raises
    ------
    InputError
        The ramp cannot be realised in the device's window, an unknown function, no such density, telegraph noise, or
        ageing that is not known for that time or temperature.
    """
    if config.kind == "nladc":
        design = design_converter(config, function, designed_for or device)
        around, surroundings = circuit or CircuitConfig(), environment or EnvironmentConfig()
        conditions = surroundings.conditions("ramp", around.v_read, around.t_ramp, around.temperature)
        ramp = program_ramp(design, device, rng, config.calibration, conditions)
        return age_converter(ramp, device, rng, around, surroundings)
    full_scale = config.range or ideal_levels(function, config.bits, config.levels).range
    return uniform_adc(get_function(function), config.bits, full_scale)
