"""Figures of accuracy: chip by chip, and against the keys of a sweep."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from memramp.crossbar.wire_figures import evenly_wrapped
from memramp.experiments.axis_labels import time_label, unit_of, value_label
from memramp.experiments.loading import Experiment, Point
from memramp.experiments.results import PointSummary
from memramp.models.metric import ACCURACY, Metric

# Okabe and Ito, without the yellow that is hard to see on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933", "#882255")
_MARKERS = "osD^vPXhd"
_GREY = "#4D4D4D"
_MANY_LINES = 4
_CHIPS = "noisy chips, mean and sd"
_LEGEND_LINES, _LONGEST = 14, 40  # lines, letters of a line
_AXIS_LETTERS, _FEW_LEVELS, _LEVEL_LINES = 60, 12, 4  # letters side by side below the axis, labels, lines of a label
_NUMBERS = 10  # that have a tick each
_DECADES, _CLOSEST = 2.0, 0.05  # numbers beyond this span or closer than this part of it stand at even distances
_LOWEST_HEIGHT = {"accuracy": 4.0, "bpc": 0.05}  # small differences shall be seen, but not look large
_Line = list[tuple[float, PointSummary]]
_Level = tuple[float | None, str]  # a number, or None for words; as written


@dataclass(frozen=True)
class _Grid:
    """The points of a sweep as lines over one axis."""

    key: str
    numeric: bool
    even: bool
    """Whether the places are 0, 1, 2, ... instead of the numbers themselves."""

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
    metric = summary.metric
    unit = f" {metric.unit}" if metric.unit else ""
    spread = f" $\\pm$ {metric.number(sd)}{unit}" if n > 1 else unit
    axes.axhline(summary.mean, color=blue, lw=1.8, label=f"mean of {n}: {metric.number(summary.mean)}{spread}")
    size = 7 if n <= 50 else 3
    axes.plot(np.arange(1, n + 1), summary.chips, "o", color=blue, ms=size, mec="white", label="noisy chip")
    for accuracy, colour, style, name in (
        (summary.ideal, _COLOURS[1], "-.", "ideal converter"),
        (summary.floating, _GREY, "--", "float network"),
    ):
        axes.axhline(accuracy, color=colour, ls=style, lw=1.5, label=f"{name}: {metric.text(accuracy)}")
    axes.set(xlim=(0.3, n + 0.7), xlabel="chip", ylabel=metric.label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _leave_room(axes, metric)
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
        label = _in_lines(", ".join(map(value_label, values)), _LONGEST) or _CHIPS
        _draw_line(axes, grid, index, label, sorted(line, key=lambda entry: entry[0]))
    _draw_float(axes, grid)
    metric = summaries[0].metric
    _label_axes(axes, grid, metric)
    _leave_room(axes, metric)
    _add_legend(axes, grid)
    return figure


def _arrange(experiment: Experiment, summaries: Sequence[PointSummary]) -> _Grid:
    numeric = [key for key in experiment.swept if all(_number(point, key) is not None for point in experiment.points)]
    key = (numeric or list(experiment.swept))[0]
    others = tuple(other for other in experiment.swept if other != key)
    levels = [(_number(point, key) if numeric else None, point.sweep[key]) for point in experiment.points]
    even, places = _placed(levels)
    lines: dict[tuple[str, ...], _Line] = {}
    for point, summary, level in zip(experiment.points, summaries, levels, strict=True):
        values = tuple(point.sweep[other] for other in others)
        lines.setdefault(values, []).append((places[level], summary))
    seconds = unit_of(key) == "s"
    names = {level: _level_name(level, seconds=seconds) for level in places}
    ticks = dict(sorted((place, names[level]) for level, place in places.items()))
    return _Grid(key, bool(numeric), even, tuple(ticks.items()), others, lines)


def _placed(levels: Sequence[_Level]) -> tuple[bool, dict[_Level, float]]:
    """Return whether the levels stand at even distances, and the place of each on the axis."""
    numbers = sorted({number for number, _ in levels if number is not None})
    if not numbers:
        return True, {level: float(place) for place, level in enumerate(dict.fromkeys(levels))}
    even = _crowded(np.array(numbers))
    return even, {(x, text): float(numbers.index(x)) if even else x for x, text in levels if x is not None}


def _crowded(numbers: NDArray[np.float64]) -> bool:
    """Return whether ascending numbers would be too close to each other on an axis that is true to scale."""
    sizes = np.abs(numbers[numbers != 0.0])
    wide = sizes.size > 1 and sizes.max() > 10.0**_DECADES * sizes.min()
    few = 1 < len(numbers) <= _NUMBERS
    return bool(wide or (few and np.diff(numbers).min() < _CLOSEST * (numbers[-1] - numbers[0])))


def _level_name(level: _Level, *, seconds: bool) -> str:
    number, text = level
    if number is None:
        return value_label(text)
    return time_label(number) if seconds else f"{number:g}"


def _shortened(text: str) -> str:
    """Cut the middle of a long text, so that values that begin alike stay different."""
    half = (_LONGEST - 3) // 2
    return text if len(text) <= _LONGEST else f"{text[:half]}...{text[-half:]}"


def _in_lines(text: str, width: int) -> str:
    """Wrap a label, so that the name and the value of a block's key stay together where they fit."""
    return "\n".join(evenly_wrapped(text, width)).replace("\u00a0", " ")


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
        ideal = [summary.ideal for _, summary in line]
        axes.plot(x, ideal, color=colour, ls=":" if joined else "", marker=marker, ms=4.5, mfc="none", lw=1.4)


