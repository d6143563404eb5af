"""``manifest.json``: everything that is needed to know, and to repeat, a run."""

import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

import numba

import memramp
from memramp.experiments.results import to_json
from memramp.experiments.schema import SCHEMA_VERSION, RunKeys
from memramp.files import write_atomically

if TYPE_CHECKING:
    from memramp.experiments.loading import Experiment
    from memramp.experiments.preparation import PreparedPoint

Status = Literal["running", "complete", "interrupted"]
_LIBRARIES = ("numpy", "numba", "scipy")


class RunInterruptedError(KeyboardInterrupt):
    """The user stopped a run; the text says what is kept."""


class Manifest:
    """The manifest of a run; its clock starts when it is made."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self._path = path
        self._start = monotonic()
        self._about = about

    @contextmanager
    def keeping(self, rows: Sequence[object], kept: Callable[[], str]) -> Iterator[None]:
        """Tell how the run goes that is done meanwhile: running, then complete or interrupted.

        Parameters
        ----------
        rows : sequence
            Rows that are done, to which the run adds.
        kept : callable
            Called after Ctrl-C; returns what is kept, for the message.

        Raises
        ------
        RunInterruptedError
            Ctrl-C.
        """
        self.write("running", len(rows))
        try:
            yield
        except BaseException as error:
            self.write("interrupted", len(rows))
            if isinstance(error, KeyboardInterrupt):
                raise RunInterruptedError(f"interrupted: {kept()}") from None
            raise
        self.write("complete", len(rows))

    def write(self, status: Status, rows: int) -> None:
        """Write the manifest as things stand."""
        progress = {"status": status, "rows": rows, "seconds": round(monotonic() - self._start, 1)}
        write_atomically(self._path, to_json({**progress, **self._about}))


def versions() -> dict[str, str]:
    """Return the versions of memramp, Python and the libraries that results may depend on."""
    found = {name: version(name) for name in _LIBRARIES}
    return {"memramp": memramp.__version__, "python": platform.python_version(), **found}


def now() -> str:
    """Return the time, UTC, in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def about_run(config: RunKeys, kind: str, source: str, overrides: Sequence[str]) -> dict[str, Any]:
    """Return what is told of every run: when, what, with which seed, by which versions, on which machine."""
    return {
        "started": now(),
        "schema": SCHEMA_VERSION,
        "experiment": kind,
        "name": config.name,
        "description": config.description,
        "file": source,
        "overrides": list(overrides),
        "seed": config.seed,
        "versions": versions(),
        "machine": {
            "platform": platform.platform(),
            "byte_order": sys.byteorder,
            "cpus": os.cpu_count(),
            "numba_threads": numba.get_num_threads(),
        },
    }


def about_network(experiment: "Experiment", prepared: "Sequence[PreparedPoint]") -> dict[str, Any]:
    """Return what is told of a run with a network."""
    return {
        **about_run(experiment.config, "network", experiment.source, experiment.overrides),
        "chips": experiment.config.chips,
        "data": _unique(
            {"description": part.data.description, "size": len(part.data), "sha256": part.data.sha256}
            for part in prepared
        ),
        "checkpoints": _unique(
            {"name": name, "sha256": checkpoint.digest}
            for part in prepared
            for name, checkpoint in (
                (part.point.config.model.checkpoint, part.checkpoint),
                (part.point.config.model.float_checkpoint, part.reference),
            )
        ),
        "points": [
            {"point": part.point.number, "sweep": part.point.sweep, "config": part.point.resolved()}
            | ({} if part.hardware.measured is None else {"measured_sha256": part.hardware.measured.digests})
            | ({} if part.hardware.faults is None else {"faults_sha256": part.hardware.faults.digest})
            for part in prepared
        ],
    }


def _unique(entries: Any) -> list[dict[str, Any]]:
    unique: dict[str, dict[str, Any]] = {}
    for entry in entries:
        unique.setdefault(entry["sha256"], entry)
    return list(unique.values())
