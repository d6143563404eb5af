"""Figures of accuracy: chip by chip, and against the keys of a sweep."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from memramp.experiments.loading import Experiment, Point
from memramp.experiments.results import PointSummary

UNITS = {
    "sigma": "uS",
    "half_width": "uS",
    "g_min": "uS",
    "g_max": "uS",
    "scale": "uS per weight unit",
    "bits": "bit",
}
"""Units of the numbers on the axis, by the last name of the key."""

# Okabe and Ito, without the yellow that is hard to see on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933", "#882255")
_MARKERS = "osD^vPXhd"
_GREY = "#4D4D4D"
_MANY_LINES = 4
_CHIPS = "noisy chips, mean and sd"
_LEGEND_LINES, _LEVEL_LABELS, _LONGEST = 14, 50, 40  # entries, letters, letters of one
_LOWEST_HEIGHT = 4.0  # percentage points: small differences shall be seen, but not look large
_Line = list[tuple[float, PointSummary]]


@dataclass(frozen=True)
class _Grid:
    """The points of a sweep as lines over one axis."""

    key: str
    numeric: bool
    ticks: tuple[tuple[float, str], ...]
    others: tuple[str, ...]
    """The other keys, whose values tell the lines apart."""

    lines: dict[tuple[str, ...], _Line]
    """By the values of the other keys."""

    @property
    def crowded(self) -> bool:
        return len(self.lines) >= _MANY_LINES


def plot_chips(summary: PointSummary) -> Figure:
    """Draw the accuracy of each chip beside that of the float network and of ideal devices."""
    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    axes = figure.add_subplot()
    n, sd, blue = len(summary.chips), summary.sd or 0.0, _COLOURS[0]
    axes.axhspan(summary.mean - sd, summary.mean + sd, color=blue, alpha=0.15, lw=0)
    spread = f" $\\pm$ {sd:.2f} %" if n > 1 else " %"
    axes.axhline(summary.mean, color=blue, lw=1.8, label=f"mean of {n}: {summary.mean:.2f}{spread}")
    size = 7 if n <= 50 else 3
    axes.plot(np.arange(1, n + 1), summary.chips, "o", color=blue, ms=size, mec="white", label="noisy chip")
    for accuracy, colour, style, name in (
        (summary.ideal_accuracy, _COLOURS[1], "-.", "ideal converter"),
        (summary.float_accuracy, _GREY, "--", "float network"),
    ):
        axes.axhline(accuracy, color=colour, ls=style, lw=1.5, label=f"{name}: {accuracy:.2f} %")
    axes.set(xlim=(0.3, n + 0.7), xlabel="chip", ylabel="accuracy (%)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _leave_room(axes)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return figure


def plot_sweep(experiment: Experiment, summaries: Sequence[PointSummary]) -> Figure:
    """Draw mean and standard deviation of the chips against the first numeric key, else the first key.

    One line stands for each combination of the other keys; the float network is dashed. With a few lines, ideal devices
    are dotted and the standard deviation is a band; many lines have error bars, a little beside each other.
    """
    grid = _arrange(experiment, summaries)
    figure = Figure(figsize=(8.0, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for index, (values, line) in enumerate(grid.lines.items()):
        label = ", ".join(map(_shortened, values)) or _CHIPS
        _draw_line(axes, grid, index, label, sorted(line, key=lambda entry: entry[0]))
    _draw_float(axes, grid)
    _label_axes(axes, grid)
    _leave_room(axes)
    _add_legend(axes, grid)
    return figure


def _arrange(experiment: Experiment, summaries: Sequence[PointSummary]) -> _Grid:
    numeric = [key for key in experiment.swept if all(_number(point, key) is not None for point in experiment.points)]
    key = (numeric or list(experiment.swept))[0]
    others = tuple(other for other in experiment.swept if other != key)
    places: dict[str, float] = {}
    lines: dict[tuple[str, ...], _Line] = {}
    for point, summary in zip(experiment.points, summaries, strict=True):
        text, number = point.sweep[key], _number(point, key) if numeric else None
        place = places.setdefault(text, float(len(places)) if number is None else number)
        values = tuple(point.sweep[other] for other in others)
        lines.setdefault(values, []).append((place, summary))
    ticks = tuple(sorted((place, text) for text, place in places.items()))
    return _Grid(key, bool(numeric), ticks, others, lines)


def _shortened(text: str) -> str:
    """Cut the middle of a long text, so that values that begin alike stay different."""
    half = (_LONGEST - 3) // 2
    return text if len(text) <= _LONGEST else f"{text[:half]}...{text[-half:]}"


def _number(point: Point, key: str) -> float | None:
    value = point.value(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _draw_line(axes: Axes, grid: _Grid, index: int, label: str, line: _Line) -> None:
    colour, marker, joined = _colour(index), _MARKERS[index % len(_MARKERS)], "-" if grid.numeric else ""
    x = np.array([place for place, _ in line])
    mean = np.array([summary.mean for _, summary in line])
    sd = np.array([summary.sd or 0.0 for _, summary in line])
    bars = grid.crowded or not grid.numeric or len(line) == 1
    if bars:
        x = x + _shift(grid, index)
    else:
        axes.fill_between(x, mean - sd, mean + sd, color=colour, alpha=0.18, lw=0)
    style: dict[str, Any] = {"color": colour, "ls": joined, "marker": marker, "ms": 5.5, "lw": 1.8, "elinewidth": 1.2}
    axes.errorbar(x, mean, sd if bars else None, capsize=3, label=label, **style)
    if not grid.crowded:
        ideal = [summary.ideal_accuracy for _, summary in line]
        axes.plot(x, ideal, color=colour, ls=":" if joined else "", marker=marker, ms=4.5, mfc="none", lw=1.4)


def _shift(grid: _Grid, index: int) -> float:
    """Return how far a line is moved aside, so that error bars do not cover each other."""
    span = (grid.ticks[-1][0] - grid.ticks[0][0]) or 1.0
    unit = 0.012 * span if grid.numeric else 0.6 / max(len(grid.lines), 6)
    return (index - (len(grid.lines) - 1) / 2) * unit


def _draw_float(axes: Axes, grid: _Grid) -> None:
    """Draw one line where all points have the same float network, else one for each combination."""
    values = {summary.float_accuracy for line in grid.lines.values() for _, summary in line}
    if len(values) == 1:
        axes.axhline(values.pop(), color=_GREY, ls="--", lw=1.4)
        return
    for index, line in enumerate(grid.lines.values()):
        places, summaries = zip(*sorted(line, key=lambda entry: entry[0]), strict=True)
        axes.plot(places, [summary.float_accuracy for summary in summaries], color=_colour(index), ls="--", lw=1.2)


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _label_axes(axes: Axes, grid: _Grid) -> None:
    unit = UNITS.get(grid.key.rsplit(".", 1)[-1]) if grid.numeric else None
    axes.set(xlabel=grid.key + (f" ({unit})" if unit else ""), ylabel="accuracy (%)")
    places = [place for place, _ in grid.ticks]
    if not grid.numeric:
        axes.set_xticks(places, [_shortened(text) for _, text in grid.ticks])
        if sum(len(text) for _, text in grid.ticks) > _LEVEL_LABELS:
            axes.tick_params(axis="x", rotation=30)
            for label in axes.get_xticklabels():
                label.set(ha="right", rotation_mode="anchor")
        axes.set_xlim(places[0] - 0.5, places[-1] + 0.5)
    elif len(places) <= 10:
        axes.set_xticks(places, [f"{place:g}" for place in places])
    axes.grid(alpha=0.25)


def _add_legend(axes: Axes, grid: _Grid) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if (more := len(handles) - _LEGEND_LINES) > 0:
        handles, labels = handles[:_LEGEND_LINES], [*labels[:_LEGEND_LINES]]
        handles.append(Line2D([], [], ls=""))
        labels.append(f"and {more} more")
    title = f"{_CHIPS}, by\n" + ",\n".join(grid.others) if grid.others else None
    if not grid.crowded:
        joined = ":" if grid.numeric else ""
        handles.append(Line2D([], [], color=_GREY, ls=joined, marker="o", ms=4, mfc="none", lw=1.4))
        labels.append("ideal converter")
    handles.append(Line2D([], [], color=_GREY, ls="--", lw=1.4))
    labels.append("float network")
    size = "small" if max(map(len, labels)) > 30 else None
    legend = axes.legend(
        handles, labels, title=title, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=size
    )
    legend.set_alignment("left")


def _leave_room(axes: Axes) -> None:
    low, high = axes.get_ylim()
    missing = max(0.0, _LOWEST_HEIGHT - (high - low)) / 2
    axes.set_ylim(max(0.0, low - missing), min(100.5, high + missing))
    axes.grid(axis="y", alpha=0.25)
