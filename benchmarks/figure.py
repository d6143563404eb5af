"""One figure of all results: every contender's time relative to memramp's."""

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.report import seconds

COLOURS = {"memramp": "#1b6ca8", "torch": "#d1495b", "aihwkit": "#edae49", "badcrossbar": "#66a182", "other": "#9db4c0"}
"""Colour of each library; other: NumPy, slow references, in memramp's process."""

_OWN = ("memramp", "first process", "second process")  # names of what is memramp's own


def draw(results: dict[str, Any]) -> bytes:
    """Return the figure as PNG: a group of bars a case, times relative to memramp's, on a log scale.

    Cases in which memramp is alone are left out. Each contender has the number of threads that suits it best.
    """
    groups = [(case["name"], _fastest(case)) for case in results["cases"]]
    rows = _places([(name, bars) for name, bars in groups if len({bar["kind"] for bar in bars}) > 1])
    figure = Figure(figsize=(9.0, 1.4 + 0.21 * (len(rows) + len({row["case"] for row in rows}))), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw_bars(axes, rows)
    axes.set_xlabel("time relative to memramp's (log scale): right is slower, left is faster")
    axes.set_title(_title(results), fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()


def _draw_bars(axes: Axes, rows: list[dict[str, Any]]) -> None:
    heights, ratios = [row["place"] for row in rows], np.array([row["ratio"] for row in rows])
    axes.barh(heights, ratios - 1.0, left=1.0, height=0.8, color=[COLOURS[row["kind"]] for row in rows])
    axes.plot(np.ones(len(rows)), heights, "|", color="black", markersize=8)
    axes.set_xscale("log")
    low, high = ratios.min(initial=0.3) * 0.6, ratios.max(initial=3.0)
    axes.set_xlim(low, high * 15.0)  # room for the numbers
    axes.set_ylim(max(heights, default=0) + 0.7, -0.7)
    for row in rows:
        relative = "" if row["ratio"] == 1.0 else f", {_times(row['ratio'])}"
        axes.text(max(row["ratio"], 1.0), row["place"], f" {row['time']}{relative}", va="center", fontsize=7.5)
    axes.set_yticks(heights, [row["label"] for row in rows], fontsize=7.5)
    axes.tick_params(axis="y", length=0)
    for case, place in {row["case"]: row["head"] for row in rows}.items():
        axes.text(low, place, f" {case}", va="center", fontsize=7.5, fontweight="bold")


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} x" if ratio >= 10 else f"{ratio:.2g} x"


def _title(results: dict[str, Any]) -> str:
    machine = results["machine"]
    place = f"{machine['processor']}, {machine['cores']} cores, {results['date'][:10]}"
    return f"Medians on {place}; in brackets the number of threads, that which suits each best"


def _fastest(case: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one bar for each contender of a case, none if there is nothing to compare with."""
    best: dict[str, dict[str, Any]] = {}
    for row in case["rows"]:
        if "median" in row and row["median"] < best.get(row["contender"], {"median": np.inf})["median"]:
            best[row["contender"]] = row
    bars = []
    for name, row in best.items():
        base = best.get(row["beside"] or case["rows"][0]["contender"])
        if base is not None:
            time = f"{seconds(row['median'])} ({row['threads']})"
            bars.append({"label": name, "ratio": row["median"] / base["median"], "time": time, "kind": _kind(row)})
    return bars


def _kind(row: dict[str, Any]) -> str:
    beside_memramp = row["library"] == "memramp" and not row["contender"].startswith(_OWN)
    return "other" if beside_memramp else str(row["library"])


def _places(groups: list[tuple[str, list[dict[str, Any]]]]) -> list[dict[str, Any]]:
    """Return the bars from top to bottom, with a line above each group for its name."""
    rows: list[dict[str, Any]] = []
    place = 0
    for name, bars in groups:
        rows += [{**bar, "case": name, "head": place, "place": place + 1 + i} for i, bar in enumerate(bars)]
        place += len(bars) + 1
    return rows
