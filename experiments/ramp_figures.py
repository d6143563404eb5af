"""Figures of a ramp experiment; Matplotlib without pyplot, so that no global state and no display is needed."""

import re
from collections.abc import Iterator, Sequence
from textwrap import shorten
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from memramp.devices import Device
from memramp.experiments.figures import to_png
from memramp.experiments.ramp_loading import RampExperiment
from memramp.experiments.ramp_results import BlockSummary, ColumnRow
from memramp.experiments.ramp_runner import RampResult
from memramp.experiments.ramp_schema import BEFORE, IDEAL, ColumnCalibration, RampExperimentConfig
from memramp.experiments.ramp_style import (
    AFTER_COLOUR,
    BEFORE_COLOUR,
    IDEAL_LINE,
    LIMIT_COLOUR,
    SUPTITLE,
    title_of,
)
from memramp.experiments.ramp_v_read_figure import plot_v_read
from memramp.experiments.report import noise_text
from memramp.peripherals.function import FloatArray

MAX_COLUMNS = 16
"""Most columns of a block whose transfer curves are drawn; INL is shown for all."""


def draw_all(experiment: RampExperiment, result: RampResult) -> Iterator[tuple[str, bytes]]:
    """Yield the figures of a run as (file name, PNG): for each function its ramps, blocks, calibrations, V_read."""
    config, taken, about = experiment.config, set[str](), _devices(experiment)
    after = config.calibrations[0]
    for part in experiment.sets:
        name = _file_name(part.function.name, taken)
        rows = [row for row in result.rows if row.function == part.function.name]
        yield f"ramps_{name}.png", to_png(plot_ramps(rows, after, about))
        yield f"blocks_{name}.png", to_png(plot_blocks(rows, after, config.inl_limit, about))
        summaries = [each for each in result.summaries if each.first.function == part.function.name]
        yield f"calibrations_{name}.png", to_png(plot_calibrations(summaries, config, about))
        if config.v_read is not None:
            v_read = [row for row in result.v_read if row.function == part.function.name]
            yield f"v_read_{name}.png", to_png(plot_v_read(part.design, v_read, config.v_read, about))


def _devices(experiment: RampExperiment) -> str:
    """Return the window and the errors of each block in a line."""
    window = f"{experiment.device.g_min:g} to {experiment.device.g_max:g} uS"
    return shorten("; ".join([window, *(_errors(block.name, device) for block, device in experiment.blocks)]), 110)


def _errors(name: str, device: Device) -> str:
    parts = [f"programming noise {noise_text(device.prog_noise.model_dump())}"]
    for end, rate in (("off", device.stuck_off_rate), ("on", device.stuck_on_rate)):
        parts += [f"{100 * rate:g} % stuck {end}"] if rate else []
    return f"{name}: {', '.join(parts)}"


