"""How long a first run waits for compilation: a fresh process on an empty cache, and one that finds it filled.

``python -m benchmarks.cold_start WHAT`` is the process that is timed: it does something a user does, and prints how
many functions were compiled.
"""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.protocol import Work
from benchmarks.workers import ROOT

_COMMANDS = {
    "keywords": ["run", "experiments/kws.yaml", "--set", "chips=1"],
    "circuit": [
        "run", "experiments/kws.yaml", "--set", "chips=1", "--set", "model.tanh_c=nladc", "--set",
        "model.readout=analog", "--set", "circuit.comparator.offset_std=1 mV", "--set",
        "device.read_noise={kind: proportional, fraction: 0.03}",
    ],
    "ramps": ["run", "experiments/ramp_calibration.yaml"],
}  # fmt: skip
"""Commands of memramp, each with everything that it needs compiled."""


def child(what: str, cache: str | Path) -> dict[str, Any]:
    """Run one process with its compiled functions in `cache`; return what it printed."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run(  # noqa: S603  (this module)
        [sys.executable, "-m", "benchmarks.cold_start", what],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"the process for '{what}' failed: {done.stderr.strip().splitlines()[-1:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def cold_start(what: str, filled: bool) -> Work:
    """Return one process that finds the cache filled or empty."""
    cache = Path(tempfile.mkdtemp(prefix="memramp-benchmark-"))  # as long as the work

    def run() -> dict[str, float]:
        if not filled:
            shutil.rmtree(cache, ignore_errors=True)
        before = _processor_time()
        compiled = child(what, cache)["compiled"]
        return {"functions compiled": compiled, "processor time (s)": _processor_time() - before}

    weakref.finalize(run, shutil.rmtree, cache, ignore_errors=True)
    return run


def _processor_time() -> float:
    """Return the processor time of all ended child processes [s]: what other work does cannot lengthen it by much."""
    times = os.times()
    return times.children_user + times.children_system


def _normals() -> object:
    import numpy as np

    from memramp.normals import fill_normals

    out = np.empty(5, np.float32)
    fill_normals(np.uint64(1), 0, 0, 0, out)
    return out.tobytes().hex()


def _command(what: str) -> object:
    from memramp.experiments.cli import main

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        if main([*_COMMANDS[what], "--out", f"{folder}/run"]):
            raise RuntimeError(f"'memramp {' '.join(_COMMANDS[what])}' failed")
    return ""


def main() -> None:
    """Do it and print the number of compiled functions."""
    from numba.core import event

    what = sys.argv[1]
    work: Callable[[], object] = _normals if what == "normals" else lambda: _command(what)
    with event.install_recorder("numba:compile") as record:
        digest = work()
    count = sum(1 for _, each in record.buffer if each.is_start)
    print(json.dumps({"compiled": count, "digest": digest}))


if __name__ == "__main__":
    main()
