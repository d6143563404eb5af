"""Timings of the parts that decide how long a run takes; each module runs as ``python -m benchmarks.NAME``."""
