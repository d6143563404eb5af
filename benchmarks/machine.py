"""What machine this is, as far as timings depend on it."""

import os
import platform
from pathlib import Path
from typing import Any


def describe_machine() -> dict[str, Any]:
    """Return processor, cores, memory, system, load, and variables that change what libraries do."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": _memory(),
        "system": f"{platform.system()} {platform.release()}",
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "variables": {key: value for key, value in sorted(os.environ.items()) if key.startswith(_PREFIXES)},
    }


_PREFIXES = ("OMP_", "OPENBLAS_", "MKL_", "NUMBA_", "GOMP_", "KMP_")


def _processor() -> str:
    return _first_value("/proc/cpuinfo", "model name") or platform.processor() or platform.machine()


def _memory() -> float | None:
    found = _first_value("/proc/meminfo", "MemTotal")
    return round(int(found.split()[0]) / 1e6, 1) if found else None


def _first_value(path: str, key: str) -> str:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")
