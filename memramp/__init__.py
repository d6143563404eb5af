"""Simulator of analog in-memory computing with activation functions inside the ADC.

Layers, each importing only those before it: ``devices`` (one memristor), ``crossbar`` (arrays of them),
``peripherals`` (ramps, converters, input drivers), ``models`` (networks, data, training), ``experiments`` (YAML, CLI).
"""

__version__ = "0.1.0"
