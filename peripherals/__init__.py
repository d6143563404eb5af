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

from memramp.peripherals.activation import ActivationConfig, build_converter, design_converter
from memramp.peripherals.calibration import Calibration, CalibrationKind
from memramp.peripherals.check import CheckReport, RampCheck, check_readback
from memramp.peripherals.circuit import CircuitConfig
from memramp.peripherals.circuit_effects import with_circuit
from memramp.peripherals.converter import Converter, nladc, uniform_adc
from memramp.peripherals.density import Density, load_density, normal_density
from memramp.peripherals.design import design_ramp
from memramp.peripherals.environment import EnvironmentConfig
from memramp.peripherals.expression import function_from_expression
from memramp.peripherals.function import Function, Section, Span
from memramp.peripherals.function_config import FunctionConfig, resolve_function
from memramp.peripherals.functions import FUNCTIONS, describe_functions, get_function
from memramp.peripherals.input_driver import CodedInputs, InputConfig, code_inputs, coding_of, quantise_inputs
from memramp.peripherals.levels import Levels, LevelsKind, ideal_levels
from memramp.peripherals.linearity import inl_dnl
from memramp.peripherals.measured_ramp import ramp_from_readback, simulate_readback
from memramp.peripherals.netlist import ramp_netlist, write_netlist
from memramp.peripherals.noise_aware import expected_error, threshold_std
from memramp.peripherals.programmed_ramp import ProgrammedColumns, ProgrammedRamp, program_columns, program_ramp
from memramp.peripherals.ramp import Column, RampDesign, Realisation, realise
from memramp.peripherals.readback import Readback, read_back, write_readback
from memramp.peripherals.table import RampTable, TableRamp, ramp_name, ramp_table
from memramp.peripherals.table_files import load_table, save_table, table_bytes
from memramp.peripherals.table_schema import RampSettings, TableRow
from memramp.peripherals.table_update import updated_table
from memramp.peripherals.tabulated import function_from_table
from memramp.peripherals.yields import sweep_yield

__all__ = [
    "FUNCTIONS",
    "ActivationConfig",
    "Calibration",
    "CalibrationKind",
    "CheckReport",
    "CircuitConfig",
    "CodedInputs",
    "Column",
    "Converter",
    "Density",
    "EnvironmentConfig",
    "Function",
    "FunctionConfig",
    "InputConfig",
    "Levels",
    "LevelsKind",
    "ProgrammedColumns",
    "ProgrammedRamp",
    "RampCheck",
    "RampDesign",
    "RampSettings",
    "RampTable",
    "Readback",
    "Realisation",
    "Section",
    "Span",
    "TableRamp",
    "TableRow",
    "build_converter",
    "check_readback",
    "code_inputs",
    "coding_of",
    "describe_functions",
    "design_converter",
    "design_ramp",
    "expected_error",
    "function_from_expression",
    "function_from_table",
    "get_function",
    "ideal_levels",
    "inl_dnl",
    "load_density",
    "load_table",
    "nladc",
    "normal_density",
    "program_columns",
    "program_ramp",
    "quantise_inputs",
    "ramp_from_readback",
    "ramp_name",
    "ramp_netlist",
    "ramp_table",
    "read_back",
    "realise",
    "resolve_function",
    "save_table",
    "simulate_readback",
    "sweep_yield",
    "table_bytes",
    "threshold_std",
    "uniform_adc",
    "updated_table",
    "with_circuit",
    "write_netlist",
    "write_readback",
]
