"""Figures of a diagnosis; Matplotlib without pyplot, so that no global state and no display is needed."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from memramp.experiments.diagnosis_output import Findings, mean_interval, rms_interval
from memramp.experiments.diagnosis_report import NAMES
from memramp.experiments.figures import to_png
from memramp.models.metric import METRICS
from memramp.models.range_use import RangeUse
from memramp.models.sensitivity import Indices
from memramp.models.source_study import OneAtATime, Outcome
from memramp.models.step_errors import Loop, StepError

# Okabe and Ito's colours.
_BLUE, _ORANGE, _GREEN, _GREY = "#0072B2", "#D55E00", "#009E73", "#4D4D4D"
_LOOPS: tuple[tuple[Loop, str, str], ...] = (
    ("closed", _BLUE, "accumulated (closed loop)"),
    ("open", _ORANGE, "made in one step (open loop)"),
)
_COLUMNS = 4
_MOST = 8  # directions that are drawn
_FEW_THRESHOLDS = 64  # that are drawn one by one


def draw_all(findings: Findings) -> Iterator[tuple[str, bytes]]:
    """Yield the figures as (file name, PNG); where layers have several directions, one of each kind for each."""
    directions = findings.directions[-_MOST:]
    for direction in directions:
        suffix = f"_{direction}" if len(findings.directions) > 1 else ""
        yield f"errors{suffix}.png", to_png(plot_steps(findings, direction))
        uses = [use for use in findings.ranges if use.direction == direction]
        if uses:
            yield f"ranges{suffix}.png", to_png(plot_ranges(uses))
    if findings.sources is not None:
        yield "sources.png", to_png(plot_sources(findings.sources, findings.metric))
        if findings.sobol is not None:
            yield "sobol.png", to_png(plot_sobol(findings))


def plot_steps(findings: Findings, direction: str) -> Figure:
    """Draw the error of each gate and state of a direction against the step."""
    errors = [error for error in findings.steps if error.direction == direction and error.kind != "pre"]
    names = list(dict.fromkeys((error.kind, error.name) for error in errors))
    figure, panels = _panels(len(names), 2.6)
    for axes, (kind, name) in zip(panels, names, strict=True):
        found = {error.loop: error for error in errors if (error.kind, error.name) == (kind, name)}
        _draw_steps(axes, found)
        axes.set_title(f"{kind} {NAMES.get(name, name)}", fontsize="medium")
    for axes in panels[-_COLUMNS:]:
        axes.set_xlabel("step")
    for axes in panels[::_COLUMNS]:
        axes.set_ylabel("rms")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    chips = f"{findings.chips} chip{'s' if findings.chips > 1 else ''}"
    about = f"{findings.shape[0]} samples, {chips}"
    figure.suptitle(f"{direction}: error against floating point, {about}", fontsize="large")
    return figure


def _draw_steps(axes: Axes, found: dict[Loop, StepError]) -> None:
    steps = np.arange(1, len(next(iter(found.values())).rms) + 1)
    for loop, colour, label in _LOOPS:
        error = found[loop]
        if len(error.chips_rms) > 1:
            low, high = error.chips_rms.min(axis=0), error.chips_rms.max(axis=0)
            axes.fill_between(steps, low, high, color=colour, alpha=0.18, lw=0)
        axes.plot(steps, error.rms, color=colour, lw=1.8, marker="o" if len(steps) == 1 else "", label=label)
    axes.plot(steps, found["closed"].twin_rms, color=_GREY, lw=1.2, ls="--", label="value in floating point")
    if all(np.all(error.rms > 0.0) for error in found.values()):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.25)


def _panels(count: int, height: float) -> tuple[Figure, list[Axes]]:
    columns = min(count, _COLUMNS)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(2.9 * columns, height * rows + 0.9), layout="constrained")
    panels = [figure.add_subplot(rows, columns, number) for number in range(1, count + 1)]
    return figure, panels


def plot_ranges(uses: Sequence[RangeUse]) -> Figure:
    """Draw the pre-activations of a direction's gates and the thresholds of their converters."""
    figure, panels = _panels(len(uses), 2.7)
    for axes, use in zip(panels, uses, strict=True):
        _draw_range(axes, use)
    for axes in panels[-_COLUMNS:]:
        axes.set_xlabel("pre-activation")
    for axes in panels[::_COLUMNS]:
        axes.set_ylabel("density")
    figure.suptitle(f"{uses[0].direction}: pre-activations and thresholds (ticks)", fontsize="large")
    return figure


def _draw_range(axes: Axes, use: RangeUse) -> None:
    widths = np.diff(use.edges)
    density = use.counts / (max(int(use.counts.sum()), 1) * widths)
    finite = use.thresholds[np.isfinite(use.thresholds)]
    axes.stairs(density, use.edges, fill=True, color=_BLUE, alpha=0.65)
    if finite.size:
        axes.axvspan(use.edges[0], finite[0], color=_ORANGE, alpha=0.10, lw=0)
        axes.axvspan(finite[-1], use.edges[-1], color=_ORANGE, alpha=0.10, lw=0)
        if finite.size <= _FEW_THRESHOLDS:
            axes.vlines(finite, 0.0, 0.06, color="black", lw=0.7, transform=axes.get_xaxis_transform())
    axes.set(xlim=(use.edges[0], use.edges[-1]), ylim=(0.0, 1.25 * density.max()))
    used = int((use.codes > 0).sum())
    axes.set_title(f"{NAMES.get(use.gate, use.gate)}: {used} of {use.codes.size} codes used", fontsize="medium")
    for share, place, side in ((use.below, 0.02, "left"), (use.above, 0.98, "right")):
        text = f"{100.0 * share:.1f} %"
        axes.text(place, 0.97, text, transform=axes.transAxes, ha=side, va="top", color=_ORANGE, fontsize="small")


