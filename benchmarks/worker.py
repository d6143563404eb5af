"""The worker that holds memramp, and NumPy beside it; see `benchmarks.protocol`."""

import os
import platform

from benchmarks.protocol import Prepare, serve


def load() -> dict[str, str]:
    """Import memramp and return the versions that matter."""
    import llvmlite
    import numba
    import numpy as np
    import scipy

    import memramp

    numba.set_num_threads(int(os.environ["NUMBA_NUM_THREADS"]))
    WORKS.update(works())
    return {
        "memramp": memramp.__version__,
        "Python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "numba": numba.__version__,
        "llvmlite": llvmlite.__version__,
    }


def works() -> dict[str, Prepare]:
    """Return what memramp's worker can do, by name."""
    from benchmarks import arrays, cold_start, columns, limits, networks, wire_cases

    found = (
        arrays.noisy_product, arrays.noisy_read, arrays.sgemm, arrays.per_device_compiled, arrays.per_device_numpy,
        arrays.programming, networks.keyword_lstm, networks.keyword_scores, networks.large_step,
        networks.language_model, networks.language_model_floating, columns.ramp_yield,
        columns.normal_draws, wire_cases.wires, wire_cases.wires_fold, cold_start.cold_start,
        limits.product, limits.triad, limits.normals,
    )  # fmt: skip
    return {work.__name__: work for work in found}


WORKS: dict[str, Prepare] = {}

if __name__ == "__main__":
    serve(WORKS, load)