def _file_name(function: str, taken: set[str]) -> str:
    """Return a name for files: an expression may hold anything."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", function).strip("_")[:32] or "function"
    name = next(name for k in range(1, len(taken) + 2) if (name := plain if k == 1 else f"{plain}_{k}") not in taken)
    taken.add(name)
    return name


def plot_ramps(rows: Sequence[ColumnRow], after: ColumnCalibration, about: str = "") -> Figure:
    """Draw one ramp three times: ideal, as programmed, and calibrated; staircase, transfer curve and INL.

    Parameters
    ----------
    rows : sequence of ColumnRow
        Those of one function; drawn is the first column of its first block.
    after : ColumnCalibration
        The calibration.
    about : str
        Second line of the title: the devices and their errors.
    """
    ideal, first = rows[0], rows[1]
    before, calibrated = (_find(rows, first.block, name)[0] for name in (BEFORE, after.label))
    figure = Figure(figsize=(10.5, 3.6), layout="constrained")
    staircase, transfer, linearity = figure.subplots(1, 3)
    figure.suptitle(title_of(ideal.design, about, f", column 1 of block '{first.block}'"), **SUPTITLE)
    staircase.stairs(ideal.values, baseline=None, **IDEAL_LINE, label="ideal")
    _draw_ideal(transfer, ideal)
    linearity.axhline(0.0, **IDEAL_LINE)
    for row, colour, label in (
        (before, BEFORE_COLOUR, "uncalibrated"),
        (calibrated, AFTER_COLOUR, f"{after.title} calibrated"),
    ):
        staircase.stairs(row.values, baseline=None, color=colour, lw=1.2, label=label)
        _draw_transfer(transfer, row, colour)
        found = f"mean {row.mean_inl:.2f}, max {row.max_inl:.2f}"
        linearity.plot(_transitions(row), row.inl, color=colour, marker="o", ms=3, lw=1.0, label=found)
    staircase.set(xlabel="clock cycle", ylabel="ramp (pre-activation)", title="Staircase")
    transfer.set(xlabel="pre-activation", ylabel="output", title="Transfer curve")
    linearity.set(xlabel="transition", ylabel="INL (LSB of the output)", title="Integral nonlinearity")
    staircase.legend(fontsize="small", frameon=False)
    _legend_above(linearity, 2, title="|INL| (LSB)")
    for axes in (staircase, linearity):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def plot_blocks(rows: Sequence[ColumnRow], after: ColumnCalibration, limit: float, about: str = "") -> Figure:
    """Draw the blocks, a row of panels each: transfer curves before and after calibration, and INL of each column.

    Parameters
    ----------
    rows : sequence of ColumnRow
        Those of one function.
    after : ColumnCalibration
        The calibration.
    limit : float
        Limit of the INL, drawn as a line [LSB].
    about : str
        Second line of the title: the devices and their errors.
    """
    blocks = _blocks(rows)
    figure = Figure(figsize=(10.5, 0.8 + 2.8 * len(blocks)), layout="constrained")
    panels = figure.subplots(len(blocks), 3, squeeze=False)
    figure.suptitle(title_of(rows[0].design, about), **SUPTITLE)
    for (left, middle, right), block in zip(panels, blocks, strict=True):
        states = [_find(rows, block, name) for name in (BEFORE, after.label)]
        n = len(states[0])
        shown = f"{MAX_COLUMNS} of {n} columns, " if n > MAX_COLUMNS else ""
        for axes, state, colour, title in (
            (left, states[0], BEFORE_COLOUR, "uncalibrated"),
            (middle, states[1], AFTER_COLOUR, f"{after.title} calibrated"),
        ):
            _draw_ideal(axes, rows[0])
            for row in state[:MAX_COLUMNS]:
                _draw_transfer(axes, row, colour)
            axes.set(xlabel="pre-activation", ylabel="output", title=f"{block}: {shown}{title}")
        _draw_columns(right, states, limit)
        right.set_title(f"{block}: INL of each column")
    figure.legend(handles=_entries_of_columns(after), ncols=5, frameon=False, loc="outside lower center")
    return figure


def _draw_columns(axes: Axes, states: Sequence[Sequence[ColumnRow]], limit: float) -> None:
    n = len(states[0])
    numbers, size = np.arange(1, n + 1), 6.0 if n <= 20 else 2.5
    largest = [np.array([row.max_inl for row in state]) for state in states]
    axes.vlines(numbers, largest[1], largest[0], color="#BBBBBB", lw=1.5 if n <= 20 else 0.5, zorder=1)
    for state, values, colour in zip(states, largest, (BEFORE_COLOUR, AFTER_COLOUR), strict=True):
        axes.plot(numbers, values, ls="", **_marker("max", colour, size))
        axes.plot(numbers, [row.mean_inl for row in state], ls="", **_marker("mean", colour, size))
    axes.axhline(limit, color=LIMIT_COLOUR, ls="--", lw=1.0)
    axes.set(xlabel="column", ylabel="|INL| (LSB of the output)", xlim=(0.4, n + 0.6))
    axes.set_ylim(0.0, 1.12 * max(*map(float, np.concatenate(largest)), limit))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _entries_of_columns(after: ColumnCalibration) -> list[Line2D]:
    states = ((BEFORE_COLOUR, "uncalibrated"), (AFTER_COLOUR, f"{after.title} calibrated"))
    entries = [
        Line2D([], [], ls="", **_marker(kind, colour, 6.0), label=f"{kind}, {label}")
        for kind in ("max", "mean")
        for colour, label in states
    ]
    return [*entries, Line2D([], [], color=LIMIT_COLOUR, ls="--", lw=1.0, label="limit")]


def _marker(kind: str, colour: str, size: float) -> dict[str, Any]:
    """Return the look of a column's INL; the open circle shows what stays where it was."""
    if kind == "mean":
        return {"marker": "_", "color": colour, "ms": 1.6 * size, "mew": 2.0}
    if colour == BEFORE_COLOUR:
        return {"marker": "o", "color": colour, "ms": 1.25 * size, "mfc": "none", "mew": 1.4}
    return {"marker": "o", "color": colour, "ms": 0.8 * size, "mew": 0.0}