def _shift(grid: _Grid, index: int) -> float:
    """Return how far a line is moved aside, so that error bars do not cover each other."""
    span = (grid.ticks[-1][0] - grid.ticks[0][0]) or 1.0
    unit = 0.012 * span if grid.numeric else 0.6 / max(len(grid.lines), 6)
    return (index - (len(grid.lines) - 1) / 2) * unit


def _draw_float(axes: Axes, grid: _Grid) -> None:
    """Draw one line where all points have the same float network, else one for each combination."""
    values = {summary.floating for line in grid.lines.values() for _, summary in line}
    if len(values) == 1:
        axes.axhline(values.pop(), color=_GREY, ls="--", lw=1.4)
        return
    for index, line in enumerate(grid.lines.values()):
        places, summaries = zip(*sorted(line, key=lambda entry: entry[0]), strict=True)
        axes.plot(places, [summary.floating for summary in summaries], color=_colour(index), ls="--", lw=1.2)


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _label_axes(axes: Axes, grid: _Grid, metric: Metric) -> None:
    unit = unit_of(grid.key) if grid.numeric else None
    places, names = zip(*grid.ticks, strict=True)
    if not grid.numeric:
        _label_levels(axes, places, names)
        axes.set_xlim(places[0] - 0.5, places[-1] + 0.5)
    elif grid.even or len(places) <= _NUMBERS:
        step = -(-len(places) // _NUMBERS)
        axes.set_xticks(places[::step], names[::step])
        unit = None if unit == "s" else unit  # times carry units of their own
    distances = ", not to scale" if grid.numeric and grid.even else ""
    axes.set(xlabel=grid.key + (f" ({unit})" if unit else "") + distances, ylabel=metric.label)
    axes.grid(alpha=0.25)


def _label_levels(axes: Axes, places: Sequence[float], names: Sequence[str]) -> None:
    """Write words or blocks below the axis: side by side in some lines each, aslant, or, if there are many, upright."""
    width = max(_AXIS_LETTERS // len(names), 1)
    labels = [_in_lines(name, width) for name in names]
    if all(_fits(label, width) for label in labels):
        axes.set_xticks(places, labels)
    elif len(names) <= _FEW_LEVELS:
        axes.set_xticks(places, [_in_lines(name, _LONGEST) for name in names], rotation=30)
    else:
        cut = [_shortened(_in_lines(name, len(name))) for name in names]
        axes.set_xticks(places, cut, rotation=90, fontsize="small")
    for label in axes.get_xticklabels():
        if label.get_rotation():
            label.set(ha="right", va="center" if label.get_rotation() == 90.0 else "top", rotation_mode="anchor")


def _fits(label: str, width: int) -> bool:
    lines = label.split("\n")
    return len(lines) <= _LEVEL_LINES and max(map(len, lines)) <= width


def _add_legend(axes: Axes, grid: _Grid) -> None:
    handles, labels = axes.get_legend_handles_labels()
    shown = int(np.searchsorted(np.cumsum([1 + label.count("\n") for label in labels]), _LEGEND_LINES, side="right"))
    if (more := len(handles) - shown) > 0:
        handles, labels = [*handles[:shown], Line2D([], [], ls="")], [*labels[:shown], f"and {more} more"]
    title = f"{_CHIPS}, by\n" + ",\n".join(grid.others) if grid.others else None
    if not grid.crowded:
        joined = ":" if grid.numeric else ""
        handles.append(Line2D([], [], color=_GREY, ls=joined, marker="o", ms=4, mfc="none", lw=1.4))
        labels.append("ideal converter")
    handles.append(Line2D([], [], color=_GREY, ls="--", lw=1.4))
    labels.append("float network")
    size = "small" if max(len(line) for label in labels for line in label.split("\n")) > 30 else None
    legend = axes.legend(
        handles, labels, title=title, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=size
    )
    legend.set_alignment("left")


def _leave_room(axes: Axes, metric: Metric) -> None:
    low, high = axes.get_ylim()
    missing = max(0.0, _LOWEST_HEIGHT[metric.name] - (high - low)) / 2
    top = 100.5 if metric is ACCURACY else np.inf
    axes.set_ylim(max(0.0, low - missing), min(top, high + missing))
    axes.grid(axis="y", alpha=0.25)
