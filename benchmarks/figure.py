"""One figure of all results: every contender's time relative to memramp's."""

import io
from typing import Any

import matplotlib as mpl
import numpy as np

from benchmarks.report import seconds, threads_text

_COLOURS = {"memramp": "#1b6ca8", "torch": "#d1495b", "aihwkit": "#edae49", "badcrossbar": "#66a182"}
_BESIDE = "#9db4c0"  # other work of memramp's process: NumPy, slow references


def draw(results: dict[str, Any]) -> bytes:
    """Return the figure as PNG: a group of bars a case, times relative to its first contender, on a log scale."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = _rows(results)
    figure = Figure(figsize=(9.0, 1.2 + 0.27 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    heights = np.array([row["place"] for row in rows])
    ratios = np.array([row["ratio"] for row in rows])
    axes.barh(heights, ratios - 1.0, left=1.0, height=0.8, color=[row["colour"] for row in rows])
    axes.plot(np.ones(len(rows)), heights, "|", color="black", markersize=9)
    axes.set_xscale("log")
    low, high = min(0.3, ratios.min() * 0.7), max(3.0, ratios.max())
    axes.set_xlim(low, high * 12.0)  # room for the numbers
    for row in rows:
        text = f" {row['time']}" + (f", {_times(row['ratio'])}" if row["ratio"] != 1.0 else "")
        axes.text(max(row["ratio"], 1.0), row["place"], text, va="center", fontsize=8)
    axes.set_yticks(heights, [row["label"] for row in rows], fontsize=8)
    for case, place in _heads(rows):
        axes.text(low, place, f" {case}", va="center", fontsize=8, fontweight="bold")
    axes.invert_yaxis()
    axes.set_xlabel("time relative to memramp (log scale); bars to the right are slower, to the left faster")
    axes.set_title(_title(results), fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "memramp"}):
        figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} x" if ratio >= 10 else f"{ratio:.2g} x"


def _title(results: dict[str, Any]) -> str:
    machine = results["machine"]
    return f"medians on {machine['processor']}, {machine['cores']} cores, {results['date'][:10]}"


def _rows(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the bars from top to bottom: of each case those at the largest number of threads that can be drawn."""
    rows: list[dict[str, Any]] = []
    place = 0
    for case in results["cases"]:
        threads = max(row["threads"] for row in case["rows"])
        timed = [row for row in case["rows"] if row["threads"] == threads and "median" in row]
        if not timed or timed[0]["contender"] != case["rows"][0]["contender"]:
            continue
        place += 1  # the head of the group
        for row in timed:
            name = row["contender"]
            beside = row["library"] == "memramp" and not name.startswith(("memramp", timed[0]["contender"]))
            rows.append({
                "case": f"{case['name']}, {threads_text(threads)}",
                "label": name,
                "place": place,
                "ratio": row["median"] / timed[0]["median"],
                "time": seconds(row["median"]),
                "colour": _BESIDE if beside else _COLOURS[row["library"]],
            })  # fmt: skip
            place += 1
    return rows


def _heads(rows: list[dict[str, Any]]) -> list[tuple[str, float]]:
    heads: dict[str, float] = {}
    for row in rows:
        heads.setdefault(row["case"], row["place"] - 1.0)
    return list(heads.items())