def plot_sources(found: OneAtATime, metric: str) -> Figure:
    """Draw each source alone, and everything but it: error of the states, and metric."""
    effects = found.effects
    rows: list[tuple[str, Outcome | None, Outcome | None]] = [("quantisation", found.quantisation, None)]
    rows += [(effect.source.title, effect.alone, effect.left_out) for effect in effects]
    rows.append(("all", found.whole, None))
    figure = Figure(figsize=(9.0, 1.5 + 0.5 * len(rows)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for place, (_, alone, left_out) in enumerate(rows):
        for outcome, colour, shift in ((alone, _BLUE, -0.19), (left_out, _ORANGE, 0.19)):
            if outcome is not None:
                _bar(left, place + (shift if left_out is not None else 0.0), outcome, colour)
                _point(right, place + (shift if left_out is not None else 0.0), outcome, colour)
    right.axvline(found.twin_metric, color=_GREY, ls="--", lw=1.2)
    left.set_yticks(range(len(rows)), [title for title, _, _ in rows])
    left.invert_yaxis()
    left.set(xlabel="error of the states (rms)", xlim=(0.0, None))
    right.set_xlabel(METRICS[metric].label)
    for axes in (left, right):
        axes.grid(axis="x", alpha=0.25)
    _source_legend(figure, found, metric)
    return figure


def _source_legend(figure: Figure, found: OneAtATime, metric: str) -> None:
    axes = figure.axes[1]
    entries = [
        axes.plot([], [], "s", color=_BLUE, ms=8, label="alone, on top of quantisation")[0],
        axes.plot([], [], "s", color=_ORANGE, ms=8, label="all but this one")[0],
        axes.plot([], [], color=_GREY, ls="--", lw=1.2, label=f"floating point: {found.twin_metric:.4g}")[0],
    ]
    figure.legend(handles=entries, loc="outside lower center", ncols=3, frameon=False)
    chips = len(found.whole.square)
    about = f"mean of {chips} chips with 95 % intervals" if chips > 1 else "one chip"
    figure.suptitle(f"Sources of error: {METRICS[metric].title} and error of the states, {about}")


def _bar(axes: Axes, place: float, outcome: Outcome, colour: str) -> None:
    axes.barh(place, outcome.rms, height=0.34, color=colour, alpha=0.85)
    low, high = rms_interval(outcome)
    if math.isfinite(low):
        axes.plot([low, high], [place, place], color="black", lw=1.2, solid_capstyle="butt")


def _point(axes: Axes, place: float, outcome: Outcome, colour: str) -> None:
    low, high = mean_interval(outcome.metric)
    if math.isfinite(low):
        axes.plot([low, high], [place, place], color=colour, lw=2.0)
    axes.plot(outcome.mean_metric, place, "o", color=colour, ms=6)


def plot_sobol(findings: Findings) -> Figure:
    """Draw first-order and total indices with their intervals."""
    found, sources = findings.sobol, findings.sources
    assert found is not None
    assert sources is not None
    titles = [effect.source.title for effect in sources.effects]
    figure = Figure(figsize=(9.0, 1.7 + 0.5 * len(titles)), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    titles_of_results = ("square error of the states", METRICS[findings.metric].label)
    for row, (axes, title) in enumerate(zip(panels, titles_of_results, strict=True)):
        _draw_indices(axes, found.first, row, -0.19, _GREEN, "first order: alone")
        _draw_indices(axes, found.total, row, 0.19, _BLUE, "total: with interactions")
        axes.set_title(title.split(" (")[0], fontsize="medium")
        axes.set_xlabel("part of the variance")
        axes.grid(axis="x", alpha=0.25)
        axes.axvline(0.0, color=_GREY, lw=0.8)
        if found.variance[row] == 0.0:
            axes.text(0.5, 0.5, "never varies", transform=axes.transAxes, ha="center", va="center", color=_GREY)
    panels[0].set_yticks(range(len(titles)), titles)
    panels[0].set_ylim(len(titles) - 0.4, -0.6)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(
        f"Sobol indices, {found.points} points, factors 0 to {findings.scale:g}, {findings.chips} chips, 95 % intervals"
    )
    return figure


def _draw_indices(axes: Axes, indices: Indices, row: int, shift: float, colour: str, label: str) -> None:
    places = np.arange(indices.estimate.shape[1]) + shift
    estimate, low, high = (np.nan_to_num(part[row]) for part in (indices.estimate, indices.low, indices.high))
    axes.barh(places, estimate, height=0.34, color=colour, alpha=0.85, label=label)
    axes.hlines(places, low, high, color="black", lw=1.2)
