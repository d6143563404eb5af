"""Defaults that commands, files and functions share; nothing is imported, so that ``--help`` answers at once."""

INL_LIMIT = 1.0
"""Largest |INL| of a ramp column that passes, unless another is given: one step of the output, our choice [LSB]."""
