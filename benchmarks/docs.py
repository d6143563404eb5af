"""The page docs/performance.md: text of a template, tables and numbers of a file of results."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.report import HEAD, Results, case_rows, limit_rows, threads_text, values_text, verdict_cells
from memramp.errors import InputError

TEMPLATE = Path(__file__).with_name("performance.template.md")

PLACE = re.compile(r"\{\{(\w+)(?: (\w+))?\}\}")
"""Place of the template for a part of the page, such as ``{{case noisy_product}}``."""


def page(results: Results) -> str:
    """Return the page.

    Parameters
    ----------
    results : dict
        As `benchmarks.measure.measure` returns them.

    Raises
    ------
    InputError
        The results are those of ``--quick``, which mean nothing.
    """
    if results["quick"]:
        raise InputError("--docs: these results are those of --quick; measure without it")
    template = TEMPLATE.read_text(encoding="utf-8")
    return PLACE.sub(lambda place: _PARTS[place[1]](results, place[2] or ""), template)


def _case(results: Results, name: str) -> str:
    for case in results["cases"]:
        if case["name"] == name:
            told = ["", *(f"- {line}" for line in values_text(case))]
            apart = case.get("date", results["date"])
            told_when = f"Measured by itself on {apart[:10]}, after the other cases."
            when = [] if apart == results["date"] else ["", told_when]
            lines = [f"**{case['title']}**", *when, "", *_table([HEAD, *case_rows(case)]), *told]
            return "\n".join(lines).rstrip()
    return f"*{name}: not measured in this run.*"


def _bars(results: Results, _: str) -> str:
    head = ["case", "bar", "threads", "measured", "of the best times", ""]
    rows = [[case["name"], *verdict_cells(verdict)] for case in results["cases"] for verdict in case["bars"]]
    return "\n".join(_table([head, *rows]))


def _limits(results: Results, _: str) -> str:
    head = ["limit", *map(threads_text, results["threads"]), "unit", ""]
    return "\n".join(_table([head, *limit_rows(results)]))


def _machine(results: Results, _: str) -> str:
    machine = results["machine"]
    place = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}"
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    lines = [f"Measured on {results['date'][:10]}: {place}.", f"Versions: {versions}."]
    lines += [f"Not installed: {library} ({why})." for library, why in results["missing"].items()]
    lines += [f"Set in the environment: {name}={value}." for name, value in machine["variables"].items()]
    return "\n".join(lines)


def _provisional(results: Results, _: str) -> str:
    load = results["machine"]["load"]
    if load is None or load < _BUSY:
        return "The machine was otherwise idle."
    return f"**Provisional:** other work kept this machine busy when the run began (load {load:.1f})."


_BUSY = 0.5

_PARTS: dict[str, Callable[[Results, str], str]] = {
    "case": _case,
    "bars": _bars,
    "limits": _limits,
    "machine": _machine,
    "provisional": _provisional,
}


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines of a table of Markdown; the first row is its head."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return [lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]
