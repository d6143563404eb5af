"""Results as text: for the terminal and for tables of Markdown."""

from collections.abc import Iterable, Sequence
from typing import Any

Results = dict[str, Any]
"""What is written as JSON; plain dicts, lists, numbers and texts."""


def seconds(value: float) -> str:
    """Return a time with three digits and a fitting unit."""
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "us")):
        if value * factor >= 1.0 or unit == "us":
            return f"{_digits(value * factor)} {unit}"
    raise AssertionError


def _digits(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def threads_text(count: int) -> str:
    """Return a number of threads as text."""
    return f"{count} thread" + ("s" if count > 1 else "")


def beside(row: dict[str, Any], case: dict[str, Any]) -> dict[str, Any] | None:
    """Return the row that a row's time is shown relative to, at the same number of threads; None if it has no time."""
    name = row["beside"] or case["rows"][0]["contender"]
    found = (each for each in case["rows"] if each["contender"] == name and each["threads"] == row["threads"])
    return next((each for each in found if "median" in each), None)


def row_cells(row: dict[str, Any], case: dict[str, Any]) -> list[str]:
    """Return contender, threads, median, best, rate, memory and relative time of one row."""
    name = row["contender"] + (f" ({row['note']})" if row["note"] else "")
    threads = str(row["threads"])
    if "problem" in row:
        return [name, threads, row["problem"], "", "", "", ""]
    base = beside(row, case)
    return [
        name,
        threads,
        seconds(row["median"]),
        seconds(row["best"]),
        f"{_digits(case['items'] / row['median'])} {case['unit']}/s",
        "" if row.get("peak_mb") is None else f"{row['peak_mb']:.1f} MB",
        "" if base is None else f"{_digits(row['median'] / base['median'])} x",
    ]


HEAD = ["", "threads", "median", "best", "rate", "memory", "time against memramp"]


def case_rows(case: dict[str, Any]) -> list[list[str]]:
    """Return the cells of all rows of a case."""
    return [row_cells(row, case) for row in case["rows"]]


def verdict_cells(verdict: dict[str, Any]) -> list[str]:
    """Return a bar, threads, what was measured, the same of the best times, and whether it is met."""
    start = [verdict["text"], str(verdict["threads"])]
    if "problem" in verdict:
        return [*start, verdict["problem"], "", "not judged"]
    numbers = [
        _digits(verdict[key]) + verdict["unit"] if key in verdict else "" for key in ("ratio", "ratio_of_best")
    ]
    return [*start, *numbers, "met" if verdict["met"] else "**not met**"]


def verdict_text(verdict: dict[str, Any]) -> str:
    """Return the same as a line of text."""
    bar, threads, measured, best, met = verdict_cells(verdict)
    at = f"{bar}, {threads_text(int(threads))}"
    return f"{at}: {met.replace('**', '').upper()}, {measured}" + (f" (of the best times {best})" if best else "")


def values_text(case: dict[str, Any]) -> list[str]:
    """Return what the work itself told, one line a contender that told something."""
    lines = []
    for row in case["rows"]:
        told = ", ".join(f"{name} {value:.4g}" for name, value in row["values"].items())
        if told:
            lines.append(f"{row['contender']}, {threads_text(row['threads'])}: {told}")
    return lines


def limit_rows(results: Results) -> list[list[str]]:
    """Return the machine's limits: name, best rate at each number of threads, unit, explanation."""
    rows = []
    for name, about in next(iter(results["limits"].values())).items():
        rates = [_digits(found[name]["best"]) for found in results["limits"].values()]
        rows.append([name, *rates, about["unit"], about["text"]])
    return rows


def terminal(results: Results) -> Iterable[str]:
    """Yield the lines of the report for a terminal."""
    machine = results["machine"]
    load = "" if machine["load"] is None else f", load {machine['load']:.1f}"
    yield f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB{load}"
    yield ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    for library, why in results["missing"].items():
        yield f"not installed: {library} ({why})"
    if results["quick"]:
        yield "quick: small sizes, one repetition; these times mean nothing"
    for name, *rates, unit, text in limit_rows(results):
        at = ", ".join(f"{rate} on {threads}" for rate, threads in zip(rates, results["threads"], strict=True))
        yield f"{name}: {at} threads [{unit}], {text}"
    for case in results["cases"]:
        yield f"\n{case['name']}: {case['title']}"
        if results["quick"]:
            yield "  run with " + ", ".join(f"{name} {size}" for name, size in case["sizes"].items())
        yield from _aligned([HEAD, *case_rows(case)])
        yield from (f"  {line}" for line in values_text(case))
        yield from (f"  {verdict_text(verdict)}" for verdict in case["bars"])


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    # A problem takes the width that it needs without widening the column of the times.
    widths = [max(len(row[i]) for row in rows if i != 2 or row[3] or row is rows[0]) for i in range(len(HEAD))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
