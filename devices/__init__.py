"""One memristor: conductance window, programming and read noise, stuck devices, and presets of known devices.

Conductances are in uS throughout. A `Device` describes what can happen; `program` is the event in which it happens once
and returns what the devices really hold. Read noise is only described here (`Device.read_noise`): the layers that
read devices draw it, at every read.

>>> import numpy as np
>>> from memramp.devices import load_preset, program
>>> device = load_preset("yang2025_150us")
>>> cells = program(device, np.full((4, 3), 75.0), np.random.default_rng(1))
>>> cells.g.shape
(4, 3)
"""

from memramp.devices.ageing import Ageing
from memramp.devices.chips import ChipErrors, chip_keys, program_chips
from memramp.devices.device import Device
from memramp.devices.faults import FaultMask, load_faults
from memramp.devices.fluctuation import Fluctuation, ReadConditions, Telegraph
from memramp.devices.iv import iv_from_csv
from memramp.devices.noise import ConstantNoise, NoNoise, ProportionalNoise, UniformNoise
from memramp.devices.presets import (
    DeviceConfig,
    PresetValue,
    device_sources,
    load_preset,
    override_device,
    preset_description,
    preset_names,
    preset_sources,
    resolve_device,
)
from memramp.devices.programming import Programmed, program, program_keyed
from memramp.devices.programming_noise import PolynomialNoise, ProgNoise, SigmaTableNoise, TableNoise
from memramp.devices.read_noise import ReadNoise
from memramp.devices.write_verify import AimedPulses, IdenticalPulses, WriteVerify

__all__ = [
    "Ageing",
    "AimedPulses",
    "ChipErrors",
    "ConstantNoise",
    "Device",
    "DeviceConfig",
    "FaultMask",
    "Fluctuation",
    "IdenticalPulses",
    "NoNoise",
    "PolynomialNoise",
    "PresetValue",
    "ProgNoise",
    "Programmed",
    "ProportionalNoise",
    "ReadConditions",
    "ReadNoise",
    "SigmaTableNoise",
    "TableNoise",
    "Telegraph",
    "UniformNoise",
    "WriteVerify",
    "chip_keys",
    "device_sources",
    "iv_from_csv",
    "load_faults",
    "load_preset",
    "override_device",
    "preset_description",
    "preset_names",
    "preset_sources",
    "program",
    "program_chips",
    "program_keyed",
    "resolve_device",
]
