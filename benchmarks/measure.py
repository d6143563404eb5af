"""Running the table: contenders take turns, so that whatever else the machine does falls on all of them alike."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

from benchmarks.limits import LIMITS
from benchmarks.machine import describe_machine
from benchmarks.report import Results, threads_text
from benchmarks.table import Bar, Case, Contender, Sizes
from benchmarks.workers import Worker, WorkerError, Workers

SCHEMA = 1
"""Version of the results' layout."""

_PAUSE = 0.02
"""Between two contenders, so that threads of the last one stop spinning [s]."""

_MOST, _LEAST = 10, 0.05
"""Repetitions of a turn: so many, or for so many seconds, at least one."""

Note = Callable[[str], None]


def measure(
    cases: Sequence[Case], threads: Sequence[int], pythons: Sequence[str], *, quick: bool = False, note: Note = print
) -> Results:
    """Measure cases at numbers of threads and return all repetitions, medians, minima and verdicts.

    Parameters
    ----------
    cases : sequence of Case
        In the order of the report.
    threads : sequence of int
        Numbers of threads, each at least 1.
    pythons : sequence of str
        Interpreters that are searched for the peers, in this order.
    quick : bool
        Small sizes and one turn: shows that everything runs, times nothing.
    note : callable
        Is told what is being measured.
    """
    machine = describe_machine()  # before the run adds to the load
    with Workers(pythons) as workers:
        limits = {str(count): _limits(workers, count, quick, note) for count in threads}
        measured = [_case(case, threads, workers, quick, note) for case in cases]
        return {
            "schema": SCHEMA,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "quick": quick,
            "threads": list(threads),
            "machine": machine,
            "versions": {name: version for each in workers.versions.values() for name, version in each.items()},
            "missing": dict(workers.missing),
            "limits": limits,
            "cases": measured,
        }


def _limits(workers: Workers, threads: int, quick: bool, note: Note) -> dict[str, Any]:
    note(f"limits of the machine, {threads_text(threads)}")
    worker = workers.get("memramp", threads)
    if worker is None:
        raise WorkerError(f"memramp cannot be imported: {workers.missing['memramp']}")
    found = {}
    for name, work, sizes, amount, unit, text in LIMITS:
        worker.ask(do="prepare", name=name, work=work, sizes=sizes)
        seconds = worker.ask(do="run", name=name, most=1 if quick else 9, least=10.0)["seconds"]
        worker.ask(do="forget")
        found[name] = {"best": amount / min(seconds) / 1e9, "median": amount / median(seconds) / 1e9}
        found[name] |= {"unit": unit, "text": text}
    return found


def _case(case: Case, threads: Sequence[int], workers: Workers, quick: bool, note: Note) -> dict[str, Any]:
    sizes = case.small if quick else case.sizes
    counts = [min(threads)] if case.one_thread else list(threads)
    rows = []
    for count in counts:
        note(f"{case.name}, {threads_text(count)}")
        rows += _turns(case, sizes, count, workers, quick)
    verdicts = [judge(bar, rows, count) for bar in case.bars for count in counts]
    for row in rows:
        row["values"] = {name: value for name, value in row.get("values", {}).items() if not isinstance(value, list)}
    about = {"name": case.name, "title": case.title, "sizes": dict(sizes), "items": case.items(sizes)}
    return about | {"unit": case.unit, "rows": rows, "bars": [] if quick else verdicts}


def _turns(case: Case, sizes: Sizes, threads: int, workers: Workers, quick: bool) -> list[dict[str, Any]]:
    rows = [_Row(contender, sizes, threads, workers) for contender in case.contenders]
    for turn in range(1 if quick else case.rounds):
        for index in range(len(rows)):
            # Another one begins each time, so that none always follows the same one.
            rows[(index + turn) % len(rows)].take_turn(quick)
    return [row.result() for row in rows]


class _Row:
    """One contender at one number of threads."""

    def __init__(self, contender: Contender, sizes: Sizes, threads: int, workers: Workers) -> None:
        self._contender, self._sizes = contender, {**sizes, **contender.changes}
        self._seconds: list[float] = []
        self._peak: list[float] = []
        self._found: dict[str, Any] = {"contender": contender.name, "library": contender.library, "threads": threads}
        self._found |= {"note": contender.note, "beside": contender.beside, "share": contender.share}
        self._worker: Worker | None = workers.get(contender.library, threads)
        if self._worker is None:
            why = workers.missing[contender.library]
            self._found["problem"] = f"{contender.library} is not installed ({why})"

    def take_turn(self, quick: bool) -> None:
        """Run some repetitions, unless it cannot; a failure is kept as the row's problem."""
        if "problem" in self._found or self._worker is None:
            return
        try:
            time.sleep(_PAUSE)
            name, work = self._contender.name, self._contender.work
            if "first" not in self._found:
                self._found |= self._worker.ask(do="prepare", name=name, work=work, sizes=self._sizes)
            reply = self._worker.ask(do="run", name=name, most=1 if quick else _MOST, least=_LEAST)
        except WorkerError as error:
            self._found["problem"] = str(error)
            return
        self._seconds += reply["seconds"]
        self._found["values"] = reply["values"]
        if reply["peak_mb"] is not None:
            self._peak.append(reply["peak_mb"])

    def result(self) -> dict[str, Any]:
        """Return the row; times are those of the whole work, where a run did only a share of it."""
        if self._worker is not None:
            self._worker.ask(do="forget", tolerant=True)
        if "problem" not in self._found:
            whole = [float(f"{seconds / self._contender.share:.5g}") for seconds in self._seconds]
            self._found |= {"seconds": whole, "median": median(whole), "best": min(whole)}
            self._found["peak_mb"] = round(median(self._peak), 2) if self._peak else None
        return self._found


def judge(bar: Bar, rows: Sequence[dict[str, Any]], threads: int) -> dict[str, Any]:
    """Return whether a bar is met at a number of threads: by medians, with the ratio of the best times beside it.

    A rival that more threads make slower is taken with fewer: nobody would use them.
    """
    verdict: dict[str, Any] = {"text": bar.text, "threads": threads, "limit": bar.limit, "unit": bar.unit}
    own = next(row for row in rows if row["contender"] == bar.of and row["threads"] == threads)
    rivals = [row for row in rows if row["contender"] == bar.against and row["threads"] <= threads]
    problems = [row["problem"] for row in (own, *rivals) if "problem" in row]
    if problems:
        return verdict | {"problem": problems[0]}
    if bar.value:
        difference = bar.difference(own["values"][bar.value], rivals[0]["values"][bar.value])
        return verdict | {"ratio": difference, "met": bar.met(difference)}
    ratio, best = (bar.ratio(own[key], min((row[key] for row in rivals), default=None)) for key in ("median", "best"))
    return verdict | {"ratio": ratio, "ratio_of_best": best, "met": bar.met(ratio)}

