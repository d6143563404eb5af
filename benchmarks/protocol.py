"""How a worker is spoken to: one JSON object a line on its standard input, one in reply on its standard output.

A worker holds one library with one number of threads, in a process and, if need be, an interpreter of its own, so that
no library's thread pool, environment or memory touches another's. It stays alive between runs, so that contenders can
take turns. This module and the peers' scripts import nothing of memramp: they run in environments without it.

Requests and replies (``do`` names the request):

- ``hello``: ``{"versions": {...}}``, or ``{"missing": "why"}`` if the library cannot be imported;
- ``prepare`` with ``name``, ``work``, ``sizes``: builds a work and runs it once: ``{"first": seconds}``;
- ``run`` with ``name``, ``most``, ``least``: runs it up to `most` times or for `least` seconds, at least once:
  ``{"seconds": [...], "values": {...}, "peak_mb": ...}``; values are what the work returned, if that is a mapping;
- ``forget``: drops what was prepared: ``{}``.

A reply ``{"error": "..."}`` says that the work failed.
"""

import contextlib
import ctypes
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

Work = Callable[[], object]
"""Does once what is timed."""

Prepare = Callable[..., Work]
"""Builds the work, untimed, from its sizes."""

_Reply = dict[str, Any]


def serve(works: Mapping[str, Prepare], load: Callable[[], dict[str, str]]) -> None:
    """Answer requests until the input ends.

    Parameters
    ----------
    works : mapping of str to callable
        What this worker can do.
    load : callable
        Imports the library and returns versions; an ImportError says that it is missing.
    """
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not mix with the replies
    ready: dict[str, Work] = {}
    for line in sys.stdin:
        reply = _answer(json.loads(line), works, load, ready)
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _answer(
    request: Mapping[str, Any], works: Mapping[str, Prepare], load: Callable[[], dict[str, str]], ready: dict[str, Work]
) -> _Reply:
    try:
        if request["do"] == "hello":
            return {"versions": load()}
        if request["do"] == "prepare":
            ready[request["name"]] = work = works[request["work"]](**request["sizes"])
            start = time.perf_counter()
            work()
            return {"first": time.perf_counter() - start}
        if request["do"] == "run":
            return repeat(ready[request["name"]], request["most"], request["least"])
        ready.clear()
    except ImportError as error:
        return {"missing": str(error)}
    except Exception as error:  # whatever a library raises is told, not lost with the process
        return {"error": f"{type(error).__name__}: {error}"}
    return {}


def repeat(work: Work, most: int, least: float) -> _Reply:
    """Time a work up to `most` times or until `least` seconds have passed, at least once; see the module's text."""
    before = _reset_peak()
    seconds: list[float] = []
    result: object = None
    while not seconds or (len(seconds) < most and sum(seconds) < least):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    values = dict(result) if isinstance(result, Mapping) else {}
    return {"seconds": seconds, "values": values, "peak_mb": _peak_since(before)}


def _reset_peak() -> float | None:
    """Make the system forget the peak of this process's memory; return what it holds now [MB], None if unknown."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # what is freed but kept would hide what the work takes
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:  # noqa: PTH123  (Path cannot be told to)
            file.write("5")
        return _status("VmRSS")
    except OSError:
        return None


def _peak_since(before: float | None) -> float | None:
    return None if before is None else max(0.0, _status("VmHWM") - before)


def _status(key: str) -> float:
    with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123
        return next(int(line.split()[1]) / 1000 for line in file if line.startswith(key))
