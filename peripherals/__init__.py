"""Around the array: input drivers, the ramp column, and converters with the activation function inside.

The path of one ramp: `design_ramp` turns a function into target conductances, `program_ramp` writes them into the
devices of one chip and calibrates the bias devices, `nladc` makes a `Converter` of the result. `build_converter` does
all of it from a configuration, and builds the conventional baseline (uniform ADC, digital activation) behind the same
interface.

Pre-activations and thresholds are in weight units times full input pulses, conductances in uS; `RampDesign.v_per_us`
links the two. All columns of a conversion share one ramp, so they share its errors. Figures are in
`memramp.peripherals.figures`, apart, since Matplotlib takes its time to import.

>>> import numpy as np
>>> from memramp.devices import load_preset
>>> from memramp.peripherals import design_ramp, nladc, program_ramp
>>> device = load_preset("yang2025_150us")
>>> design = design_ramp("sigmoid", 5, "paper", device)
>>> len(design.g_steps), len(design.g_bias), round(design.bias_total, 1)
(32, 5, 724.5)
>>> converter = nladc(program_ramp(design, device, np.random.default_rng(1)))
>>> codes = converter.convert([[-9.0, 1.0, 9.0]], key=7)
>>> codes
array([[ 0, 23, 31]], dtype=int16)
>>> converter.decode(codes).round(3)
array([[0.   , 0.676, 0.912]], dtype=float32)
"""

from memramp.peripherals.converter import ActivationConfig, Converter, build_converter, nladc, uniform_adc
from memramp.peripherals.functions import FUNCTIONS, Function, FunctionName, get_function
from memramp.peripherals.input_driver import InputConfig, quantise_inputs
from memramp.peripherals.levels import Levels, LevelsKind, ideal_levels
from memramp.peripherals.linearity import inl_dnl
from memramp.peripherals.programmed_ramp import Calibration, ProgrammedRamp, program_ramp
from memramp.peripherals.ramp import RampDesign, design_ramp
from memramp.peripherals.table import TableRow, ramp_table, write_ramp_table

__all__ = [
    "FUNCTIONS",
    "ActivationConfig",
    "Calibration",
    "Converter",
    "Function",
    "FunctionName",
    "InputConfig",
    "Levels",
    "LevelsKind",
    "ProgrammedRamp",
    "RampDesign",
    "TableRow",
    "build_converter",
    "design_ramp",
    "get_function",
    "ideal_levels",
    "inl_dnl",
    "nladc",
    "program_ramp",
    "quantise_inputs",
    "ramp_table",
    "uniform_adc",
    "write_ramp_table",
]
