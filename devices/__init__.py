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
from memramp.devices.device import Device
from memramp.devices.fluctuation import Fluctuation, ReadConditions, Telegraph
from memramp.devices.iv import iv_from_csv
from memramp.devices.noise import (
    ConstantNoise,
    NoNoise,
    ProgNoise,
    ProportionalNoise,
    UniformNoise,
)
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
from memramp.devices.programming import Programmed, program
from memramp.devices.read_noise import ReadNoise

__all__ = [
    "Ageing",
    "ConstantNoise",
    "Device",
    "DeviceConfig",
    "Fluctuation",
    "NoNoise",
    "PresetValue",
    "ProgNoise",
    "Programmed",
    "ProportionalNoise",
    "ReadConditions",
    "ReadNoise",
    "Telegraph",
    "UniformNoise",
    "device_sources",
    "iv_from_csv",
    "load_preset",
    "override_device",
    "preset_description",
    "preset_names",
    "preset_sources",
    "program",
    "resolve_device",
]
