"""Workers: one process for each library and number of threads, started when first needed, see `benchmarks.protocol`."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]

MODULES = {
    "memramp": "benchmarks.worker",
    "torch": "benchmarks.peer_torch",
    "aihwkit": "benchmarks.peer_aihwkit",
    "badcrossbar": "benchmarks.peer_badcrossbar",
}
"""Library to the module that a worker runs."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class WorkerError(Exception):
    """A worker could not do what it was asked; the text says why."""


class Worker:
    """One process."""

    def __init__(self, library: str, threads: int, python: str) -> None:
        environment = os.environ | dict.fromkeys(_THREADS, str(threads))
        command = [python, "-W", "ignore", "-m", MODULES[library]]
        self._process = subprocess.Popen(  # noqa: S603  (an interpreter that the caller named)
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.hello = self.ask(do="hello", tolerant=True)

    def ask(self, *, tolerant: bool = False, **request: Any) -> dict[str, Any]:
        """Send a request and return the reply; a failure is a `WorkerError` unless tolerant."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        reply: dict[str, Any] = json.loads(line) if line else {"error": "the worker ended without a reply"}
        problem = reply.get("missing") or reply.get("error")
        if problem and not tolerant:
            raise WorkerError(problem)
        return reply

    def close(self) -> None:
        """End the process."""
        try:
            self._process.communicate(timeout=10)  # closes the pipes; the end of its input ends the worker
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


@dataclass
class Workers:
    """All workers of a run; libraries are looked for in the given interpreters, in their order."""

    pythons: Sequence[str] = (sys.executable,)
    _found: dict[str, str | None] = field(default_factory=dict)
    _open: dict[tuple[str, int], Worker] = field(default_factory=dict)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def get(self, library: str, threads: int) -> Worker | None:
        """Return the worker of a library, None if the library is not installed; `missing` then says why."""
        if library not in self._found:
            self._found[library] = self._search(library, threads)
        python = self._found[library]
        if python is None:
            return None
        if (library, threads) not in self._open:
            self._open[library, threads] = Worker(library, threads, python)
        return self._open[library, threads]

    def _search(self, library: str, threads: int) -> str | None:
        for python in self.pythons:
            worker = Worker(library, threads, python)
            if "versions" in worker.hello:
                self.versions[library] = worker.hello["versions"]
                self._open[library, threads] = worker
                self.missing.pop(library, None)
                return python
            self.missing.setdefault(library, worker.hello.get("missing") or worker.hello["error"])
            worker.close()
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._open.values():
            worker.close()
