"""badcrossbar, https://github.com/joksas/badcrossbar: nodes of an array with wires by a sparse LU factorisation.

Run by `benchmarks.workers`, see `benchmarks.protocol`; imports nothing of memramp.
"""

import logging
from importlib.metadata import version
from typing import Any

from benchmarks.protocol import Work, serve
from benchmarks.wire_data import OHM, wire_data


def load() -> dict[str, str]:
    """Import badcrossbar and return its version."""
    import badcrossbar

    logging.disable(logging.CRITICAL)  # it tells every step on the terminal
    return {"badcrossbar": getattr(badcrossbar, "__version__", version("badcrossbar"))}


def wires(size: int, inputs: int) -> Work:
    """Return: the currents of all columns [uA], from conductances, for a batch of inputs, nothing else."""
    import badcrossbar

    g, v = wire_data(size, inputs)

    def run() -> dict[str, Any]:
        solution = badcrossbar.compute(v.T, 1e6 / g, OHM, node_voltages=False, all_currents=False)
        return {"outputs": (1e6 * solution.currents.output[0]).tolist()}

    return run


if __name__ == "__main__":
    serve({"wires": wires}, load)