def plot_calibrations(summaries: Sequence[BlockSummary], config: RampExperimentConfig, about: str = "") -> Figure:
    """Draw the largest |INL| of all columns under each calibration, a panel for each block.

    Parameters
    ----------
    summaries : sequence of BlockSummary
        Those of one function.
    config : RampExperimentConfig
        Blocks, titles of the calibrations, and the limit of the INL.
    about : str
        Second line of the title: the devices and their errors.
    """
    blocks = [block.name for block in config.blocks]
    titles = {BEFORE: "uncalibrated"} | {entry.label: entry.title for entry in config.calibrations}
    width = 1.5 + len(blocks) * (0.8 + 0.5 * len(titles))
    figure = Figure(figsize=(max(6.0, width), 4.2), layout="constrained")
    panels = figure.subplots(1, len(blocks), squeeze=False, sharey=True)[0]
    figure.suptitle(title_of(summaries[0].first.design, about), **SUPTITLE)
    for axes, block in zip(panels, blocks, strict=True):
        here = [each for each in summaries if each.first.block == block]
        for place, each in enumerate(here):
            _draw_strip(axes, place, each)
        axes.axhline(config.inl_limit, color=LIMIT_COLOUR, ls="--", lw=1.0)
        labels = [titles[each.first.calibration] for each in here]
        axes.set_xticks(range(len(here)), labels, rotation=35, ha="right", rotation_mode="anchor")
        axes.set(title=block, xlim=(-0.6, len(here) - 0.4))
        axes.grid(axis="y", alpha=0.25)
    panels[0].set(ylabel="largest |INL| (LSB of the output)")
    panels[0].set_ylim(bottom=0.0)
    entries = [
        Line2D([], [], color=AFTER_COLOUR, ls="", marker="o", ms=5, mec="white", label="column"),
        Line2D([], [], color="black", lw=1.8, label="mean"),
        Line2D([], [], color=LIMIT_COLOUR, ls="--", lw=1.0, label="limit"),
    ]
    panels[0].legend(handles=entries, fontsize="small", frameon=False, loc="upper right")
    return figure


def _draw_strip(axes: Axes, place: int, summary: BlockSummary) -> None:
    values = np.array([row.max_inl for row in summary.rows])
    aside = 0.22 * np.linspace(-1.0, 1.0, len(values)) if len(values) > 1 else np.zeros(1)
    colour = BEFORE_COLOUR if summary.first.calibration == BEFORE else AFTER_COLOUR
    size = 6.0 if len(values) <= 20 else 2.5
    axes.plot(place + aside, values, "o", color=colour, ms=size, mec="white", mew=0.6)
    axes.hlines(summary.mean_max_inl, place - 0.32, place + 0.32, color="black", lw=1.8)


def _blocks(rows: Sequence[ColumnRow]) -> list[str]:
    return [name for name in dict.fromkeys(row.block for row in rows) if name != IDEAL]


def _find(rows: Sequence[ColumnRow], block: str, calibration: str) -> list[ColumnRow]:
    return [row for row in rows if (row.block, row.calibration) == (block, calibration)]


def _transitions(row: ColumnRow) -> FloatArray:
    return np.arange(1.0, row.thresholds.size + 1)


def _grid(row: ColumnRow) -> FloatArray:
    reach = 1.15 * row.design.levels.range
    return np.linspace(-reach, reach, 2001)


def _draw_ideal(axes: Axes, row: ColumnRow) -> None:
    v = _grid(row)
    axes.plot(v, row.design.outputs[np.searchsorted(row.thresholds, v, side="right")], **IDEAL_LINE, label="ideal")


def _draw_transfer(axes: Axes, row: ColumnRow, colour: str) -> None:
    v = _grid(row)
    axes.plot(v, row.design.outputs[np.searchsorted(row.thresholds, v, side="right")], color=colour, lw=0.8, alpha=0.7)


def _legend_above(axes: Axes, entries: int, title: str) -> None:
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.13 * (1 + entries) * (high - low))  # room for the legend above the curves
    axes.legend(fontsize="small", title_fontsize="small", title=title, loc="upper left", frameon=False)
